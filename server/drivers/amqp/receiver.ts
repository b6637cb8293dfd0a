import type { EventContext, Receiver } from 'rhea'
import type { Timer } from '../../kernel/clock.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { terminusFor } from './address.ts'
import type { RheaLive } from './dial.ts'
import type { Incoming, Received, ReceivingParts } from './live.ts'
import { creditOf } from './rhea.ts'
import type { Incoming as Arrived } from './rhea.ts'
import { SettleQueue } from './settle-queue.ts'
import type { Settlement } from './settle-queue.ts'

/** How long a broker may take to say that it has nothing more; some never do. */
const DRAIN_DEADLINE = 1000

class Arrival implements Received {
  readonly bytes: Buffer
  readonly #delivery: Arrived
  readonly #link: ReceivingLink
  #settled = false

  constructor(bytes: Buffer, delivery: Arrived, link: ReceivingLink) {
    this.bytes = bytes
    this.#delivery = delivery
    this.#link = link
  }

  get lost(): IntegrationError | null {
    return this.#settled ? null : this.#link.over
  }

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

/** A receiving link of rhea. Credit is given on demand, never by rhea. */
export class ReceivingLink implements Incoming {
  readonly live: RheaLive
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

  constructor(live: RheaLive, parts: ReceivingParts) {
    this.#parts = parts
    this.live = live
    this.#opened = new Promise(resolve => {
      this.#announceOpen = resolve
    })
    const session = live.openSession()
    this.#link = session.open_receiver({
      source: {
        ...terminusFor(parts.queue, live.peer),
        ...(parts.browse && { distribution_mode: 'copy' }),
      },
      autoaccept: false,
      credit_window: 0,
    })
    this.#link.on('message', ({ message, delivery }: EventContext) =>
      this.#came(message as unknown as Buffer, delivery as Arrived),
    )
    this.#link.on('receiver_open', () => this.#announceOpen())
    this.#link.on('receiver_drained', () => this.#drained())
    this.#link.on('receiver_error', () => this.#end(this.#refusal(this.#link.error)))
    this.#link.on('receiver_close', () => this.#end(this.#failure('the broker closed the link')))
    session.on('session_error', () => this.#end(this.#refusal(session.error)))
    session.on('session_close', () => this.#end(this.#failure('the broker ended the session')))
    this.#forget = live.onGone(why => this.#end(why))
  }

  get over(): IntegrationError | null {
    return this.#over
  }

  async properties(): Promise<Readonly<Record<string, unknown>>> {
    await this.#opened
    if (this.#over) throw this.#over
    return this.#link.properties ?? {}
  }

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

  settle(delivery: Arrived, settlement: Settlement, done: () => void): void {
    this.#onLoan--
    this.#settlements.settle(delivery, settlement, done)
  }

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

  #came(bytes: Buffer, delivery: Arrived): void {
    this.#onLoan++
    const received = new Arrival(bytes, delivery, this)
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
