import type { Clock, ManualClock, Timer } from '../../kernel/clock.ts'

/** The clock as one life of the server sees it: its timers die with it. */
export class LifeClock implements Clock {
  readonly #clock: ManualClock
  readonly #timers = new Set<Timer>()
  #dead = false

  constructor(clock: ManualClock) {
    this.#clock = clock
  }

  /** Timers this life has armed. */
  get armed(): number {
    return this.#timers.size
  }

  now(): number {
    return this.#clock.now()
  }

  monotonic(): number {
    return this.#clock.monotonic()
  }

  after(ms: number, run: () => void): Timer {
    if (this.#dead) return { cancel() {} }
    const timer = this.#clock.after(ms, () => {
      this.#timers.delete(timer)
      run()
    })
    this.#timers.add(timer)
    return {
      cancel: () => {
        if (this.#timers.delete(timer)) timer.cancel()
      },
    }
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve()
    return new Promise(resolve => {
      const done = (): void => {
        timer.cancel()
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const timer = this.after(ms, done)
      signal?.addEventListener('abort', done, { once: true })
    })
  }

  die(): void {
    this.#dead = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }
}
