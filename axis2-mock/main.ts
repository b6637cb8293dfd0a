/** The door of the bundled back end: nothing outside this folder imports anything else of it. */
export type { Dialect } from './quotes.ts'
export type { Fault } from './faults.ts'
export { readFault, readFaultHeader } from './faults.ts'
export type { Seen, SeenRequest } from './seen.ts'
export type { Backend, BackendOptions } from './server.ts'
export { startBackend } from './server.ts'
