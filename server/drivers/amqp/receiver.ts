import type { EventContext, Receiver } from 'rhea'
import type { Clock, Timer } from '../../kernel/clock.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { terminusFor } from './address.ts'
import type { Live } from './dial.ts'
import { creditOf } from './rhea.ts'
import type { Incoming } from './rhea.ts'
import { SettleQueue } from './settle-queue.ts'
import type { Settlement } from './settle-queue.ts'

/** How long a broker may take to say that it has nothing more; some never do. */
const DRAIN_DEADLINE = 1000

/** A delivery as it came: bytes, and the one way to settle it. */
export class Received {
  readonly bytes: Buffer
  readonly #delivery: Incoming
  readonly #link: ReceivingLink
  #settled = false

  constructor(bytes: Buffer, delivery: Incoming, link: ReceivingLink) {
    this.bytes = bytes
    this.#delivery = delivery
    this.#link = link
  }

  /** The connection it came on is gone: the broker has it back, and will deliver it again. */
  get lost(): IntegrationError | null {
    return this.#settled ? null : this.#link.over
  }

  /** Resolves when the settlement is on its way; rejects when the delivery is lost. Only the first call counts. */
  settle(settlement: Settlement): Promise<void> {
    if (this.#settled) return Promise.resolve()
    const { lost } = this
    if (lost) {
      const text = `the message cannot be settled, its connection is gone and the broker will deliver it again: ${lost.message}`
      return Promise.reject(new IntegrationError('STORE_UNAVAILABLE', text, { cause: lost, ambiguous: true }))
    }
    this.#settled = true
    return new Promise(resolve => this.#link.settle(this.#delivery, settlement, resolve))
  }
}

interface Waiter {
  readonly resolve: (received: Received | null) => void
  readonly reject: (why: IntegrationError) => void
  readonly timer: Timer | null
}

export interface ReceivingParts {
  readonly live: Live
  readonly queue: string
  readonly clock: Clock
  /** Most messages on loan at once; credit is given only for what there is room for. */
  readonly window: number
  /** Looks without taking. */
  readonly browse?: boolean
}

/** One receiving link, as long as its connection or session lasts. Credit is given on demand, never by rhea. */
export class ReceivingLink {
  readonly live: Live
  readonly #parts: ReceivingParts
  readonly #link: Receiver
  readonly #settlements = new SettleQueue()
  readonly #forget: () => void
  readonly #opened: Promise<void>
  #announceOpen!: () => void
  #buffer: Received[] = []
  #waiters: Waiter[] = []
  #onLoan = 0
  #draining: (() => void) | null = null
  #over: IntegrationError | null = null

  constructor(parts: ReceivingParts) {
    this.#parts = parts
    this.live = parts.live
    this.#opened = new Promise(resolve => {
      this.#announceOpen = resolve
    })
    const session = parts.live.openSession()
    this.#link = session.open_receiver({
      source: {
        ...terminusFor(parts.queue, parts.live.peer),
        ...(parts.browse && { distribution_mode: 'copy' }),
      },
      autoaccept: false,
      credit_window: 0,
    })
    this.#link.on('message', ({ message, delivery }: EventContext) =>
      this.#came(message as unknown as Buffer, delivery as Incoming),
    )
    this.#link.on('receiver_open', () => this.#announceOpen())
    this.#link.on('receiver_drained', () => this.#drained())
    this.#link.on('receiver_error', () => this.#end(this.#refusal(this.#link.error)))
    this.#link.on('receiver_close', () => this.#end(this.#failure('the broker closed the link')))
    session.on('session_error', () => this.#end(this.#refusal(session.error)))
    session.on('session_close', () => this.#end(this.#failure('the broker ended the session')))
    this.#forget = parts.live.onGone(why => this.#end(why))
  }

  get over(): IntegrationError | null {
    return this.#over
  }

  /** What the broker said about the queue when the link was attached. */
  async properties(): Promise<Readonly<Record<string, unknown>>> {
    await this.#opened
    if (this.#over) throw this.#over
    return this.#link.properties ?? {}
  }

  /** The next message, or null when none came in time or `signal` aborted. With 0 the broker is asked, once. */
  take(waitMs: number, signal?: AbortSignal): Promise<Received | null> {
    if (this.#over) return Promise.reject(this.#over)
    const ready = this.#buffer.shift()
    if (ready) return Promise.resolve(ready)
    if (signal?.aborted) return Promise.resolve(null)
    this.#grant()
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        const index = this.#waiters.indexOf(waiter)
        if (index < 0) return
        this.#waiters.splice(index, 1)
        waiter.resolve(null)
      }
      const finish = (): void => {
        waiter.timer?.cancel()
        signal?.removeEventListener('abort', giveUp)
      }
      const waiter: Waiter = {
        resolve: received => (finish(), resolve(received)),
        reject: why => (finish(), reject(why)),
        timer: waitMs > 0 ? this.#parts.clock.after(waitMs, giveUp) : null,
      }
      this.#waiters.push(waiter)
      signal?.addEventListener('abort', giveUp, { once: true })
      if (waitMs === 0) void this.#drain().then(giveUp)
    })
  }

  settle(delivery: Incoming, settlement: Settlement, done: () => void): void {
    this.#onLoan--
    this.#settlements.settle(delivery, settlement, done)
  }

  /** Takes back the credit, gives back what nobody has looked at, and detaches. */
  async close(): Promise<void> {
    if (this.#over) return
    await this.#drain()
    const unread = this.#buffer
    this.#buffer = []
    await Promise.all(unread.map(received => received.settle({ kind: 'released' })))
    if (this.#over) return
    this.#link.close()
    this.#end(this.#failure('the store is closing'))
    this.#link.session.close()
  }

  #grant(): void {
    const wanted = this.#parts.window - this.#onLoan - creditOf(this.#link)
    if (wanted > 0) this.#link.add_credit(wanted)
  }

  #came(bytes: Buffer, delivery: Incoming): void {
    this.#onLoan++
    const received = new Received(bytes, delivery, this)
    const waiter = this.#waiters.shift()
    if (waiter) waiter.resolve(received)
    else this.#buffer.push(received)
    // A broker that used up all credit has nothing left to say to a drain.
    if (this.#draining && creditOf(this.#link) <= 0) this.#drained()
  }

  /** Resolves when the broker has used up or given back all credit, or does not know how to. */
  #drain(): Promise<void> {
    if (this.#over || creditOf(this.#link) <= 0) return Promise.resolve()
    return new Promise(resolve => {
      const timer = this.#parts.clock.after(DRAIN_DEADLINE, () => this.#drained())
      const before = this.#draining
      this.#draining = () => {
        timer.cancel()
        before?.()
        resolve()
      }
      this.#link.drain_credit()
    })
  }

  #drained(): void {
    // rhea leaves the flag set, and every later flow would be a drain again.
    this.#link.drain = false
    const done = this.#draining
    this.#draining = null
    done?.()
  }

  #end(why: IntegrationError): void {
    if (this.#over) return
    this.#over = why
    this.#forget()
    this.#buffer = []
    this.#drained()
    this.#announceOpen()
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.reject(why)
  }

  get #place(): string {
    return `queue ${this.#parts.queue} at ${this.live.host.host}:${this.live.host.port}`
  }

  #failure(why: string): IntegrationError {
    return new IntegrationError('STORE_UNAVAILABLE', `${this.#place} cannot be read: ${why}`)
  }

  #refusal(error: unknown): IntegrationError {
    const { condition, description } = (error ?? {}) as { condition?: string; description?: string }
    const said = [condition, description].filter(Boolean).join(': ') || 'no reason given'
    return new IntegrationError('BROKER_REFUSED', `${this.#place} cannot be read, the broker refused it: ${said}`)
  }
}
