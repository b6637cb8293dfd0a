import type { Channel, Message } from 'amqplib'
import { IntegrationError, textOf } from '../../kernel/errors.ts'
import type { Incoming, JmsDestination, JmsMessage, Received, ReceivingParts } from '../jms/contracts.ts'
import type { Settlement } from '../jms/settlement.ts'
import { WaitingLine } from '../jms/waiting-line.ts'
import type { RabbitLive } from './live.ts'
import { decode } from './message.ts'
import type { Route } from './topology.ts'

type Settle = (channel: Channel, delivery: Message, settlement: Settlement) => Promise<void>

/** A delivery with what 0-9-1 says beyond JMS. */
export class RabbitReceived implements Received {
  readonly delivery: Message
  readonly #channel: Channel
  readonly #receiver: RabbitReceiver
  readonly #settle: Settle
  #message: JmsMessage | undefined
  #settled = false

  constructor(delivery: Message, channel: Channel, receiver: RabbitReceiver, settle: Settle) {
    this.delivery = delivery
    this.#channel = channel
    this.#receiver = receiver
    this.#settle = settle
  }

  get message(): JmsMessage {
    return (this.#message ??= decode(this.delivery))
  }

  get lost(): IntegrationError | null {
    return this.#settled ? null : this.#receiver.over
  }

  settle(settlement: Settlement): Promise<void> {
    if (this.#settled) return Promise.resolve()
    const { lost } = this
    if (lost) {
      const text = `the message cannot be settled, its channel is gone and the broker will deliver it again: ${lost.message}`
      return Promise.reject(new IntegrationError('STORE_UNAVAILABLE', text, { cause: lost, ambiguous: true }))
    }
    this.#settled = true
    return this.#settle(this.#channel, this.delivery, settlement)
  }
}

/** A queue with a single active consumer, or a stream, lets nobody ask (`basic.get`). */
const LOCKED = 405
const NOT_IMPLEMENTED = 540

/**
 * Reads one queue. Messages are asked for one by one, and only when there is none the receiver becomes a consumer until
 * one comes: a consumer is given the next message as soon as it has acknowledged the last, whether it wants it now or in
 * an hour, and nobody else can see it meanwhile.
 */
export class RabbitReceiver implements Incoming {
  readonly live: RabbitLive
  readonly #route: Route | null
  readonly #parts: ReceivingParts
  /** Physical name; of a temporary queue, once the broker has told it. */
  #queue: string
  #channel: Promise<Channel> | null = null
  #buffer: RabbitReceived[] = []
  readonly #waiters: WaitingLine
  #pumping = false
  /** Tag of the consumer of a queue that lets nobody ask. */
  #standing: Promise<string> | null = null
  /** Ends the wait of a consumer that nobody waits for any more. */
  #wake: (() => void) | null = null
  #loans = 0
  #over: IntegrationError | null = null
  readonly #forget: () => void

  /** Without a route the broker makes a queue that nobody else reads and that goes with the connection. */
  constructor(live: RabbitLive, route: Route | null, parts: ReceivingParts) {
    this.live = live
    this.#route = route
    this.#parts = parts
    this.#waiters = new WaitingLine(parts.clock)
    this.#queue = route?.queue?.name ?? route?.routingKey ?? ''
    this.#forget = live.onGone(why => this.#end(why))
    // What fails ends the receiver, which tells everybody who takes from it.
    void this.#open().catch(() => undefined)
  }

  get over(): IntegrationError | null {
    return this.#over
  }

  async destination(): Promise<JmsDestination> {
    await this.#open()
    return { kind: this.#route ? 'queue' : 'temporary-queue', name: this.#queue }
  }

  /** Those ready, and those on loan from here; what others have on loan the broker does not say. */
  async depth(): Promise<number> {
    const channel = await this.#open()
    const { messageCount } = await this.#told(channel.checkQueue(this.#queue))
    return messageCount + this.live.loansOf(this.#queue)
  }

  take(waitMs: number, signal?: AbortSignal): Promise<Received | null> {
    if (this.#over) return Promise.reject(this.#over)
    const ready = this.#buffer.shift()
    if (ready) return Promise.resolve(ready)
    // Taking is the only way to look here, and it would change what is looked at.
    if (signal?.aborted || this.#parts.browse) return Promise.resolve(null)
    return waitMs === 0 && !this.#stands ? this.#ask() : this.#wait(waitMs, signal)
  }

  async close(): Promise<void> {
    if (this.#over) return
    // One that could not be opened has ended the receiver already.
    const channel = await this.#channel?.catch(() => undefined)
    if (this.#over) return
    this.#waiters.dismiss()
    // What nobody has looked at goes back with the channel.
    this.#end(this.#failure('the store is closing'))
    await closed(channel)
  }

  get #stands(): boolean {
    return this.live.standing.has(this.#queue)
  }

  #open(): Promise<Channel> {
    if (this.#over) return Promise.reject(this.#over)
    this.#channel ??= this.#fresh()
    return this.#channel
  }

  async #fresh(): Promise<Channel> {
    try {
      if (this.#route && this.#parts.browse !== true) await this.live.ensure(this.#route)
      const channel = await this.live.model.createChannel()
      channel.on('error', (error: { readonly code?: unknown }) => this.#refusal(error))
      channel.on('close', () => {
        if (!this.#retired.has(channel)) this.#end(this.#failure('the channel was closed'))
      })
      if (!this.#route) this.#queue = (await channel.assertQueue('', { exclusive: true, autoDelete: true })).queue
      await channel.prefetch(this.#stands ? this.#parts.window : 1)
      if (this.#over) {
        await closed(channel)
        throw this.#over
      }
      return channel
    } catch (thrown) {
      const why = thrown instanceof IntegrationError ? thrown : this.#failure(textOf(thrown))
      this.#end(why)
      throw this.#over ?? why
    }
  }

  readonly #retired = new WeakSet<Channel>()

  /** One message, if there is one now. */
  async #ask(): Promise<Received | null> {
    const channel = await this.#open()
    const got = await this.#told(channel.get(this.#queue, { noAck: false }))
    return got === false ? null : this.#received(got, channel)
  }

  #wait(waitMs: number, signal?: AbortSignal): Promise<Received | null> {
    const waiter = this.#waiters.join(undefined, signal, () => {
      if (this.#waiters.length === 0) this.#wake?.()
    })
    const ms = waitMs === 0 ? STANDING_QUIET : waitMs
    if (ms !== Infinity) waiter.leaveAfter(ms)
    if (this.#stands) this.#stand()
    else void this.#pump()
    return waiter.came
  }

  /** Serves those who wait, one message after the other. */
  async #pump(): Promise<void> {
    if (this.#pumping) return
    this.#pumping = true
    try {
      while (this.#waiters.length > 0 && !this.#over) {
        const received = (await this.#ask()) ?? (await this.#await())
        if (!received) continue
        const { first } = this.#waiters
        if (first) first.serve(received)
        // Whoever waited has gone meanwhile: it is for everybody again.
        else await received.settle({ kind: 'released' })
      }
    } catch (thrown) {
      this.#end(thrown instanceof IntegrationError ? thrown : this.#failure(textOf(thrown)))
    } finally {
      this.#pumping = false
    }
  }

  /** Is a consumer until a message comes or nobody waits any more. */
  async #await(): Promise<Received | null> {
    const channel = await this.#open()
    let came: Received | null = null
    const arrival = new Promise<void>(resolve => (this.#wake = resolve))
    const { consumerTag } = await this.#told(
      channel.consume(this.#queue, delivery => {
        if (delivery === null) return this.#deleted()
        const received = this.#received(delivery, channel)
        if (came === null) came = received
        else this.#buffer.push(received)
        this.#wake?.()
      }),
    )
    if (this.#waiters.length > 0 && !this.#over) await arrival
    this.#wake = null
    if (this.#over) throw this.#over
    // What was on its way comes before the answer.
    await this.#told(channel.cancel(consumerTag))
    return came
  }

  /** Where nobody may ask: a consumer for as long as the receiver lasts. */
  #stand(): void {
    this.#standing ??= this.#open().then(async channel => {
      const { consumerTag } = await channel.consume(this.#queue, delivery => {
        if (delivery === null) return this.#deleted()
        const received = this.#received(delivery, channel)
        const { first } = this.#waiters
        if (first) first.serve(received)
        else this.#buffer.push(received)
      })
      return consumerTag
    })
    this.#standing.catch((thrown: unknown) => this.#end(this.#failure(textOf(thrown))))
  }

  #received(delivery: Message, channel: Channel): RabbitReceived {
    this.#loans++
    this.live.lent(this.#queue, 1)
    return new RabbitReceived(delivery, channel, this, this.#settle)
  }

  readonly #settle: Settle = async (channel, delivery, { kind }) => {
    this.#loans--
    this.live.lent(this.#queue, -1)
    if (kind === 'accepted') channel.ack(delivery)
    else if (kind === 'rejected') channel.nack(delivery, false, false)
    else if (this.#loans === 0 && this.#waiters.length === 0) return this.#retire(channel)
    else channel.nack(delivery, false, true)
    // The frame is written on the next turn of the multiplexer; what waits for this may close the connection.
    await new Promise(resolve => setImmediate(resolve))
  }

  /**
   * A quorum queue puts what is refused behind everything else, and what a closed channel had where it was. Once that is
   * confirmed, the message is there for everybody.
   */
  async #retire(channel: Channel): Promise<void> {
    this.#retired.add(channel)
    this.#channel = null
    this.#standing = null
    this.#buffer = []
    await closed(channel)
  }

  /** Waits for an answer of the broker; what closed the channel says more than that it was closed. */
  async #told<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } catch (thrown) {
      throw this.#over ?? this.#failure(textOf(thrown))
    }
  }

  #refusal(error: { readonly code?: unknown }): void {
    if (error.code === LOCKED || error.code === NOT_IMPLEMENTED) this.live.standing.add(this.#queue)
    const text = `the broker at ${this.live.address} lets queue ${this.#queue} not be read: ${textOf(error)}`
    this.#end(new IntegrationError('BROKER_REFUSED', text))
  }

  #deleted(): void {
    if (this.#route) this.live.forget(this.#route)
    this.#end(this.#failure('it was deleted'))
  }

  #end(why: IntegrationError): void {
    if (this.#over) return
    this.#over = why
    this.#forget()
    this.live.lent(this.#queue, -this.#loans)
    this.#loans = 0
    this.#buffer = []
    this.#wake?.()
    this.#waiters.end(why)
  }

  #failure(why: string): IntegrationError {
    const text = `queue ${this.#queue} at the broker ${this.live.address} cannot be read: ${why}`
    return new IntegrationError('STORE_UNAVAILABLE', text)
  }
}

/** How long a queue that cannot be asked is given to send what it has. */
const STANDING_QUIET = 200

async function closed(channel: Channel | undefined): Promise<void> {
  try {
    await channel?.close()
  } catch {
    // It is closed already, and with it everything went back to the broker.
  }
}
