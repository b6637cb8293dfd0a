import { javaMediatorContract } from '../../testing/java-mediator-contract.ts'
import kind from './data-service-call.ts'

javaMediatorContract(kind, 'dataServiceCall')
