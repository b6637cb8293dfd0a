import { jsonpath } from 'json-p3'
import { Overrun, within } from '../kernel/deadline.ts'
import { IntegrationError, textOf } from '../kernel/errors.ts'
import { JsonPathSyntaxError, regexOf, standardPath } from './jayway.ts'
import type { Tail } from './jayway.ts'

/** A JSON value in a holder, so that the root has a place like every other value. */
export interface JsonRoot {
  readonly value: unknown
}

/** A selected value and where it stands: assigning to `holder[key]` replaces it in place. */
export interface JsonMatch {
  readonly value: unknown
  readonly holder: object
  readonly key: string | number
}

/** Milliseconds for a path that can look at the whole document for each of its parts. */
const LONGEST = 500

type Compiled = ReturnType<typeof jsonpath.compile>
type JsonInput = Parameters<Compiled['query']>[0]

/** A compiled JSONPath in the Jayway dialect of Synapse (synapse-language F.3). */
export class JsonPath {
  readonly source: string
  /** Can select one value at most. */
  readonly definite: boolean
  /** A function at its end, applied to what the rest selects. */
  readonly tail: Tail | undefined
  readonly #keys: readonly (string | number)[] | null
  readonly #query: Compiled | null
  readonly #isSlow: boolean

  constructor(source: string) {
    const { text, keys, tail } = standardPath(source)
    this.source = source
    this.definite = keys !== null
    this.tail = tail
    this.#keys = keys
    this.#query = keys === null ? compile(text) : null
    this.#isSlow = keys === null && mayBeSlow(text)
  }

  /** What the path without its tail function selects; several only if it is not definite. */
  matches(root: JsonRoot): JsonMatch[] {
    if (root.value === undefined) return []
    if (this.#keys !== null) {
      const match = follow(this.#keys, root)
      return match ? [match] : []
    }
    try {
      const found: JsonMatch[] = []
      const ask = (): Iterable<Selected> => this.#query!.query(root.value as JsonInput)
      for (const { value, location } of this.#isSlow ? within(LONGEST, ask) : ask()) {
        found.push(location.length === 0 ? { value, holder: root, key: 'value' } : placed(root.value, location, value))
      }
      return found
    } catch (cause) {
      if (cause instanceof IntegrationError) throw cause
      const said =
        cause instanceof Overrun
          ? `was given up after ${LONGEST} ms; use .. only once, and outside of filters`
          : `failed: ${textOf(cause)}`
      throw new IntegrationError('EXPRESSION_FAILED', `the JSONPath ${this.source} ${said}`, { cause })
    }
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

interface Selected {
  readonly value: unknown
  readonly location: readonly (string | number)[]
}

/** It goes through all below more than once, or from every value a filter looks at, or its filter has a pattern. */
function mayBeSlow(text: string): boolean {
  const bare = text.replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/gs, '')
  const filters = bare.includes('?') ? bare.slice(bare.indexOf('?')) : ''
  return bare.split('..').length > 2 || /\.\.|\$|\b(?:match|search)\(/.test(filters)
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

function placed(top: unknown, location: readonly (string | number)[], value: unknown): JsonMatch {
  let holder = top as Record<string | number, unknown>
  for (const key of location.slice(0, -1)) holder = holder[key] as Record<string | number, unknown>
  return { value, holder, key: location.at(-1)! }
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

/** A JSON object: no array, and no number that keeps more digits than a number can. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isNumber(value)
}

/** A number, or one in an object that keeps more digits than a number can. */
export function isNumber(value: unknown): boolean {
  return typeof value === 'number' || Object.prototype.toString.call(value) === '[object Number]'
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

// ── the library ──────────────────────────────────────────────────────────────────────────────────────────────────

const { ValueType, LogicalType } = jsonpath.FunctionExpressionType

const environment = new jsonpath.JSONPathEnvironment({ maxRecursionDepth: 1000 })
const regexes = new Map<string, RegExp>()

environment.functionRegister.set('matches', {
  argTypes: [ValueType, ValueType, ValueType],
  returnType: LogicalType,
  call(value: unknown, pattern: string, flags: string): boolean {
    // Patterns are written in artifacts, so that there are only so many of them.
    const key = `${flags}/${pattern}`
    let regex = regexes.get(key)
    if (!regex) regexes.set(key, (regex = regexOf(pattern, flags)))
    return (typeof value === 'string' || typeof value === 'number') && regex.test(String(value))
  },
})

environment.functionRegister.set('within', {
  argTypes: [ValueType, ValueType],
  returnType: LogicalType,
  call: (value: unknown, list: unknown): boolean => Array.isArray(list) && list.includes(value),
})

function compile(text: string): Compiled {
  try {
    return environment.compile(text)
  } catch (cause) {
    throw new JsonPathSyntaxError(`not a JSONPath: ${textOf(cause)}`, 0)
  }
}
