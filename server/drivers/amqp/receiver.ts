import { IntegrationError } from '../../kernel/errors.ts'
import type { Incoming, JmsDestination, JmsMessage, Received, ReceivingParts } from '../jms/contracts.ts'
import { accepted, released } from '../jms/settlement.ts'
import type { Settlement } from '../jms/settlement.ts'
import { WaitingLine } from '../jms/waiting-line.ts'
import { mannersOf } from './address.ts'
import type { Manners } from './address.ts'
import { Attachment } from './attachment.ts'
import { decodeAmqp } from './decode.ts'
import type { RheaLive } from './dial.ts'
import { ownPlace } from './place.ts'
import type { Place } from './place.ts'
import { creditOf } from './rhea.ts'
import type { Incoming as Arrived } from './rhea.ts'

/** How long a broker may take to say that it has nothing more; some never do. */
const DRAIN_DEADLINE = 1000
/** How long a broker that cannot be asked whether there is more is given to send it. */
const QUIET = 200

/** The broker's answer to "how many": only our own embedded broker gives one. */
export const DEPTH_PROPERTY = 'holdfast:depth'

const CLOSING = 'the store is closing'

type Settle = (attachment: Attachment, delivery: Arrived, settlement: Settlement, done: () => void) => void

class Arrival implements Received {
  readonly #bytes: Buffer
  #message: JmsMessage | undefined
  readonly #delivery: Arrived
  readonly #attachment: Attachment
  readonly #settle: Settle
  #settled = false

  constructor(bytes: Buffer, delivery: Arrived, attachment: Attachment, settle: Settle) {
    this.#bytes = bytes
    this.#delivery = delivery
    this.#attachment = attachment
    this.#settle = settle
  }

