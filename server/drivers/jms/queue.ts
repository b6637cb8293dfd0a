/** A queue at a broker, as a message store needs it. */
import type { BrowsedMessage, Consumer, PutOptions, StoredMessage, StoreState } from '../../kernel/contracts.ts'
import type { Clock } from '../../kernel/clock.ts'
import { IntegrationError, textOf } from '../../kernel/errors.ts'
import type { Transaction } from '../../kernel/transaction.ts'
import type { JmsConnection, JmsConnections } from './connection.ts'
import { JmsConsumer } from './consumer.ts'
import type { Tries, TryLedger } from './consumer.ts'
import type { Incoming, JmsDestination } from './contracts.ts'
import { toJms } from './mapping.ts'
import { fromJms } from './reading.ts'
import { JmsSender } from './sender.ts'
import { released } from './settlement.ts'
import type { BrokerTarget } from './target.ts'
import { beginWork, managerOf } from './work.ts'

const SEND_DEADLINE = 10_000
const BROWSE_PAGE = 100

export interface JmsQueueOptions {
  readonly target: BrokerTarget
  /** Physical name of the queue. */
  readonly queue: string
  readonly clock: Clock
  /** Shared by all queues of a server, so that they use one connection per broker and user. */
  readonly connections: JmsConnections
  /** Longest wait for a confirm, credit and connecting included (P3). */
  readonly deadlineMs?: number
  /** How long one question for a message waits at the broker, where messages are asked for (WF-11). */
  readonly pollMs?: number
  readonly ledger?: TryLedger
  /** Where a message goes that cannot be read. Without it such a message stays where it is and stops the consumer. */
  readonly quarantine?: (message: StoredMessage, reason: string) => Promise<void>
}

export interface JmsQueue extends AsyncDisposable {
  readonly state: StoreState
  /** Starts connecting now instead of at the first use. */
  connect(): void
  /** Resolves when the broker has accepted; rejects with an IntegrationError, `ambiguous` if it may hold it anyway. */
  put(message: StoredMessage, signal?: AbortSignal, options?: PutOptions): Promise<void>
  /** Puts it when the transaction is committed. False where that is at another broker. */
  enlist(message: StoredMessage, transaction: Transaction): Promise<boolean>
  consumer(options?: { window?: number }): Consumer
  /** False once a broker was met that cannot copy (RabbitMQ): there is nothing to be seen then. */
  readonly browsable: boolean
  /** Oldest first, without taking them. */
  browse(page?: { after?: string; limit?: number }): AsyncIterable<BrowsedMessage>
  /** -1 where the broker does not say. */
  depth(): Promise<number>
  /** Calls back whenever the queue goes from not usable to usable. */
  onReady(listener: () => void): () => void
  close(): Promise<void>
}

export function openQueue(options: JmsQueueOptions): JmsQueue {
  return new Queue(options)
}

class Queue implements JmsQueue {
  readonly #options: JmsQueueOptions
  readonly #destination: JmsDestination
  readonly #connection: JmsConnection
  readonly #sender: JmsSender
  readonly #ledger: TryLedger
  readonly #consumers = new Set<AsyncDisposable>()
  readonly #listeners = new Set<() => void>()
  readonly #forget: () => void
  #full: { readonly reason: string; readonly since: number } | null = null
  #closed = false

