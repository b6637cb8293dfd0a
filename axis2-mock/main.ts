/** Names of the bundled back end that others may use. */
export type { Dialect } from './quotes.ts'
export type { Fault } from './faults.ts'
export { readFault } from './faults.ts'
export type { Seen, SeenRequest } from './seen.ts'
export type { Backend, BackendOptions } from './server.ts'
export { startBackend } from './server.ts'
