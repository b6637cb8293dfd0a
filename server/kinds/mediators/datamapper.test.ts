import { javaMediatorContract } from '../../testing/java-mediator-contract.ts'
import kind from './datamapper.ts'

javaMediatorContract(kind, 'datamapper')
