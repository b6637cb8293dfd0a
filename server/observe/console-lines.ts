import type { Clock, Timer } from '../kernel/clock.ts'
import type { Rank } from './lines.ts'
import { WaitingLines } from './lines.ts'

const FLUSH_SIZE = 64 * 1024
const FLUSH_MS = 20

/** Lines to the console, in batches. A reader that is too slow loses lines instead of filling our memory. */
export class ConsoleLines {
  readonly #stream: NodeJS.WritableStream
  readonly #clock: Clock
  readonly #waiting = new WaitingLines()
  #timer: Timer | null = null
  #full = false

  constructor(stream: NodeJS.WritableStream, clock: Clock) {
    this.#stream = stream
    this.#clock = clock
  }

  write(line: string, rank: Rank): void {
    this.#waiting.add(line, rank)
    if (this.#full) return
    if (rank === 'warn' || this.#waiting.size >= FLUSH_SIZE) this.flushSync()
    else this.#timer ??= this.#clock.after(FLUSH_MS, () => this.flushSync())
  }

  flush(): Promise<void> {
    this.flushSync()
    return Promise.resolve()
  }

  flushSync(): void {
    this.#timer?.cancel()
    this.#timer = null
    while (this.#waiting.size > 0) {
      const { text, dropped } = this.#waiting.take(FLUSH_SIZE)
      const notice =
        dropped === 0 ? '' : `${dropped} log lines were given up because the console did not take them in time\n`
      if (!this.#stream.write(notice + text) && !this.#full) {
        this.#full = true
        this.#stream.once('drain', () => {
          this.#full = false
          this.flushSync()
        })
        return
      }
    }
  }

  close(): Promise<void> {
    return this.flush()
  }
}
