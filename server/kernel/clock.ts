/** The only place that may ask the machine for the time or a timer (house rule; tests move a {@link ManualClock}). */
export interface Clock {
  /** Milliseconds since the epoch. May step backwards: never use it to measure a wait. */
  now(): number
  /** Milliseconds that only grow, for measuring and deadlines. */
  monotonic(): number
  /** Calls `run` once after `ms` milliseconds. Cancelling twice, or after it ran, does nothing. */
  after(ms: number, run: () => void): Timer
  /** Resolves after `ms` milliseconds, or at once when `signal` aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export interface Timer {
  cancel(): void
}

/** Node refuses longer timers (they fire at once), so a longer wait is made of several. */
const LONGEST = 2 ** 31 - 1

function sleepOn(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve()
  return new Promise(resolve => {
    const done = (): void => {
      timer.cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = clock.after(ms, done)
    signal?.addEventListener('abort', done, { once: true })
  })
}

function afterLong(ms: number, run: () => void): Timer {
  let current = systemClock.after(LONGEST, () => (current = systemClock.after(ms - LONGEST, run)))
  return { cancel: () => current.cancel() }
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    if (ms > LONGEST) return afterLong(ms, run)
    const handle = setTimeout(run, Math.max(0, ms))
    return { cancel: () => clearTimeout(handle) }
  },
  sleep: (ms, signal) => sleepOn(systemClock, ms, signal),
}

/** A clock that stands still until a test or the simulator moves it. Timers run in order of their due time. */
export class ManualClock implements Clock {
  #elapsed = 0
  #wall: number
  #order = 0
  readonly #timers: { due: number; order: number; run: () => void }[] = []

  constructor(wall = Date.UTC(2026, 0, 1)) {
    this.#wall = wall
  }

  now(): number {
    return this.#wall + this.#elapsed
  }

  monotonic(): number {
    return this.#elapsed
  }

  after(ms: number, run: () => void): Timer {
    const timer = { due: this.#elapsed + Math.max(0, ms), order: this.#order++, run }
    this.#timers.push(timer)
    return {
      cancel: () => {
        const index = this.#timers.indexOf(timer)
        if (index >= 0) this.#timers.splice(index, 1)
      },
    }
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal)
  }

  /** How many timers are armed: a leak check for tests. */
  get armed(): number {
    return this.#timers.length
  }

  /** Elapsed-time stamp of the next timer, or undefined when none is armed. */
  get nextDue(): number | undefined {
    return this.#next()?.due
  }

  /** Moves time forward, running what falls due and letting promise reactions settle after each timer. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms
    await settle()
    for (let timer = this.#next(); timer && timer.due <= end; timer = this.#next()) {
      this.#elapsed = Math.max(this.#elapsed, timer.due)
      this.#timers.splice(this.#timers.indexOf(timer), 1)
      timer.run()
      await settle()
    }
    this.#elapsed = end
    await settle()
  }

  /** Moves to the next timer and runs it; what it sets off is for the caller to wait for. False: none is armed. */
  runNext(): boolean {
    const timer = this.#next()
    if (!timer) return false
    this.#elapsed = Math.max(this.#elapsed, timer.due)
    this.#timers.splice(this.#timers.indexOf(timer), 1)
    timer.run()
    return true
  }

  /** A wall-clock step (NTP, an operator): `now()` jumps, timers and `monotonic()` do not. */
  step(ms: number): void {
    this.#wall += ms
  }

  #next(): { due: number; order: number; run: () => void } | undefined {
    let best: { due: number; order: number; run: () => void } | undefined
    for (const timer of this.#timers) {
      if (!best || timer.due < best.due || (timer.due === best.due && timer.order < best.order)) best = timer
    }
    return best
  }
}

/** Lets everything that is already runnable run: promise reactions and one turn of the event loop. */
function settle(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
