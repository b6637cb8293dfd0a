import { IntegrationError } from '../kernel/errors.ts'

/** Paths kept compiled. */
const MOST = 100
/** Characters of one; whoever computes paths puts a name or a key into them, no document. */
const LONGEST = 10_000

/** Paths that are computed for each message: an expression meets the same few again and again. */
export class ComputedPaths<T> {
  readonly #compile: (text: string) => T
  readonly #known = new Map<string, T>()

  constructor(compile: (text: string) => T) {
    this.#compile = compile
  }

  /** Throws EXPRESSION_FAILED for a text that is too long, and what compiling throws. */
  of(text: string): T {
    const known = this.#known.get(text)
    if (known !== undefined) return known
    if (text.length > LONGEST)
      throw new IntegrationError(
        'EXPRESSION_FAILED',
        `the computed path has ${text.length} characters, and ${LONGEST} are the most; it begins with ${text.slice(0, 40)}`,
      )
    const made = this.#compile(text)
    if (this.#known.size >= MOST) this.#known.clear()
    this.#known.set(text, made)
    return made
  }
}
