import type { MessageContext } from '../kernel/context.ts'
import type { Delivery, Endpoint, Registry, StoredMessage } from '../kernel/contracts.ts'
import { asIntegrationError, IntegrationError, textOf } from '../kernel/errors.ts'
import { noteFault } from '../kernel/flow.ts'
import type { Message } from '../kernel/message.ts'
import { movedOn, restoreMessage } from '../kernel/stored-message.ts'
import { move } from './move.ts'
import { either } from './rest.ts'
import type { StoredFlow } from './stored-flow.ts'
import type { GivenUp, Handler, Tried } from './worker.ts'

export type FailAction = 'deactivate' | 'store' | 'drop' | 'broker'

export interface Forwarding {
  /** From the element or its parameter; absent: the message's property `target.endpoint` says. */
  readonly endpoint: string | undefined
  readonly requestSequence: string | undefined
  readonly replySequence: string | undefined
  /** A reply sequence that fails means that the message is sent again. */
  readonly replyBeforeAck: boolean
  readonly faultSequence: string | undefined
  readonly deactivateSequence: string | undefined
  readonly failStore: string | undefined
  readonly failAction: FailAction
  /** HTTP statuses that count as delivered, though they are errors. */
  readonly delivered: ReadonlySet<number>
  /** HTTP statuses that count as failures, though they are not errors. */
  readonly failures: ReadonlySet<number>
}

const DELIVERED: Tried = { outcome: 'delivered' }

/** Sends stored messages to an endpoint. One for each worker. */
export class Forwarder implements Handler {
  readonly #flow: StoredFlow
  readonly #settings: Forwarding
  /** Of the last try: what a deactivate sequence is shown. */
  #last: MessageContext | null = null
  #saidDiscarded = false

  constructor(flow: StoredFlow, settings: Forwarding) {
    this.#flow = flow
    this.#settings = settings
  }

  attempt(delivery: Delivery, attempt: number, signal: AbortSignal): Promise<Tried> {
    return this.#flow.inSnapshot(runtime => this.#attempt(delivery.message, attempt, runtime, signal))
  }

  disposes(delivery: Delivery): boolean {
    const { failAction, failStore } = this.#settings
    if (failAction === 'store') return this.#flow.services.registry().find('message-store', failStore!) !== undefined
    return failAction === 'drop' || (failAction === 'broker' && delivery.reject !== undefined)
  }

  async exhausted(delivery: Delivery, attempts: number): Promise<GivenUp> {
    const { failAction: action, failStore } = this.#settings
    const { log, processor, services } = this.#flow
    const begin = `Message processor [${processor}] failed to forward message ${attempts} times.`
    const messageId = delivery.message.id
    const endpoint = this.#settings.endpoint ?? this.#last?.properties.get('target.endpoint')
    const fields = { messageId, endpoint, action }
    if (action === 'drop') {
      log.warn(`${begin} Drop message and continue.`, fields)
      return 'delivered'
    }
    if (action === 'broker') {
      if (await delivery.reject?.()) {
        log.warn(`${begin} Rejected, for the broker to dead-letter it, and continue.`, fields)
        return 'settled'
      }
      log.warn(`${begin} Deactivating message processor: its store is not at a broker that could take it back.`, fields)
      return {
        stuck: `message ${messageId} could not be forwarded in ${attempts} attempts, and no broker can take it back`,
      }
    }
    const store = action === 'store' ? services.registry().find('message-store', failStore!) : undefined
    if (!store) {
      const missing = action === 'store' ? ` The store ${failStore} for failed messages is not deployed.` : ''
      log.warn(`${begin} Deactivating message processor.`, fields)
      return { stuck: `message ${messageId} could not be forwarded in ${attempts} attempts.${missing}` }
    }
    try {
      const settled = await move(delivery, movedOn(delivery.message), store)
      log.info(`${begin} Moved failed message to fail-messages-store and continue`, { ...fields, store: store.name })
      return settled
    } catch (thrown) {
      const reason = textOf(thrown)
      log.error(
        `${begin} The store [${store.name}] for failed messages did not take it; it stays and is moved later.`,
        {
          ...fields,
          reason,
        },
      )
      return {
        later: `message ${messageId} failed ${attempts} times and the store ${store.name} did not take it: ${reason}`,
        wake: either(
          again => store.onReady(again),
          again => services.onDeploy(again),
        ),
      }
    }
  }

