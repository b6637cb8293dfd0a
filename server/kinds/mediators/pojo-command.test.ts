import { javaMediatorContract } from '../../testing/java-mediator-contract.ts'
import kind from './pojo-command.ts'

javaMediatorContract(kind, 'com.acme.LimitCommand')
