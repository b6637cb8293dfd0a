/** Who may pass a throttle, and who has to wait. */
import type { Clock } from '../kernel/clock.ts'
import type { Exchange } from '../kernel/context.ts'
import type { CallerRule, RateControl, ThrottlePolicy } from './throttle-policy.ts'

/** Callers beyond this are forgotten, those who came least recently first: they choose their addresses. */
const MOST_CALLERS = 100_000

interface Window {
  start: number
  count: number
  /** Nothing passes before. */
  until: number
}

interface Slot {
  readonly since: number
}

export type Verdict = { readonly passes: true } | { readonly passes: false; readonly why: string }

const PASSES: Verdict = { passes: true }

/** What is counted under one id, by all throttles that name it. */
export class ThrottleState {
  readonly #clock: Clock
  readonly #leaseMs: number
  readonly #windows = new Map<string, Window>()
  readonly #slots = new Map<Exchange, Slot[]>()
  #taken = 0

  /** A flow nobody waits for has its place for `leaseMs` at most: its end is not always seen. */
  constructor(clock: Clock, leaseMs: number) {
    this.#clock = clock
    this.#leaseMs = leaseMs
  }

  /** Messages that have a place now. */
  get taken(): number {
    return this.#taken
  }

  /** Counts the message, and takes a place for it until {@link release} or the end of the exchange. */
  enter(policy: ThrottlePolicy, caller: { readonly ip: string; readonly domain: string }, exchange: Exchange): Verdict {
    const { concurrent } = policy
    if (concurrent !== undefined && !this.#hasRoom(concurrent))
      return { passes: false, why: `${concurrent} messages are on their way already` }
    for (const by of ['IP', 'DOMAIN'] as const) {
      const name = by === 'IP' ? caller.ip : caller.domain
      const rule = policy.by[by].for(name)
      if (rule && !this.#mayPass(rule, name))
        return { passes: false, why: `${name || 'the caller'} has come too often` }
    }
    if (concurrent !== undefined) this.#take(exchange)
    return PASSES
  }

  /** Gives the place of one message of the exchange back; without one nothing happens. */
  release(exchange: Exchange): void {
    const slots = this.#slots.get(exchange)
    if (!slots) return
    slots.pop()
    this.#taken--
    if (slots.length === 0) this.#slots.delete(exchange)
  }

  #take(exchange: Exchange): void {
    const slots = this.#slots.get(exchange)
    if (slots) slots.push({ since: this.#clock.monotonic() })
    else {
      this.#slots.set(exchange, [{ since: this.#clock.monotonic() }])
      exchange.whenOver(() => this.#releaseAll(exchange))
    }
    this.#taken++
  }

  #releaseAll(exchange: Exchange): void {
    this.#taken -= this.#slots.get(exchange)?.length ?? 0
    this.#slots.delete(exchange)
  }

  #hasRoom(limit: number): boolean {
    if (this.#taken < limit) return true
    const now = this.#clock.monotonic()
    for (const [exchange, [first]] of this.#slots) {
      if (!exchange.hasCaller && now - first!.since >= this.#leaseMs) this.#releaseAll(exchange)
    }
    return this.#taken < limit
  }

  #mayPass({ control, by, callers }: CallerRule, name: string): boolean {
    if (control === 'allow') return true
    if (control === 'deny') return false
    // Each address of a range, and each other one, is counted by itself.
    const key = `${by}:${callers.kind === 'one' ? callers.name : name}`
    const known = this.#windows.get(key)
    const now = this.#clock.monotonic()
    if (known && now < known.until) return false
    if (!known || now - known.start >= control.unit || known.until > 0) return this.#begin(key, now, control)
    if (known.count < control.count) {
      known.count++
      return true
    }
    if (control.prohibit > 0) known.until = now + control.prohibit
    return false
  }

  #begin(key: string, start: number, { count }: RateControl): boolean {
    this.#windows.delete(key)
    if (count === 0) return false
    this.#windows.set(key, { start, count: 1, until: 0 })
    if (this.#windows.size > MOST_CALLERS) this.#windows.delete(this.#windows.keys().next().value!)
    return true
  }
}
