import { javaMediatorContract } from '../../testing/java-mediator-contract.ts'
import kind from './ntlm.ts'

javaMediatorContract(kind, 'NTLM')
