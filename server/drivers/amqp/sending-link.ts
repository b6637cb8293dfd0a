import type { Delivery, EventContext, Sender } from 'rhea'
import type { Clock, Timer } from '../../kernel/clock.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import type { Fullness, JmsDestination, JmsMessage, Outgoing, SendingParts } from '../jms/contracts.ts'
import { Lost } from '../jms/lost.ts'
import { terminusFor } from './address.ts'
import type { RheaLive } from './dial.ts'
import { encodeAmqp } from './encode.ts'
import { ownPlace } from './place.ts'
import type { Place } from './place.ts'
import { afterOutcomes, CreditedSender, onFlow } from './rhea.ts'

const FULL = 'amqp:resource-limit-exceeded'

/** Sent messages are taken off the front of the line in lots: one by one would copy the line each time. */
const TIDY = 1000

interface Send {
  readonly bytes: Buffer
  readonly resolve: () => void
  readonly reject: (why: IntegrationError) => void
  delivery: Delivery | null
  timer: Timer
}

/** A sending link of rhea. */
export class SendingLink implements Outgoing {
  readonly live: RheaLive
  readonly #destination: JmsDestination
  readonly #clock: Clock
  readonly #fullness: Fullness
  readonly #place: Place
  readonly #link: Sender
  readonly #out: CreditedSender
  readonly #inFlight = new Map<Delivery, Send>()
  /** In order; those in front of `#next` have been sent. */
  #waiting: Send[] = []
  #next = 0
  #over: IntegrationError | null = null
  /** What listens to the session, which may outlive the link, and to the connection. */
  readonly #forget: (() => void)[] = []

  constructor(live: RheaLive, { destination, clock, fullness }: SendingParts, place = ownPlace(live)) {
    this.live = live
    this.#destination = destination
    this.#clock = clock
    this.#fullness = fullness
    this.#place = place
    const { session } = place
    this.#link = session.open_sender({
      target: terminusFor(destination, live.peer),
      autosettle: true,
      // By default rhea reports `modified` as `released`, too (messaging-peers §3.3).
      treat_modified_as_released: false,
    })
    this.#out = new CreditedSender(this.#link, () => this.#pump())
    this.#forget.push(onFlow(session, () => this.#pump()))
    this.#link.on('accepted', ({ delivery }: EventContext) => this.#confirmed(delivery!))
    this.#link.on('rejected', ({ delivery }: EventContext) => this.#refused(delivery!))
    this.#link.on('released', ({ delivery }: EventContext) => this.#givenBack(delivery!, 'released'))
    this.#link.on('modified', ({ delivery }: EventContext) => this.#givenBack(delivery!, 'modified'))
    const over = (why: () => IntegrationError) => () => afterOutcomes(() => this.#end(why()))
    this.#link.on(
      'sender_error',
      over(() => this.#linkError()),
    )
    this.#link.on(
      'sender_close',
      over(() => this.#failure('the broker closed the link')),
    )
    const failed = over(() => this.#failure(textOf(session.error)))
    const ended = over(() => this.#failure('the broker ended the session'))
    session.on('session_error', failed).on('session_close', ended)
    this.#forget.push(() => session.off('session_error', failed).off('session_close', ended))
    // A connection that is gone already says so at once.
    this.#forget.push(live.onGone(why => this.#end(why)))
  }

  get over(): boolean {
    return this.#over !== null
  }

  send(message: JmsMessage, confirmMs: number, creditMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#over) return reject(this.#over)
      const bytes = encodeAmqp(message, this.#destination)
      const timer = this.#clock.after(confirmMs, () => this.#late(send, creditMs - confirmMs))
      const send: Send = { bytes, resolve, reject, delivery: null, timer }
      this.#waiting.push(send)
      this.#pump()
    })
  }

  close(): void {
    this.#place.leave(this.#link)
    this.#end(this.#failure('the store is closing'))
  }

  #pump(): void {
    if (this.#over || this.#next === this.#waiting.length) return
    for (let room = this.#out.room; room > 0 && this.#next < this.#waiting.length; room--) {
      const send = this.#waiting[this.#next++]!
      send.delivery = this.#out.send(send.bytes)
      this.#inFlight.set(send.delivery, send)
    }
    if (this.#next === this.#waiting.length || this.#next > TIDY) this.#waiting = this.#notSent()
  }

  #confirmed(delivery: Delivery): void {
    const send = this.#take(delivery)
    if (!send) return
    this.#fullness(false)
    send.resolve()
    this.#pump()
  }

  #refused(delivery: Delivery): void {
    const { condition, description } = ((delivery.remote_state as { error?: Failure } | undefined)?.error ??
      {}) as Failure
    const said = [condition, description].filter(Boolean).join(': ') || 'no reason given'
    if (condition === FULL) this.#fullness(true, said)
    const text = `the broker at ${this.#where} rejected the message for queue ${this.#destination.name}: ${said}`
    this.#take(delivery)?.reject(new IntegrationError('STORE_UNAVAILABLE', text))
  }

  #givenBack(delivery: Delivery, outcome: string): void {
    this.#take(delivery)?.reject(new Lost(this.#failure(`it answered ${outcome} and did not keep the message`), false))
  }

  #late(send: Send, creditMs: number): void {
    if (send.delivery) {
      // The confirm may be lost with everything else on this connection: whoever comes next must not wait for it, too.
      const why = this.#failure('it did not confirm the message in time')
      this.#take(send.delivery)
      send.reject(new Lost(why, true))
      this.live.abandon(why)
      return
    }
    if (creditMs > 0) {
      send.timer = this.#clock.after(creditMs, () => this.#late(send, 0))
      return
    }
    this.#waiting = this.#notSent().filter(other => other !== send)
    const why = 'it lets nothing be sent (the queue is full, paused, or its disk is)'
    this.#fullness(true, why)
    send.reject(this.#failure(why))
  }

  #notSent(): Send[] {
    const rest = this.#waiting.slice(this.#next)
    this.#next = 0
    return rest
  }

  #take(delivery: Delivery): Send | undefined {
    const send = this.#inFlight.get(delivery)
    if (!send) return undefined
    this.#inFlight.delete(delivery)
    send.timer.cancel()
    return send
  }

  #end(why: IntegrationError): void {
    if (this.#over) return
    this.#over = why
    for (const forget of this.#forget) forget()
    const waiting = this.#notSent()
    this.#waiting = []
    const inFlight = [...this.#inFlight.values()]
    this.#inFlight.clear()
    for (const send of [...inFlight, ...waiting]) {
      send.timer.cancel()
      send.reject(new Lost(why, send.delivery !== null))
    }
  }

  get #where(): string {
    return `${this.live.host.host}:${this.live.host.port}`
  }

  #failure(why: string): IntegrationError {
    return new IntegrationError(
      'STORE_UNAVAILABLE',
      `the broker at ${this.#where} did not take a message for queue ${this.#destination.name}: ${why}`,
    )
  }

  #linkError(): IntegrationError {
    return new IntegrationError(
      'BROKER_REFUSED',
      `the broker at ${this.#where} refused queue ${this.#destination.name}: ${textOf(this.#link.error)}`,
    )
  }
}

interface Failure {
  readonly condition?: string
  readonly description?: string
}

function textOf(error: unknown): string {
  const { condition, description } = (error ?? {}) as Failure
  return [condition, description].filter(Boolean).join(': ') || 'no reason given'
}
