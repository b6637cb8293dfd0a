import { beginning, unreadable } from './decoded.ts'

export type JsonValue = string | number | boolean | null | JsonNumber | JsonArray | JsonObject
export type JsonArray = JsonValue[]
export interface JsonObject {
  [key: string]: JsonValue
}

/**
 * A number that a JavaScript number cannot hold exactly: an identifier of twenty digits, a decimal of thirty, 1e400.
 * It prints as it was written wherever it is moved, and counts as the nearest number in arithmetic.
 */
export class JsonNumber extends Number {
  readonly #text: string

  constructor(text: string) {
    super(text)
    this.#text = text
  }

  override toString(): string {
    return this.#text
  }
}

/** JSON values inside one another beyond this are refused, so that every walk over them may recurse. */
const DEEPEST = 1000

/**
 * How numbers were written where their value alone would be printed differently (`500.0`, `1e3`, `-0`): kept beside
 * the object or array that holds them, so that values stay plain numbers for everybody. Believed only while the very
 * same number is still in the same place; a number that was moved or changed is printed the usual way.
 */
const spellings = new WeakMap<object, Map<string | number, { readonly value: number; readonly text: string }>>()

export function spell(container: object, key: string | number, value: number, text: string): void {
  let own = spellings.get(container)
  if (!own) spellings.set(container, (own = new Map()))
  own.set(key, { value, text })
}

/** The text of the number at `container[key]`, as it was written if it still is that number. */
export function spelled(container: object, key: string | number, value: number): string {
  const known = spellings.get(container)?.get(key)
  return known !== undefined && Object.is(known.value, value) ? known.text : String(value)
}

/**
 * The order of members where JavaScript would change it: keys that read like array indexes come first in any object.
 */
const orders = new WeakMap<object, readonly string[]>()
const INDEX = /^(?:0|[1-9]\d{0,9})$/

/** The keys of an object in the order they were read, those added later at the end. */
export function keysOf(object: JsonObject): readonly string[] {
  const keys = Object.keys(object)
  const order = orders.get(object)
  if (!order) return keys
  const there = new Set(keys)
  const known = order.filter(key => there.delete(key))
  return there.size === 0 ? known : [...known, ...there]
}

/** One number by its text: a plain one if that loses nothing but the spelling. */
export function numberOf(text: string): number | JsonNumber {
  const value = Number(text)
  const printed = String(value)
  if (printed === text) return value
  return Number.isFinite(value) && decimal(printed) === decimal(text) ? value : new JsonNumber(text)
}

/** Sign, digits without zeros around them, and power of ten: equal for equal numbers however they are written. */
function decimal(text: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)!
  const [, sign, whole, fraction = '', exponent = '0'] = match
  const digits = `${whole}${fraction}`.replace(/^0+/, '')
  const significant = digits.replace(/0+$/, '')
  if (significant === '') return '0'
  return `${sign}${significant}e${Number(exponent) - fraction.length + (digits.length - significant.length)}`
}

/** Throws PAYLOAD_UNREADABLE with line, column and the beginning of the trouble. */
export function parseJson(text: string): { value: JsonValue } {
  const root: { value: JsonValue } = { value: null }
  if (isPlain(text)) {
    try {
      root.value = JSON.parse(text) as JsonValue
      return root
    } catch {
      // The reader below says better what is wrong, and forgives control characters in strings.
    }
  }
  new Reader(text).read(root)
  return root
}

/**
 * Whether `JSON.parse`, several times faster than anything written in JavaScript, would lose nothing: no number spelled
 * in a way of its own or too long, no key like an index, no deep nesting. Says nothing about whether it is JSON.
 */
function isPlain(text: string): boolean {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      const end = endOfString(text, at)
      const first = text.charCodeAt(at + 1)
      if (first >= ZERO && first <= NINE && INDEX.test(text.slice(at + 1, end))) return false
      at = end
    } else if (code === 123 || code === 91) {
      if (++depth > DEEPEST) return false
    } else if (code === 125 || code === 93) depth--
    else if (code === MINUS || (code >= ZERO && code <= NINE)) {
      const start = at
      while (isNumberPart(text.charCodeAt(at + 1))) at++
      if (at > start && !isUsual(text.slice(start, at + 1))) return false
    }
  }
  return true
}

