import { javaMediatorContract } from '../../testing/java-mediator-contract.ts'
import kind from './spring.ts'

javaMediatorContract(kind, 'acmeMediator')
