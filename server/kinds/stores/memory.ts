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
import { IntegrationError } from '../../kernel/errors.ts'
import { LeaseQueue, type Loan } from '../../kernel/lease-queue.ts'
import { WaitingConsumer } from '../../runtime/waiting-consumer.ts'
import { defineStore, int, param } from '../../schema/index.ts'

const TYPE = 'in-memory-message-store'
const TRAITS = { durable: false, ordered: true, browsable: true, sharedBetweenNodes: false }

export default defineStore({
  name: 'memory',
  classes: [
    'org.apache.synapse.message.store.impl.memory.InMemoryStore',
    'org.apache.synapse.message.store.InMemoryMessageStore',
  ],
  type: TYPE,
  summary: 'Keeps messages in this process. A restart empties it: for samples, tests, and traffic that may be lost.',
  details: `
    Only the class written out means this store. A \`<messageStore>\` without a class is the embedded journal, which
    keeps its messages over a restart (Synapse would keep them in memory and lose them).`,
  traits: TRAITS,
  fields: {
    limit: param('store.limit', int({ min: 1 }), {
      fallback: 100_000,
      doc: 'Most messages held at once, counting those being worked on. Beyond it messages are refused.',
    }),
  },
  examples: [
    {
      title: 'A store for one afternoon',
      xml: '<messageStore name="inbox" class="org.apache.synapse.message.store.impl.memory.InMemoryStore"/>',
    },
  ],
  check(_config, site) {
    site.hint(
      'volatile-store',
      'messages in this store are lost when the server stops',
      site.attribute('class')?.offset ?? site.element.offset,
      'Remove the class attribute: the store is then the embedded journal, which keeps them.',
    )
  },
  create: ({ limit }, { name, services }) => new MemoryStore(name, limit, services.clock),
})

/** A message and what became of it so far. */
interface Held {
  readonly message: StoredMessage
  attempts: number
  lastTry?: FailedTry
}

class MemoryStore implements MessageStore {
  readonly name: string
  readonly type = TYPE
  readonly traits = TRAITS
  readonly producer = { put: (message: StoredMessage) => this.#put(message) }
  readonly #limit: number
  readonly #clock: Clock
  readonly #queue = new LeaseQueue<Held>()
  readonly #consumers = new Set<WaitingConsumer>()
  readonly #listeners = new Set<() => void>()
  readonly #begun: number
  /** Since when it has refused messages for lack of room. */
  #fullSince: number | null = null
  #closed = false

  constructor(name: string, limit: number, clock: Clock) {
    this.name = name
    this.#limit = limit
    this.#clock = clock
    this.#begun = clock.now()
  }

  get status(): StoreState {
    if (this.#fullSince === null) return { state: 'ready', since: this.#begun }
    return { state: 'full', since: this.#fullSince, reason: `it holds ${this.#limit} messages, as many as store.limit` }
  }

  consumer(): Promise<Consumer> {
    if (this.#closed) return Promise.reject(this.#gone())
    const consumer = new WaitingConsumer(
      {
        next: settled => {
          const loan = this.#queue.lease()
          return loan && new MemoryDelivery(loan, settled, () => this.#removed())
        },
        onWaiting: listener => this.#queue.onWaiting(listener),
      },
      this.#clock,
    )
    this.#consumers.add(consumer)
    return Promise.resolve(consumer)
  }

  async *browse({ after, limit = Infinity }: { after?: string; limit?: number } = {}): AsyncIterable<BrowsedMessage> {
    let skipping = after !== undefined && this.#has(after)
    let left = limit
    for (const { value, onLoan } of this.#queue.entries()) {
      if (!skipping && left-- <= 0) return
      if (!skipping) yield shown(value, onLoan)
      else if (value.message.id === after) skipping = false
    }
  }

  async find(id: string): Promise<BrowsedMessage | undefined> {
    for (const { value, onLoan } of this.#queue.entries()) if (value.message.id === id) return shown(value, onLoan)
    return undefined
  }

  async remove(id: string): Promise<boolean> {
    const removed = this.#queue.removeWhere(({ message }) => message.id === id)
    this.#removed()
    return removed
  }

  async clear(): Promise<number> {
    const removed = this.#queue.clear()
    this.#removed()
    return removed
  }

  async depth(): Promise<number> {
    return this.#queue.held
  }

  /** When it was full and has room again: whoever moves messages here need not wait for the end of his pause. */
  onReady(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#consumers].map(consumer => consumer[Symbol.asyncDispose]()))
    this.#queue.clear()
    this.#listeners.clear()
  }

  #put(message: StoredMessage): Promise<void> {
    if (this.#closed) return Promise.reject(this.#gone())
    if (this.#queue.held >= this.#limit) {
      this.#fullSince ??= this.#clock.now()
      const text = `store ${this.name} holds ${this.#limit} messages and takes no more; drain it or raise store.limit`
      return Promise.reject(new IntegrationError('STORE_FULL', text))
    }
    this.#queue.push({ message, attempts: 0 })
    return Promise.resolve()
  }

  #removed(): void {
    if (this.#fullSince === null || this.#queue.held >= this.#limit) return
    this.#fullSince = null
    for (const listener of this.#listeners) listener()
  }

  #has(id: string): boolean {
    for (const { value } of this.#queue.entries()) if (value.message.id === id) return true
    return false
  }

  #gone(): IntegrationError {
    return new IntegrationError('STORE_UNAVAILABLE', `store ${this.name} has been closed`)
  }
}

class MemoryDelivery implements Delivery {
  readonly message: StoredMessage
  attempts: number
  lastTry?: FailedTry
  readonly #loan: Loan<Held>
  readonly #settled: (delivery: Delivery) => void
  readonly #removed: () => void

  constructor(loan: Loan<Held>, settled: (delivery: Delivery) => void, removed: () => void) {
    const { message, attempts, lastTry } = loan.value
    this.message = message
    this.attempts = attempts
    if (lastTry) this.lastTry = lastTry
    this.#loan = loan
    this.#settled = settled
    this.#removed = removed
  }

  async ack(): Promise<void> {
    this.#loan.remove()
    this.#settled(this)
    this.#removed()
  }

  async fail(why: FailedTry): Promise<void> {
    const held = this.#loan.value
    this.attempts = ++held.attempts
    this.lastTry = held.lastTry = why
  }

  async release(): Promise<void> {
    this.#loan.release()
    this.#settled(this)
  }
}

function shown({ message, attempts, lastTry }: Held, inFlight: boolean): BrowsedMessage {
  return { message, attempts, inFlight, ...(lastTry && { lastTry }) }
}
