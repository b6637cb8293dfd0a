import { randomUUID } from 'node:crypto'
import { jmsFrom, messageFrom, type WritingRules } from '../../codecs/jms.ts'
import { beginWork, type JmsMessage, type JmsWork } from '../../drivers/jms/index.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { SendOptions } from '../../kernel/contracts.ts'
import { asIntegrationError, IntegrationError } from '../../kernel/errors.ts'
import type { Message } from '../../kernel/message.ts'
import type { Transaction } from '../../kernel/transaction.ts'
import type { HttpSender, HttpTarget } from '../../schema/services.ts'
import { reformat } from '../outbound.ts'
import { asEndpointFailure, byTemporaryQueue, given, waitOf } from './asking.ts'
import type { JmsEndpoint, Places } from './places.ts'

const REPLY_RULES = { contentType: { properties: [] }, hyphens: 'none' } as const

export interface JmsSenderParts {
  readonly places: Places
  readonly clock: Clock
  readonly maxBodySize: number
}

type Options = SendOptions & { readonly timeoutMs: number }

/** Sends to `jms:/…` addresses: into a transaction of the flow where there is one, with a reply where one is wanted. */
export class JmsEndpointSender implements HttpSender {
  readonly #parts: JmsSenderParts

  constructor(parts: JmsSenderParts) {
    this.#parts = parts
  }

  async send(request: Message, target: HttpTarget, ctx: MessageContext, options: Options): Promise<Message | null> {
    const endpoint = this.#parts.places.endpoint(target.url)
    if (target.format !== undefined && target.format !== 'get') await reformat(request, target, ctx)
    await request.body.collect()
    request.addressing.to = target.url
    try {
      const joined = transactionFor(endpoint, request, ctx)
      if (joined) return await this.#within(joined, endpoint, request, ctx)
      // A message processor always wants to know what became of it; of a message without a reply that is the confirm.
      if (options.oneWay || ctx.isOn('OUT_ONLY')) return await this.#oneWay(endpoint, request, ctx, options)
      return await this.#ask(endpoint, request, options)
    } catch (thrown) {
      throw asEndpointFailure(thrown)
    }
  }

  /** Becomes visible when the transaction is committed; so nobody can answer before. */
  async #within(transaction: Transaction, endpoint: JmsEndpoint, request: Message, ctx: MessageContext): Promise<null> {
    const { place, queue } = endpoint
    const { clock } = this.#parts
    const message = jmsFrom(request, this.#rules(endpoint, randomUUID()))
    const work = await transaction.enlist<JmsWork>(place.manager, () =>
      beginWork(place.connection, clock, place.deadlineMs),
    )
    try {
      await work.send(queue, message)
    } catch (thrown) {
      // Without this message the others must not become visible.
      const why = asIntegrationError(thrown)
      transaction.spoil(why.message)
      const text = `the message cannot be part of the transaction of ${transaction.owner}: ${why.message}`
      throw new IntegrationError('TRANSACTION_FAILED', text, { cause: why })
    }
    ctx.exchange.expectNothing()
    return null
  }

  async #oneWay(endpoint: JmsEndpoint, request: Message, ctx: MessageContext, { deliveryId }: Options): Promise<null> {
    const message = jmsFrom(request, this.#rules(endpoint, deliveryId ?? randomUUID(), deliveryId))
    // With an id of its own the flow is run again after a crash, and sends it once more.
    await endpoint.place.put(endpoint.queue, deliveryId === undefined ? message : { ...message, kept: true })
    ctx.exchange.expectNothing()
    return null
  }

  async #ask(endpoint: JmsEndpoint, request: Message, options: Options): Promise<Message> {
    const id = randomUUID()
    const correlationId = given(request, 'JMS_COORELATION_ID') ?? id
    const waitMs = waitOf(request, 'JMS_WAIT_REPLY', options.timeoutMs)
    const rules = { ...this.#rules(endpoint, id, options.deliveryId), correlationId }
    const named = given(request, 'JMS_REPLY_TO') ?? endpoint.replyTo?.name
    const reply =
      named === undefined
        ? await this.#byTemporaryQueue(endpoint, request, rules, waitMs)
        : await this.#byNamedQueue(named, endpoint, request, rules, waitMs)
    const message = messageFrom(reply, { ...REPLY_RULES, hyphens: endpoint.hyphens, limit: this.#parts.maxBodySize })
    message.isResponse = true
    return message
  }

  #byTemporaryQueue(endpoint: JmsEndpoint, request: Message, rules: WritingRules, waitMs: number): Promise<JmsMessage> {
    const { place, queue } = endpoint
    return byTemporaryQueue({
      place,
      clock: this.#parts.clock,
      to: queue,
      // Services answer with the correlation of the request, or with its id.
      ids: [rules.correlationId!, rules.messageId],
      waitMs,
      message: replyTo => jmsFrom(request, { ...rules, replyTo }),
      noReply: () => noReply(endpoint, waitMs),
    })
  }

  async #byNamedQueue(
    named: string,
    endpoint: JmsEndpoint,
    request: Message,
    rules: WritingRules,
    waitMs: number,
  ): Promise<JmsMessage> {
    const { place, queue } = endpoint
    const waiting = await place.replies.named(named, rules.correlationId!, place.deadlineMs)
    try {
      await place.put(queue, jmsFrom(request, { ...rules, replyTo: { kind: 'queue', name: named } }))
      const came = await waiting.take(waitMs)
      if (came) return came
      throw noReply(endpoint, waitMs)
    } finally {
      await waiting.close().catch(() => undefined)
    }
  }

  #rules(
    { contentTypeProperty, hyphens }: Pick<JmsEndpoint, 'contentTypeProperty' | 'hyphens'>,
    id: string,
    duplicateId?: string,
  ): WritingRules {
    return {
      contentTypeProperty,
      hyphens,
      messageId: `ID:${id}`,
      now: this.#parts.clock.now(),
      ...(duplicateId !== undefined && { duplicateId }),
    }
  }
}

/** The transaction this send is part of. A request that names where its reply goes is not: nobody would answer before the end. */
function transactionFor({ place, replyTo }: JmsEndpoint, request: Message, ctx: MessageContext): Transaction | null {
  const transaction = ctx.work?.transaction
  if (!transaction) return null
  if (replyTo || given(request, 'JMS_REPLY_TO') !== undefined || given(request, 'JMS_WAIT_REPLY') !== undefined)
    return null
  return transaction.concerns(place.manager) ? transaction : null
}

function noReply({ queue }: JmsEndpoint, waitMs: number): IntegrationError {
  return new IntegrationError('SEND_TIMEOUT', `no reply to the message in queue ${queue.name} within ${waitMs} ms`)
}
