import { randomUUID } from 'node:crypto'
import type { ConfirmChannel, Message } from 'amqplib'
import type { Timer } from '../../kernel/clock.ts'
import { asIntegrationError, IntegrationError, textOf } from '../../kernel/errors.ts'
import type { JmsMessage, Outgoing, SendingParts } from '../jms/contracts.ts'
import { Lost } from '../jms/lost.ts'
import type { RabbitLive } from './live.ts'
import { encode, type Encoded } from './message.ts'
import type { Route } from './topology.ts'

interface Send {
  readonly message: Encoded
  readonly resolve: () => void
  readonly reject: (why: IntegrationError) => void
  timer: Timer
  sent: boolean
  done: boolean
  /** The broker had nowhere to put it. */
  returned?: string
}

/** A channel in confirm mode. RabbitMQ confirms what it throws away, too, so every message is mandatory. */
export class RabbitSender implements Outgoing {
  readonly live: RabbitLive
  readonly #route: Route
  readonly #parts: SendingParts
  /** By message id; the same may be in flight twice. */
  readonly #inFlight = new Map<string, Set<Send>>()
  #waiting: Send[] = []
  #channel: ConfirmChannel | null = null
  #over: IntegrationError | null = null
  /** Nothing more goes out here: the next message looks anew for where it is to go. */
  #stale = false
  readonly #forget: (() => void)[]

  constructor(live: RabbitLive, route: Route, parts: SendingParts) {
    this.live = live
    this.#route = route
    this.#parts = parts
    this.#forget = [live.onGone(why => this.#end(why)), live.onUnblocked(() => this.#pump())]
    void this.#open()
  }

  get over(): boolean {
    return this.#stale || this.#over !== null
  }

  send(message: JmsMessage, confirmMs: number, creditMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#over) return reject(this.#over)
      const send: Send = {
        message: encode(message, randomUUID()),
        resolve,
        reject,
        timer: this.#parts.clock.after(confirmMs, () => this.#late(send, creditMs - confirmMs)),
        sent: false,
        done: false,
      }
      this.#waiting.push(send)
      this.#pump()
    })
  }

  close(): void {
    const channel = this.#channel
    // Where addresses are made from messages, routes are endless.
    this.live.forget(this.#route)
    this.#end(this.#failure('the store is closing'))
    // It is closed already, or goes with its connection.
    channel?.close().catch(() => undefined)
  }

  async #open(): Promise<void> {
    try {
      await this.live.ensure(this.#route)
      const channel = await this.live.model.createConfirmChannel()
      // Closed meanwhile; whoever sent has been told, and the channel goes with its connection at the latest.
      if (this.#over) return void channel.close().catch(() => undefined)
      channel.on('error', (error: unknown) => {
        this.live.forget(this.#route)
        this.#end(this.#refused(textOf(error)))
      })
      channel.on('close', () => this.#end(this.#failure('the channel was closed')))
      channel.on('return', (message: Message) => this.#returned(message))
      this.#channel = channel
      this.#pump()
    } catch (thrown) {
      this.#end(thrown instanceof IntegrationError ? thrown : this.#failure(textOf(thrown)))
    }
  }

  #pump(): void {
    const channel = this.#channel
    if (!channel || this.#over || this.live.blocked !== null) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const send of waiting) if (!send.done) this.#publish(channel, send)
  }

  #publish(channel: ConfirmChannel, send: Send): void {
    const { content, options } = send.message
    const { exchange, routingKey } = this.#route
    const note = (): void => {
      const same = this.#inFlight.get(options.messageId)
      if (same) same.add(send)
      else this.#inFlight.set(options.messageId, new Set([send]))
    }
    try {
      channel.publish(exchange?.name ?? '', routingKey, content, { ...options, mandatory: true }, error =>
        this.#answered(send, error),
      )
      send.sent = true
      note()
    } catch (thrown) {
      // Too large a header, for one: nothing was sent, and nothing is wrong with the channel.
      this.#settle(send)?.reject(this.#failure(textOf(thrown), asIntegrationError(thrown)))
    }
  }

  #answered(send: Send, error: unknown): void {
    if (!this.#settle(send)) return
    const { fullness } = this.#parts
    if (send.returned !== undefined) {
      // Perhaps somebody deleted the queue.
      this.#stale = true
      this.live.forget(this.#route)
      send.reject(this.#refused(send.returned))
      if (this.#inFlight.size === 0 && this.#waiting.length === 0) this.close()
      return
    }
    if (error === null || error === undefined) {
      fullness(false)
      return send.resolve()
    }
    if (textOf(error) !== NACKED) return send.reject(new Lost(this.#over ?? this.#failure(textOf(error)), true))
    const why = 'it refused to keep the message (is the queue at its limit?)'
    fullness(true, why)
    send.reject(this.#failure(why))
  }

  #returned({ properties, fields }: Message): void {
    const { replyText } = fields as unknown as { replyText?: unknown }
    const text = `no queue takes messages for ${this.#place} (${String(replyText ?? 'NO_ROUTE')})`
    const same = this.#inFlight.get(String(properties.messageId))
    for (const send of same ?? []) {
      if (send.returned !== undefined) continue
      send.returned = text
      return
    }
  }

  #late(send: Send, creditMs: number): void {
    if (send.sent) {
      // The confirm may be lost with everything else on this connection: whoever comes next must not wait for it, too.
      const why = this.#failure('it did not confirm the message in time')
      this.#settle(send)?.reject(new Lost(why, true))
      this.live.abandon(why)
      return
    }
    if (creditMs > 0) {
      send.timer = this.#parts.clock.after(creditMs, () => this.#late(send, 0))
      return
    }
    const why = `it lets nothing be sent (${this.live.blocked ?? 'it does not answer'})`
    this.#parts.fullness(true, why)
    this.#settle(send)?.reject(this.#failure(why))
  }

  #settle(send: Send): Send | undefined {
    if (send.done) return undefined
    send.done = true
    send.timer.cancel()
    const { messageId } = send.message.options
    const same = this.#inFlight.get(messageId)
    if (same?.delete(send) && same.size === 0) this.#inFlight.delete(messageId)
    return send
  }

  #end(why: IntegrationError): void {
    if (this.#over) return
    this.#over = why
    for (const forget of this.#forget) forget()
    this.#channel = null
    const left = [...this.#waiting, ...[...this.#inFlight.values()].flatMap(same => [...same])]
    this.#waiting = []
    for (const send of left) {
      // What the broker refuses it refuses again on a fresh connection.
      const reason = why.code === 'BROKER_REFUSED' && !send.sent ? why : new Lost(why, send.sent)
      this.#settle(send)?.reject(reason)
    }
  }

  get #place(): string {
    const { exchange, queue, routingKey } = this.#route
    if (exchange && exchange.name !== '') return `exchange ${exchange.name} with key ${routingKey}`
    return `queue ${queue?.name ?? routingKey}`
  }

  #failure(why: string, cause?: unknown): IntegrationError {
    const text = `the broker at ${this.live.address} did not take a message for ${this.#place}: ${why}`
    return new IntegrationError('STORE_UNAVAILABLE', text, { cause })
  }

  #refused(why: string): IntegrationError {
    return new IntegrationError('BROKER_REFUSED', `the broker at ${this.live.address} refused a message: ${why}`)
  }
}

/** What amqplib says when the broker refused to keep a message. */
const NACKED = 'message nacked'
