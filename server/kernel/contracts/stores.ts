/** What keeps messages, and how they are taken from it. */
import type { Transaction } from '../transaction.ts'

/**
 * A message as a store keeps it: the original bytes, how to read them, and what the flow knew. Never changed after it
 * was made (P4). `id` is given once, when the store promises to keep it, and travels every later hop (P5).
 */
export interface StoredMessage {
  readonly id: string
  /** Milliseconds since the epoch at which it was first accepted. */
  readonly storedAt: number
  readonly contentType: string
  readonly body: Uint8Array
  /** Transport headers in order, name and value alternating, names as received. */
  readonly headers: readonly string[]
  /** Everything else worth keeping; see `kernel/stored-message.ts`. */
  readonly envelope: StoredEnvelope
}

export interface StoredEnvelope {
  readonly to?: string
  readonly action?: string
  readonly replyTo?: string
  readonly faultTo?: string
  readonly relatesTo?: string
  readonly messageId?: string
  /** What the body is when somebody looks: decides the builder after restore. */
  readonly soap?: 'soap11' | 'soap12'
  readonly rest?: boolean
  readonly method?: string
  /** Name of the proxy or API that took it. */
  readonly service?: string
  /** How often it was moved on because it could not be used where it was; absent: never. */
  readonly hop?: number
  /** Default-scope properties that are strings, numbers, booleans or JSON; XML as `{ xml: text }`. */
  readonly properties: Readonly<Record<string, unknown>>
  /** Simple axis2-scope properties. */
  readonly axis2: Readonly<Record<string, unknown>>
}

export interface StoreTraits {
  /** Survives kill -9 and power loss once `put` has resolved. */
  readonly durable: boolean
  readonly ordered: boolean
  readonly browsable: boolean
  readonly sharedBetweenNodes: boolean
}

export interface PutOptions {
  /** Somebody holds the message until this resolves, and puts it again, under its id, after a crash. */
  readonly kept?: true
}

export interface Producer {
  /** Resolves once the store's traits hold for the message; rejects with an IntegrationError otherwise. */
  put(message: StoredMessage, signal?: AbortSignal, options?: PutOptions): Promise<void>
}

export interface FailedTry {
  readonly error: string
  readonly errorCode: string
  /** Clock milliseconds before which it is not tried again. */
  readonly notBefore: number
}

/** One message on loan. Settling belongs to the delivery, so that only what was delivered can be acknowledged (P4). */
export interface Delivery {
  readonly message: StoredMessage
  /** Real sends that failed so far; survives a restart where the store is durable. */
  readonly attempts: number
  /** What the last failed try said, if any. */
  readonly lastTry?: FailedTry | undefined
  /** Aborts when the store has taken the message back (its connection broke): somebody else may have it by now. */
  readonly ended?: AbortSignal | undefined
  /** The store has taken the message back, or may have; absent where a store never does. */
  readonly lost?: boolean
  /** Delivered: the message leaves the store. Resolves when that is durable; if it rejects the loan goes on. */
  ack(): Promise<void>
  /** A real send failed: counted, and kept with the message; the loan goes on and the worker tries again. */
  fail(why: FailedTry): Promise<void>
  /** Gives the message back uncounted (pause, stop, deactivation). It keeps its place in the order. */
  release(): Promise<void>
  /** Gives the message up to the broker's own dead-letter queue. False where the store has no broker that could take it. */
  reject?(): Promise<boolean>
  /** Puts it to `target` and takes it from here as one durable step, or resolves false where that is not possible. */
  moveTo?(target: MessageStore, message: StoredMessage): Promise<boolean>
}

export interface Consumer extends AsyncDisposable {
  /** The next message, or null when none came within `waitMs` (0: at once) or `signal` aborted. Rejects if the store is down. */
  take(waitMs: number, signal?: AbortSignal): Promise<Delivery | null>
}

export interface StoreState {
  readonly state: 'ready' | 'connecting' | 'full' | 'failed'
  readonly reason?: string
  readonly since: number
}

export interface BrowsedMessage {
  readonly message: StoredMessage
  readonly attempts: number
  readonly lastTry?: FailedTry
  readonly inFlight: boolean
}

export interface MessageStore extends AsyncDisposable {
  readonly name: string
  /** `in-memory-message-store`, `jms-message-store`, … as the management API prints it. */
  readonly type: string
  readonly traits: StoreTraits
  readonly producer: Producer
  /**
   * Puts it as part of a transaction: kept when that is committed, or not at all. False where the transaction is elsewhere;
   * absent where there are none.
   */
  enlist?(message: StoredMessage, transaction: Transaction): Promise<boolean>
  /** Next store of the failover chain, by name, if guaranteed delivery is on. */
  readonly failover?: string
  readonly status: StoreState
  /** One per worker; disposal releases its loans. */
  consumer(options?: { window?: number }): Promise<Consumer>
  /** Oldest first. Empty for a store that cannot be browsed. */
  browse(page?: { after?: string; limit?: number }): AsyncIterable<BrowsedMessage>
  find(id: string): Promise<BrowsedMessage | undefined>
  /** Removes a message that is not in flight; false if it is not there. */
  remove(id: string): Promise<boolean>
  clear(): Promise<number>
  /** Messages held, in flight included; -1 where it cannot be known. */
  depth(): Promise<number>
  /** Calls back whenever the store goes from not usable to usable; wakes processors that wait for it. */
  onReady(listener: () => void): () => void
}
