/** `?upper_case` and its like: what FreeMarker offers behind a question mark, as far as payloads need it. */
import { escapeAttribute } from '../../xml/writer.ts'
import { JsonNumber, parseJson } from '../json-text.ts'
import type { Budget } from './budget.ts'
import type { Loop } from './operators.ts'
import { hasContent, isList, isNames, itemsOf, keysOf, memberOf, textOf, XmlNodes } from './values.ts'

export type BuiltIn =
  | { readonly kind: 'value'; readonly of: (value: unknown, given: readonly unknown[], budget: Budget) => unknown }
  /** Asked of what may not be there. */
  | { readonly kind: 'question'; readonly of: (value: unknown, given: readonly (() => unknown)[]) => unknown }
  | { readonly kind: 'loop'; readonly of: (loop: Loop) => unknown }

type OfText = (text: string, given: readonly string[], budget: Budget) => unknown

const ofText = (of: OfText): BuiltIn => ({
  kind: 'value',
  of: (value, given, budget) => {
    const made = of(
      theText(value),
      given.map(one => textOf(one) ?? ''),
      budget,
    )
    return typeof made === 'string' ? budget.made(made) : made
  },
})
const ofNumber = (of: (value: number) => unknown): BuiltIn => ({ kind: 'value', of: value => of(theNumber(value)) })
const ofList = (of: (items: readonly unknown[], given: readonly unknown[], budget: Budget) => unknown): BuiltIn => ({
  kind: 'value',
  of(value, given, budget) {
    const items = itemsOf(value)
    if (!items) throw new TypeError('a list is expected')
    budget.step(items.length)
    return of(items, given, budget)
  },
})
const ofAny = (of: (value: unknown, given: readonly unknown[], budget: Budget) => unknown): BuiltIn => ({
  kind: 'value',
  of,
})
const loop = (of: (loop: Loop) => unknown): BuiltIn => ({ kind: 'loop', of })

type Offered = readonly [least: number, most: number, what: BuiltIn]

/** `b?then(yes, no)`. */
const CHOICE: Offered = [2, 2, { kind: 'question', of: (value, [yes, no]) => (truthOf(value) ? yes!() : no!()) }]