  async gaveUp(delivery: Delivery): Promise<void> {
    const { deactivateSequence } = this.#settings
    if (deactivateSequence === undefined) return
    await this.#flow.inSnapshot(async runtime => {
      await this.#flow.tell(
        'deactivate',
        deactivateSequence,
        this.#last ?? this.#flow.context(delivery.message, runtime),
      )
    })
  }

  async #attempt(stored: StoredMessage, attempt: number, runtime: Registry, signal: AbortSignal): Promise<Tried> {
    const { log, services, processor } = this.#flow
    const ctx = this.#flow.context(stored, runtime, signal)
    this.#last = ctx
    const name = this.#settings.endpoint ?? ctx.properties.get('target.endpoint')
    if (typeof name !== 'string' || name === '') {
      const text = `Message processor [${processor}] has no target endpoint and message ${stored.id} names none`
      log.error(`${text} in its property target.endpoint.`)
      return { outcome: 'stuck', reason: `neither the processor nor message ${stored.id} names a target endpoint` }
    }
    const endpoint = runtime.find('endpoint', name)
    if (!endpoint)
      return { outcome: 'waiting', reason: `endpoint ${name} is not deployed`, wake: again => services.onDeploy(again) }
    const { replySequence, requestSequence } = this.#settings
    const outOnly = ctx.isOn('OUT_ONLY')
    if (!outOnly && replySequence !== undefined && !runtime.find('sequence', replySequence)) {
      // Sent now, its reply would be lost; sent again later, it would be a duplicate.
      const reason = `the reply sequence ${replySequence} is not deployed`
      return { outcome: 'waiting', reason, wake: again => services.onDeploy(again) }
    }
    const readyAt = endpoint.readyAt?.(ctx)
    if (readyAt !== undefined && readyAt > services.clock.now()) {
      return { outcome: 'waiting', reason: resting(endpoint), until: readyAt }
    }
    const request = requestSequence === undefined ? undefined : runtime.find('sequence', requestSequence)
    if (requestSequence !== undefined && !request) {
      const reason = `the request sequence ${requestSequence} is not deployed`
      return { outcome: 'waiting', reason, wake: again => services.onDeploy(again) }
    }
    try {
      // As with the sequence of <store>, its outcome does not prevent what comes next.
      await request?.mediate(ctx)
      const reply = await endpoint.send(ctx.message, ctx, { deliveryId: stored.id, attempt })
      return await this.#judge(reply, endpoint, outOnly, stored, ctx)
    } catch (thrown) {
      return this.#thrown(asIntegrationError(thrown), endpoint, stored, ctx)
    }
  }

  async #judge(
    reply: Message | null,
    endpoint: Endpoint,
    outOnly: boolean,
    stored: StoredMessage,
    ctx: MessageContext,
  ): Promise<Tried> {
    const status = reply === null ? undefined : statusOf(reply)
    if (status !== undefined && this.#isFailure(status)) return this.#refused(reply!, status, endpoint, stored, ctx)
    if (reply === null) return DELIVERED
    if (outOnly) {
      reply.body.discard()
      return DELIVERED
    }
    const error = await this.#hand(reply, stored, ctx)
    if (error && this.#settings.replyBeforeAck) return { outcome: 'failed', error }
    return DELIVERED
  }

  #isFailure(status: number): boolean {
    const { delivered, failures } = this.#settings
    if (failures.has(status)) return true
    return (status < 200 || status > 299) && !delivered.has(status)
  }

  /**
   * The back end has taken the message, so nothing that happens to its reply may send it again (V8), unless somebody
   * asked for that. Resolves with what the reply sequence failed with.
   */
  async #hand(reply: Message, stored: StoredMessage, tried: MessageContext): Promise<IntegrationError | undefined> {
    const ctx = this.#answering(stored, tried)
    const { replySequence, faultSequence } = this.#settings
    const { log, processor } = this.#flow
    ctx.message = reply
    // Where a flow of Synapse finds what a blocking send was answered with (conformance case A-http-sc-in-reply-seq).
    const status = statusOf(reply)
    if (status !== undefined) ctx.properties.set('HTTP_SC', String(status))
    const sequence = replySequence === undefined ? undefined : ctx.runtime.find('sequence', replySequence)
    if (!sequence) {
      reply.body.discard()
      if (this.#saidDiscarded) return undefined
      this.#saidDiscarded = true
      log.warn(
        `Message processor [${processor}] has no reply sequence: replies are discarded. Set message.processor.reply.sequence, or OUT_ONLY before <store>.`,
      )
      return undefined
    }
    try {
      await sequence.mediate(ctx)
      return undefined
    } catch (thrown) {
      const error = asIntegrationError(thrown)
      const after = this.#settings.replyBeforeAck ? 'the message is sent again' : 'the message itself was delivered'
      log.error(`the reply sequence of message processor [${processor}] failed; ${after}`, {
        sequence: replySequence,
        reason: error.message,
        at: error.at,
      })
      noteFault(ctx, error)
      if (faultSequence !== undefined) await this.#flow.tell('fault', faultSequence, ctx)
      return error
    } finally {
      ctx.message.body.discard()
    }
  }

  /** The context of the try, or one like it that can answer a caller who still waits for the reply. */
  #answering(stored: StoredMessage, tried: MessageContext): MessageContext {
    const exchange = this.#flow.services.callers.take(stored.id)
    return exchange ? this.#flow.context(stored, tried.runtime, undefined, exchange) : tried
  }

  async #refused(
    reply: Message,
    status: number,
    endpoint: Endpoint,
    stored: StoredMessage,
    ctx: MessageContext,
  ): Promise<Tried> {
    const { log, processor } = this.#flow
    log.info(
      `Message processor [${processor}] received a response with HTTP_SC: ${status} from backend ${endpoint.name}. Message forwarding failed.`,
      { messageId: stored.id },
    )
    if (status === 400 || status === 500) {
      ctx.message = reply
    } else {
      reply.body.discard()
      ctx.message = restoreMessage(stored)
      ctx.message.axis2.set('HTTP_SC', status)
    }
    const error = new IntegrationError(
      'TRANSPORT_ERROR',
      `Transport error: ${status}: endpoint ${endpoint.name} refused the message`,
    )
    return this.#failed(error, endpoint, stored, ctx)
  }

  #thrown(
    error: IntegrationError,
    endpoint: Endpoint,
    stored: StoredMessage,
    ctx: MessageContext,
  ): Promise<Tried> | Tried {
    const { log, processor, services } = this.#flow
    if (nothingWasSent(error)) {
      const until = endpoint.readyAt?.(ctx)
      if (error.code === 'ENDPOINT_UNKNOWN') {
        return { outcome: 'waiting', reason: error.message, wake: again => services.onDeploy(again) }
      }
      return { outcome: 'waiting', reason: error.message, ...(until !== undefined && { until }) }
    }
    log.error(`[ ${processor} ] Error while forwarding message to endpoint ${endpoint.name}.`, {
      messageId: stored.id,
      reason: error.message,
      code: error.code,
    })
    ctx.message = restoreMessage(stored)
    return this.#failed(error, endpoint, stored, ctx)
  }

  async #failed(
    error: IntegrationError,
    endpoint: Endpoint,
    stored: StoredMessage,
    ctx: MessageContext,
  ): Promise<Tried> {
    const { log, processor } = this.#flow
    log.error(
      `BlockingMessageSender of message processor [${processor}] failed to forward message to endpoint ${endpoint.name}`,
      {
        messageId: stored.id,
        reason: error.message,
      },
    )
    this.#flow.services.callers.release(stored.id)
    noteFault(ctx, error)
    await this.#flow.tell('fault', this.#settings.faultSequence, ctx)
    ctx.message.body.discard()
    return { outcome: 'failed', error }
  }
}

/** A suspended endpoint, or a group with nobody ready, costs no attempt (P8). A group that did try says so by a cause. */
function nothingWasSent({ code, cause }: IntegrationError): boolean {
  return (
    code === 'ENDPOINT_SUSPENDED' || code === 'ENDPOINT_UNKNOWN' || (code === 'NO_READY_CHILD' && cause === undefined)
  )
}

function resting({ name, status }: Endpoint): string {
  const why = status?.lastError ? `: ${status.lastError}` : ''
  return status?.state === 'off' ? `endpoint ${name} is switched off` : `endpoint ${name} rests after failures${why}`
}

/** Undefined where the transport knows no status. */
function statusOf(reply: Message): number | undefined {
  const status = Number(reply.flag('HTTP_SC'))
  return Number.isInteger(status) && status > 0 ? status : undefined
}
