import { javaMediatorContract } from '../../testing/java-mediator-contract.ts'
import kind from './ejb.ts'

javaMediatorContract(kind, 'com.acme.StoreLocator')
