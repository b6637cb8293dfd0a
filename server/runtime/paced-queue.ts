import type { Clock } from '../kernel/clock.ts'

/** Waiting beyond this is refused: memory is finite. */
const MOST_WAITING = 10_000

/** Work that waits for its turn: so many in each unit of time, the oldest first. What meets an idle queue goes at once. */
export class PacedQueue {
  readonly #clock: Clock
  readonly #waiting: (() => Promise<void>)[] = []
  #pace = { rate: 1, unitMs: 1000 }
  /** How many more may go before the unit of time is over. */
  #left = 0
  #running = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** False if too much waits already. The pace of whoever came last holds. `work` never rejects. */
  add(work: () => Promise<void>, rate: number, unitMs: number): boolean {
    if (this.#waiting.length >= MOST_WAITING) return false
    this.#waiting.push(work)
    this.#pace = { rate, unitMs }
    if (!this.#running) void this.#run()
    else this.#go()
    return true
  }

  async #run(): Promise<void> {
    this.#running = true
    while (this.#waiting.length > 0) {
      this.#left = this.#pace.rate
      this.#go()
      await this.#clock.sleep(this.#pace.unitMs)
    }
    this.#running = false
  }

  #go(): void {
    for (const work of this.#waiting.splice(0, this.#left)) {
      this.#left--
      void work()
    }
  }
}
