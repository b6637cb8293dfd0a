import { KeyedConsumers } from './keyed-consumers.ts'
import type { Backoff } from '../kernel/backoff.ts'
import type {
  Actor,
  Consumer,
  Delivery,
  Log,
  MessageProcessor,
  MessageStore,
  ProcessorState,
  Ref,
  StoredMessage,
} from '../kernel/contracts.ts'
import { IntegrationError } from '../kernel/errors.ts'
import type { Services } from '../schema/services.ts'
import type { Rate } from './pace.ts'
import { WantedStates, type Wanted } from './wanted-states.ts'
import { Worker, type Handler, type Observed } from './worker.ts'

export interface StoreProcessorParts {
  readonly name: string
  readonly type: string
  readonly store: Ref<'message-store'>
  readonly parameters: Readonly<Record<string, string>>
  /** Whether it works when nobody has ever said otherwise. */
  readonly initiallyActive: boolean
  /** Messages worked on at the same time; order is kept for one. */
  readonly workers: number
  /** With several workers, keeps the order of messages for which this gives the same text (P6). */
  readonly keyOf?: (message: StoredMessage) => string
  readonly rate: Rate
  readonly retry: Backoff
  readonly maxAttempts: number
  readonly reconnect: { readonly backoff: Backoff; readonly attempts: number }
  readonly services: Services
  readonly log: Log
  /** Called once for each worker. */
  readonly handler: () => Handler
  /** Called when the processor is closed for good. */
  readonly onEnd?: () => void
}

const KEPT = { called: 'message processor', table: 'processors' }
/** How long a send in flight may take to end when the processor is stopped; shorter than the server's own patience. */
const PATIENCE = 5000
/** How long an operator waits for a stop; after that it goes on in the background. */
const OPERATOR_PATIENCE = 2000
const GAVE_UP = 'processor'

/**
 * The life of a processor: what is wanted (XML, operator, itself after giving up; durable) apart from what is observed,
 * always with the reason. Activations and deactivations happen one after the other.
 */
export class StoreProcessor implements MessageProcessor {
  readonly name: string
  readonly type: string
  readonly store: string
  readonly parameters: Readonly<Record<string, string>>
  readonly #parts: StoreProcessorParts
  readonly #observed = new Map<Worker, Observed>()
  #workers: Worker[] = []
  readonly #states: WantedStates
  #wanted: Wanted
  #state: ProcessorState
  /** Workers on their way out. */
  #ending: Promise<void> | null = null
  #closed = false
  #turn: Promise<void> = Promise.resolve()

  constructor(parts: StoreProcessorParts) {
    this.#parts = parts
    this.name = parts.name
    this.type = parts.type
    this.store = parts.store.name
    this.parameters = parts.parameters
    this.#states = new WantedStates(parts.services, parts.log, KEPT)
    const since = parts.services.clock.now()
    this.#wanted = { wanted: parts.initiallyActive ? 'active' : 'inactive', by: 'deploy', reason: 'is.active', since }
    this.#state = { wanted: this.#wanted.wanted, observed: 'stopped', since, reason: 'not started yet' }
  }

  get state(): ProcessorState {
    return this.#state
  }

