import { Changes } from '../server/kernel/changes.ts'
import { systemClock } from '../server/kernel/clock.ts'

/** One request as it came. */
export interface SeenRequest {
  /** 1 for the first one. */
  readonly number: number
  readonly at: number
  readonly method: string
  /** Exactly what stood in the request line: a path, or a whole URL from a client that takes us for a proxy. */
  readonly target: string
  readonly httpVersion: string
  /** Name and value alternating, in the order and case in which they came. */
  readonly headers: readonly string[]
  readonly body: Buffer
  readonly operation: string | undefined
  /** Its `Idempotency-Key`, if it had one. */
  readonly key: string | undefined
  /** Whether the service did the work. False if it answered with a fault, or a fault on demand kept it from working. */
  readonly executed: boolean
  /** What was answered; undefined while at it, and for good if the connection was cut. */
  readonly status: number | undefined
}

export type Arriving = { -readonly [Name in keyof SeenRequest]: SeenRequest[Name] }

export interface SeenLimits {
  readonly requests: number
  readonly bytes: number
  readonly keys: number
}

export const SEEN_LIMITS: SeenLimits = { requests: 10_000, bytes: 64 * 1024 * 1024, keys: 1_000_000 }

/**
 * What arrived at the back end. Counts are kept for good, requests only up to the limits, oldest forgotten first.
 */
export class Seen {
  readonly #limits: SeenLimits
  readonly #changes = new Changes(systemClock)
  #requests: Arriving[] = []
  #bytes = 0
  #total = 0
  #truncated = 0
  #counts = new Map<string, number>()
  #arrivals = new Map<string, number>()
  #executions = new Map<string, number>()

  constructor(limits: SeenLimits = SEEN_LIMITS) {
    this.#limits = limits
  }

  /** Everything that arrived whole since the start or the last {@link clear}. */
  get total(): number {
    return this.#total
  }

  /** Requests whose sender went away in the middle. */
  get truncated(): number {
    return this.#truncated
  }

  /** The newest requests, oldest first. */
  get requests(): readonly SeenRequest[] {
    return this.#requests
  }

  get last(): SeenRequest | undefined {
    return this.#requests.at(-1)
  }

  /** How often the service did the work of this operation. */
  count(operation: string): number {
    return this.#counts.get(operation) ?? 0
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#counts
  }

  /** Arrivals by `Idempotency-Key`, answered well or not. */
  get arrivals(): ReadonlyMap<string, number> {
    return this.#arrivals
  }

  /** By `Idempotency-Key`, how often the service did the work: more than once is a duplicate the business would see. */
  get executions(): ReadonlyMap<string, number> {
    return this.#executions
  }

  duplicates(): [key: string, times: number][] {
    return [...this.#executions].filter(([, times]) => times > 1)
  }

  clear(): void {
    this.#requests = []
    this.#bytes = 0
    this.#total = 0
    this.#truncated = 0
    this.#counts = new Map()
    this.#arrivals = new Map()
    this.#executions = new Map()
    this.#changes.tell()
  }

  /** Resolves as soon as `condition` holds; rejects after `ms` with what was seen until then. */
  waitFor(condition: (seen: this) => boolean, ms = 10_000): Promise<void> {
    const state = (): string => {
      const counts = [...this.#counts].map(([name, count]) => `${count} ${name}`).join(', ')
      return `${this.#total} requests arrived, done: ${counts || 'none'}`
    }
    return this.#changes.until(() => condition(this), ms, state)
  }

  /** Calls back whenever something was recorded. The answer stops it. */
  onChange(listener: () => void): () => void {
    return this.#changes.on(listener)
  }

  arrived(request: Omit<Arriving, 'number' | 'executed' | 'status'>): Arriving {
    const record: Arriving = { number: ++this.#total, ...request, executed: false, status: undefined }
    this.#requests.push(record)
    this.#bytes += record.body.length
    while (this.#requests.length > this.#limits.requests || this.#bytes > this.#limits.bytes) {
      this.#bytes -= this.#requests.shift()!.body.length
    }
    this.#countKey(this.#arrivals, record.key)
    this.#changes.tell()
    return record
  }

  executed(record: Arriving): void {
    record.executed = true
    const operation = record.operation ?? 'unknown'
    this.#counts.set(operation, (this.#counts.get(operation) ?? 0) + 1)
    this.#countKey(this.#executions, record.key)
    this.#changes.tell()
  }

  answered(record: Arriving, status: number): void {
    record.status = status
    this.#changes.tell()
  }

  cutOff(): void {
    this.#truncated++
    this.#changes.tell()
  }

  /** For `GET /_seen`. */
  report(newest: number): object {
    return {
      total: this.#total,
      truncated: this.#truncated,
      operations: Object.fromEntries(this.#counts),
      keys: {
        arrived: this.#arrivals.size,
        executed: this.#executions.size,
        duplicates: this.duplicates().slice(0, 100),
      },
      requests: this.#requests.slice(Math.max(0, this.#requests.length - newest)).map(request => ({
        number: request.number,
        at: new Date(request.at).toISOString(),
        requestLine: `${request.method} ${request.target} HTTP/${request.httpVersion}`,
        headers: pairs(request.headers),
        body: request.body.toString('utf8'),
        operation: request.operation,
        key: request.key,
        executed: request.executed,
        status: request.status,
      })),
    }
  }

  #countKey(counts: Map<string, number>, key: string | undefined): void {
    if (key === undefined) return
    const before = counts.get(key)
    if (before !== undefined || counts.size < this.#limits.keys) counts.set(key, (before ?? 0) + 1)
  }
}

function pairs(flat: readonly string[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, index) => [flat[index * 2]!, flat[index * 2 + 1]!])
}
