import { javaMediatorContract } from '../../testing/java-mediator-contract.ts'
import kind from './entitlement-service.ts'

javaMediatorContract(kind, 'entitlementService')
