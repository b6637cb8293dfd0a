import { javaMediatorContract } from '../../testing/java-mediator-contract.ts'
import kind from './publish-event.ts'

javaMediatorContract(kind, 'publishEvent')
