/** A template that takes more than this is given up: it may come from anybody, and the server has others to serve. */
const MOST_STEPS = 2_000_000
const MOST_CHARACTERS = 64 * 1024 * 1024
const MOST_DEPTH = 500

/** What one filling of a template may still cost. */
export class Budget {
  #steps = 0
  #characters = 0
  #depth = 0

  step(count = 1): void {
    if ((this.#steps += count) > MOST_STEPS) throw new RangeError(`it takes more than ${MOST_STEPS} steps`)
  }

  /** A text that is made. */
  made(text: string): string {
    if ((this.#characters += text.length) > MOST_CHARACTERS)
      throw new RangeError(`it makes more than ${MOST_CHARACTERS} characters`)
    return text
  }

  inside<T>(work: () => T): T {
    if (++this.#depth > MOST_DEPTH) throw new RangeError(`it is nested more than ${MOST_DEPTH} levels deep`)
    try {
      return work()
    } finally {
      this.#depth--
    }
  }
}
