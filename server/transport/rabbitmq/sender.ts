import { randomUUID } from 'node:crypto'
import { jmsFrom, messageFrom } from '../../codecs/jms.ts'
import { accepted, type JmsDestination, type JmsMessage } from '../../drivers/jms/index.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { ConnectionFactories } from '../../kernel/connection-factories.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { SendOptions } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import type { Message } from '../../kernel/message.ts'
import type { HttpSender, HttpTarget } from '../../schema/services.ts'
import { reformat } from '../outbound.ts'
import { asEndpointFailure, byTemporaryQueue, given, waitOf } from '../jms/asking.ts'
import type { Place } from '../jms/places.ts'
import { parseRabbitAddress } from '../../runtime/rabbitmq/address.ts'
import { Routed, routeOf, type RabbitPlaces } from './places.ts'

/** Between two looks into a reply queue that others use, too. */
const OTHERS_REPLY = 100
/** Addresses kept resolved; those made from messages are endless. */
const MOST_ADDRESSES = 1000

interface Destination {
  readonly place: Place
  readonly to: Routed
  readonly replyTo: string | undefined
}

export interface RabbitSenderParts {
  readonly places: RabbitPlaces
  readonly clock: Clock
  readonly maxBodySize: number
  readonly factories: ConnectionFactories
}

type Options = SendOptions & { readonly timeoutMs: number }

/** Sends to `rabbitmq:/…` addresses, confirmed by the broker; with a reply where one is wanted. */
export class RabbitSender implements HttpSender {
  readonly #places: RabbitPlaces
  readonly #clock: Clock
  readonly #maxBodySize: number
  readonly #factories: ConnectionFactories
  readonly #destinations = new Map<string, Destination>()

  constructor({ places, clock, maxBodySize, factories }: RabbitSenderParts) {
    this.#places = places
    this.#clock = clock
    this.#maxBodySize = maxBodySize
    this.#factories = factories
  }

  async send(request: Message, target: HttpTarget, ctx: MessageContext, options: Options): Promise<Message | null> {
    const destination = this.#destination(target.url)
    if (target.format !== undefined && target.format !== 'get') await reformat(request, target, ctx)
    await request.body.collect()
    request.addressing.to = target.url
    try {
      if (!options.oneWay && !ctx.isOn('OUT_ONLY')) return await this.#ask(destination, request, options)
      const message = this.#message(request, options.deliveryId ?? randomUUID(), undefined)
      await destination.place.put(destination.to, message)
      ctx.exchange.expectNothing()
      return null
    } catch (thrown) {
      throw asEndpointFailure(thrown)
    }
  }

  #destination(url: string): Destination {
    const known = this.#destinations.get(url)
    if (known) return known
    const { parameters, written, queue, replyTo } = parseRabbitAddress(url, this.#factories)
    const place = this.#places.at(parameters, url.replace(/\?.*$/s, ''))
    const made = { place, to: new Routed(routeOf(parameters, written, queue)), replyTo }
    if (this.#destinations.size >= MOST_ADDRESSES) this.#destinations.delete(this.#destinations.keys().next().value!)
    this.#destinations.set(url, made)
    return made
  }

  #message(request: Message, id: string, correlationId: string | undefined): JmsMessage {
    const named = correlationId ?? given(request, 'rabbitmq.message.correlation.id')
    return jmsFrom(request, {
      contentTypeProperty: undefined,
      hyphens: 'none',
      messageId: given(request, 'rabbitmq.message.id') ?? id,
      now: this.#clock.now(),
      ...(named !== undefined && { correlationId: named }),
    })
  }

  async #ask(destination: Destination, request: Message, options: Options): Promise<Message> {
    const id = options.deliveryId ?? randomUUID()
    const correlationId = given(request, 'rabbitmq.message.correlation.id') ?? randomUUID()
    const waitMs = waitOf(request, 'rabbitmq.wait.reply.timeout', options.timeoutMs)
    const message = this.#message(request, id, correlationId)
    const named = given(request, 'RABBITMQ_REPLY_TO') ?? destination.replyTo
    const reply =
      named === undefined
        ? await this.#byTemporaryQueue(destination, message, correlationId, waitMs)
        : await this.#byNamedQueue(named, destination, message, correlationId, waitMs)
    const answer = messageFrom(reply, {
      contentType: { properties: [] },
      hyphens: 'none',
      limit: this.#maxBodySize,
    })
    answer.isResponse = true
    return answer
  }

  #byTemporaryQueue(
    { place, to }: Destination,
    message: JmsMessage,
    correlationId: string,
    waitMs: number,
  ): Promise<JmsMessage> {
    return byTemporaryQueue({
      place,
      clock: this.#clock,
      to,
      ids: [correlationId],
      waitMs,
      message: replyTo => ({ ...message, replyTo }),
      noReply: () => noReply(waitMs),
    })
  }

  /** A queue that others may read replies from, too: theirs go back. */
  async #byNamedQueue(
    queue: string,
    { place, to }: Destination,
    message: JmsMessage,
    correlationId: string,
    waitMs: number,
  ): Promise<JmsMessage> {
    const from = { kind: 'queue', name: queue } as const
    const until = this.#clock.monotonic() + waitMs
    await place.put(to, { ...message, replyTo: from })
    for (;;) {
      const reply = await this.#lookedUp(place, from, correlationId)
      if (reply) return reply
      if (this.#clock.monotonic() >= until) throw noReply(waitMs)
      await this.#clock.sleep(OTHERS_REPLY)
    }
  }

  /** One look through the whole queue. What is for others is held no longer than that, and goes back to its place. */
  async #lookedUp(place: Place, from: JmsDestination, correlationId: string): Promise<JmsMessage | null> {
    const live = await place.connection.open(place.deadlineMs)
    const incoming = live.openReceiver({ from, clock: this.#clock, window: 1 })
    try {
      for (let received = await incoming.take(0); received; received = await incoming.take(0)) {
        if (received.message.correlationId !== correlationId) continue
        await received.settle(accepted)
        return received.message
      }
      return null
    } finally {
      await incoming.close()
    }
  }
}

function noReply(waitMs: number): IntegrationError {
  return new IntegrationError('SEND_TIMEOUT', `no reply to the message came within ${waitMs} ms`)
}
