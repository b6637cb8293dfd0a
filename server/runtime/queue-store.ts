import type { Json } from '../drivers/journal/contracts.ts'
import type {
  BrowsedMessage,
  Consumer,
  Delivery,
  FailedTry,
  MessageStore,
  Producer,
  PutOptions,
  StoredMessage,
  StoreState,
  StoreTraits,
} from '../kernel/contracts.ts'
import { asIntegrationError } from '../kernel/errors.ts'
import type { Transaction } from '../kernel/transaction.ts'
import type { Services } from '../schema/services.ts'
import { WindowConsumer, type SeenWindow } from './seen-window.ts'

/** A queue at a broker, whatever protocol leads there. */
export interface BrokerQueue {
  readonly state: StoreState
  /** False where nothing can be seen without taking it. */
  readonly browsable: boolean
  put(message: StoredMessage, signal?: AbortSignal, options?: PutOptions): Promise<void>
  /** Absent where there are no transactions. */
  enlist?(message: StoredMessage, transaction: Transaction): Promise<boolean>
  consumer(options?: { window?: number }): Consumer
  browse(page?: { after?: string; limit?: number }): AsyncIterable<BrowsedMessage>
  depth(): Promise<number>
  onReady(listener: () => void): () => void
  close(): Promise<void>
}

export interface QueueStoreParts {
  readonly name: string
  readonly type: string
  readonly queue: BrokerQueue
  /** What was delivered from here before. */
  readonly window: SeenWindow
  /** Messages a worker holds at once, unless it says otherwise. */
  readonly prefetch: number
  /** False where it is known beforehand that nothing can be seen without taking it. */
  readonly browsable?: boolean
}

/** As many ids as Artemis remembers for the same purpose, and as long as an outage should last at most. */
export const DELIVERED_WINDOW = { count: 20_000, ageMs: 24 * 3_600_000 }

/** Messages looked through, from the oldest, to remove one of them. */
const REACH = 1000

const TRAITS: StoreTraits = { durable: true, ordered: true, browsable: true, sharedBetweenNodes: true }
const NOT_BROWSABLE: StoreTraits = { ...TRAITS, browsable: false }

/** A message store that is a queue at a broker. */
export class QueueStore implements MessageStore {
  readonly name: string
  readonly type: string
  readonly producer: Producer = {
    put: (message, signal, options) => this.#queue.put(message, signal, options),
  }
  readonly #queue: BrokerQueue
  readonly #window: SeenWindow
  readonly #prefetch: number
  readonly #browsable: boolean

  constructor({ name, type, queue, window, prefetch, browsable = true }: QueueStoreParts) {
    this.name = name
    this.type = type
    this.#queue = queue
    this.#window = window
    this.#prefetch = prefetch
    this.#browsable = browsable
  }

  async enlist(message: StoredMessage, transaction: Transaction): Promise<boolean> {
    return (await this.#queue.enlist?.(message, transaction)) ?? false
  }

  get traits(): StoreTraits {
    return this.#browsable && this.#queue.browsable ? TRAITS : NOT_BROWSABLE
  }

  get status(): StoreState {
    return this.#queue.state
  }

  async consumer(options: { window?: number } = {}): Promise<Consumer> {
    return new WindowConsumer(this.#queue.consumer({ window: options.window ?? this.#prefetch }), this.#window)
  }

  browse(page?: { after?: string; limit?: number }): AsyncIterable<BrowsedMessage> {
    return this.#queue.browse(page)
  }

  async find(id: string): Promise<BrowsedMessage | undefined> {
    for await (const browsed of this.#queue.browse({ limit: REACH })) if (browsed.message.id === id) return browsed
    return undefined
  }

  /** A broker lets nobody remove a message in the middle of a queue: those before it are taken, too, and given back. */
  async remove(id: string): Promise<boolean> {
    const consumer = this.#queue.consumer({ window: REACH })
    const passed: Delivery[] = []
    try {
      for (
        let delivery = await consumer.take(0);
        delivery && passed.length < REACH;
        delivery = await consumer.take(0)
      ) {
        if (delivery.message.id === id) {
          await delivery.ack()
          return true
        }
        passed.push(delivery)
      }
      return false
    } finally {
      try {
        for (const delivery of passed) await delivery.release()
      } finally {
        // Whatever was not given back is free again with its consumer.
        await consumer[Symbol.asyncDispose]()
      }
    }
  }

  async clear(): Promise<number> {
    const consumer = this.#queue.consumer({ window: 1 })
    let removed = 0
    try {
      for (let delivery = await consumer.take(0); delivery; delivery = await consumer.take(0)) {
        await delivery.ack()
        removed++
      }
      return removed
    } finally {
      await consumer[Symbol.asyncDispose]()
    }
  }

  async depth(): Promise<number> {
    if (this.#queue.state.state !== 'ready') return -1
    try {
      return await this.#queue.depth()
    } catch {
      return -1
    }
  }

  onReady(listener: () => void): () => void {
    return this.#queue.onReady(listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue.close()
  }
}

interface Tries {
  readonly attempts: number
  readonly lastTry?: FailedTry
}

/** Failed tries, kept in the journal beside the ids of delivered messages. */
export function triesIn(ledger: ReturnType<Services['journal']['ledger']>, { clock, log }: Services) {
  return {
    read: (id: string) => (ledger.get(id)?.note as Tries | null | undefined) ?? undefined,
    write: (id: string, tries: Tries) => ledger.remember(id, tries as unknown as Json, clock.now()),
    async forget(id: string): Promise<void> {
      // Where its identity is its id, the note made way for "done" already.
      if (ledger.isDone(id)) return
      try {
        await ledger.remember(id, null, clock.now())
      } catch (thrown) {
        log.debug('failed tries of a delivered message could not be forgotten', {
          reason: asIntegrationError(thrown).message,
        })
      }
    },
  }
}