  constructor(options: JmsQueueOptions) {
    const { target, queue, clock, connections } = options
    this.#options = options
    this.#destination = { kind: 'queue', name: queue }
    this.#connection = connections.join(target)
    this.#ledger = options.ledger ?? memoryLedger()
    this.#sender = new JmsSender({
      connection: this.#connection,
      destination: this.#destination,
      clock,
      deadlineMs: options.deadlineMs ?? SEND_DEADLINE,
      fullness: (full, reason) => this.#fullness(full, reason),
    })
    this.#forget = this.#connection.onStatus(({ state }) => {
      if (state !== 'ready') return
      this.#full = null
      this.#announce()
    })
  }

  get state(): StoreState {
    const { state, since, reason } = this.#connection.status
    if (state === 'ready' && this.#full) return { state: 'full', ...this.#full }
    return { state, since, ...(reason !== undefined && { reason }) }
  }

  get browsable(): boolean {
    return this.#connection.live?.browsable ?? true
  }

  connect(): void {
    this.#connection.wake()
  }

  put(message: StoredMessage, signal?: AbortSignal, { kept }: PutOptions = {}): Promise<void> {
    const sent = toJms(message)
    return this.#sender.put(kept ? { ...sent, kept } : sent, signal)
  }

  async enlist(message: StoredMessage, transaction: Transaction): Promise<boolean> {
    const { target, clock, deadlineMs = SEND_DEADLINE } = this.#options
    const manager = managerOf(target)
    if (!transaction.concerns(manager)) return false
    const work = await transaction.enlist(manager, () => beginWork(this.#connection, clock, deadlineMs))
    try {
      await work.send(this.#destination, toJms(message))
    } catch (thrown) {
      // Without this message the others must not become visible.
      transaction.spoil(textOf(thrown))
      throw thrown
    }
    return true
  }

  consumer({ window = 1 }: { window?: number } = {}): Consumer {
    const { clock, quarantine, pollMs, deadlineMs = SEND_DEADLINE } = this.#options
    const consumer = new JmsConsumer({
      connection: this.#connection,
      from: this.#destination,
      clock,
      window,
      ...(pollMs !== undefined && { pollMs }),
      ledger: this.#ledger,
      quarantine: quarantine ?? nowhere,
      deadlineMs,
    })
    this.#consumers.add(consumer)
    return consumer
  }

  async *browse({
    after,
    limit = BROWSE_PAGE,
  }: { after?: string; limit?: number } = {}): AsyncIterable<BrowsedMessage> {
    const link = await this.#look(BROWSE_PAGE)
    try {
      let skipping = after !== undefined
      for (let given = 0; given < limit;) {
        const received = await link.take(0)
        if (!received) return
        await received.settle(released)
        const { message } = fromJms(received.message, this.#options.clock.now())
        if (!skipping) {
          given++
          yield { message, ...(this.#ledger.read(message.id) ?? { attempts: 0 }), inFlight: false }
        }
        if (message.id === after) skipping = false
      }
    } finally {
      await link.close()
    }
  }

  async depth(): Promise<number> {
    const link = await this.#look(1)
    try {
      return await link.depth()
    } finally {
      await link.close()
    }
  }

  onReady(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#forget()
    this.#listeners.clear()
    this.#sender.close()
    await Promise.all([...this.#consumers].map(consumer => consumer[Symbol.asyncDispose]()))
    this.#options.connections.leave(this.#options.target)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #look(window: number): Promise<Incoming> {
    const { clock, deadlineMs = SEND_DEADLINE } = this.#options
    const live = await this.#connection.open(deadlineMs)
    return live.openReceiver({ from: this.#destination, clock, window, browse: true })
  }

  #fullness(full: boolean, reason = ''): void {
    if (!full && this.#full) {
      this.#full = null
      this.#announce()
    } else if (full && !this.#full) {
      this.#full = { reason, since: this.#options.clock.now() }
    }
  }

  #announce(): void {
    for (const listener of this.#listeners) listener()
  }
}

function memoryLedger(): TryLedger {
  const tries = new Map<string, Tries>()
  return {
    read: id => tries.get(id),
    write: (id, entry) => void tries.set(id, entry),
    forget: id => void tries.delete(id),
  }
}

function nowhere(message: StoredMessage, reason: string): Promise<void> {
  return Promise.reject(
    new IntegrationError(
      'MESSAGE_UNREADABLE',
      `message ${message.id} cannot be read and no quarantine store is named: ${reason}`,
    ),
  )
}
