/** What the operators of expressions do. */
import { JsonNumber } from '../json-text.ts'
import type { Budget } from './budget.ts'
import { itemsOf, memberOf, textOf, XmlNodes } from './values.ts'

/** Where a template is while it is filled. */
export interface Scope {
  readonly budget: Budget
  find(name: string): unknown
  loop(name: string): Loop | undefined
}

export interface Loop {
  readonly index: number
  readonly isLast: boolean
}

/** There is no value; `!` and `??` take it for a question. */
export class Missing extends TypeError {}

const ranges = new WeakSet<object>()
export const isRange = (value: object): boolean => ranges.has(value)

/** From a number on without an end: for parts of lists only. */
export class OpenRange {
  readonly from: number

  constructor(from: number) {
    this.from = from
  }
}

export function present(value: unknown): unknown {
  if (value === undefined || value === null) throw new Missing('there is no value, and no !default')
  return value
}

export function truth(value: unknown): boolean {
  if (typeof present(value) !== 'boolean') throw new TypeError('true or false is expected')
  return value as boolean
}

export function number(value: unknown): number {
  const given = present(value)
  if (typeof given === 'number') return given
  if (given instanceof JsonNumber) return Number(given)
  const text = given instanceof XmlNodes ? textOf(given)?.trim() : undefined
  if (text !== undefined && text !== '' && Number.isFinite(Number(text))) return Number(text)
  throw new TypeError('a number is expected; ?number makes one of a text')
}

export function same(a: unknown, b: unknown): boolean {
  const plain = (value: unknown): unknown => (value instanceof XmlNodes ? textOf(value) : value)
  const [left, right] = [plain(a), plain(b)]
  if (typeof left === 'object' || typeof right === 'object')
    throw new TypeError('only texts, numbers and truth values can be compared')
  if (typeof left === typeof right) return left === right
  if (a instanceof XmlNodes || b instanceof XmlNodes) return String(left) === String(right)
  throw new TypeError(`a ${typeof left} and a ${typeof right} cannot be compared; ?number or ?c make one kind of both`)
}

export function compare(sign: string, a: number, b: number): boolean {
  if (sign === '<') return a < b
  if (sign === '<=') return a <= b
  return sign === '>' ? a > b : a >= b
}

export function multiply(sign: string, a: number, b: number): number {
  if (sign === '*') return a * b
  if (b === 0) throw new TypeError('nothing can be divided by zero')
  return sign === '/' ? a / b : Math.trunc(a) % Math.trunc(b)
}

export function add(a: unknown, b: unknown, budget: Budget): unknown {
  if (typeof a === 'number' && typeof b === 'number') return a + b
  const [left, right] = [itemsOf(a), itemsOf(b)]
  if (Array.isArray(a) && left && right) {
    budget.step(left.length + right.length)
    return [...left, ...right]
  }
  if (isPlainHash(a) && isPlainHash(b)) return { ...a, ...b }
  return budget.made((textOf(a) ?? '') + (textOf(b) ?? ''))
}

function isPlainHash(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof XmlNodes)
}

export function rangeOf(from: number, to: number, sign: string, budget: Budget): number[] {
  const [first, last] = [Math.trunc(from), Math.trunc(to)]
  const step = sign === '..*' || last >= first ? 1 : -1
  const length = sign === '..*' ? Math.abs(last) : Math.abs(last - first) + (sign === '..' ? 1 : 0)
  budget.step(length)
  const made = Array.from({ length }, (_, index) => first + index * step)
  ranges.add(made)
  return made
}

export function within(value: unknown, index: unknown, budget: Budget): unknown {
  const items = typeof value === 'string' ? undefined : itemsOf(value)
  if (index instanceof OpenRange || (Array.isArray(index) && isRange(index))) {
    const all = typeof value === 'string' ? [...value] : items
    if (!all) throw new TypeError('only texts and lists have parts')
    const picked = index instanceof OpenRange ? all.slice(index.from) : index.map(one => present(all[one as number]))
    budget.step(picked.length)
    return typeof value === 'string' ? budget.made(picked.join('')) : picked
  }
  if (typeof index === 'number') {
    if (value instanceof XmlNodes) return value.at(index)
    if (typeof value === 'string') return value[index]
    if (items) return items[index]
    throw new TypeError('only texts and lists are counted')
  }
  return memberOf(value, textOf(index) ?? '')
}
