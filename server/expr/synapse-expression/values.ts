import { javaDouble } from '../java-text.ts'
import { isNumber, isRecord } from '../json-values.ts'
import { isNodeList } from '../foreign-value.ts'
import type { MessageViews } from '../environment.ts'
import { synapseText } from '../synapse-text.ts'
import type { XPathNode } from '../xpath/values.ts'

/** Why an expression has no value for this message: the flow goes on with an empty one. */
export class EvaluationFailure extends Error {
  override readonly name = 'EvaluationFailure'
}

/** A number that Java keeps as a double, so that it prints as `3.0`, or as it was written in JSON. */
export class Decimal {
  readonly value: number
  readonly text: string

  constructor(value: number, text: string = javaDouble(value)) {
    this.value = value
    this.text = text
  }
}

/** Null, boolean, number or {@link Decimal}, text, a JSON object or array, or a list of XML nodes. */
export type Value = unknown

/** The result of arithmetic on doubles, without the noise of binary fractions. */
export function decimalOf(value: number): Decimal {
  return new Decimal(Number(value.toPrecision(15)))
}

export function isNumeric(value: Value): boolean {
  return value instanceof Decimal || isNumber(value)
}

export function isInteger(value: Value): boolean {
  return isNumber(value) && Number.isInteger(Number(value))
}

export function numberOf(value: Value): number {
  return value instanceof Decimal ? value.value : Number(value)
}

/** Text, or XML, which counts as its text. */
export function isText(value: Value): boolean {
  return typeof value === 'string' || isNodeList(value)
}

/** As much of a text as somebody wants to read in a log. */
export function excerpt(text: string): string {
  return text.length > 40 ? `${text.slice(0, 39)}…` : text
}

export function textOfValue(value: Value, views: MessageViews): string {
  if (typeof value === 'string') return value
  if (value === null || value === undefined) return 'null'
  if (value instanceof Decimal) return value.text
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : javaDouble(value)
  if (isNodeList(value)) return synapseText(value)
  return typeof value === 'object' ? views.printJson(value, [value], 0) : String(value)
}

/** What other mediators can use: doubles become plain numbers. */
export function outside(value: Value): unknown {
  return value instanceof Decimal ? value.value : value
}

/** A number of JSON by how it is written; everything else as it is. */
export function fromJson(value: unknown, holder: object, key: string | number, views: MessageViews): Value {
  if (typeof value !== 'number') return value
  const text = views.printJson(value, holder, key)
  return /[.eE]/.test(text) ? new Decimal(value, text) : value
}

const NUMBER = /^-?(?:0|[1-9]\d{0,14})(\.\d+)?$/

/** Headers and properties are texts; those that read like numbers or booleans are taken for such (synapse-language F.4). */
export function typed(value: unknown): Value {
  if (typeof value !== 'string') return value
  if (value === 'true' || value === 'false') return value === 'true'
  const number = NUMBER.exec(value)
  if (!number) return value
  return number[1] === undefined ? Number(value) : new Decimal(Number(value), value)
}

/** XML kept in a variable or property as a list of nodes. */
export function nodesOf(value: unknown): XPathNode[] | undefined {
  if (isNodeList(value)) return value
  if (typeof value !== 'object' || value === null) return undefined
  if (isNodeList([value])) return [value as XPathNode]
  const root = (value as { root?: unknown }).root
  return isNodeList([root]) ? [root as XPathNode] : undefined
}

export { isRecord }
