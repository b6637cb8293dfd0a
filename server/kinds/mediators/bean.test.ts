import { javaMediatorContract } from '../../testing/java-mediator-contract.ts'
import kind from './bean.ts'

javaMediatorContract(kind, 'com.acme.Place')
