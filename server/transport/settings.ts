/** What the listener may be told; `listenerDefaults` is what it does untold. */
export interface ListenerSettings {
  /** Address to listen on; absent: every address of the machine. */
  readonly host?: string
  /** A body that has to be collected may be this large; a streamed one has no limit. 0: none. */
  readonly maxBodyBytes: number
  readonly maxHeaderBytes: number
  /** Requests being worked on at once; the next is answered 503 with Retry-After. */
  readonly maxInFlight: number
  /** Bytes of bodies held in memory at once, by all requests together; beyond it they are answered 503, too. */
  readonly maxHeldBytes: number
  /** Open connections; the next is answered 503 and closed. */
  readonly maxConnections: number
  /** A client has this long to send the header of a request, then gets 408. */
  readonly headersTimeoutMs: number
  /** … and this long for the whole request; 0: as long as it likes. */
  readonly requestTimeoutMs: number
  /** How often the two limits above are checked. */
  readonly checkIntervalMs: number
  /** An idle connection is closed after this. */
  readonly keepAliveMs: number
  /** A connection on which nothing moves while it is being worked on is closed after this. */
  readonly socketTimeoutMs: number
  /** A flow that has ended but still owes an answer has this long to give it. */
  readonly answerTimeoutMs: number
  /** What a client that was refused is asked to wait. */
  readonly retryAfterSeconds: number
  /** Lower-case names among Date, Server and User-Agent that answers keep from the message. */
  readonly preserveHeaders: ReadonlySet<string>
}

export const listenerDefaults: ListenerSettings = {
  maxBodyBytes: 64 * 1024 * 1024,
  maxHeaderBytes: 16 * 1024,
  maxInFlight: 5_000,
  maxHeldBytes: 512 * 1024 * 1024,
  maxConnections: 20_000,
  headersTimeoutMs: 30_000,
  requestTimeoutMs: 300_000,
  checkIntervalMs: 5_000,
  keepAliveMs: 60_000,
  socketTimeoutMs: 240_000,
  answerTimeoutMs: 180_000,
  retryAfterSeconds: 1,
  preserveHeaders: new Set(),
}
