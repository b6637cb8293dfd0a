import { asIntegrationError, IntegrationError } from '../../kernel/errors.ts'
import type { Incoming, JmsDestination, JmsMessage, Received, ReceivingParts } from '../jms/contracts.ts'
import type { Settlement } from '../jms/settlement.ts'
import { WaitingLine } from '../jms/waiting-line.ts'
import type { Channel } from './channel.ts'
import type { Message, Structure } from './commands.ts'
import { decodeMessage } from './message.ts'
import { Subscription } from './subscription.ts'

/** How long a broker that pushes messages is given to push one, where nobody wants to wait. */
const QUIET = 200
/** An empty queue is asked again after this time, unless told otherwise. */
const POLL = 30_000
const LOOK_AHEAD = 100

/** How a receiver takes part in a transaction. */
export interface Enlisting {
  /** Begins one if there is none. */
  transaction(): Structure<'LocalTransactionId'>
}

interface Wish {
  /** It wants to know what there is now. */
  readonly once: boolean
  /** Where it was asked for. */
  asked: Subscription | null
  /** It was told once that there is nothing. */
  doubted: boolean
}

class Loan implements Received {
  readonly from: Subscription
  readonly #original: Message
  readonly #redeliveries: number
  readonly #settle: (loan: Loan, settlement: Settlement) => Promise<void>
  #message: JmsMessage | undefined
  #settled = false

  constructor(
    from: Subscription,
    original: Message,
    redeliveries: number,
    settle: (loan: Loan, settlement: Settlement) => Promise<void>,
  ) {
    this.from = from
    this.#original = original
    this.#redeliveries = redeliveries
    this.#settle = settle
  }

