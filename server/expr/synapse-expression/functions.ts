import { guardedRegExp } from '../../kernel/guarded-regex.ts'
import { parseDate } from '../date-parse.ts'
import { formatDate } from '../date-format.ts'
import type { ExpressionEnvironment } from '../environment.ts'
import { encodingOf } from '../functions.ts'
import { formEncode } from '../java-text.ts'
import { placeOfText, placesOfText } from '../xpath/text-search.ts'
import type { Work } from '../xpath/work.ts'
import {
  Decimal,
  decimalOf,
  EvaluationFailure,
  excerpt,
  isInteger,
  isNumeric,
  isRecord,
  isText,
  numberOf,
  textOfValue,
  type Value,
} from './values.ts'

/** A function of values alone. What needs the message (`xpath`, `registry`, `exists`) is compiled apart. */
export interface PlainFunction {
  readonly min: number
  readonly max: number
  call(args: Arguments): Value
}

/** Characters made for one step: 80 million of them in one expression at most. */
export const MADE_CHARACTERS = 4
/** What a text of its own costs among many, in steps. */
const PART_STEPS = 8

/** The values a function is called with, each read as what the function wants; something else is a failure. */
class Arguments {
  readonly name: string
  readonly list: readonly Value[]
  readonly environment: ExpressionEnvironment
  readonly work: Work

  constructor(name: string, list: readonly Value[], environment: ExpressionEnvironment, work: Work) {
    this.name = name
    this.list = list
    this.environment = environment
    this.work = work
  }

  get count(): number {
    return this.list.length
  }

  text(index: number): string {
    const value = this.list[index]
    return isText(value) ? this.shown(index) : this.#fail(index, 'a text')
  }

  integer(index: number): number {
    const value = this.list[index]
    return isInteger(value) ? Number(value) : this.#fail(index, 'a whole number')
  }

  number(index: number): number {
    const value = this.list[index]
    return isNumeric(value) ? numberOf(value) : this.#fail(index, 'a number')
  }

  /** Anything as text. */
  shown(index: number): string {
    return textOfValue(this.list[index], this.environment.views)
  }

  /** A JSON value, or a text of one. */
  json(index: number): unknown {
    const value = this.list[index]
    if (typeof value !== 'string') return value
    try {
      return this.environment.views.parseJson(value).value
    } catch {
      return undefined
    }
  }

  #fail(index: number, wanted: string): never {
    throw new EvaluationFailure(
      `${this.name}() needs ${wanted} as argument ${index + 1}, not ${excerpt(this.shown(index))}`,
    )
  }
}

/** Applies a function; arguments that have no value are a failure, as everywhere. */
export function applyPlain(
  name: string,
  plain: PlainFunction,
  args: readonly Value[],
  environment: ExpressionEnvironment,
  work: Work,
): Value {
  const missing = args.findIndex(arg => arg === null || arg === undefined)
  if (missing >= 0) throw new EvaluationFailure(`argument ${missing + 1} of ${name}() is null`)
  const value = plain.call(new Arguments(name, args, environment, work))
  if (typeof value === 'string') work.spend(value.length / MADE_CHARACTERS)
  return value
}

const of = (min: number, max: number, call: (args: Arguments) => Value): PlainFunction => ({ min, max, call })

export const plainFunctions: ReadonlyMap<string, PlainFunction> = new Map<string, PlainFunction>([
  [
    'length',
    of(1, 1, args => (Array.isArray(args.json(0)) ? (args.json(0) as unknown[]).length : args.text(0).length)),
  ],
  ['toUpper', of(1, 1, args => args.shown(0).toUpperCase())],
  ['toLower', of(1, 1, args => args.shown(0).toLowerCase())],
  ['trim', of(1, 1, args => args.text(0).trim())],
  ['subString', of(2, 3, subString)],
  ['startsWith', of(2, 2, args => args.text(0).startsWith(args.text(1)))],
  ['endsWith', of(2, 2, args => args.text(0).endsWith(args.text(1)))],
  ['contains', of(2, 2, args => placeOfText(args.text(0), args.text(1), args.work) >= 0)],
  ['replace', of(3, 3, args => replace(args.text(0), args.text(1), args.text(2), args.work))],
  ['split', of(2, 2, args => split(args.text(0), args.text(1), args.work))],
  ['indexOf', of(2, 3, args => indexOf(args.text(0), args.text(1), args.count === 3 ? args.integer(2) : 0, args.work))],
  ['charAt', of(2, 2, charAt)],
  ['now', of(0, 0, args => args.environment.clock.now())],
  ['formatDateTime', of(2, 3, formatDateTime)],
  ['abs', of(1, 1, args => sameKind(args, Math.abs))],
  ['ceil', of(1, 1, args => Math.ceil(args.number(0)))],
  ['floor', of(1, 1, args => Math.floor(args.number(0)))],
  ['round', of(1, 2, round)],
  ['sqrt', of(1, 1, args => real(Math.sqrt(args.number(0)), args))],
  ['log', of(1, 1, args => real(Math.log(args.number(0)), args))],
  ['pow', of(2, 2, args => real(args.number(0) ** args.number(1), args))],
  ['base64encode', of(1, 2, args => Buffer.from(args.text(0), charset(args)).toString('base64'))],
  ['base64decode', of(1, 2, args => Buffer.from(args.text(0), 'base64').toString(charset(args)))],
  ['urlEncode', of(1, 2, urlEncode)],
  ['urlDecode', of(1, 1, urlDecode)],
  ['isString', of(1, 1, args => isText(args.list[0]))],
  ['isNumber', of(1, 1, args => isNumeric(args.list[0]))],
  ['isArray', of(1, 1, args => Array.isArray(args.json(0)))],
  ['isObject', of(1, 1, args => isRecord(args.json(0)))],
  ['string', of(1, 1, args => args.shown(0))],
  ['integer', of(1, 1, integer)],
  ['float', of(1, 1, float)],
  ['boolean', of(1, 1, args => args.shown(0).toLowerCase() === 'true')],
  ['not', of(1, 1, not)],
  ['object', of(1, 1, args => asKind(args, isRecord, 'object'))],
  ['array', of(1, 1, args => asKind(args, Array.isArray, 'array'))],
])

