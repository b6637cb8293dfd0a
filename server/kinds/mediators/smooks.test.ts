import { javaMediatorContract } from '../../testing/java-mediator-contract.ts'
import kind from './smooks.ts'

javaMediatorContract(kind, 'smooks')
