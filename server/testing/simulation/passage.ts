import type { ManualClock } from '../../kernel/clock.ts'
import { Violation } from './violation.ts'

/** Timers that may run while something is waited for: more is running in circles. */
const MOST_STEPS = 60_000
/** Signs of life without time passing: more is running in circles, too. */
const MOST_SIGNS = 200_000

export interface PassageParts {
  readonly clock: ManualClock
  /** Lets one turn of the event loop pass; true if nobody waits for another one. */
  turn(): Promise<boolean>
  /** After each turn: the server may die in it. */
  turned(): void
  /** After each step: throws what is wrong. */
  look(): Promise<void>
  /** Why nothing more will come of waiting. */
  stuck(why: string): Promise<Violation>
  fail(violation: Violation): void
}

/** How time passes: it stands still until nothing more can happen, then moves to the next timer. */
export class Passage {
  readonly #parts: PassageParts
  #signs = 0
  #signsBefore = 0

  constructor(parts: PassageParts) {
    this.#parts = parts
  }

  /** Something goes on. */
  sign(): void {
    if (++this.#signs - this.#signsBefore > MOST_SIGNS)
      this.#parts.fail(new Violation('P7', 'something runs in circles and lets no time pass'))
  }

  /** Moves time from one timer to the next, looking around after each; `patience` in milliseconds. */
  async until(over: () => boolean | Promise<boolean>, patience: number, why: string): Promise<void> {
    const { clock, look, stuck } = this.#parts
    const end = clock.monotonic() + patience
    for (let steps = 0; ; steps++) {
      await this.settle()
      await look()
      if (await over()) return
      const due = clock.nextDue
      if (due === undefined || due > end || steps > MOST_STEPS) throw await stuck(why)
      if (due > clock.monotonic()) this.#signsBefore = this.#signs
      clock.runNext()
    }
  }

  /** Until nothing happens any more that needs no time. */
  async settle(): Promise<void> {
    const { turn, turned } = this.#parts
    for (let isQuiet = false; !isQuiet;) {
      isQuiet = await turn()
      turned()
    }
  }

  async pass(ms: number): Promise<void> {
    let over = false
    this.#parts.clock.after(ms, () => (over = true))
    await this.until(() => over, ms, 'time stands still')
    await this.settle()
  }

  /** One timer at a time, so that the clock has little to look through. */
  agenda<T extends { readonly at: number }>(items: readonly T[], run: (item: T, index: number) => void): void {
    const { clock } = this.#parts
    let next = 0
    const due = (): void => {
      const now = clock.monotonic()
      while (next < items.length && items[next]!.at <= now) run(items[next]!, next++)
      if (next < items.length) clock.after(items[next]!.at - now, due)
    }
    if (items.length > 0) clock.after(items[0]!.at, due)
  }
}
