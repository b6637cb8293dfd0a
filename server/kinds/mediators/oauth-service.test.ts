import { javaMediatorContract } from '../../testing/java-mediator-contract.ts'
import kind from './oauth-service.ts'

javaMediatorContract(kind, 'oauthService')
