import type { Clock } from '../kernel/clock.ts'
import { rest } from './rest.ts'

/** Fires at the times of a schedule while somebody listens. */
export interface Ticks {
  onTick(listener: () => void): () => void
}

export type Rate =
  | {
      readonly kind: 'interval'
      /** Milliseconds between the starts of two batches; 0 is no pause. */
      readonly interval: number
      /** Messages in a batch. */
      readonly size: number
      /** Milliseconds between the messages of a batch. */
      readonly pause: number
    }
  | {
      readonly kind: 'cron'
      readonly ticks: Ticks
      /** Most messages of one firing. */
      readonly size: number
      readonly pause: number
    }

/**
 * Timers of Node are late by up to so many milliseconds. What they were late is not added to the interval: at an interval
 * of one millisecond every second message would be left out.
 */
const TIMER_LATE = 2

/**
 * When the next message may go. The interval is Synapse's: one message (or batch) in that time, since people protect
 * back ends with it. But it is a distance, not a tick: a message that reaches an idle processor goes out at once.
 */
export class Pace {
  readonly #rate: Rate
  readonly #clock: Clock
  #startedAt = -Infinity
  #count = 0
  #notBefore = -Infinity
  #delayedUntil = -Infinity
  /** Cron: a firing is being worked off. */
  #firing = false
  /** Cron: the schedule has fired since. */
  #due = false
  #wake: (() => void) | null = null

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate
    this.#clock = clock
  }

  /** Follows the schedule from now on, until the returned function is called. */
  start(): () => void {
    const rate = this.#rate
    if (rate.kind === 'interval') return () => {}
    return rate.ticks.onTick(() => {
      this.#due = true
      this.#wake?.()
    })
  }

  /** How long a take may wait: a firing drains what is there, otherwise a message is waited for. */
  get waitMs(): number {
    return this.#rate.kind === 'cron' ? 0 : Infinity
  }

  /** Resolves when the next message may go, or when `signal` aborts. */
  async turn(signal: AbortSignal): Promise<void> {
    const rate = this.#rate
    if (rate.kind === 'cron' && !this.#firing) {
      // A firing that came while the last one was worked off is made up for, once.
      if (!this.#due) await rest(this.#clock, { ms: undefined, signals: [signal], wake: this.#onDue })
      this.#due = false
      this.#firing = true
      this.#count = 0
    }
    const wait = Math.max(this.#notBefore, this.#delayedUntil) - this.#clock.monotonic()
    if (wait > 0) await rest(this.#clock, { ms: wait, signals: [signal] })
  }

  /** Nothing was there. */
  empty(): void {
    this.#firing = false
  }

  began(): void {
    const rate = this.#rate
    const now = this.#clock.monotonic()
    if (rate.kind === 'interval' && (this.#count === 0 || now >= this.#startedAt + rate.interval)) {
      this.#startedAt = now - this.#notBefore <= TIMER_LATE ? this.#notBefore : now
      this.#count = 0
    }
    this.#count++
  }

  ended(): void {
    const rate = this.#rate
    const now = this.#clock.monotonic()
    if (this.#count < rate.size) {
      this.#notBefore = now + rate.pause
      return
    }
    this.#count = 0
    this.#firing = false
    this.#notBefore = rate.kind === 'interval' ? this.#startedAt + rate.interval : now
  }

  readonly #onDue = (again: () => void): (() => void) => {
    this.#wake = again
    return () => (this.#wake = null)
  }

  /** The next message has to wait at least so long. */
  delay(ms: number): void {
    this.#delayedUntil = this.#clock.monotonic() + ms
  }
}
