import type { Clock } from '../kernel/clock.ts'
import type { Format } from '../kernel/message.ts'

/** A reply as it is kept: what a client would have been sent. */
export interface CachedReply {
  readonly bytes: Uint8Array
  readonly contentType: string
  readonly encoding: string
  readonly format: Format
  readonly status: number | undefined
  /** Names and values alternating. */
  readonly headers: readonly string[]
}

export interface CacheHit extends CachedReply {
  /** Seconds since it was kept. */
  readonly age: number
}

interface Entry {
  readonly reply: CachedReply
  readonly since: number
  readonly until: number
}

/** Bytes of the replies of one cache: however many a configuration allows, they must not take the memory of the server. */
const MOST_BYTES = 64 << 20
/** Where the configuration names no limit. */
const MOST_ENTRIES = 10_000

/** Replies by the hash of their request. Those not asked for longest go when there are too many. */
export class ResponseCache {
  readonly #clock: Clock
  readonly #entries = new Map<string, Entry>()
  #bytes = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#entries.size
  }

  find(key: string): CacheHit | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    this.remove(key)
    const now = this.#clock.monotonic()
    if (now >= entry.until) return undefined
    // Put at the end: the map is in the order of last use.
    this.#add(key, entry)
    return { ...entry.reply, age: Math.floor((now - entry.since) / 1000) }
  }

  keep(key: string, reply: CachedReply, seconds: number, most = MOST_ENTRIES): void {
    this.remove(key)
    if (reply.bytes.length > MOST_BYTES || most <= 0) return
    const now = this.#clock.monotonic()
    this.#add(key, { reply, since: now, until: now + seconds * 1000 })
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= most && this.#bytes <= MOST_BYTES) break
      this.remove(oldest)
    }
  }

  remove(key: string): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    this.#entries.delete(key)
    this.#bytes -= entry.reply.bytes.length
  }

  #add(key: string, entry: Entry): void {
    this.#entries.set(key, entry)
    this.#bytes += entry.reply.bytes.length
  }
}
