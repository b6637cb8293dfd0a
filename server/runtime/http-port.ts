import type { MessageContext, Origin } from '../kernel/context.ts'
import type { MessageSource, SourceState } from '../kernel/contracts.ts'
import type { InboundEnv } from '../schema/kinds.ts'
import type { KeyStore, OpenPort, OwnPort } from '../schema/services.ts'
import { enter, entranceHandler, REPLY_TO_MAIN, type Entrance } from './injection.ts'
import { handleFault } from './service-flow.ts'

export interface HttpPortParts extends InboundEnv {
  readonly port: number
  readonly pattern: RegExp | undefined
  readonly secure: boolean
  readonly keyStore?: KeyStore | undefined
  readonly callers?: OwnPort['callers']
}

/** A port of its own for one sequence, or for some of the services (synapse-language G.2). */
export class HttpPort implements MessageSource {
  readonly #parts: HttpPortParts
  #open: OpenPort | null = null
  #since: number

  constructor(parts: HttpPortParts) {
    this.#parts = parts
    this.#since = parts.services.clock.now()
  }

  get state(): SourceState {
    return { observed: this.#open ? 'listening' : 'stopped', since: this.#since }
  }

  async start(): Promise<void> {
    const { name, port, pattern, secure, keyStore, callers, services, sequence, onError, log } = this.#parts
    const entrance: Entrance =
      sequence && !pattern ? { kind: 'sequence', ref: sequence, onError } : { kind: 'main', onError }
    const origin: Origin = {
      label: `inboundendpoint:${name}`,
      kind: 'inbound',
      name,
      onReply: REPLY_TO_MAIN,
      onFault: (thrown, ctx) => handleFault(thrown, entranceHandler(entrance, ctx), ctx),
    }
    this.#open = await services.ports.open({
      name,
      port,
      secure,
      keyStore,
      callers,
      claims: path => pattern !== undefined && pattern.test(path),
      origin,
      handle: (ctx: MessageContext) => enter(entrance, ctx),
    })
    this.#since = services.clock.now()
    log.info(`Inbound Endpoint [${name}] listens on port ${this.#open.port}`)
  }

  async stop(): Promise<void> {
    await this.#open?.close()
    this.#open = null
    this.#since = this.#parts.services.clock.now()
  }
}
