import { pauseAfter, type Backoff } from '../../kernel/backoff.ts'
import type { Clock, Timer } from '../../kernel/clock.ts'
import type {
  BrowsedMessage,
  Consumer,
  Delivery,
  FailedTry,
  Log,
  MessageStore,
  StoredMessage,
  StoreState,
} from '../../kernel/contracts.ts'
import { asIntegrationError, IntegrationError, textOf } from '../../kernel/errors.ts'
import { decodeStored, encodeStored, identityOf } from '../../kernel/stored-message.ts'
import type { triesIn } from '../queue-store.ts'
import { WindowConsumer, type SeenWindow } from '../seen-window.ts'
import { WaitingConsumer } from '../waiting-consumer.ts'
import type { MessageTable, Row } from './message-table.ts'
import { TableRight } from './table-right.ts'

export const JDBC_TRAITS = { durable: true, ordered: true, browsable: true, sharedBetweenNodes: true }

/** How often somebody who waits looks for what others have put in. */
const LOOK_MS = 1000
/** Rows shown at a time. */
const PAGE = 100
const RECONNECT: Backoff = { interval: 1000, maxInterval: 30_000, growth: 'exponential', factor: 2 }

export interface TableStoreParts {
  readonly name: string
  readonly type: string
  readonly table: MessageTable
  /** What was delivered from here before. */
  readonly window: SeenWindow
  readonly tries: ReturnType<typeof triesIn>
  readonly clock: Clock
  readonly log: Log
  quarantine(record: Uint8Array, reason: string): Promise<void>
}

