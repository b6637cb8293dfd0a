/** Artifacts, the references between them, and the snapshot they are in. */
import type { SourceRef } from './diagnostics.ts'
import type { Endpoint } from './endpoints.ts'
import type { Sequence } from './flows.ts'
import type { Api, LocalEntry, Proxy, Template } from './services.ts'
import type { InboundEndpoint, MessageProcessor, Task } from './sources.ts'
import type { MessageStore } from './stores.ts'

export interface Roles {
  sequence: Sequence
  template: Template
  endpoint: Endpoint
  'local-entry': LocalEntry
  'message-store': MessageStore
  'message-processor': MessageProcessor
  task: Task
  'inbound-endpoint': InboundEndpoint
  proxy: Proxy
  api: Api
}
export type RoleName = keyof Roles

export interface Ref<R extends RoleName = RoleName> {
  readonly role: R
  readonly name: string
  readonly at: SourceRef
  /** One link of a chain that has to come to an end. */
  readonly chain?: true
}

export interface Artifact<C = unknown> {
  readonly role: RoleName
  readonly name: string
  readonly at: SourceRef
  /** Of the canonical content: unchanged digest, unchanged instance. */
  readonly digest: string
  readonly config: C
  readonly refs: readonly Ref[]
}

/** An immutable snapshot: a flow keeps the one it began with. */
export interface Registry {
  readonly revision: number
  /** Throws `SEQUENCE_UNKNOWN`, `ENDPOINT_UNKNOWN`, `STORE_UNKNOWN` or `ENTRY_UNKNOWN` for a dangling reference. */
  get<R extends RoleName>(ref: Ref<R>): Roles[R]
  find<R extends RoleName>(role: R, name: string): Roles[R] | undefined
  names(role: RoleName): readonly string[]
  list(role?: RoleName): readonly Artifact[]
  /** A flow begins on this snapshot: nothing in it is closed before the matching {@link leave}. */
  enter(): void
  leave(): void
}
