/** Work by priority, so many at once. */

/** Waiting beyond this is refused: memory is finite. */
const MOST_WAITING = 10_000

interface Waiting {
  readonly priority: number
  readonly work: () => Promise<unknown>
}

export class PriorityExecutor {
  readonly #most: number
  readonly #waiting: Waiting[] = []
  #running = 0

  constructor(most = 20) {
    this.#most = most
  }

  /** False if too much waits already. The highest priority begins first; among equals who came first. */
  add(priority: number, work: () => Promise<unknown>): boolean {
    if (this.#waiting.length >= MOST_WAITING) return false
    const after = this.#waiting.findIndex(other => other.priority < priority)
    this.#waiting.splice(after < 0 ? this.#waiting.length : after, 0, { priority, work })
    this.#next()
    return true
  }

  #next(): void {
    if (this.#running >= this.#most) return
    const next = this.#waiting.shift()
    if (!next) return
    this.#running++
    void next.work().finally(() => {
      this.#running--
      this.#next()
    })
  }
}
