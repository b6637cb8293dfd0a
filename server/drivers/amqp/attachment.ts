import rhea from 'rhea'
import type { EventContext, Receiver } from 'rhea'
import type { Clock } from '../../kernel/clock.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import type { JmsDestination, ReceivingParts } from '../jms/contracts.ts'
import { released } from '../jms/settlement.ts'
import type { Settlement } from '../jms/settlement.ts'
import { terminusFor, UNSETTLED_STATE } from './address.ts'
import type { RheaLive } from './dial.ts'
import type { Place } from './place.ts'
import { creditOf } from './rhea.ts'
import type { Incoming as Arrived } from './rhea.ts'

/** Under this name brokers repeat the selector that they go by. */
const SELECTOR = 'jms-selector'

/** How long a broker may take to let go of a link that we have detached. */
const DETACH_DEADLINE = 1000

export interface AttachmentParts {
  readonly live: RheaLive
  readonly place: Place
  readonly clock: Clock
  readonly from: ReceivingParts['from']
  readonly selector?: string
  /** Looks without taking. */
  readonly browse: boolean
  readonly opened: () => void
  readonly came: (bytes: Buffer, delivery: Arrived) => void
  readonly drained: () => void
  /** By the broker, or with its session or connection. */
  readonly ended: (why: IntegrationError) => void
}

function sourceOf({ live, from, browse, selector }: AttachmentParts): object {
  const where = from === 'temporary' ? { dynamic: true, capabilities: 'temporary-queue' } : terminusFor(from, live.peer)
  const isDurable = from !== 'temporary' && from.subscription !== undefined
  return {
    ...where,
    ...(isDurable && { durable: UNSETTLED_STATE, expiry_policy: 'never' }),
    ...(browse && { distribution_mode: 'copy' }),
    ...(selector !== undefined && { filter: rhea.filter.selector(selector) }),
  }
}

/** A receiving link while it is attached: what came over it is settled over it, and nowhere else. */
export class Attachment {
  readonly link: Receiver
  readonly #parts: AttachmentParts
  readonly #forget: () => void
  /** It was asked whether there is more. */
  hasDrained = false
  #onLoan = 0
  /** Settled, but not yet handed to the connection. */
  #leaving = 0
  #retired = false
  #over: IntegrationError | null = null

  constructor(parts: AttachmentParts) {
    this.#parts = parts
    const { live, place } = parts
    const { session } = place
    const name = parts.from === 'temporary' ? undefined : parts.from.subscription
    this.link = session.open_receiver({
      source: sourceOf(parts),
      autoaccept: false,
      credit_window: 0,
      ...(name !== undefined && { name }),
    } as object)
    // A link that is closed for good would end the subscription.
    if (name !== undefined) this.link.close = () => this.link.detach()
    this.link.on('message', ({ message, delivery }: EventContext) =>
      this.#came(message as unknown as Buffer, delivery as Arrived),
    )
    this.link.on('receiver_open', () => this.#opened())
    this.link.on('receiver_drained', parts.drained)
    this.link.on('receiver_error', () => this.#end(this.#refusal(this.link.error)))
    this.link.on('receiver_close', () => this.#end(this.#failure('the broker closed the link')))
    session.on('session_error', () => this.#end(this.#refusal(session.error)))
    session.on('session_close', () => this.#end(this.#failure('the broker ended the session')))
    this.#forget = live.onGone(why => this.#end(why))
  }

  /** Physical name of what is read: the broker makes up that of a temporary queue. */
  get destination(): JmsDestination {
    const { from } = this.#parts
    if (from !== 'temporary') return from
    return { kind: 'temporary-queue', name: this.#source?.address ?? '' }
  }

  get over(): IntegrationError | null {
    return this.#over
  }

  /** Lets the broker send until so many messages are on loan or under way. */
  grant(window: number): void {
    const wanted = window - this.#onLoan - creditOf(this.link)
    if (wanted > 0) this.link.add_credit(wanted)
  }

  /** Has the broker use up the credit or give it back. */
  drain(): void {
    this.hasDrained = true
    this.link.drain_credit()
  }

  settle(delivery: Arrived, settlement: Settlement, done: () => void): void {
    this.#onLoan--
    this.#leaving++
    const { settlements, outcome } = this.#parts.place
    settlements.settle(delivery, outcome(settlement), () => {
      this.#leaving--
      done()
      this.#leave()
    })
  }

  /** Takes no more; detaches once everything that came over it is settled. */
  retire(): void {
    this.#retired = true
    this.#leave()
  }

  /**
   * Detaches at once: what is unsettled goes back. Resolves once the broker has let go of the link, too. Artemis hands
   * what is given back meanwhile to a link that is being detached, and others that ask then are told that there is nothing.
   */
  close(why: string): Promise<void> {
    if (this.#over) return Promise.resolve()
    this.#over = this.#failure(why)
    this.#forget()
    const { live, place, clock } = this.#parts
    return new Promise(resolve => {
      const done = (): void => {
        timer.cancel()
        forget()
        resolve()
      }
      const timer = clock.after(DETACH_DEADLINE, done)
      const forget = live.onGone(done)
      for (const closed of ['receiver_close', 'receiver_error']) this.link.once(closed, done)
      place.session.once('session_close', done)
      place.leave(this.link)
    })
  }

  #opened(): void {
    const { selector, opened } = this.#parts
    // A broker that does not know selectors would hand over what is for others.
    if (selector !== undefined && this.#source?.filter?.[SELECTOR] === undefined) {
      this.#parts.place.leave(this.link)
      return this.#end(this.#refusal({ description: 'it does not know selectors' }))
    }
    opened()
  }

  get #source(): { readonly address?: string; readonly filter?: Record<string, unknown> } | null | undefined {
    return this.link.source as never
  }

  #came(bytes: Buffer, delivery: Arrived): void {
    if (this.#over) return
    this.#onLoan++
    if (this.#retired) this.settle(delivery, released, () => {})
    else this.#parts.came(bytes, delivery)
  }

  #leave(): void {
    if (this.#retired && this.#onLoan + this.#leaving === 0) void this.close('it was given up for another one')
  }

  #end(why: IntegrationError): void {
    if (this.#over) return
    this.#over = why
    this.#forget()
    this.#parts.ended(why)
  }

  get #place(): string {
    const { live } = this.#parts
    return `queue ${this.destination.name || '(temporary)'} at ${live.host.host}:${live.host.port}`
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