/** A message store that is a table of a database. */
export class TableStore implements MessageStore {
  readonly name: string
  readonly type: string
  readonly traits = JDBC_TRAITS
  readonly producer = { put: (message: StoredMessage) => this.#put(message) }
  readonly #parts: TableStoreParts
  readonly #right: TableRight
  readonly #onLoan = new Set<string>()
  readonly #consumers = new Set<Consumer>()
  readonly #ready = new Set<() => void>()
  readonly #waiting = new Set<() => void>()
  readonly #stop = new AbortController()
  #state: StoreState
  #looking: Timer | null = null
  #connecting: Promise<void> | null = null
  /** Rows are chosen one after the other, so that no two workers choose the same. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(parts: TableStoreParts) {
    this.name = parts.name
    this.type = parts.type
    this.#parts = parts
    this.#right = new TableRight(parts.table)
    this.#state = { state: 'connecting', since: parts.clock.now() }
    this.#connect()
  }

  get status(): StoreState {
    return this.#state
  }

  consumer(): Promise<Consumer> {
    if (this.#stop.signal.aborted) return Promise.reject(this.#gone())
    const source = {
      next: (settled: (delivery: Delivery) => void) => this.#next(settled),
      onWaiting: (listener: () => void) => this.#onWaiting(listener),
    }
    const inner = new WaitingConsumer(source, this.#parts.clock)
    this.#consumers.add(inner)
    return Promise.resolve(new WindowConsumer(inner, this.#parts.window))
  }

  async *browse({ after, limit = Infinity }: { after?: string; limit?: number } = {}): AsyncIterable<BrowsedMessage> {
    const { table } = this.#parts
    let index = after === undefined ? undefined : (await this.#asked(() => table.rowOf(after)))?.index
    for (let left = limit; left > 0;) {
      const from = index
      const rows = await this.#asked(() => table.rows(PAGE, from === undefined ? {} : { after: from }))
      for (const row of rows) {
        const shown = this.#shown(row)
        if (shown && left-- > 0) yield shown
      }
      if (rows.length < PAGE) return
      index = rows.at(-1)!.index
    }
  }

  async find(id: string): Promise<BrowsedMessage | undefined> {
    const row = await this.#asked(() => this.#parts.table.rowOf(id))
    return row && this.#shown(row)
  }

  async remove(id: string): Promise<boolean> {
    const row = await this.#asked(() => this.#parts.table.rowOf(id))
    if (!row || this.#onLoan.has(row.index)) return false
    return this.#asked(() => this.#parts.table.delete(row.index))
  }

  clear(): Promise<number> {
    return this.#asked(() => this.#parts.table.deleteAll([...this.#onLoan]))
  }

  async depth(): Promise<number> {
    if (this.#state.state !== 'ready') return -1
    return this.#asked(() => this.#parts.table.count()).catch(() => -1)
  }

  onReady(listener: () => void): () => void {
    this.#ready.add(listener)
    return () => this.#ready.delete(listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    this.#looking?.cancel()
    await Promise.all([...this.#consumers].map(consumer => consumer[Symbol.asyncDispose]()))
    await this.#turn
    this.#right.giveUp()
    await this.#connecting
  }

  async #put(message: StoredMessage): Promise<void> {
    const record = Buffer.concat([...encodeStored(message)])
    /** A commit whose answer got lost may have worked. */
    let inDoubt = false
    const insert = async (): Promise<void> => {
      if (inDoubt && (await this.#parts.table.has(message.id))) return
      try {
        await this.#insert(message.id, record)
      } catch (thrown) {
        inDoubt ||= asIntegrationError(thrown).ambiguous
        throw thrown
      }
    }
    try {
      await this.#asked(insert)
    } catch (thrown) {
      const { code, message: text } = asIntegrationError(thrown)
      if (code === 'STORE_UNAVAILABLE') throw thrown
      throw new IntegrationError('STORE_UNAVAILABLE', text, { cause: thrown, ambiguous: inDoubt })
    }
    this.#announce()
  }

  /** Refused by a key on `msg_id`, which a table of others may have, a message is there already: no failure. */
  async #insert(id: string, record: Uint8Array): Promise<void> {
    const { table } = this.#parts
    try {
      await table.insert(id, record)
    } catch (thrown) {
      const isThere = !asIntegrationError(thrown).retryable && (await table.has(id).catch(() => false))
      if (!isThere) throw thrown
    }
  }

  /** Once more on a fresh connection where the old one may have been stale (P3); then the store is away. */
  async #asked<T>(question: () => Promise<T>): Promise<T> {
    if (this.#stop.signal.aborted) throw this.#gone()
    if (this.#state.state !== 'ready') throw this.#away()
    try {
      return await question().catch((thrown: unknown) => {
        if (!asIntegrationError(thrown).retryable) throw thrown
        return question()
      })
    } catch (thrown) {
      if (asIntegrationError(thrown).retryable) this.#lost(textOf(thrown))
      throw thrown
    }
  }

  #next(settled: (delivery: Delivery) => void): Promise<Delivery | null> {
    const next = this.#turn.then(() => this.#choose(settled))
    this.#turn = next.catch(() => undefined)
    return next
  }

  async #choose(settled: (delivery: Delivery) => void): Promise<Delivery | null> {
    const { table, tries } = this.#parts
    const mine = await this.#asked(() => this.#right.has())
    this.#tellWhose(mine)
    if (!mine) return null
    for (;;) {
      const [row] = await this.#asked(() => table.rows(1, { without: [...this.#onLoan] }))
      if (!row) return null
      const message = await this.#read(row)
      if (!message) continue
      this.#onLoan.add(row.index)
      const over = (delivery: Delivery): void => {
        this.#onLoan.delete(row.index)
        settled(delivery)
        this.#announce()
      }
      return new TableDelivery(message, tries, () => this.#asked(() => table.delete(row.index)), over)
    }
  }

  async #read({ index, record }: Row): Promise<StoredMessage | undefined> {
    try {
      return decodeStored(record)
    } catch (thrown) {
      await this.#parts.quarantine(record, `row ${index}: ${textOf(thrown)}`)
      await this.#asked(() => this.#parts.table.delete(index))
      return undefined
    }
  }

