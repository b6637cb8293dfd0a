/** A queue at an AMQP 1.0 broker, as a message store needs it. */
import type { BrowsedMessage, Consumer, Log, StoredMessage, StoreState } from '../../kernel/contracts.ts'
import type { Clock } from '../../kernel/clock.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { AmqpConnections } from './connection.ts'
import type { AmqpConnection } from './connection.ts'
import { AmqpConsumer } from './consumer.ts'
import type { Tries, TryLedger } from './consumer.ts'
import { fromAmqp } from './reading.ts'
import type { Incoming } from './live.ts'
import { toAmqp } from './mapping.ts'
import { AmqpSender } from './sender.ts'
import type { AmqpTarget } from './target.ts'

export { AmqpConnections } from './connection.ts'
export type { AmqpSurroundings } from './connection.ts'
export type { Tries, TryLedger } from './consumer.ts'
export type { Dial, Incoming, Live, Outgoing, Received, ReceivingParts, SendingParts } from './live.ts'
export { Lost } from './lost.ts'
export type { AmqpTarget, BrokerHost } from './target.ts'
export { resolveJms } from './jndi.ts'
export type { JmsConfiguration, ResolvedJms } from './jndi.ts'
export type { Remark, UrlOptions } from './url.ts'

/** The broker's answer to "how many": only our own embedded broker gives one. */
export const DEPTH_PROPERTY = 'holdfast:depth'

const SEND_DEADLINE = 10_000
const BROWSE_PAGE = 100

export interface AmqpQueueOptions {
  readonly target: AmqpTarget
  /** Physical name of the queue. */
  readonly queue: string
  readonly clock: Clock
  readonly log: Log
  /** Shared by all queues of a server, so that they use one connection per broker and user. */
  readonly connections?: AmqpConnections
  /** Longest wait for a confirm, credit and connecting included (P3). */
  readonly deadlineMs?: number
  readonly ledger?: TryLedger
  /** Where a message goes that cannot be read. Without it such a message stays where it is and stops the consumer. */
  readonly quarantine?: (message: StoredMessage, reason: string) => Promise<void>
  readonly random?: () => number
}

export interface AmqpQueue extends AsyncDisposable {
  readonly state: StoreState
  /** Starts connecting now instead of at the first use. */
  connect(): void
  /** Resolves when the broker has accepted; rejects with an IntegrationError, `ambiguous` if it may hold it anyway. */
  put(message: StoredMessage, signal?: AbortSignal): Promise<void>
  consumer(options?: { window?: number }): Consumer
  /** Oldest first, without taking them. Empty at brokers that cannot copy (RabbitMQ). */
  browse(page?: { after?: string; limit?: number }): AsyncIterable<BrowsedMessage>
  /** -1 where the broker does not say. */
  depth(): Promise<number>
  /** Calls back whenever the queue goes from not usable to usable. */
  onReady(listener: () => void): () => void
  close(): Promise<void>
}

export function openAmqpQueue(options: AmqpQueueOptions): AmqpQueue {
  return new Queue(options)
}

class Queue implements AmqpQueue {
  readonly #options: AmqpQueueOptions
  readonly #connections: AmqpConnections
  readonly #connection: AmqpConnection
  readonly #sender: AmqpSender
  readonly #ledger: TryLedger
  readonly #consumers = new Set<AsyncDisposable>()
  readonly #listeners = new Set<() => void>()
  readonly #forget: () => void
  #full: { readonly reason: string; readonly since: number } | null = null
  #closed = false

  constructor(options: AmqpQueueOptions) {
    const { target, queue, clock, log } = options
    this.#options = options
    this.#connections =
      options.connections ?? new AmqpConnections({ clock, log, random: options.random ?? Math.random })
    this.#connection = this.#connections.join(target)
    this.#ledger = options.ledger ?? memoryLedger()
    this.#sender = new AmqpSender({
      connection: this.#connection,
      queue,
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

  connect(): void {
    this.#connection.wake()
  }

  put(message: StoredMessage, signal?: AbortSignal): Promise<void> {
    return this.#sender.put(toAmqp(message, this.#options.queue), signal)
  }

  consumer({ window = 1 }: { window?: number } = {}): Consumer {
    const { queue, clock, quarantine, deadlineMs = SEND_DEADLINE } = this.#options
    const consumer = new AmqpConsumer({
      connection: this.#connection,
      queue,
      clock,
      window,
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
        await received.settle({ kind: 'released' })
        const { message } = fromAmqp(received.bytes, this.#options.clock.now())
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
      const depth = (await link.properties())[DEPTH_PROPERTY]
      return typeof depth === 'number' ? depth : -1
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
    this.#connections.leave(this.#options.target)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #look(window: number): Promise<Incoming> {
    const { queue, clock, deadlineMs = SEND_DEADLINE } = this.#options
    const live = await this.#connection.open(deadlineMs)
    return live.openReceiver({ queue, clock, window, browse: true })
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
