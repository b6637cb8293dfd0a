import type { Clock } from '../kernel/clock.ts'
import type { SourceState } from '../kernel/contracts.ts'

/** What is seen of a source; how long it has been so is counted from when it became so. */
export class Observed {
  readonly #clock: Clock
  #state: SourceState

  constructor(clock: Clock) {
    this.#clock = clock
    this.#state = { observed: 'stopped', since: clock.now(), reason: 'not started yet' }
  }

  get state(): SourceState {
    return this.#state
  }

  /** `nextTry`: clock milliseconds; one that is never is left out. */
  set(observed: SourceState['observed'], reason?: string, nextTry?: number): void {
    const since = this.#state.observed === observed ? this.#state.since : this.#clock.now()
    this.#state = {
      observed,
      since,
      ...(reason !== undefined && { reason }),
      ...(nextTry !== undefined && nextTry < Number.MAX_SAFE_INTEGER && { nextTry }),
    }
  }
}