  #shown({ index, record }: Row): BrowsedMessage | undefined {
    try {
      const message = decodeStored(record)
      const { attempts = 0, lastTry } = this.#parts.tries.read(identityOf(message)) ?? {}
      return { message, attempts, inFlight: this.#onLoan.has(index), ...(lastTry && { lastTry }) }
    } catch {
      // A worker will set it aside.
      return undefined
    }
  }

  #onWaiting(listener: () => void): () => void {
    this.#waiting.add(listener)
    this.#look()
    return () => this.#waiting.delete(listener)
  }

  /** Others put messages in, too. */
  #look(): void {
    this.#looking ??= this.#parts.clock.after(LOOK_MS, () => {
      this.#looking = null
      if (this.#waiting.size === 0 || this.#stop.signal.aborted) return
      this.#announce()
      this.#look()
    })
  }

  #announce(): void {
    for (const listener of this.#waiting) listener()
  }

  #tellWhose(mine: boolean): void {
    const reason = mine ? undefined : 'another server takes messages from this table'
    if (this.#state.state !== 'ready' || this.#state.reason === reason) return
    this.#state = { state: 'ready', since: this.#parts.clock.now(), ...(reason !== undefined && { reason }) }
    if (reason !== undefined) this.#parts.log.info(`store ${this.name}: ${reason}; this one waits until it stops`)
  }

  #lost(reason: string): void {
    if (this.#state.state !== 'ready' || this.#stop.signal.aborted) return
    this.#state = { state: 'connecting', reason, since: this.#parts.clock.now() }
    this.#parts.log.warn(`store ${this.name} has lost its database: ${reason}`)
    this.#connect()
  }

  #connect(): void {
    this.#connecting = this.#tryToConnect()
  }

  async #tryToConnect(): Promise<void> {
    const { table, clock, log } = this.#parts
    const { signal } = this.#stop
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        await table.prepare()
        if (signal.aborted) return
        this.#state = { state: 'ready', since: clock.now() }
        log.info(`store ${this.name} has its database`)
        for (const listener of this.#ready) listener()
        this.#announce()
        return
      } catch (thrown) {
        const reason = textOf(thrown)
        if (failures === 1) log.warn(`store ${this.name} cannot use its database, and tries again: ${reason}`)
        this.#state = { ...this.#state, reason }
      }
      await clock.sleep(pauseAfter(failures, RECONNECT), signal)
    }
  }

  #away(): IntegrationError {
    const reason = this.#state.reason ?? 'its database has not answered yet'
    return new IntegrationError('STORE_UNAVAILABLE', `store ${this.name} is not available: ${reason}`, {
      retryable: true,
    })
  }

  #gone(): IntegrationError {
    return new IntegrationError('STORE_UNAVAILABLE', `store ${this.name} has been closed`)
  }
}

class TableDelivery implements Delivery {
  readonly message: StoredMessage
  attempts: number
  lastTry?: FailedTry
  readonly #tries: ReturnType<typeof triesIn>
  readonly #delete: () => Promise<unknown>
  readonly #over: (delivery: Delivery) => void

  constructor(
    message: StoredMessage,
    tries: ReturnType<typeof triesIn>,
    remove: () => Promise<unknown>,
    over: (delivery: Delivery) => void,
  ) {
    this.message = message
    this.#tries = tries
    this.#delete = remove
    this.#over = over
    const { attempts = 0, lastTry } = tries.read(identityOf(message)) ?? {}
    this.attempts = attempts
    if (lastTry) this.lastTry = lastTry
  }

  /** If it rejects the row is there still: it comes again, and the window of delivered messages knows it. */
  async ack(): Promise<void> {
    try {
      await this.#delete()
      await this.#tries.forget(identityOf(this.message))
    } finally {
      this.#over(this)
    }
  }

  async fail(why: FailedTry): Promise<void> {
    await this.#tries.write(identityOf(this.message), { attempts: this.attempts + 1, lastTry: why })
    this.attempts++
    this.lastTry = why
  }

  async release(): Promise<void> {
    this.#over(this)
  }
}