/** From where to where, not how many. */
function subString(args: Arguments): string {
  const text = args.text(0)
  const from = args.integer(1)
  const to = args.count === 3 ? args.integer(2) : text.length
  if (from < 0 || from > to || to > text.length)
    throw new EvaluationFailure(`subString(): ${from} to ${to} is not within the ${text.length} characters of the text`)
  return text.slice(from, to)
}

function indexOf(text: string, part: string, from: number, work: Work): number {
  return placeOfText(text, part, work, Math.max(0, from))
}

/** An empty part stands before each character, and at the end. */
function replace(text: string, part: string, by: string, work: Work): string {
  if (part === '') {
    work.spend((text.length + 1) * (1 + by.length / MADE_CHARACTERS))
    return text.replaceAll('', () => by)
  }
  let result = ''
  let kept = 0
  for (const place of placesOfText(text, part, work)) {
    work.spend(by.length / MADE_CHARACTERS)
    result += text.slice(kept, place) + by
    kept = place + part.length
  }
  return result + text.slice(kept)
}

/** As Java: by a regular expression, without what its groups match and without empty texts at the end. */
function split(text: string, pattern: string, work: Work): string[] {
  let regex: RegExp
  try {
    regex = guardedRegExp(pattern, 'u')
  } catch {
    throw new EvaluationFailure(`split(): "${excerpt(pattern)}" is not a regular expression`)
  }
  const groups = new RegExp(`${pattern}|`, 'u').exec('')!.length - 1
  // One more than the budget has left is enough to find it spent, before there are millions of texts.
  const most = Math.floor(work.left / PART_STEPS / (groups + 1)) * (groups + 1) + 1
  const found = text.split(regex, most)
  work.spend(found.length * PART_STEPS)
  const parts = found.filter((_, index) => index % (groups + 1) === 0)
  while (parts.length > 1 && parts.at(-1) === '') parts.pop()
  return parts
}

function charAt(args: Arguments): string {
  const index = args.integer(1)
  const found = args.text(0)[index]
  if (found === undefined) throw new EvaluationFailure(`charAt(): the text has no character ${index}`)
  return found
}

/** `(milliseconds, pattern)` or `(text, pattern it has, pattern it shall have)`. */
function formatDateTime(args: Arguments): string {
  if (args.count === 2) return formatDate(args.integer(0), javaTime(args.text(1)))
  const time = parseDate(args.text(0), args.text(1))
  if (time === undefined)
    throw new EvaluationFailure(
      `formatDateTime(): "${excerpt(args.text(0))}" is not written as ${excerpt(args.text(1))}`,
    )
  return formatDate(time, javaTime(args.text(2)))
}

/** Patterns are those of java.time, where `u` is the year. */
function javaTime(pattern: string): string {
  return pattern.replace(/'[^']*'|u+/g, part => (part.startsWith("'") ? part : part.replaceAll('u', 'y')))
}

function sameKind(args: Arguments, change: (value: number) => number): Value {
  const result = change(args.number(0))
  return args.list[0] instanceof Decimal ? decimalOf(result) : result
}

function real(result: number, args: Arguments): Decimal {
  if (!Number.isFinite(result)) throw new EvaluationFailure(`${args.name}() has no value for ${excerpt(args.shown(0))}`)
  return new Decimal(result)
}

/** To a whole number, or to some decimals; halves go up. */
function round(args: Arguments): Value {
  const value = args.number(0)
  if (args.count === 1) return Math.round(value)
  const places = args.integer(1)
  if (isInteger(args.list[0])) return value
  if (places < 1 || places > 15) throw new EvaluationFailure('round() needs 1 to 15 places')
  return decimalOf(Number(`${Math.round(Number(`${value}e${places}`))}e-${places}`))
}

function charset(args: Arguments): BufferEncoding {
  return encodingOf(args.count === 2 ? args.text(1) : undefined)
}

function urlEncode(args: Arguments): string {
  return formEncode(args.text(0), charset(args)).replaceAll('+', '%20').replaceAll('*', '%2A')
}

function urlDecode(args: Arguments): string {
  try {
    return decodeURIComponent(args.text(0).replaceAll('+', ' '))
  } catch {
    throw new EvaluationFailure(`urlDecode(): "${excerpt(args.text(0))}" is not encoded`)
  }
}

function integer(args: Arguments): number {
  const text = args.shown(0)
  if (!/^[+-]?\d+$/.test(text)) throw new EvaluationFailure(`integer(): "${excerpt(text)}" is not a whole number`)
  return Number(text)
}

function float(args: Arguments): Decimal {
  const text = args.shown(0).trim()
  const value = Number(text)
  if (text === '' || Number.isNaN(value)) throw new EvaluationFailure(`float(): "${excerpt(text)}" is not a number`)
  return new Decimal(value)
}

function not(args: Arguments): boolean {
  const [value] = args.list
  if (typeof value !== 'boolean')
    throw new EvaluationFailure(`not() needs true or false, not ${excerpt(args.shown(0))}`)
  return !value
}

function asKind(args: Arguments, fits: (value: unknown) => boolean, kind: string): unknown {
  const value = args.json(0)
  if (!fits(value)) throw new EvaluationFailure(`${kind}(): ${excerpt(args.shown(0))} is no JSON ${kind}`)
  return value
}
