import { MessageContext, type Exchange, type Origin } from '../kernel/context.ts'
import type { Log, Registry, StoredMessage } from '../kernel/contracts.ts'
import { textOf } from '../kernel/errors.ts'
import { restoreMessage, restoreProperties } from '../kernel/stored-message.ts'
import type { Services } from '../schema/services.ts'

/** They describe an earlier exchange of the message and would steer this one (store-and-forward §5.2). */
const STALE = ['blocking.sender.error', 'LAST_ENDPOINT', 'RECEIVING_SEQUENCE']

/** Makes contexts for stored messages and runs named sequences on them, on behalf of one processor. */
export class StoredFlow {
  readonly processor: string
  readonly services: Services
  readonly log: Log
  readonly #origin: Origin

  constructor(processor: string, services: Services, log: Log) {
    this.processor = processor
    this.services = services
    this.log = log
    this.#origin = { label: `messageprocessor:${processor}`, kind: 'processor', name: processor }
  }

  /** A context of its own for every try: the stored message stays as it is (P4). `exchange` is a caller who waits. */
  context(stored: StoredMessage, runtime: Registry, signal?: AbortSignal, exchange?: Exchange): MessageContext {
    const ctx = new MessageContext({
      message: restoreMessage(stored),
      runtime,
      log: this.log,
      origin: this.#origin,
      exchange,
      signal,
    })
    restoreProperties(stored, ctx, this.services.payloads)
    for (const name of STALE) ctx.properties.delete(name)
    return ctx
  }

  /** Runs `work` on the snapshot of this moment, which stays whole until it ends. */
  async inSnapshot<T>(work: (runtime: Registry) => Promise<T>): Promise<T> {
    const runtime = this.services.registry()
    runtime.enter()
    try {
      return await work(runtime)
    } finally {
      runtime.leave()
    }
  }

  /** Runs the fault or deactivate sequence. What goes wrong in it is logged: it cannot undo what it was told of. */
  async tell(kind: 'fault' | 'deactivate', name: string | undefined, ctx: MessageContext): Promise<void> {
    const sequence = name === undefined ? undefined : ctx.runtime.find('sequence', name)
    if (!sequence) {
      const text = `Failed to send the message through the ${kind} sequence. Sequence name does not Exist.`
      this.log.warn(text, { processor: this.processor, ...(name !== undefined && { sequence: name }) })
      return
    }
    try {
      await sequence.mediate(ctx)
    } catch (thrown) {
      this.log.error(`the ${kind} sequence of message processor [${this.processor}] failed`, {
        sequence: name,
        reason: textOf(thrown),
      })
    }
  }
}
