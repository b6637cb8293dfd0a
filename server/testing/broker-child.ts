/** A broker in a process of its own, for tests that kill it: `broker-child.ts HOME`. */
import { startBroker } from '../broker/broker.ts'
import { memoryLog } from './memory-log.ts'

const broker = await startBroker({ home: process.argv[2]!, port: 0, log: memoryLog() })
process.stdout.write(`listening on ${broker.address.port}\n`)
