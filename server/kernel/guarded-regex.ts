import { Overrun, within } from './deadline.ts'
import { IntegrationError } from './errors.ts'

/** Milliseconds one match of a pattern from an artifact may take. Nothing else of the server runs during them. */
const LONGEST = 200

/** Steps that are over in a blink: nobody watches what cannot take more. */
const HARMLESS = 5_000_000

/** So long a text does no harm to any pattern. */
const SHORT = 16

/**
 * A regular expression of an artifact. Patterns such as `(a+)+b` can take for ever on a text of thirty letters; those
 * that could, on a text that could make them, run with a deadline. All others are plain.
 */
export function guardedRegExp(source: string, flags = ''): RegExp {
  const native = new RegExp(source, flags)
  const effort = effortOf(source)
  return effort.power <= 1 && effort.factor <= 64 ? native : new GuardedRegExp(native, effort)
}

/** At most `factor` times the length of the text to the power of `power` steps. */
interface Effort {
  readonly power: number
  readonly factor: number
}

class GuardedRegExp extends RegExp {
  readonly #native: RegExp
  readonly #effort: Effort

  constructor(native: RegExp, effort: Effort) {
    super(native)
    this.#native = native
    this.#effort = effort
  }

  override exec(text: string): RegExpExecArray | null {
    return this.#run(text, native => native.exec(text))
  }

  override test(text: string): boolean {
    return this.#run(text, native => native.test(text))
  }

  override [Symbol.match](text: string): RegExpMatchArray | null {
    return this.#run(text, native => native[Symbol.match](text))
  }

  override [Symbol.matchAll](text: string): RegExpStringIterator<RegExpExecArray> {
    // oxlint-disable-next-line unicorn/no-useless-spread -- all of them now, while somebody looks at the clock
    return this.#run(text, native => [...native[Symbol.matchAll](text)])[Symbol.iterator]() as never
  }

  override [Symbol.replace](text: string, by: never): string {
    return this.#run(text, native => native[Symbol.replace](text, by))
  }

  override [Symbol.search](text: string): number {
    return this.#run(text, native => native[Symbol.search](text))
  }

  override [Symbol.split](text: string, limit?: number): string[] {
    return this.#run(text, native => native[Symbol.split](text, limit))
  }

  #run<T>(text: string, work: (native: RegExp) => T): T {
    const native = this.#native
    native.lastIndex = this.lastIndex
    try {
      return this.#isHarmless(text) ? work(native) : within(LONGEST, () => work(native))
    } catch (thrown) {
      if (!(thrown instanceof Overrun)) throw thrown
      native.lastIndex = 0
      throw new IntegrationError(
        'EXPRESSION_FAILED',
        `the regular expression ${this.source} was given up after ${LONGEST} ms on a text of ${text.length} characters; ` +
          'repeat nothing inside of a group that is repeated itself, as in (a+)+, and use fewer .* beside one another',
        { cause: thrown },
      )
    } finally {
      this.lastIndex = native.lastIndex
    }
  }

  #isHarmless({ length }: string): boolean {
    const { power, factor } = this.#effort
    // One more for the place the match begins at.
    return length <= SHORT || factor * length ** (power + 1) <= HARMLESS
  }
}

/** What stands between two brackets, or in the whole pattern. */
interface Part {
  power: number
  factor: number
  /** It can match in more than one way: repeating it can take exponentially long. */
  varies: boolean
}

const QUANTIFIER = /[*+?]|\{\d+(?:,\d*)?\}/y
const CLASS = /\[(?:[^\]\\]|\\.)*\]/sy
const GROUP = /\((?:\?(?:[:=!]|<[=!]|<[^>]*>|[a-z-]+:))?/y

/** The worst a backtracking matcher can do with a pattern, estimated from how it is written. */
export function effortOf(source: string): Effort {
  const open: Part[] = []
  let current: Part = { power: 0, factor: 1, varies: false }
  for (let at = 0; at < source.length;) {
    let atom: Part = { power: 0, factor: 1, varies: false }
    switch (source[at]) {
      case '(':
        open.push(current)
        current = { power: 0, factor: 1, varies: false }
        at = endOf(GROUP, source, at)
        continue
      case '|':
        current.factor++
        current.varies = true
        at++
        continue
      case ')':
        atom = current
        current = open.pop() ?? { power: 0, factor: 1, varies: false }
        at++
        break
      case '[':
        at = endOf(CLASS, source, at)
        break
      case '\\':
        at += 2
        break
      default:
        at++
    }
    const end = endOf(QUANTIFIER, source, at, at)
    current = together(current, end > at ? repeated(atom, source.slice(at, end)) : atom)
    at = source[end] === '?' && end > at ? end + 1 : end
  }
  return current
}

function together(one: Part, other: Part): Part {
  return {
    power: one.power + other.power,
    factor: one.factor * other.factor,
    varies: one.varies || other.varies,
  }
}

function repeated(atom: Part, quantifier: string): Part {
  const [least, most] = boundsOf(quantifier)
  if (most <= 1) return { power: atom.power, factor: atom.factor * 2, varies: true }
  if (atom.varies) return { power: Number.POSITIVE_INFINITY, factor: 1, varies: true }
  if (least === most) return atom
  if (most - least < 16) return { power: 0, factor: most - least + 1, varies: true }
  return { power: 1, factor: 1, varies: true }
}

function boundsOf(quantifier: string): [number, number] {
  if (quantifier === '?') return [0, 1]
  const [, least = '0', comma, most = ''] = /^\{(\d+)(,?)(\d*)\}$/.exec(quantifier) ?? []
  if (comma === undefined) return [0, Number.POSITIVE_INFINITY]
  if (comma === '') return [Number(least), Number(least)]
  return [Number(least), most === '' ? Number.POSITIVE_INFINITY : Number(most)]
}

/** Where what `pattern` finds at `at` ends; one further, or `none`, if it finds nothing. */
function endOf(pattern: RegExp, source: string, at: number, none = at + 1): number {
  pattern.lastIndex = at
  return pattern.test(source) ? pattern.lastIndex : none
}