/** By name, with how many arguments they take. */
const BUILT_INS: Readonly<Record<string, Offered>> = {
  // texts
  upper_case: [0, 0, ofText(text => text.toUpperCase())],
  lower_case: [0, 0, ofText(text => text.toLowerCase())],
  cap_first: [0, 0, ofText(text => text.replace(/\S/, first => first.toUpperCase()))],
  uncap_first: [0, 0, ofText(text => text.replace(/\S/, first => first.toLowerCase()))],
  capitalize: [0, 0, ofText(text => text.toLowerCase().replace(/(?<!\S)\S/g, first => first.toUpperCase()))],
  trim: [0, 0, ofText(text => text.trim())],
  length: [0, 0, ofText(text => text.length)],
  contains: [1, 1, ofText((text, [part = '']) => text.includes(part))],
  starts_with: [1, 1, ofText((text, [part = '']) => text.startsWith(part))],
  ends_with: [1, 1, ofText((text, [part = '']) => text.endsWith(part))],
  index_of: [1, 1, ofText((text, [part = '']) => text.indexOf(part))],
  last_index_of: [1, 1, ofText((text, [part = '']) => text.lastIndexOf(part))],
  replace: [2, 2, ofText((text, [part = '', by = ''], budget) => replaced(text, part, by, budget))],
  split: [1, 1, ofText((text, [part = '']) => text.split(part))],
  remove_beginning: [1, 1, ofText((text, [part = '']) => (text.startsWith(part) ? text.slice(part.length) : text))],
  remove_ending: [
    1,
    1,
    ofText((text, [part = '']) => (part !== '' && text.endsWith(part) ? text.slice(0, -part.length) : text)),
  ],
  keep_before: [1, 1, ofText((text, [part = '']) => text.split(part, 1)[0])],
  keep_after: [
    1,
    1,
    ofText((text, [part = '']) => (text.includes(part) ? text.slice(text.indexOf(part) + part.length) : '')),
  ],
  left_pad: [1, 2, ofText((text, [width = '', by = ' '], budget) => text.padStart(checkedWidth(width, budget), by))],
  right_pad: [1, 2, ofText((text, [width = '', by = ' '], budget) => text.padEnd(checkedWidth(width, budget), by))],
  xml: [0, 0, ofText(text => escapeAttribute(text).replaceAll('>', '&gt;'))],
  html: [0, 0, ofText(text => escapeAttribute(text).replaceAll('>', '&gt;'))],
  xhtml: [0, 0, ofText(text => escapeAttribute(text).replaceAll('>', '&gt;'))],
  no_esc: [0, 0, ofText(text => text)],
  url: [0, 1, ofText(text => encodeURIComponent(text))],
  json_string: [0, 0, ofText(text => JSON.stringify(text).slice(1, -1))],
  js_string: [0, 0, ofText(text => JSON.stringify(text).slice(1, -1).replaceAll("'", "\\'"))],
  number: [0, 0, ofText(text => numberIn(text))],
  boolean: [0, 0, ofText(text => truthIn(text))],
  eval_json: [0, 0, ofText(text => parseJson(text).value)],
  word_list: [0, 0, ofText(text => text.trim().split(/\s+/))],
  chop_linebreak: [0, 0, ofText(text => text.replace(/\r?\n$/, ''))],
  string: [0, 2, ofAny((value, given) => shown(value, given))],
  c: [0, 0, ofAny(value => textOf(value))],
  // numbers
  abs: [0, 0, ofNumber(Math.abs)],
  round: [0, 0, ofNumber(Math.round)],
  floor: [0, 0, ofNumber(Math.floor)],
  ceiling: [0, 0, ofNumber(Math.ceil)],
  int: [0, 0, ofNumber(Math.trunc)],
  long: [0, 0, ofNumber(Math.trunc)],
  double: [0, 0, ofNumber(value => value)],
  // lists and things with names
  size: [0, 0, ofAny(value => sizeOf(value))],
  first: [0, 0, ofList(items => items[0])],
  last: [0, 0, ofList(items => items.at(-1))],
  reverse: [0, 0, ofList(items => [...items].reverse())],
  join: [1, 3, ofList((items, given, budget) => joined(items, given, budget))],
  seq_contains: [1, 1, ofList((items, [wanted]) => items.some(item => textOf(item) === textOf(wanted)))],
  seq_index_of: [1, 1, ofList((items, [wanted]) => items.findIndex(item => textOf(item) === textOf(wanted)))],
  sort: [0, 0, ofList((items, _given, budget) => sorted(items, item => item, budget))],
  sort_by: [1, 1, ofList((items, [key], budget) => sorted(items, item => under(item, key), budget))],
  min: [0, 0, ofList(items => (items.length === 0 ? undefined : Math.min(...items.map(theNumber))))],
  max: [0, 0, ofList(items => (items.length === 0 ? undefined : Math.max(...items.map(theNumber))))],
  chunk: [1, 1, ofList((items, [size]) => chunks(items, theNumber(size)))],
  keys: [0, 0, ofAny(value => needed(keysOf(value), 'something with names is expected'))],
  values: [
    0,
    0,
    ofAny(value => needed(keysOf(value), 'something with names is expected').map(key => memberOf(value, key))),
  ],
  // nodes
  children: [0, 0, ofAny(value => nodes(value).named('*'))],
  node_name: [0, 0, ofAny(value => nodes(value).elements[0]?.local)],
  // kinds
  is_string: [0, 0, ofAny(value => typeof value === 'string' || value instanceof XmlNodes)],
  is_number: [0, 0, ofAny(value => typeof value === 'number' || value instanceof JsonNumber)],
  is_boolean: [0, 0, ofAny(value => typeof value === 'boolean')],
  is_sequence: [0, 0, ofAny(value => isList(value))],
  is_enumerable: [0, 0, ofAny(value => isList(value))],
  is_hash: [0, 0, ofAny(value => value instanceof XmlNodes || isNames(value) || keysOf(value) !== undefined)],
  is_node: [0, 0, ofAny(value => value instanceof XmlNodes)],
  // what may not be there
  has_content: [0, 0, { kind: 'question', of: value => hasContent(value) }],
  exists: [0, 0, { kind: 'question', of: value => value !== undefined }],
  if_exists: [0, 0, { kind: 'question', of: value => value ?? '' }],
  default: [1, 1, { kind: 'question', of: (value, [fallback]) => value ?? fallback!() }],
  // loops
  index: [0, 0, loop(({ index }) => index)],
  counter: [0, 0, loop(({ index }) => index + 1)],
  has_next: [0, 0, loop(({ isLast }) => !isLast)],
  is_first: [0, 0, loop(({ index }) => index === 0)],
  is_last: [0, 0, loop(({ isLast }) => isLast)],
  is_even_item: [0, 0, loop(({ index }) => index % 2 === 1)],
  is_odd_item: [0, 0, loop(({ index }) => index % 2 === 0)],
  item_parity: [0, 0, loop(({ index }) => (index % 2 === 0 ? 'odd' : 'even'))],
}

