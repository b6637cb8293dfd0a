import type { Consumer, Delivery, FailedTry, StoredMessage } from '../../kernel/contracts.ts'
import type { Clock } from '../../kernel/clock.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import type { JmsConnection } from './connection.ts'
import type { Incoming, JmsDestination, Received } from './contracts.ts'
import { fromJms } from './reading.ts'
import { accepted, released } from './settlement.ts'

export interface Tries {
  readonly attempts: number
  readonly lastTry?: FailedTry
}

/**
 * Our own count of failed sends, beside the message's id: a broker's count is reset by its crash, or includes lost
 * connections, or does not exist (messaging-peers §6.2).
 */
export interface TryLedger {
  read(id: string): Tries | undefined
  write(id: string, tries: Tries): Promise<void> | void
  forget(id: string): Promise<void> | void
}

export interface ConsumerParts {
  readonly connection: JmsConnection
  readonly from: JmsDestination
  readonly selector?: string
  readonly clock: Clock
  readonly window: number
  readonly pollMs?: number
  readonly ledger: TryLedger
  /** Keeps a message that cannot be read; only when this has resolved does it leave the queue. */
  readonly quarantine: (message: StoredMessage, reason: string) => Promise<void>
  /** Longest wait for the connection when `take` itself is not to wait. */
  readonly deadlineMs: number
}

export class JmsConsumer implements Consumer {
  readonly #parts: ConsumerParts
  #link: Incoming | null = null
  #loans = new Set<Loan>()
  #closed = false

  constructor(parts: ConsumerParts) {
    this.#parts = parts
  }

  async take(waitMs: number, signal?: AbortSignal): Promise<Delivery | null> {
    const { clock, quarantine, ledger } = this.#parts
    const until = clock.monotonic() + waitMs
    for (;;) {
      if (this.#closed || signal?.aborted) return null
      const link = await this.#open()
      if (link === null) return null
      const received = await link.take(Math.max(0, until - clock.monotonic()), signal)
      if (!received) return null
      const read = fromJms(received.message, clock.now())
      if (read.readable) {
        const loan = new Loan(read.message, received, ledger, done => this.#loans.delete(done))
        this.#loans.add(loan)
        return loan
      }
      await this.#setAside(received, () => quarantine(read.message, read.reason))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const link = this.#link
    this.#link = null
    const loans = [...this.#loans]
    this.#loans.clear()
    await Promise.all(loans.map(loan => loan.release()))
    await link?.close()
  }

  /** Null: the consumer was closed while the connection opened. */
  async #open(): Promise<Incoming | null> {
    if (this.#link && !this.#link.over) return this.#link
    // What was on loan went back to the broker with the connection: it will be delivered again, as another delivery.
    this.#loans.clear()
    const { connection, from, selector, clock, window, pollMs, deadlineMs } = this.#parts
    const live = connection.live ?? (await connection.open(deadlineMs))
    if (this.#closed) return null
    this.#link = live.openReceiver({
      from,
      clock,
      window,
      ...(pollMs !== undefined && { pollMs }),
      ...(selector !== undefined && { selector }),
    })
    return this.#link
  }

  async #setAside(received: Received, keep: () => Promise<void>): Promise<void> {
    try {
      await keep()
    } catch (thrown) {
      await received.settle(released)
      throw thrown
    }
    await received.settle(accepted)
  }
}

class Loan implements Delivery {
  readonly message: StoredMessage
  readonly #received: Received
  readonly #ledger: TryLedger
  readonly #settled: (loan: Loan) => void
  /** Of tries that the ledger has not taken. */
  #tries: Tries = { attempts: 0 }

  constructor(message: StoredMessage, received: Received, ledger: TryLedger, settled: (loan: Loan) => void) {
    this.message = message
    this.#received = received
    this.#ledger = ledger
    this.#settled = settled
  }

  get attempts(): number {
    return this.#known.attempts
  }

  get lastTry(): FailedTry | undefined {
    return this.#known.lastTry
  }

  get lost(): boolean {
    return this.#received.lost !== null
  }

  /** Looked up each time: whoever had the message before may have noted a try after this loan began. */
  get #known(): Tries {
    const noted = this.#ledger.read(this.message.id)
    return noted && noted.attempts >= this.#tries.attempts ? noted : this.#tries
  }

  async ack(): Promise<void> {
    this.#settled(this)
    await this.#received.settle(accepted)
    if (this.attempts > 0) await this.#ledger.forget(this.message.id)
  }

  async fail(why: FailedTry): Promise<void> {
    this.#tries = { attempts: this.attempts + 1, lastTry: why }
    await this.#ledger.write(this.message.id, this.#tries)
    const { lost } = this.#received
    if (lost)
      throw new IntegrationError('STORE_UNAVAILABLE', `the message is no longer on loan: ${lost.message}`, {
        cause: lost,
      })
  }

  async release(): Promise<void> {
    this.#settled(this)
    if (this.#received.lost) return
    await this.#received.settle(released)
  }

  /** If it comes back, by an operator or because the broker never heard of this, it has all its tries again. */
  async reject(): Promise<boolean> {
    this.#settled(this)
    const { lastTry, attempts } = this
    const description = lastTry?.error ?? 'it was given up'
    await this.#received.settle({ kind: 'rejected', condition: 'amqp:internal-error', description })
    if (attempts > 0) await this.#ledger.forget(this.message.id)
    return true
  }
}
