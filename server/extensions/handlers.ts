import type { MessageContext } from '../kernel/context.ts'
import type { Log, SourceRef } from '../kernel/contracts.ts'
import { IntegrationError } from '../kernel/errors.ts'
import type { ExtensionProperties } from './api.ts'
import { Callee, type CallServices } from './call.ts'

export interface HandlerConfig {
  readonly className: string
  readonly properties: ExtensionProperties
}

/** The handlers of an API, in the order written. They see each request before its resource, and each reply before the out flow. */
export class Handlers {
  readonly #handlers: readonly Handler[]

  constructor(configs: readonly HandlerConfig[], services: CallServices, log: Log, at: SourceRef) {
    this.#handlers = configs.map(config => new Handler(config, services, log, at))
  }

  get isEmpty(): boolean {
    return this.#handlers.length === 0
  }

  /** False if one of them has answered the request itself. */
  async request(ctx: MessageContext): Promise<boolean> {
    for (const handler of this.#handlers) if (!(await handler.request(ctx))) return false
    return true
  }

  /** The last one first. False if one of them wants the reply to go no further. */
  async response(ctx: MessageContext): Promise<boolean> {
    for (const handler of this.#handlers.toReversed()) if (!(await handler.response(ctx))) return false
    return true
  }
}

class Handler {
  readonly #request: Callee
  readonly #response: Callee
  readonly #properties: ExtensionProperties
  readonly #log: Log

  constructor({ className, properties }: HandlerConfig, services: CallServices, log: Log, at: SourceRef) {
    const what = `<handler class="${className}">`
    this.#request = new Callee(className, 'handleRequest', what, services, at)
    this.#response = new Callee(className, 'handleResponse', what, services, at)
    this.#properties = properties
    this.#log = log
  }

  async request(ctx: MessageContext): Promise<boolean> {
    if (!this.#request.isThere) return true
    if ((await this.#request.mediate(ctx, this.#properties, this.#log)) === 'next') return true
    if (ctx.exchange.answered || !ctx.exchange.hasCaller) return false
    // Ending in silence would be answered 202: a yes to what was refused.
    throw new IntegrationError(
      'EXTENSION_FAILED',
      `the handler ${this.#request.className} returned false without an answer; call ctx.respond() before, or ctx.fault()`,
    )
  }

  async response(ctx: MessageContext): Promise<boolean> {
    if (!this.#response.isThere) return true
    return (await this.#response.mediate(ctx, this.#properties, this.#log)) === 'next'
  }
}
