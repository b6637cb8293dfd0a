import type { Delivery, Registry, StoredMessage } from '../kernel/contracts.ts'
import { asIntegrationError, textOf, type IntegrationError } from '../kernel/errors.ts'
import { movedOn } from '../kernel/stored-message.ts'
import type { StoredFlow } from './stored-flow.ts'
import type { GivenUp, Handler, Tried } from './worker.ts'

const DELIVERED: Tried = { outcome: 'delivered' }

/**
 * Runs a sequence on each message, once. The message leaves the store when the sequence has ended, so a crash in
 * between runs it again; one the sequence failed on is set aside where an operator finds it, neither lost nor repeated.
 */
export class Sampler implements Handler {
  readonly #flow: StoredFlow
  readonly #sequence: string
  readonly #store: string
  /** A message the sequence has failed on, and that could not be set aside yet. */
  #failed: { readonly id: string; readonly error: IntegrationError } | null = null

  constructor(flow: StoredFlow, sequence: string, store: string) {
    this.#flow = flow
    this.#sequence = sequence
    this.#store = store
  }

  attempt({ message }: Delivery, _attempt: number, signal: AbortSignal): Promise<Tried> {
    if (this.#failed?.id === message.id) return this.#setAside(message, this.#failed.error)
    return this.#flow.inSnapshot(runtime => this.#run(message, runtime, signal))
  }

  /** Its tries have no end. */
  exhausted(): Promise<GivenUp> {
    return Promise.resolve('delivered')
  }

  async #run(message: StoredMessage, runtime: Registry, signal: AbortSignal): Promise<Tried> {
    const { services, log, processor } = this.#flow
    const sequence = runtime.find('sequence', this.#sequence)
    if (!sequence) {
      return {
        outcome: 'waiting',
        reason: `sequence ${this.#sequence} is not deployed`,
        wake: again => services.onDeploy(again),
      }
    }
    const ctx = this.#flow.context(message, runtime, signal)
    try {
      await sequence.mediate(ctx)
      return DELIVERED
    } catch (thrown) {
      const error = asIntegrationError(thrown)
      log.error(`sequence ${this.#sequence} of message processor [${processor}] failed; the message is set aside`, {
        messageId: message.id,
        reason: error.message,
        at: error.at,
      })
      return this.#setAside(message, error)
    } finally {
      ctx.message.body.discard()
    }
  }

  async #setAside(message: StoredMessage, error: IntegrationError): Promise<Tried> {
    const { services, processor } = this.#flow
    try {
      const record = Buffer.concat([...services.encode(movedOn(message))])
      await services.quarantine(this.#store, record, `message processor ${processor}: ${error.message}`)
      this.#failed = null
      return DELIVERED
    } catch (thrown) {
      this.#failed = { id: message.id, error }
      return { outcome: 'waiting', reason: `a message the sequence failed on cannot be set aside: ${textOf(thrown)}` }
    }
  }
}
