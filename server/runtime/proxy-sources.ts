import type { Log, MessageSource, SourceState } from '../kernel/contracts.ts'
import { textOf } from '../kernel/errors.ts'

export interface ProxySource {
  /** As in `transports="…"`. */
  readonly transport: string
  readonly source: MessageSource
}

/** What brings messages to a proxy besides HTTP. One that cannot begin does not keep the service from its other callers. */
export class ProxySources implements AsyncDisposable {
  readonly #service: string
  readonly #sources: readonly ProxySource[]
  readonly #log: Log
  readonly #refused = new Map<ProxySource, string>()

  constructor(service: string, sources: readonly ProxySource[], log: Log) {
    this.#service = service
    this.#sources = sources
    this.#log = log
  }

  get states(): readonly ({ readonly transport: string } & SourceState)[] {
    return this.#sources.map(one => {
      const reason = this.#refused.get(one)
      return { transport: one.transport, ...one.source.state, ...(reason !== undefined && { reason }) }
    })
  }

  async start(): Promise<void> {
    for (const one of this.#sources) {
      try {
        await one.source.start()
      } catch (thrown) {
        this.#refused.set(one, textOf(thrown))
        this.#log.error(`ProxyService '${this.#service}' gets nothing by ${one.transport}: ${textOf(thrown)}`)
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#sources.map(({ source }) => source.stop()))
  }
}