  get message(): JmsMessage {
    return (this.#message ??= decodeMessage(this.#original, this.#redeliveries))
  }

  get id(): Structure<'MessageId'> {
    return this.#original.messageId!
  }

  get lost(): IntegrationError | null {
    return this.#settled ? null : this.from.over
  }

  settle(settlement: Settlement): Promise<void> {
    if (this.#settled) return Promise.resolve()
    const { lost } = this
    if (lost) {
      const text = `the message cannot be settled, its connection is gone and the broker will deliver it again: ${lost.message}`
      return Promise.reject(new IntegrationError('STORE_UNAVAILABLE', text, { cause: lost, ambiguous: true }))
    }
    this.#settled = true
    return this.#settle(this, settlement)
  }
}

/**
 * A way out of a destination. OpenWire knows no "give back": a message is for others again when the consumer that holds
 * it is closed. So the consumer at the broker is given up then, and the next message is taken with another one.
 */
export class OpenWireIncoming implements Incoming {
  readonly #channel: Channel
  readonly #session: number
  readonly #parts: ReceivingParts
  readonly #enlisting: Enlisting | null
  readonly #from: Promise<JmsDestination>
  #forget: () => void = () => {}
  #name: JmsDestination | null = null
  #current: Subscription | null = null
  /** Messages on loan, by the subscription they came over. Those given up are closed with their last loan. */
  readonly #loans = new Map<Subscription, Set<Loan>>()
  /** The broker's number of the last message that counts as delivered when its subscription is closed. */
  readonly #delivered = new Map<Subscription, number>()
  /** Accepted in the transaction that is open. */
  #enlisted = new Map<Subscription, Loan>()
  #buffer: Loan[] = []
  readonly #waiters: WaitingLine<Wish>
  /** The broker will answer a pull by itself. */
  #pulling = false
  /** All that was to be looked at has come. */
  #seen = false
  #pushed: boolean | undefined
  #over: IntegrationError | null = null

  constructor(
    channel: Channel,
    session: number,
    parts: ReceivingParts,
    from: JmsDestination | Promise<JmsDestination>,
    enlisting: Enlisting | null = null,
  ) {
    this.#channel = channel
    this.#session = session
    this.#parts = parts
    this.#waiters = new WaitingLine(parts.clock)
    this.#enlisting = enlisting
    this.#from = Promise.resolve(from)
    this.#forget = channel.onGone(why => this.#end(why))
    if (!(from instanceof Promise)) this.#name = from
    void this.#begin()
  }

  get over(): IntegrationError | null {
    return this.#over
  }

  async destination(): Promise<JmsDestination> {
    const name = await this.#from
    if (this.#over) throw this.#over
    await this.#subscription(name, 0).opened
    return name
  }

  /** OpenWire has no word for it. */
  async depth(): Promise<number> {
    if (this.#over) throw this.#over
    return -1
  }

  take(waitMs: number, signal?: AbortSignal): Promise<Received | null> {
    if (this.#over) return Promise.reject(this.#over)
    const ready = this.#next()
    if (ready) return Promise.resolve(ready)
    if (signal?.aborted || (this.#parts.browse && this.#seen)) return Promise.resolve(null)
    const once = waitMs === 0
    if (once && !this.#parts.browse && this.#room <= 0) return Promise.resolve(null)
    const waiter = this.#waiters.join({ once, asked: null, doubted: false }, signal)
    if (!once) waiter.leaveAfter(waitMs)
    this.#want()
    if (once && this.#pushed && !this.#parts.browse) waiter.leaveAfter(QUIET)
    return waiter.came
  }

  async close(): Promise<void> {
    if (this.#over) return
    const subscriptions = [...this.#loans.keys()]
    const delivered = new Map(this.#delivered)
    this.#waiters.dismiss()
    this.#end(new IntegrationError('STORE_UNAVAILABLE', `${this.#title} cannot be read: the store is closing`))
    await Promise.all(subscriptions.map(one => one.close('the store is closing', delivered.get(one))))
  }

  /** The transaction is over. What was accepted in it is done, or comes again. */
  async transactionEnded(committed: boolean): Promise<void> {
    const enlisted = this.#enlisted
    this.#enlisted = new Map()
    const back = committed ? [...this.#delivered.keys()] : [...this.#loans.keys()]
    if (!committed) {
      for (const [subscription, loan] of enlisted) this.#countTo(subscription, loan)
      for (const [subscription, loans] of this.#loans) {
        for (const loan of loans) if (!this.#buffer.includes(loan)) this.#countTo(subscription, loan)
      }
    }
    await Promise.all(back.map(subscription => this.#giveUp(subscription, true)))
  }

  async #begin(): Promise<void> {
    try {
      this.#name = await this.#from
      this.#want()
    } catch (thrown) {
      this.#end(asIntegrationError(thrown))
    }
  }

  get #room(): number {
    let loans = 0
    for (const of of this.#loans.values()) loans += of.size
    return this.#parts.window - loans
  }

  #next(): Loan | undefined {
    const loan = this.#buffer.shift()
    // What is only looked at makes room as soon as somebody has it.
    if (loan && this.#parts.browse) this.#accept(loan)
    return loan
  }

  /** Sees to it that a message is under way for whoever waits. */
  #want(): void {
    const { first } = this.#waiters
    if (this.#over || !first || this.#name === null) return
    const subscription = this.#subscription(this.#name, first.about.once ? 0 : this.#parts.window)
    if (this.#pushed || this.#room <= 0) return
    const wishes = this.#waiters.all.map(({ about }) => about)
    for (const wish of wishes) {
      if (!wish.once || wish.asked === subscription) continue
      wish.asked = subscription
      subscription.pull(0)
    }
    if (this.#pulling || wishes.every(({ once }) => once)) return
    this.#pulling = true
    subscription.pull(this.#parts.pollMs ?? POLL)
  }

  /** A single message is asked for, so that what nobody takes stays where everybody sees it; more are pushed. */
  #subscription(from: JmsDestination, prefetch: number): Subscription {
    if (this.#current) return this.#current
    const { browse = false, selector } = this.#parts
    this.#pushed ??= browse || prefetch > 1
    this.#pulling = false
    const subscription: Subscription = new Subscription({
      channel: this.#channel,
      clock: this.#parts.clock,
      session: this.#session,
      from,
      selector,
      browse,
      prefetch: this.#pushed ? Math.max(this.#parts.window, browse ? LOOK_AHEAD : 1) : 0,
      came: (message, redeliveries) => this.#came(subscription, message, redeliveries),
      ended: why => this.#ended(subscription, why),
    })
    this.#current = subscription
    this.#loans.set(subscription, new Set())
    return subscription
  }

  #came(subscription: Subscription, message: Message | null, redeliveries: number): void {
    // Over one that was given up: the broker has it back as soon as it is closed.
    if (subscription !== this.#current) return
    if (!message) return this.#nothing()
    this.#pulling = false
    const loan = new Loan(subscription, message, redeliveries, this.#settle)
    this.#loans.get(subscription)!.add(loan)
    this.#buffer.push(loan)
    this.#waiters.first?.serve(this.#next()!)
    this.#want()
  }

  #nothing(): void {
    this.#pulling = false
    if (this.#parts.browse) {
      this.#seen = true
      return this.#waiters.dismiss()
    }
    const waiter = this.#waiters.all.find(({ about }) => about.once)
    if (waiter && !waiter.about.doubted && this.#current) {
      // Artemis says so now and then while it is still about to dispatch: the second answer counts.
      waiter.about.doubted = true
      return this.#current.pull(0)
    }
    waiter?.serve(null)
    this.#want()
  }

  readonly #settle = async (loan: Loan, settlement: Settlement): Promise<void> => {
    switch (settlement.kind) {
      case 'accepted':
        this.#accept(loan)
        break
      case 'rejected':
        loan.from.poison(loan.id, settlement.description || settlement.condition)
        this.#returned(loan)
        break
      case 'modified':
      case 'released':
        if (this.#parts.browse) return
        this.#countTo(loan.from, settlement.kind === 'modified' ? loan : null)
        this.#returned(loan)
        if (!this.#enlisting) await this.#giveUp(loan.from, false)
    }
    this.#want()
  }

  #accept(loan: Loan): void {
    if (this.#enlisting) this.#enlisted.set(loan.from, loan)
    loan.from.accept(loan.id, this.#enlisting?.transaction() ?? null)
    this.#returned(loan)
  }

  #returned(loan: Loan): void {
    const loans = this.#loans.get(loan.from)
    loans?.delete(loan)
    if (loans?.size === 0 && loan.from !== this.#current && !this.#enlisting) void this.#giveUp(loan.from, true)
  }

  /** The broker counts everything dispatched before it, too: it tells only up to where. */
  #countTo(subscription: Subscription, loan: Loan | null): void {
    const before = this.#delivered.get(subscription) ?? -1
    this.#delivered.set(subscription, loan ? Math.max(before, loan.id.brokerSequenceId) : before)
  }

  /** Takes nothing more over it; closes it at once, or with the last loan. */
  async #giveUp(subscription: Subscription, atOnce: boolean): Promise<void> {
    if (subscription === this.#current) {
      this.#current = null
      this.#pulling = false
      const loans = this.#loans.get(subscription)!
      for (const unread of this.#buffer.splice(0)) loans.delete(unread)
    }
    if (!atOnce && (this.#loans.get(subscription)?.size ?? 0) > 0) return
    const delivered = this.#delivered.get(subscription)
    this.#loans.delete(subscription)
    this.#delivered.delete(subscription)
    await subscription.close('it was given up for another one', delivered)
    this.#want()
  }

  #ended(subscription: Subscription, why: IntegrationError): void {
    this.#loans.delete(subscription)
    this.#delivered.delete(subscription)
    if (subscription === this.#current) this.#end(why)
  }

  #end(why: IntegrationError): void {
    if (this.#over) return
    this.#over = why
    this.#forget()
    this.#current = null
    this.#buffer = []
    this.#loans.clear()
    this.#delivered.clear()
    this.#waiters.end(why)
  }

  get #title(): string {
    return `queue ${this.#name?.name ?? ''} at ${this.#channel.place}`
  }
}
