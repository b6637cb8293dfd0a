import type { Clock } from '../../kernel/clock.ts'
import type { ThrottleParameters } from '../../runtime/jms/parameters.ts'

const UNITS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const

/** Lets messages through no faster than told; shared by all consumers of a listener. */
export class Throttle {
  readonly #clock: Clock
  readonly #rules: ThrottleParameters
  /** When the next one may go, on the monotonic clock. */
  #next = Number.NEGATIVE_INFINITY
  #windowEnd = Number.NEGATIVE_INFINITY
  #inWindow = 0

  constructor(clock: Clock, rules: ThrottleParameters) {
    this.#clock = clock
    this.#rules = rules
  }

  /** Milliseconds until it is this one's turn, which is then taken. */
  turn(): number {
    const { throttled, throttleMode, throttlePerMinute } = this.#rules
    if (!throttled) return 0
    const now = this.#clock.monotonic()
    if (throttleMode === 'batch') return this.#inBatch(now)
    const at = Math.max(now, this.#next)
    this.#next = at + UNITS.minute / throttlePerMinute
    return at - now
  }

  #inBatch(now: number): number {
    const { throttleUnit, throttleCount } = this.#rules
    if (now >= this.#windowEnd) {
      this.#windowEnd = now + UNITS[throttleUnit]
      this.#inWindow = 0
    }
    if (this.#inWindow >= throttleCount) {
      // The window after this one begins with this message.
      const wait = this.#windowEnd - now
      this.#windowEnd += UNITS[throttleUnit]
      this.#inWindow = 1
      return wait
    }
    this.#inWindow++
    // While somebody already waits for the window that is to come, so does everybody after it.
    return Math.max(0, this.#windowEnd - UNITS[throttleUnit] - now)
  }
}