/** Undefined where there is none that takes so many arguments. */
export function builtIn(name: string, given: number): BuiltIn | undefined {
  const offered = name === 'then' ? CHOICE : Object.hasOwn(BUILT_INS, name) ? BUILT_INS[name] : undefined
  if (!offered) return undefined
  const [least, most, found] = offered
  return given >= least && given <= most ? found : undefined
}

function theText(value: unknown): string {
  const text = textOf(value)
  if (text === undefined) throw new TypeError('a text is expected')
  return text
}

function theNumber(value: unknown): number {
  const isNumber = typeof value === 'number' || value instanceof JsonNumber
  const given = isNumber ? Number(value) : Number(value instanceof XmlNodes ? textOf(value) : Number.NaN)
  if (Number.isNaN(given)) throw new TypeError('a number is expected; ?number makes one of a text')
  return given
}

function truthOf(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new TypeError('true or false is expected')
  return value
}

function needed<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new TypeError(what)
  return value
}

function nodes(value: unknown): XmlNodes {
  if (!(value instanceof XmlNodes)) throw new TypeError('XML is expected')
  return value
}

function numberIn(text: string): number {
  const value = Number(text.trim())
  if (text.trim() === '' || !Number.isFinite(value)) throw new TypeError(`"${text.slice(0, 40)}" is no number`)
  return value
}

function truthIn(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new TypeError(`"${text.slice(0, 40)}" is neither true nor false`)
  return text === 'true'
}

function checkedWidth(text: string, budget: Budget): number {
  const width = numberIn(text)
  budget.step(width / 16)
  return width
}

/** What it would be longer by is counted before it is made. */
function replaced(text: string, part: string, by: string, budget: Budget): string {
  if (by.length > part.length) {
    const pieces = part === '' ? text.length + 1 : text.split(part).length - 1
    budget.step((pieces * by.length) / 16)
  }
  return text.replaceAll(part, () => by)
}

/** `b?string("yes", "no")`, and `n?string("0.00")` for the patterns people use. */
function shown(value: unknown, [first, second]: readonly unknown[]): string | undefined {
  if (typeof value === 'boolean') return first === undefined ? String(value) : textOf(value ? first : second)
  if (first === undefined || typeof value !== 'number') return textOf(value)
  const [, whole = '', digits] = /^([#,0]*)(?:\.([0#]+))?$/.exec(theText(first)) ?? []
  if (whole === '' && digits === undefined) throw new TypeError(`the number format "${textOf(first)}" is not supported`)
  const fixed = value.toFixed(digits?.length ?? 0)
  const optional = digits?.replace(/^0*/, '').length ?? 0
  const short = optional === 0 ? fixed : fixed.replace(new RegExp(`\\.?0{0,${optional}}$`), '')
  const [integer = '', rest] = short.split('.')
  const padded = integer.padStart(whole.replace(/[^0]/g, '').length, '0')
  const grouped = whole.includes(',') ? padded.replace(/\B(?=(\d{3})+$)/g, ',') : padded
  return rest === undefined ? grouped : `${grouped}.${rest}`
}

function sizeOf(value: unknown): number {
  if (value instanceof XmlNodes) return value.size
  return itemsOf(value)?.length ?? needed(keysOf(value), 'a list is expected').length
}

function joined(items: readonly unknown[], given: readonly unknown[], budget: Budget): string {
  const [between = '', ifEmpty = '', end = ''] = given.map(one => textOf(one))
  if (items.length === 0) return ifEmpty
  return budget.made(items.map(item => textOf(item) ?? '').join(between) + end)
}

function sorted(items: readonly unknown[], key: (item: unknown) => unknown, budget: Budget): unknown[] {
  budget.step(items.length * 8)
  return [...items].sort((a, b) => order(key(a), key(b)))
}

function order(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const [left, right] = [textOf(a) ?? '', textOf(b) ?? '']
  return left < right ? -1 : left > right ? 1 : 0
}

function under(item: unknown, key: unknown): unknown {
  return (itemsOf(key) ?? [key]).reduce((value: unknown, name) => memberOf(value, textOf(name) ?? ''), item)
}

function chunks(items: readonly unknown[], size: number): unknown[][] {
  if (size < 1) throw new TypeError('parts of less than one item cannot be made')
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  )
}
