import type { Journal, JournalQueue, JournalRecord, Lease, QueueEntry } from '../../drivers/journal/contracts.ts'
import type { Clock } from '../../kernel/clock.ts'
import type {
  BrowsedMessage,
  Consumer,
  Delivery,
  FailedTry,
  MessageStore,
  StoredMessage,
  StoreState,
} from '../../kernel/contracts.ts'
import { asIntegrationError, IntegrationError } from '../../kernel/errors.ts'
import { decodeStored, encodeStored } from '../../kernel/stored-message.ts'
import { WaitingConsumer } from '../../runtime/waiting-consumer.ts'
import { defineStore, type StoreEnv } from '../../schema/index.ts'

const TYPE = 'journal-message-store'
const TRAITS = { durable: true, ordered: true, browsable: true, sharedBetweenNodes: false }
const PAGE = 100

export default defineStore({
  name: 'journal',
  classes: [''],
  type: TYPE,
  summary: 'Keeps messages in the embedded journal on disk: what a store without a class is.',
  details: `
    A message counts as stored when it has reached the disk. Its failed attempts, the last error and the time of the
    next try are kept beside it. A record that can no longer be read goes to the quarantine store with the reason, and
    the next message flows. A move to another journal store is one step: the message is in exactly one of the two.`,
  traits: TRAITS,
  fields: {},
  examples: [{ title: 'A store that survives a restart', xml: '<messageStore name="failover"/>' }],
  create: (_config, env) => new JournalStore(env),
})

class JournalStore implements MessageStore {
  readonly name: string
  readonly type = TYPE
  readonly traits = TRAITS
  readonly producer = { put: (message: StoredMessage) => this.#put(message) }
  readonly #env: StoreEnv
  readonly #journal: Journal
  readonly #clock: Clock
  readonly #queue: JournalQueue
  readonly #consumers = new Set<WaitingConsumer>()
  readonly #listeners = new Set<() => void>()
  readonly #forget: () => void
  #closed = false

  constructor(env: StoreEnv) {
    const { journal, clock } = env.services
    this.name = env.name
    this.#env = env
    this.#journal = journal
    this.#clock = clock
    this.#queue = journal.queue(env.name)
    this.#forget = journal.onStatus(({ state }) => {
      if (state === 'open') for (const listener of this.#listeners) listener()
    })
  }

  get status(): StoreState {
    const { state, reason, since } = this.#journal.status
    const why = reason === undefined ? {} : { reason }
    if (state === 'open') return { state: 'ready', since }
    return { state: state === 'full' ? 'full' : 'failed', since, ...why }
  }

