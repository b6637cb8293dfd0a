import { Overrun, within } from '../kernel/deadline.ts'
import { textOf } from '../kernel/errors.ts'
import { JsonPathSyntaxError, standardPath } from './jayway.ts'
import type { Tail } from './jayway.ts'
import { compileQuery, type CompiledQuery } from './jsonpath-query.ts'
import { isNumber, isRecord, type JsonMatch, type JsonRoot } from './json-values.ts'
import { GivenUp, Work } from './xpath/work.ts'

/** A step takes up to some 50 ns, so that an evaluation ends within a second or so. */
const BUDGET = 20_000_000
/** Milliseconds for a path with a regular expression that may take long on each value it looks at. */
const LONGEST = 500

/** A compiled JSONPath in the Jayway dialect of Synapse (synapse-language F.3). */
export class JsonPath {
  readonly source: string
  /** Can select one value at most. */
  readonly definite: boolean
  /** A function at its end, applied to what the rest selects. */
  readonly tail: Tail | undefined
  readonly #keys: readonly (string | number)[] | null
  readonly #query: CompiledQuery | null

  constructor(source: string) {
    const { text, keys, tail } = standardPath(source)
    this.source = source
    this.definite = keys !== null
    this.tail = tail
    this.#keys = keys
    this.#query = keys === null ? compile(text) : null
  }

  /** What the path without its tail function selects; several only if it is not definite. */
  matches(root: JsonRoot, work: Work = this.#work()): JsonMatch[] {
    if (root.value === undefined) return []
    if (this.#keys !== null) {
      const match = follow(this.#keys, root)
      return match ? [match] : []
    }
    const { run, needsClock } = this.#query!
    if (!needsClock) return run(root, work)
    try {
      return within(LONGEST, () => run(root, work))
    } catch (cause) {
      if (!(cause instanceof Overrun)) throw cause
      const said = `was given up after ${LONGEST} ms; its regular expression takes long on many values`
      throw new GivenUp('EXPRESSION_FAILED', `the JSONPath ${this.source} ${said}`, { cause })
    }
  }

  #work(): Work {
    return new Work(
      BUDGET,
      limit =>
        new GivenUp(
          'EXPRESSION_FAILED',
          `the JSONPath ${this.source} was given up after ${limit} steps; use .. only once, and outside of filters`,
        ),
    )
  }

  /** What {@link matches} finds, or the place of a member that is not there yet, of an object that is. */
  places(root: JsonRoot): JsonMatch[] {
    const found = this.matches(root)
    if (found.length > 0 || this.#keys === null) return found
    const key = this.#keys.at(-1)
    const holder = typeof key === 'string' ? follow(this.#keys.slice(0, -1), root)?.value : undefined
    return key !== undefined && isRecord(holder) ? [{ value: undefined, holder, key }] : []
  }

  /** The function at the end, applied; undefined where it has no answer (no match, no numbers). */
  applyTail(matches: readonly JsonMatch[]): unknown {
    if (this.tail === undefined || matches.length === 0) return undefined
    return applyTail(this.tail, this.definite ? matches[0]!.value : matches.map(match => match.value))
  }
}

function follow(keys: readonly (string | number)[], root: JsonRoot): JsonMatch | undefined {
  let match: JsonMatch = { value: root.value, holder: root, key: 'value' }
  for (const wanted of keys) {
    const { value } = match
    if (typeof value !== 'object' || value === null) return undefined
    let key = wanted
    if (Array.isArray(value)) {
      if (typeof key !== 'number') return undefined
      if (key < 0) key += value.length
    } else if (typeof key === 'number') return undefined
    if (!Object.hasOwn(value, key)) return undefined
    match = { value: (value as Record<string | number, unknown>)[key], holder: value, key }
  }
  return match
}

function applyTail(tail: Tail, value: unknown): unknown {
  switch (tail) {
    case 'length':
    case 'size':
      if (typeof value === 'string' || Array.isArray(value)) return value.length
      return isRecord(value) ? Object.keys(value).length : undefined
    case 'keys':
      return isRecord(value) ? Object.keys(value) : undefined
    case 'first':
      return Array.isArray(value) ? value[0] : undefined
    case 'last':
      return Array.isArray(value) ? value.at(-1) : undefined
    default:
      return aggregate(tail, Array.isArray(value) ? numbersIn(value) : [])
  }
}

function numbersIn(list: readonly unknown[]): number[] {
  return list.filter(isNumber).map(Number)
}

function aggregate(tail: 'min' | 'max' | 'sum' | 'avg' | 'stddev', numbers: readonly number[]): number | undefined {
  if (numbers.length === 0) return undefined
  const sum = numbers.reduce((total, number) => total + number, 0)
  switch (tail) {
    case 'min':
      return numbers.reduce((least, number) => Math.min(least, number))
    case 'max':
      return numbers.reduce((most, number) => Math.max(most, number))
    case 'sum':
      return sum
    case 'avg':
      return sum / numbers.length
    case 'stddev': {
      const mean = sum / numbers.length
      return Math.sqrt(numbers.reduce((total, number) => total + (number - mean) ** 2, 0) / numbers.length)
    }
  }
}

function compile(text: string): CompiledQuery {
  try {
    return compileQuery(text)
  } catch (cause) {
    throw new JsonPathSyntaxError(`not a JSONPath: ${textOf(cause)}`, 0)
  }
}
