import type { MessageContext } from '../kernel/context.ts'
import type { Delivery, MessageStore, Registry } from '../kernel/contracts.ts'
import { asIntegrationError, IntegrationError } from '../kernel/errors.ts'
import { noteFault } from '../kernel/flow.ts'
import { move } from './move.ts'
import { either, type Wake } from './rest.ts'
import type { StoredFlow } from './stored-flow.ts'
import type { GivenUp, Handler, Tried } from './worker.ts'

export interface Moving {
  readonly target: string
  readonly faultSequence: string | undefined
  readonly deactivateSequence: string | undefined
  readonly drop: boolean
}

/**
 * Moves messages from one store to another: the relay of an outbox (messaging-peers §7.3). In one step where both are in
 * the journal; otherwise the target has to confirm before the source lets go, under the same id, so that a repeated move
 * can be recognised (P5).
 */
export class Mover implements Handler {
  readonly #flow: StoredFlow
  readonly #settings: Moving

  constructor(flow: StoredFlow, settings: Moving) {
    this.#flow = flow
    this.#settings = settings
  }

  async attempt(delivery: Delivery, _attempt: number, signal: AbortSignal): Promise<Tried> {
    const { services } = this.#flow
    const target = services.registry().find('message-store', this.#settings.target)
    try {
      if (!target) throw new IntegrationError('STORE_UNKNOWN', `Message Store ${this.#settings.target} does not exist.`)
      return { outcome: await move(delivery, delivery.message, target, signal) }
    } catch (thrown) {
      return this.#failed(asIntegrationError(thrown), target, delivery, signal)
    }
  }

  /** A pause from before a restart: the target may be back already. */
  resumed(again: () => void): () => void {
    const target = this.#flow.services.registry().find('message-store', this.#settings.target)
    if (target?.status.state === 'ready') queueMicrotask(again)
    return this.#targetBack(target)?.(again) ?? (() => {})
  }

  disposes(): boolean {
    return this.#settings.drop
  }

  async exhausted(delivery: Delivery, attempts: number): Promise<GivenUp> {
    const { target, drop, deactivateSequence } = this.#settings
    const { log, processor } = this.#flow
    const messageId = delivery.message.id
    if (drop) {
      log.info(`Removed failed message and continue the message processor [${processor}]`, { messageId, attempts })
      return 'delivered'
    }
    if (deactivateSequence !== undefined) {
      await this.#flow.inSnapshot(runtime =>
        this.#flow.tell('deactivate', deactivateSequence, this.#context(delivery, runtime)),
      )
    }
    return { stuck: `message ${messageId} could not be moved to store ${target} in ${attempts} attempts` }
  }

  async #failed(
    error: IntegrationError,
    target: MessageStore | undefined,
    delivery: Delivery,
    signal: AbortSignal,
  ): Promise<Tried> {
    const { log, processor } = this.#flow
    log.error(
      `Message store messageSender of message processor [${processor}] failed to send message to the target message store`,
      {
        store: this.#settings.target,
        messageId: delivery.message.id,
        reason: error.message,
      },
    )
    await this.#flow.inSnapshot(async runtime => {
      const ctx = this.#context(delivery, runtime, signal)
      noteFault(ctx, error)
      await this.#flow.tell('fault', this.#settings.faultSequence, ctx)
    })
    const wake = this.#targetBack(target)
    return { outcome: 'failed', error, ...(wake && { wake }) }
  }

  /** A target that comes back need not wait for the pause to end (60 s in the documents' example). */
  #targetBack(target: MessageStore | undefined): Wake | undefined {
    const { services } = this.#flow
    return either(target && (again => target.onReady(again)), again => services.onDeploy(again))
  }

  #context(delivery: Delivery, runtime: Registry, signal?: AbortSignal): MessageContext {
    return this.#flow.context(delivery.message, runtime, signal)
  }
}
