/** The shapes everything else is built from, by subject. No behaviour lives here. */
export type * from './contracts/diagnostics.ts'
export type * from './contracts/flows.ts'
export type * from './contracts/endpoints.ts'
export type * from './contracts/stores.ts'
export type * from './contracts/sources.ts'
export type * from './contracts/services.ts'
export type * from './contracts/registry.ts'
export type { IntegrationError } from './errors.ts'