const QUOTE = 34
const BACKSLASH = 92
const MINUS = 45
const ZERO = 48
const NINE = 57

/** Index of the closing quote, or the length of the text if there is none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++
    if (slashes % 2 === 0) return end
  }
  return text.length
}

/** Digits, point, signs and the letters of an exponent. */
function isNumberPart(code: number): boolean {
  return (code >= ZERO && code <= NINE) || code === 46 || code === MINUS || code === 43 || code === 101 || code === 69
}

/** Printed by JavaScript as it is written here; false is allowed to be wrong. */
function isUsual(number: string): boolean {
  return number.length < 16 && !/[eE]|\.\d*0$|^-0$/.test(number)
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const PLAIN_STRING = /[^"\\]*/y
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  read(root: { value: JsonValue }): void {
    root.value = this.#value(root, 'value', 0)
    this.#space()
    if (this.#at < this.#text.length) this.#fail('something follows the end of the value')
  }

  #value(container: object, key: string | number, depth: number): JsonValue {
    this.#space()
    const text = this.#text
    switch (text[this.#at]) {
      case '{':
        return this.#object(depth + 1)
      case '[':
        return this.#array(depth + 1)
      case '"':
        return this.#string()
      case 't':
        return this.#word('true', true)
      case 'f':
        return this.#word('false', false)
      case 'n':
        return this.#word('null', null)
      case undefined:
        return this.#fail('the text ends where a value is expected')
    }
    NUMBER.lastIndex = this.#at
    const match = NUMBER.exec(text)
    if (!match) this.#fail('a value is expected')
    this.#at = NUMBER.lastIndex
    const number = numberOf(match[0])
    if (typeof number === 'number' && String(number) !== match[0]) spell(container, key, number, match[0])
    return number
  }

  #object(depth: number): JsonObject {
    if (depth > DEEPEST) this.#fail(`more than ${DEEPEST} values inside one another`)
    const object: JsonObject = {}
    this.#at++
    this.#space()
    if (this.#taken('}')) return object
    const order: string[] = []
    let reordered = false
    for (;;) {
      this.#space()
      if (this.#text[this.#at] !== '"') this.#fail('a name in double quotes is expected')
      const key = this.#string()
      order.push(key)
      reordered ||= INDEX.test(key)
      this.#space()
      if (!this.#taken(':')) this.#fail('a colon is expected')
      setMember(object, key, this.#value(object, key, depth))
      this.#space()
      if (this.#taken('}')) {
        if (reordered) orders.set(object, order)
        return object
      }
      if (!this.#taken(',')) this.#fail('a comma or } is expected')
    }
  }

  #array(depth: number): JsonArray {
    if (depth > DEEPEST) this.#fail(`more than ${DEEPEST} values inside one another`)
    const array: JsonArray = []
    this.#at++
    this.#space()
    if (this.#taken(']')) return array
    for (;;) {
      array.push(this.#value(array, array.length, depth))
      this.#space()
      if (this.#taken(']')) return array
      if (!this.#taken(',')) this.#fail('a comma or ] is expected')
    }
  }

  #string(): string {
    const text = this.#text
    const start = this.#at++
    let value = ''
    for (;;) {
      PLAIN_STRING.lastIndex = this.#at
      value += PLAIN_STRING.exec(text)![0]
      this.#at = PLAIN_STRING.lastIndex
      if (this.#at >= text.length) {
        this.#at = start
        this.#fail('a string has no closing quote')
      }
      if (this.#taken('"')) return value
      value += this.#escape()
    }
  }

  #escape(): string {
    const letter = this.#text[this.#at + 1] ?? ''
    const simple = ESCAPES[letter]
    if (simple !== undefined) {
      this.#at += 2
      return simple
    }
    const hex = letter === 'u' ? this.#text.slice(this.#at + 2, this.#at + 6) : ''
    if (!/^[0-9a-fA-F]{4}$/.test(hex)) this.#fail('an unknown escape in a string')
    this.#at += 6
    return String.fromCharCode(Number.parseInt(hex, 16))
  }

  #word<V extends JsonValue>(word: string, value: V): V {
    if (!this.#text.startsWith(word, this.#at)) this.#fail('a value is expected')
    this.#at += word.length
    return value
  }

  #taken(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #space(): void {
    const text = this.#text
    for (;;) {
      const code = text.charCodeAt(this.#at)
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return
      this.#at++
    }
  }

  #fail(reason: string): never {
    const before = this.#text.slice(0, this.#at)
    const line = before.split('\n').length
    const column = this.#at - before.lastIndexOf('\n')
    throw unreadable(
      `"${beginning(this.#text)}" is not a JSON string: line ${line}, column ${column}: ${reason} ` +
        `(at "${beginning(this.#text, this.#at)}")`,
    )
  }
}

/** Safe for every key, `__proto__` included. */
export function setMember(object: JsonObject, key: string, value: JsonValue): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
  else object[key] = value
}

/** Numbers are printed as they were read; members in their order; no white space. */
export function printJson(root: { readonly value: JsonValue }): string {
  return print(root.value, root, 'value')
}

function print(value: JsonValue, container: object, key: string | number): string {
  if (typeof value === 'string') return printString(value)
  if (typeof value === 'number') return Number.isFinite(value) ? spelled(container, key, value) : 'null'
  if (value === null || typeof value !== 'object') return value === undefined ? 'null' : String(value)
  if (value instanceof JsonNumber) return value.toString()
  return Array.isArray(value) ? printArray(value) : printObject(value)
}

function printArray(array: JsonArray): string {
  let text = '['
  for (let index = 0; index < array.length; index++) {
    if (index > 0) text += ','
    text += print(array[index]!, array, index)
  }
  return `${text}]`
}

function printObject(object: JsonObject): string {
  let text = '{'
  for (const name of keysOf(object)) {
    const member = object[name]
    if (member === undefined) continue
    if (text.length > 1) text += ','
    text += `${printString(name)}:${print(member, object, name)}`
  }
  return `${text}}`
}

// eslint-disable-next-line no-control-regex -- what has to be escaped, and half surrogate pairs among it
const NEEDS_ESCAPE = /["\\\0-\x1f\ud800-\udfff]/

function printString(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`
}

/** The text of one value by itself. */
export function printJsonValue(value: JsonValue): string {
  return print(value, NOWHERE, '')
}

const NOWHERE = {}

/** The text of the value found at `holder[key]`, such as the result of a JSONPath: a number as it was written there. */
export function printJsonAt(value: JsonValue, holder: object, key: string | number): string {
  return print(value, holder, key)
}

/** A copy that shares nothing, with the spelling of its numbers. */
export function cloneJson<V extends JsonValue>(value: V): V
export function cloneJson(value: JsonValue): JsonValue {
  if (value === null || typeof value !== 'object' || value instanceof JsonNumber) return value
  let copy: JsonArray | JsonObject
  if (Array.isArray(value)) copy = value.map(item => cloneJson(item))
  else {
    copy = {}
    for (const key of Object.keys(value)) setMember(copy, key, cloneJson(value[key]!))
  }
  const own = spellings.get(value)
  if (own) spellings.set(copy, new Map(own))
  const order = orders.get(value)
  if (order) orders.set(copy, order)
  return copy
}

/** {@link cloneJson} for a root, whose number has its spelling kept beside the root. */
export function cloneRoot(root: { readonly value: JsonValue }): { value: JsonValue } {
  const copy = { value: cloneJson(root.value) }
  const own = spellings.get(root)
  if (own) spellings.set(copy, new Map(own))
  return copy
}
