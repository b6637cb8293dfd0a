import { ManualClock, type Timer } from '../kernel/clock.ts'

/**
 * For a server of ours between real ones, whose answers take what time they take: it stands still, so that no deadline
 * passes on a slow machine, and where somebody asks for a pause of one of the given lengths it is over at once, and the
 * clock has moved by it. Choose lengths that nobody else asks for, such as 1001 for a second.
 */
export class LeapingClock extends ManualClock {
  /** What was leapt over, in order. */
  readonly leaps: number[] = []
  readonly #pauses: ReadonlySet<number>

  constructor(...pauses: readonly number[]) {
    super(Date.now())
    this.#pauses = new Set(pauses)
  }

  override after(ms: number, run: () => void): Timer {
    const due = this.monotonic() + ms
    const pause = { over: false }
    const timer = super.after(ms, () => {
      pause.over = true
      run()
    })
    if (ms <= 0 || this.#pauses.has(ms)) {
      setImmediate(() => {
        if (pause.over) return
        if (ms > 0) this.leaps.push(ms)
        while (!pause.over && this.nextDue! <= due) this.runNext()
      })
    }
    return {
      cancel() {
        pause.over = true
        timer.cancel()
      },
    }
  }
}
