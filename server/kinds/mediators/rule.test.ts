import { javaMediatorContract } from '../../testing/java-mediator-contract.ts'
import kind from './rule.ts'

javaMediatorContract(kind, 'rule')
