/** Lines waiting to be written, bounded: when there are too many, the least serious go first and are counted. */

export type Rank = 'debug' | 'info' | 'warn'

interface Waiting {
  readonly line: string
  readonly rank: Rank
}

/** Characters, which are bytes for nearly all log text. */
export const MOST_WAITING = 8 * 1024 * 1024

export class WaitingLines {
  readonly #most: number
  #lines: Waiting[] = []
  #size = 0
  #dropped = 0

  constructor(most = MOST_WAITING) {
    this.#most = most
  }

  get size(): number {
    return this.#size
  }

  /** Lines given up since {@link take} last told. */
  get dropped(): number {
    return this.#dropped
  }

  /** `line` ends with a line feed. One that would fill a quarter of the room by itself is cut. */
  add(line: string, rank: Rank): void {
    const longest = this.#most >> 2
    const kept =
      line.length > longest ? `${line.slice(0, longest)}… (${line.length - longest} characters left out)\n` : line
    if (this.#size + kept.length > this.#most && !this.#makeRoom(kept.length, rank)) {
      this.#dropped++
      return
    }
    this.#lines.push({ line: kept, rank })
    this.#size += kept.length
  }

  /** Everything up to about `most` characters as one text, oldest first, and how many lines had to be given up before. */
  take(most: number): { text: string; dropped: number } {
    let text = ''
    let count = 0
    for (const { line } of this.#lines) {
      if (count > 0 && text.length + line.length > most) break
      text += line
      count++
    }
    if (count === this.#lines.length) this.#lines = []
    else this.#lines.splice(0, count)
    this.#size -= text.length
    const dropped = this.#dropped
    this.#dropped = 0
    return { text, dropped }
  }

  /** Gives up lines that are no more serious than the new one, oldest first; false if that is not enough. */
  #makeRoom(needed: number, rank: Rank): boolean {
    for (const victim of ['debug', 'info', 'warn'] as const) {
      // Half of the room at once, or every further line would walk the whole list again.
      this.#drop(victim, this.#most / 2)
      if (this.#size + needed <= this.#most) return true
      if (victim === rank) return false
    }
    return false
  }

  #drop(victim: Rank, goal: number): void {
    const kept: Waiting[] = []
    for (const waiting of this.#lines) {
      if (waiting.rank === victim && this.#size > goal) {
        this.#size -= waiting.line.length
        this.#dropped++
      } else kept.push(waiting)
    }
    this.#lines = kept
  }
}
