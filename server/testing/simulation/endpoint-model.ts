import type { EndpointStatus } from '../../kernel/contracts.ts'
import type { EndpointPlan } from './routes.ts'

const LONGEST = 20_000
const RETRIES = 2
const RETRY_DELAY = 100

/**
 * When one instance of an endpoint may be used, worked out from what the configuration says and not from the code that
 * is looked at: the two have to agree after every step.
 */
export class EndpointModel {
  state: EndpointStatus['state'] = 'active'
  /** On the wall clock; of `timeout` and `suspended`. */
  readyAt = 0
  readonly #suspend: number | 'never'
  /** When it last began to rest. */
  #since = -Infinity
  #left = 0
  #duration = 0

  constructor({ suspend }: EndpointPlan) {
    this.#suspend = suspend
  }

  mayBeUsed(now: number): boolean {
    return this.state === 'active' || (this.state !== 'off' && this.readyAt <= now)
  }

  /** As {@link mayBeUsed}, for what may have begun before the failure of this very moment was known. */
  mayBeInUse(now: number): boolean {
    return this.mayBeUsed(now) || this.#since === now
  }

  succeeded(): void {
    if (this.state !== 'off') this.state = 'active'
  }

  failed(timedOut: boolean, now: number): void {
    if (this.#suspend === 'never' || this.state === 'off') return
    this.#since = now
    if (timedOut && this.state !== 'suspended') {
      this.#left = this.state === 'timeout' ? this.#left - 1 : RETRIES
      if (this.#left > 0) {
        this.state = 'timeout'
        this.readyAt = now + RETRY_DELAY
        return
      }
    }
    this.#duration = this.state === 'suspended' ? Math.min(this.#duration * 2, LONGEST) : this.#suspend
    this.state = 'suspended'
    this.readyAt = now + this.#duration
  }

  switched(on: boolean): void {
    this.state = on ? 'active' : 'off'
  }

  /** What is wrong with what the server says, if anything is. */
  differsFrom({ state, nextTry }: EndpointStatus): string | undefined {
    if (state !== this.state) return `is ${state} and should be ${this.state}`
    const rests = state === 'timeout' || state === 'suspended'
    if (rests && nextTry !== this.readyAt) return `is to be tried at ${nextTry} and should be at ${this.readyAt}`
    return undefined
  }
}

/** The models of all instances: a redeployment makes a new one, and work under way goes on with the old. */
export class EndpointModels {
  readonly #plans: ReadonlyMap<string, EndpointPlan>
  readonly #models = new WeakMap<EndpointStatus, EndpointModel>()

  constructor(endpoints: readonly EndpointPlan[]) {
    this.#plans = new Map(endpoints.map(endpoint => [endpoint.name, endpoint]))
  }

  of(name: string, status: EndpointStatus): EndpointModel {
    let model = this.#models.get(status)
    if (!model) this.#models.set(status, (model = new EndpointModel(this.#plans.get(name)!)))
    return model
  }
}
