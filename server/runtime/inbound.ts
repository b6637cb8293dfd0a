import type { Actor, InboundEndpoint, InboundState, Log, MessageSource } from '../kernel/contracts.ts'
import { textOf } from '../kernel/errors.ts'
import type { Services } from '../schema/services.ts'
import { WantedStates, type Wanted } from './wanted-states.ts'

export interface InboundParts {
  readonly name: string
  readonly protocol: string
  readonly sequence: string | undefined
  readonly onError: string | undefined
  readonly parameters: Readonly<Record<string, string>>
  /** Whether it works when nobody has ever said otherwise. */
  readonly initiallyActive: boolean
  readonly source: MessageSource
  readonly services: Services
  readonly log: Log
}

const KEPT = { called: 'inbound endpoint', table: 'inbound-endpoints' }

/** The life of an inbound endpoint: what is wanted (XML, operator; durable), and what its source says it does. */
export class Inbound implements InboundEndpoint {
  readonly name: string
  readonly protocol: string
  readonly sequence: string | undefined
  readonly onError: string | undefined
  readonly parameters: Readonly<Record<string, string>>
  readonly #parts: InboundParts
  readonly #states: WantedStates
  #wanted: Wanted
  #failed: { readonly reason: string; readonly since: number } | null = null
  #running = false
  #closed = false
  #turn: Promise<void> = Promise.resolve()

  constructor(parts: InboundParts) {
    this.#parts = parts
    this.name = parts.name
    this.protocol = parts.protocol
    this.sequence = parts.sequence
    this.onError = parts.onError
    this.parameters = parts.parameters
    this.#states = new WantedStates(parts.services, parts.log, KEPT)
    const since = parts.services.clock.now()
    this.#wanted = parts.initiallyActive
      ? { wanted: 'active', by: 'deploy', reason: 'not started yet', since }
      : { wanted: 'inactive', by: 'deploy', reason: 'suspend="true"', since }
  }

  get state(): InboundState {
    const { wanted, reason, since } = this.#wanted
    if (this.#running) return { wanted, ...this.#parts.source.state }
    if (this.#closed) return { wanted, observed: 'stopped', since, reason: 'it was stopped' }
    return { wanted, observed: 'stopped', since, reason, ...this.#failed }
  }

  start(): Promise<void> {
    return this.#inTurn(async () => {
      const { log } = this.#parts
      const kept = this.#states.of(this.name)
      // What an operator decided outlives every redeployment.
      if (kept) this.#wanted = kept
      if (this.#wanted.wanted === 'active') return this.#begin()
      const { by, reason, since } = this.#wanted
      log.info(`Inbound endpoint [${this.name}] is deployed but inactive`, {
        by,
        reason,
        since: new Date(since).toISOString(),
      })
    })
  }

  activate({ by }: Actor): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#running) {
        this.#parts.log.warn(`inbound endpoint [${this.name}] is already active`)
        return
      }
      await this.#want('active', by, `activated by ${by}`)
      await this.#begin()
      this.#parts.log.info(`Inbound endpoint [${this.name}] has been activated`, { by })
    })
  }

  deactivate({ by }: Actor, reason: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#wanted.wanted === 'inactive' && !this.#running) {
        this.#parts.log.warn(`inbound endpoint [${this.name}] is already inactive`)
        return
      }
      await this.#want('inactive', by, reason)
      await this.#end()
      this.#parts.log.info(`Inbound endpoint [${this.name}] has been deactivated`, { by, reason })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.#inTurn(() => this.#end())
  }

  async #begin(): Promise<void> {
    if (this.#closed || this.#running) return
    this.#failed = null
    try {
      await this.#parts.source.start()
      this.#running = true
    } catch (thrown) {
      this.#failed = { reason: textOf(thrown), since: this.#parts.services.clock.now() }
      throw thrown
    }
  }

  async #end(): Promise<void> {
    if (!this.#running) return
    await this.#parts.source.stop()
    this.#running = false
  }

  async #want(wanted: 'active' | 'inactive', by: string, reason: string): Promise<void> {
    this.#wanted = { wanted, by, reason, since: this.#parts.services.clock.now() }
    await this.#states.keep(this.name, this.#wanted)
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined)
    return turn
  }
}
