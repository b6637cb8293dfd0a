import { javaMediatorContract } from '../../testing/java-mediator-contract.ts'
import kind from './rmsequence.ts'

javaMediatorContract(kind, 'RMSequence')
