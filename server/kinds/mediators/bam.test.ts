import { javaMediatorContract } from '../../testing/java-mediator-contract.ts'
import kind from './bam.ts'

javaMediatorContract(kind, 'bam')