  start(): Promise<void> {
    return this.#inTurn(async () => {
      const { log } = this.#parts
      const kept = this.#states.of(this.name)
      // The XML counts once: what an operator, or the processor itself, decided later outlives every redeployment.
      if (kept) this.#wanted = kept
      else await this.#states.keep(this.name, this.#wanted)
      if (this.#wanted.wanted === 'active') return this.#begin()
      const { by, reason, since } = this.#wanted
      log.info(`Message processor [${this.name}] is deployed but inactive`, {
        by,
        reason,
        since: new Date(since).toISOString(),
      })
      this.#observe()
    })
  }

  activate({ by }: Actor): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#workers.length > 0) {
        this.#parts.log.warn(`message processor [${this.name}] is already active`)
        return
      }
      await this.#ending
      await this.#want('active', by, `activated by ${by}`)
      this.#begin()
      this.#parts.log.info(`Successfully re-activated the message processor [${this.name}]`, { by })
    })
  }

  deactivate({ by }: Actor, reason: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#wanted.wanted === 'inactive' && this.#workers.length === 0) {
        this.#parts.log.warn(`message processor [${this.name}] is already inactive`)
        return
      }
      await this.#want('inactive', by, reason)
      await this.#end(OPERATOR_PATIENCE)
      this.#parts.log.info(`Successfully deactivated the message processor [${this.name}]`, { by, reason })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#parts.onEnd?.()
    await this.#inTurn(() => this.#end(Infinity))
  }

  #begin(): void {
    const { workers, log } = this.#parts
    // Its successor begins, by what is wanted now; that shows here meanwhile.
    if (this.#closed) return this.#observe()
    const open = this.#opener()
    for (let index = 0; index < workers; index++) this.#workers.push(this.#worker(open))
    for (const worker of this.#workers) worker.start()
    this.#observe()
    log.info(`Started message processor. [${this.name}].`)
  }

  /** How each worker gets its consumer: one of its own, or a share of one that keeps order by key. */
  #opener(): () => Promise<Consumer> {
    const { workers, keyOf } = this.#parts
    if (!keyOf) return () => this.#open()
    const shared = new KeyedConsumers({ workers, keyOf, open: window => this.#open(window) })
    return () => shared.consumer()
  }

  #worker(open: () => Promise<Consumer>): Worker {
    const { services, log, handler, rate, retry, maxAttempts, reconnect } = this.#parts
    const worker: Worker = new Worker({
      clock: services.clock,
      log,
      handler: handler(),
      open,
      storeReady: again => this.#store()?.onReady(again) ?? (() => {}),
      deployed: again => services.onDeploy(again),
      rate,
      retry,
      maxAttempts,
      reconnect,
      report: observed => {
        this.#observed.set(worker, observed)
        this.#observe()
      },
      giveUp: (reason, delivery) => this.#giveUp(reason, delivery),
    })
    return worker
  }

  #store(): MessageStore | undefined {
    return this.#parts.services.registry().find('message-store', this.store)
  }

  async #open(window = 1): Promise<Consumer> {
    const store = this.#store()
    if (!store) throw new IntegrationError('STORE_UNKNOWN', `Message Store ${this.store} does not exist.`)
    return store.consumer({ window })
  }

  /** Called from inside a worker: the others are stopped, and nobody waits for the caller. */
  async #giveUp(reason: string, delivery: Delivery | null): Promise<boolean> {
    const { log } = this.#parts
    if (this.#closed || this.#ending) return false
    void this.#retire()
    const blocked = delivery && { messageId: delivery.message.id, attempts: delivery.attempts }
    log.error(`Deactivating the message processor [${this.name}]: ${reason}`, { ...blocked })
    await this.#want('inactive', GAVE_UP, reason, blocked)
    this.#observe()
    log.info(`Successfully deactivated the message processor [${this.name}]`, { by: GAVE_UP, reason })
    return true
  }

  /** Lets work in flight end. An operator gets the answer after `waitMs` at the latest, however slow a back end is. */
  async #end(waitMs: number): Promise<void> {
    const ending = this.#retire()
    this.#observe()
    if (waitMs === Infinity) return ending
    const patience = new AbortController()
    await Promise.race([ending, this.#parts.services.clock.sleep(waitMs, patience.signal)])
    patience.abort()
  }

  #retire(): Promise<void> {
    const workers = this.#workers
    this.#workers = []
    if (workers.length === 0) return this.#ending ?? Promise.resolve()
    const retire = async (): Promise<void> => {
      await Promise.all(workers.map(worker => worker.stop(PATIENCE)))
      for (const worker of workers) this.#observed.delete(worker)
      this.#ending = null
      this.#observe()
    }
    this.#ending = retire()
    return this.#ending
  }

  async #want(
    wanted: 'active' | 'inactive',
    by: string,
    reason: string,
    blocked?: { readonly messageId: string; readonly attempts: number } | null,
  ): Promise<void> {
    this.#wanted = { wanted, by, reason, since: this.#parts.services.clock.now(), ...blocked }
    await this.#states.keep(this.name, this.#wanted)
  }

  #observe(): void {
    const next = this.#now()
    const before = this.#state
    const same = before.observed === next.observed && before.reason === next.reason && before.wanted === next.wanted
    this.#state = same ? { ...next, since: before.since } : next
  }

  #now(): ProcessorState {
    const { wanted, reason, since, messageId, attempts } = this.#wanted
    const now = this.#parts.services.clock.now()
    if (wanted === 'inactive') {
      const observed = this.#ending ? 'stopping' : 'stopped'
      return { wanted, observed, since, reason, ...(messageId !== undefined && { messageId, attempts: attempts ?? 0 }) }
    }
    if (this.#ending) return { wanted, observed: 'stopping', since: now }
    if (this.#workers.length === 0) {
      return { wanted, observed: 'stopped', since: now, reason: this.#closed ? 'it was stopped' : 'member.count is 0' }
    }
    let shown: Observed = { observed: 'idle' }
    for (const observed of this.#observed.values()) if (RANK[observed.observed] > RANK[shown.observed]) shown = observed
    return { wanted, since: now, ...shown }
  }

  /** One change of state after the other, whoever asks. */
  #inTurn(work: () => Promise<void> | void): Promise<void> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined)
    return turn
  }
}

/** What several workers look like from outside: one that waits is what an operator wants to know of. */
const RANK = { idle: 0, working: 1, waiting: 2 } as const
