import type { Clock } from '../kernel/clock.ts'

interface Failures {
  readonly count: number
  /** On the monotonic clock: nothing is tried for this caller before. */
  readonly blockedUntil: number
  readonly last: number
}

const FREE_TRIES = 5
const LONGEST_MS = 60_000
const FORGET_MS = 15 * 60_000
const MOST_CALLERS = 1000
const MOST_WAITING = 16

/**
 * Makes guessing slow and bounded: after five wrong passwords an address waits, twice as long each time, up to a
 * minute; passwords are checked one after the other, and only so many may wait, since a check costs memory and time.
 */
export class LoginGuard {
  readonly #clock: Clock
  readonly #failures = new Map<string, Failures>()
  #waiting = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** True or false as `check` says, or the seconds this caller has to wait before anything is checked. */
  async attempt(address: string, check: () => Promise<boolean>): Promise<boolean | { retryAfter: number }> {
    const blocked = this.#blockedFor(address)
    if (blocked > 0) return { retryAfter: blocked }
    if (this.#waiting >= MOST_WAITING) return { retryAfter: 1 }
    this.#waiting++
    try {
      const turn = this.#turn.then(() => this.#tryNow(address, check))
      this.#turn = turn.catch(() => undefined)
      return await turn
    } finally {
      this.#waiting--
    }
  }

  /** Asked again when the turn comes: those ahead may have used up the tries. */
  async #tryNow(address: string, check: () => Promise<boolean>): Promise<boolean | { retryAfter: number }> {
    const blocked = this.#blockedFor(address)
    if (blocked > 0) return { retryAfter: blocked }
    const right = await check()
    if (right) this.#failures.delete(address)
    else this.#failed(address)
    return right
  }

  #blockedFor(address: string): number {
    const failures = this.#failures.get(address)
    if (!failures) return 0
    return Math.max(0, Math.ceil((failures.blockedUntil - this.#clock.monotonic()) / 1000))
  }

  #failed(address: string): void {
    const now = this.#clock.monotonic()
    const before = this.#failures.get(address)
    const count = before && now - before.last < FORGET_MS ? before.count + 1 : 1
    const wait = count < FREE_TRIES ? 0 : Math.min(LONGEST_MS, 1000 * 2 ** Math.min(16, count - FREE_TRIES))
    // Deleted first, so that the map's order is that of the last failure and the oldest goes when it is full.
    this.#failures.delete(address)
    const [oldest] = this.#failures.keys()
    if (oldest !== undefined && this.#failures.size >= MOST_CALLERS) this.#failures.delete(oldest)
    this.#failures.set(address, { count, blockedUntil: now + wait, last: now })
  }
}