  consumer(): Promise<Consumer> {
    if (this.#closed) return Promise.reject(this.#gone())
    const consumer = new WaitingConsumer(
      { next: settled => this.#next(settled), onWaiting: listener => this.#queue.onWaiting(listener) },
      this.#clock,
    )
    this.#consumers.add(consumer)
    return Promise.resolve(consumer)
  }

  async *browse({ after, limit = Infinity }: { after?: string; limit?: number } = {}): AsyncIterable<BrowsedMessage> {
    let last = after
    for (let left = limit; left > 0;) {
      const page = await this.#queue.page(last, Math.min(left, PAGE))
      for (const entry of page) {
        const browsed = await this.#shown(entry)
        if (browsed) yield browsed
      }
      left -= page.length
      last = page.at(-1)?.id
      if (page.length < PAGE || last === undefined) return
    }
  }

  async find(id: string): Promise<BrowsedMessage | undefined> {
    const entry = await this.#queue.find(id)
    return entry && this.#shown(entry)
  }

  remove(id: string): Promise<boolean> {
    return this.#queue.removeById(id)
  }

  clear(): Promise<number> {
    return this.#queue.clear()
  }

  depth(): Promise<number> {
    return Promise.resolve(this.#queue.held)
  }

  onReady(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The messages stay in the journal, for the next instance of this store. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#forget()
    this.#listeners.clear()
    await Promise.all([...this.#consumers].map(consumer => consumer[Symbol.asyncDispose]()))
  }

  #put(message: StoredMessage): Promise<void> {
    if (this.#closed) return Promise.reject(this.#gone())
    return this.#queue.put(message.id, encodeStored(message))
  }

  #next(settled: (delivery: Delivery) => void): Delivery | null | Promise<Delivery | null> {
    const lease = this.#queue.lease()
    if (lease === null) return null
    const record = lease.read()
    if (record instanceof Promise) return this.#read(lease, record, settled)
    try {
      return this.#delivery(lease, record, settled)
    } catch (thrown) {
      return this.#setAside(lease, record.body, thrown, settled)
    }
  }

  async #read(
    lease: Lease,
    pending: Promise<JournalRecord>,
    settled: (delivery: Delivery) => void,
  ): Promise<Delivery | null> {
    let body: Uint8Array = new Uint8Array(0)
    try {
      const record = await pending
      body = record.body
      return this.#delivery(lease, record, settled)
    } catch (thrown) {
      return this.#setAside(lease, body, thrown, settled)
    }
  }

  #delivery(lease: Lease, record: JournalRecord, settled: (delivery: Delivery) => void): Delivery {
    return new JournalDelivery(this.#journal, this.#queue, lease, decodeStored(record.body), settled)
  }

  /** What cannot be read is kept in quarantine and makes way for the next message; it is never acknowledged away. */
  async #setAside(
    lease: Lease,
    record: Uint8Array,
    thrown: unknown,
    settled: (delivery: Delivery) => void,
  ): Promise<Delivery | null> {
    const error = asIntegrationError(thrown)
    if (error.code !== 'MESSAGE_UNREADABLE' && error.code !== 'JOURNAL_CORRUPT') {
      lease.release()
      throw error
    }
    try {
      await this.#env.quarantine(record, error.message)
      await lease.ack()
    } catch (failure) {
      lease.release()
      throw failure
    }
    return this.#next(settled)
  }

  async #shown(entry: QueueEntry): Promise<BrowsedMessage | undefined> {
    try {
      const message = decodeStored((await entry.read()).body)
      return { message, ...triesIn(entry.note), inFlight: entry.inFlight }
    } catch (thrown) {
      this.#env.log.warn('a stored message cannot be read; it goes to quarantine when its turn comes', {
        store: this.name,
        messageId: entry.id,
        reason: asIntegrationError(thrown).message,
      })
      return undefined
    }
  }

  #gone(): IntegrationError {
    return new IntegrationError('STORE_UNAVAILABLE', `store ${this.name} has been closed`)
  }
}

class JournalDelivery implements Delivery {
  readonly message: StoredMessage
  attempts: number
  lastTry?: FailedTry
  readonly #journal: Journal
  readonly #queue: JournalQueue
  readonly #lease: Lease
  readonly #settled: (delivery: Delivery) => void

  constructor(
    journal: Journal,
    queue: JournalQueue,
    lease: Lease,
    message: StoredMessage,
    settled: (delivery: Delivery) => void,
  ) {
    this.message = message
    this.#journal = journal
    this.#queue = queue
    this.#lease = lease
    this.#settled = settled
    const { attempts, lastTry } = triesIn(lease.note)
    this.attempts = attempts
    if (lastTry) this.lastTry = lastTry
  }

  async ack(): Promise<void> {
    await this.#lease.ack()
    this.#settled(this)
  }

  fail(why: FailedTry): Promise<void> {
    this.attempts++
    this.lastTry = why
    return this.#lease.keep(Buffer.from(JSON.stringify({ attempts: this.attempts, lastTry: why })))
  }

  async release(): Promise<void> {
    this.#lease.release()
    this.#settled(this)
  }

  /** Journal to journal: one record in the log says both, so that no crash can leave the message in two stores (P5). */
  async moveTo(target: MessageStore, message: StoredMessage): Promise<boolean> {
    if (target.type !== TYPE) return false
    const queue = this.#journal.queue(target.name)
    await this.#journal.commit(batch => {
      batch.put(queue, message.id, encodeStored(message))
      batch.remove(this.#queue, this.#lease.slot)
    })
    this.#settled(this)
    return true
  }
}

/** The note kept beside a message: how often it was tried and what the last try said. */
function triesIn(note: Uint8Array | null): { attempts: number; lastTry?: FailedTry } {
  if (note === null) return { attempts: 0 }
  return JSON.parse(Buffer.from(note.buffer, note.byteOffset, note.byteLength).toString()) as {
    attempts: number
    lastTry: FailedTry
  }
}