  get message(): JmsMessage {
    return (this.#message ??= decodeAmqp(this.#bytes))
  }

  get lost(): IntegrationError | null {
    return this.#settled ? null : this.#attachment.over
  }

  settle(settlement: Settlement): Promise<void> {
    if (this.#settled) return Promise.resolve()
    const { lost } = this
    if (lost) {
      const text = `the message cannot be settled, its connection is gone and the broker will deliver it again: ${lost.message}`
      return Promise.reject(new IntegrationError('STORE_UNAVAILABLE', text, { cause: lost, ambiguous: true }))
    }
    this.#settled = true
    return new Promise(resolve => this.#settle(this.#attachment, this.#delivery, settlement, resolve))
  }
}

/** A receiving link of rhea. Credit is given on demand, never by rhea. */
export class ReceivingLink implements Incoming {
  readonly live: RheaLive
  readonly #parts: ReceivingParts
  readonly #place: () => Place
  readonly #manners: Manners
  readonly #opened: Promise<void>
  #announceOpen!: () => void
  /** Null between giving a message back and taking the next, where the broker would keep it for this link. */
  #attachment: Attachment | null
  #destination: JmsDestination | null = null
  #buffer: Received[] = []
  readonly #waiters: WaitingLine
  #draining: (() => void) | null = null
  #over: IntegrationError | null = null

  /** `place`: where to attach, asked for each time. */
  constructor(live: RheaLive, parts: ReceivingParts, place: () => Place = () => ownPlace(live)) {
    this.#parts = parts
    this.#waiters = new WaitingLine(parts.clock)
    this.#place = place
    this.live = live
    this.#manners = mannersOf(live.peer)
    this.#opened = new Promise(resolve => {
      this.#announceOpen = resolve
    })
    this.#attachment = this.#attach()
  }

  get over(): IntegrationError | null {
    return this.#over
  }

  async destination(): Promise<JmsDestination> {
    await this.#opened
    if (this.#over) throw this.#over
    return this.#destination!
  }

  async depth(): Promise<number> {
    await this.#opened
    if (this.#over) throw this.#over
    const depth: unknown = this.#attachment?.link.properties?.[DEPTH_PROPERTY]
    return typeof depth === 'number' ? depth : -1
  }

  take(waitMs: number, signal?: AbortSignal): Promise<Received | null> {
    if (this.#over) return Promise.reject(this.#over)
    const ready = this.#buffer.shift()
    if (ready) return Promise.resolve(ready)
    if (signal?.aborted) return Promise.resolve(null)
    if (this.#parts.browse && !this.#manners.copies) return Promise.resolve(null)
    if (this.#attachment?.hasDrained && !this.#draining && this.#renews) this.#giveUp(this.#attachment)
    this.#attachment ??= this.#attach()
    this.#attachment.grant(this.#parts.window)
    const waiter = this.#waiters.join(undefined, signal)
    if (waitMs > 0) waiter.leaveAfter(waitMs)
    else void this.#drain().then(() => waiter.leave())
    return waiter.came
  }

  async close(): Promise<void> {
    if (this.#over) return
    // Whatever still comes is for others.
    this.#waiters.dismiss()
    if (this.#manners.answersDrain) await this.#drain()
    const unread = this.#buffer
    this.#buffer = []
    await Promise.all(unread.map(received => received.settle(released)))
    if (this.#over) return
    const detached = this.#attachment?.close(CLOSING)
    this.#end(new IntegrationError('STORE_UNAVAILABLE', `the queue cannot be read: ${CLOSING}`))
    await detached
  }

  #attach(): Attachment {
    const { from, browse = false, selector, clock } = this.#parts
    const attachment: Attachment = new Attachment({
      live: this.live,
      place: this.#place(),
      clock,
      from,
      browse,
      ...(selector !== undefined && { selector }),
      opened: () => {
        this.#destination ??= attachment.destination
        this.#announceOpen()
      },
      came: (bytes, delivery) => this.#came(new Arrival(bytes, delivery, attachment, this.#settle)),
      drained: () => this.#drained(),
      // What happens to one that was given up concerns only the messages on loan from it.
      ended: why => void (attachment === this.#attachment && this.#end(why)),
    })
    return attachment
  }

  readonly #settle: Settle = (attachment, delivery, settlement, done) => {
    const { knowsModified, keepsReleased } = this.#manners
    const isBack = settlement.kind === 'released' || settlement.kind === 'modified'
    // Nothing is taken by a copy, but a broker that keeps what is given back would copy it again and again.
    if (keepsReleased && isBack && this.#parts.browse) return attachment.settle(delivery, accepted, done)
    const said = settlement.kind === 'modified' && !knowsModified ? released : settlement
    attachment.settle(delivery, said, done)
    // A failed one is to come again here, with its count: that is forgotten together with the link.
    if (this.#keeps && settlement.kind === 'released' && attachment === this.#attachment) this.#giveUp(attachment)
  }

  /** A temporary queue would be gone with its link. */
  get #keeps(): boolean {
    return this.#manners.keepsReleased && this.#parts.from !== 'temporary'
  }

  /** A look goes on from where it was, a temporary queue would be gone with its link, and a subscription has one at a time. */
  get #renews(): boolean {
    const { from, browse } = this.#parts
    return this.#manners.stallsAfterDrain && from !== 'temporary' && from.subscription === undefined && !browse
  }

  /** What was given back, and what nobody has looked at yet, is for everybody again once the link is detached. */
  #giveUp(attachment: Attachment): void {
    const unread = this.#buffer
    this.#buffer = []
    this.#attachment = null
    for (const received of unread) void received.settle(released)
    attachment.retire()
    this.#drained()
    if (this.#waiters.length === 0) return
    this.#attachment = this.#attach()
    this.#attachment.grant(this.#parts.window)
  }

  #came(received: Received): void {
    const { first } = this.#waiters
    if (first) first.serve(received)
    else this.#buffer.push(received)
    // A broker that used up all credit has nothing left to say to a drain.
    if (this.#draining && this.#credit <= 0) this.#drained()
  }

  /** Resolves when the broker has used up or given back all credit, or does not know how to. */
  #drain(): Promise<void> {
    if (this.#over || this.#credit <= 0) return Promise.resolve()
    const { answersDrain } = this.#manners
    return new Promise(resolve => {
      const timer = this.#parts.clock.after(answersDrain ? DRAIN_DEADLINE : QUIET, () => this.#drained())
      const before = this.#draining
      this.#draining = () => {
        timer.cancel()
        before?.()
        resolve()
      }
      if (answersDrain) this.#attachment!.drain()
    })
  }

  #drained(): void {
    // rhea leaves the flag set, and every later flow would be a drain again.
    if (this.#attachment) this.#attachment.link.drain = false
    const done = this.#draining
    this.#draining = null
    done?.()
  }

  get #credit(): number {
    return this.#attachment ? creditOf(this.#attachment.link) : 0
  }

  #end(why: IntegrationError): void {
    if (this.#over) return
    this.#over = why
    this.#buffer = []
    this.#drained()
    this.#announceOpen()
    this.#waiters.end(why)
  }
}
