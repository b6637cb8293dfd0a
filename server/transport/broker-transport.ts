import type { MessageContext } from '../kernel/context.ts'
import type { MessageSource, SendOptions } from '../kernel/contracts.ts'
import type { Message } from '../kernel/message.ts'
import type { HttpSender, HttpTarget, Services } from '../schema/services.ts'

export interface BrokerParts<L> extends Disposable {
  readonly sender: HttpSender
  listener(parts: L): MessageSource
}

/** Queues as a transport. Made when it is first needed, for the services have this transport in them. */
export class BrokerTransport<L> implements HttpSender, Disposable {
  readonly #make: () => BrokerParts<L>
  #made: BrokerParts<L> | null = null

  constructor(services: () => Services, make: (services: Services) => BrokerParts<L>) {
    this.#make = () => make(services())
  }

  send(
    request: Message,
    target: HttpTarget,
    ctx: MessageContext,
    options: SendOptions & { timeoutMs: number },
  ): Promise<Message | null> {
    return this.#parts.sender.send(request, target, ctx, options)
  }

  listener(parts: L): MessageSource {
    return this.#parts.listener(parts)
  }

  [Symbol.dispose](): void {
    this.#made?.[Symbol.dispose]()
    this.#made = null
  }

  get #parts(): BrokerParts<L> {
    return (this.#made ??= this.#make())
  }
}
