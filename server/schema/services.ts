import type { Journal } from '../drivers/journal/contracts.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Endpoint, Log, Registry, StoredMessage } from '../kernel/contracts.ts'
import type { PayloadWriter } from '../kernel/stored-message.ts'

/** What the server lends to running kinds. One object for the whole server, made by the composition root. */
export interface Services {
  readonly clock: Clock
  readonly log: Log
  readonly journal: Journal
  /** The snapshot new work enters with. A flow uses its own: `ctx.runtime`. */
  registry(): Registry
  /** Calls back after every deployment: what was missing may be there now. */
  onDeploy(listener: () => void): () => void
  /** How a message's body and properties are written into a store and read back. */
  readonly payloads: PayloadWriter
  /** Registry resources and local files of HOME; undefined if there is none. Never outside HOME. */
  readonly resources: { read(key: string): { contentType: string; bytes: Uint8Array } | undefined }
  readonly settings: KindSettings
  /** Sends a message to its own `To` address: what a bare `<send/>` uses. */
  readonly defaultEndpoint: Endpoint
  /** Puts an undecodable message where an operator finds it (WF-10); resolves when it is durable. */
  quarantine(store: string, record: Uint8Array, reason: string): Promise<void>
  /** Puts a message of a store that cannot tell us its id through the same envelope as a journal store. */
  encode(message: StoredMessage): readonly Uint8Array[]
}

/** Settings that kinds read; resolved once at start. */
export interface KindSettings {
  /** Milliseconds; an endpoint without a timeout of its own waits so long. */
  readonly globalEndpointTimeout: number
  /** Name of the header that carries the message id to back ends; empty: none. */
  readonly deliveryIdHeader: string
  /** Milliseconds a store may take to confirm before the failover store is used. */
  readonly storeConfirmDeadline: number
  /** Bytes; a body that has to be collected may be no larger. */
  readonly maxBodySize: number
}
