/** Messages that nobody waits for: tasks, files and queues put them into a flow. */
import { MessageContext, type Exchange, type Origin } from '../kernel/context.ts'
import type { Log, Mediator, Ref, Registry } from '../kernel/contracts.ts'
import { IntegrationError } from '../kernel/errors.ts'
import type { Message } from '../kernel/message.ts'
import type { Services } from '../schema/services.ts'
import { handleFault } from './service-flow.ts'

/** Where the message goes in. */
export type Entrance =
  | { readonly kind: 'main'; readonly onError?: Ref<'sequence'> | undefined }
  | { readonly kind: 'sequence'; readonly ref: Ref<'sequence'>; readonly onError?: Ref<'sequence'> | undefined }
  | { readonly kind: 'proxy'; readonly ref: Ref<'proxy'> }

export interface Injected {
  readonly ctx: MessageContext
  /** A fault after which the flow has sent, stored or answered nothing: what a caller would have been told. */
  readonly fault: IntegrationError | undefined
}

/** Runs one message after the other, or many at a time, on behalf of one artifact. */
export class Injector {
  readonly #services: Services
  readonly #log: Log
  readonly #origin: Pick<Origin, 'label' | 'kind' | 'name'>
  readonly #entrance: Entrance

  constructor(origin: Pick<Origin, 'label' | 'kind' | 'name'>, entrance: Entrance, services: Services, log: Log) {
    this.#origin = origin
    this.#entrance = entrance
    this.#services = services
    this.#log = log
  }

  /**
   * Resolves at the end of the flow, faults included; of its branches, too, if `prepare` gives it a `work` to note them
   * in. `prepare` sees the context first. A name that is not deployed is a fault like any other.
   */
  async inject(
    message: Message,
    prepare?: (ctx: MessageContext) => void,
    signal?: AbortSignal,
    exchange?: Exchange,
  ): Promise<Injected> {
    const runtime = this.#services.registry()
    runtime.enter()
    try {
      const ctx = new MessageContext({
        message,
        runtime,
        log: this.#log,
        origin: this.#originOf(runtime),
        signal,
        exchange,
      })
      prepare?.(ctx)
      await enter(this.#entrance, ctx)
      await ctx.work?.over()
      ctx.exchange.over()
      return { ctx, fault: ctx.exchange.fault ?? undefined }
    } finally {
      runtime.leave()
    }
  }

  /** A proxy goes on as if it had been called; elsewhere replies run `main`, the other way (synapse-language B.6). */
  #originOf(runtime: Registry): Origin {
    const entrance = this.#entrance
    if (entrance.kind === 'proxy') {
      const proxy = runtime.find('proxy', entrance.ref.name)
      if (proxy) return proxy.origin
    }
    return {
      ...this.#origin,
      onReply: REPLY_TO_MAIN,
      onFault: (thrown, ctx) => handleFault(thrown, entranceHandler(entrance, ctx), ctx),
    }
  }
}

/** Runs the flow to its end; a fault in it runs the fault sequence. Never rejects. */
export async function enter(entrance: Entrance, ctx: MessageContext): Promise<void> {
  try {
    if (entrance.kind === 'main') await mainOf(ctx.runtime).mediate(ctx)
    else if (entrance.kind === 'sequence') await ctx.runtime.get(entrance.ref).mediate(ctx)
    else await proxyOf(ctx.runtime, entrance.ref).handle(ctx)
  } catch (thrown) {
    await handleFault(thrown, entranceHandler(entrance, ctx), ctx)
  }
}

/** `onError` of the artifact; one that is not deployed leaves the fault to the sequence named `fault`. */
export function entranceHandler(entrance: Entrance, { runtime }: MessageContext): Mediator | undefined {
  const name = entrance.kind === 'proxy' ? undefined : entrance.onError?.name
  return name === undefined ? undefined : runtime.find('sequence', name)
}

/** Without a main sequence the reply is for whoever waits. */
export const REPLY_TO_MAIN: Mediator = {
  mediate(ctx) {
    const main = ctx.runtime.find('sequence', 'main')
    if (main) return main.mediate(ctx)
    if (!ctx.exchange.reply(ctx.message, ctx)) ctx.message.body.discard()
    return 'done'
  },
}

function mainOf(runtime: Registry): Mediator {
  const main = runtime.find('sequence', 'main')
  if (main) return main
  throw new IntegrationError(
    'SEQUENCE_UNKNOWN',
    'Sequence named main cannot be found: deploy one, or name another sequence or a proxy to inject into',
  )
}

function proxyOf(runtime: Registry, ref: Ref<'proxy'>): { handle(ctx: MessageContext): Promise<void> } {
  const proxy = runtime.get(ref)
  if (proxy.startOnLoad) return proxy
  throw new IntegrationError(
    'SERVICE_INACTIVE',
    `the service ${proxy.name} is deployed but not started (startOnLoad="false")`,
    { at: ref.at },
  )
}
