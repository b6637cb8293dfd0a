import { XML_NAMESPACE } from '../../xml/names.ts'
import type { XmlAttribute, XmlDocument, XmlElement, XmlNode, XmlText } from '../../xml/tree.ts'
import { indexOf } from '../../xml/tree.ts'
import type { Work } from './work.ts'

/** A namespace in force on an element: exists only while an expression looks at the namespace axis. */
export class XmlNamespace {
  readonly kind = 'namespace'
  readonly prefix: string
  readonly uri: string
  readonly parent: XmlElement

  constructor(prefix: string, uri: string, parent: XmlElement) {
    this.prefix = prefix
    this.uri = uri
    this.parent = parent
  }
}

/** The root of a tree that has no document, so that absolute paths work on a part taken out of its message. */
export class DetachedRoot {
  readonly kind = 'document'
  readonly parent = null
  readonly children: readonly XmlNode[]

  constructor(top: XmlNode) {
    this.children = [top]
  }
}

export type XPathNode = XmlNode | XmlAttribute | XmlDocument | XmlNamespace | DetachedRoot

/** Null comes from variables and functions of ours that have no value; it behaves like an empty text. */
export type XPathValue = string | number | boolean | XPathNode[] | null

const CHARACTERS_PER_STEP = 16

/** Texts count as work each time they are looked at: a loop over nodes may look at one for every node. */
function weigh(text: string, work: Work): string {
  work.spend(1 + Math.floor(text.length / CHARACTERS_PER_STEP))
  return text
}

/** The string-value of XPath 1.0 §5. */
export function stringOf(node: XPathNode, work: Work): string {
  return weigh(stringValue(node, work), work)
}

function stringValue(node: XPathNode, work: Work): string {
  switch (node.kind) {
    case 'element':
    case 'document':
      return textInside(node, work)
    case 'text':
      return textRun(node, work)
    case 'namespace':
      return node.uri
    default:
      return node.value
  }
}

function textInside(top: XmlElement | XmlDocument | DetachedRoot, work: Work): string {
  let list = top.children
  work.spend(list.length)
  if (list.length === 1 && list[0]!.kind === 'text') return list[0]!.value
  const lists: (readonly XmlNode[])[] = []
  const places: number[] = []
  let place = 0
  let text = ''
  for (;;) {
    if (place === list.length) {
      if (lists.length === 0) return text
      list = lists.pop()!
      place = places.pop()!
      continue
    }
    const node = list[place++]!
    if (node.kind === 'text') text += node.value
    else if (node.kind === 'element' && node.children.length > 0) {
      lists.push(list)
      places.push(place)
      list = node.children
      place = 0
      work.spend(list.length)
    }
  }
}

/** XPath knows no CDATA sections: text next to text is one node, which the first of them stands for. */
function textRun(first: XmlText, work: Work): string {
  const siblings = first.parent?.children
  if (siblings === undefined || siblings.length === 1) return first.value
  let text = first.value
  for (let place = indexOf(first) + 1; ; place++) {
    const next = siblings[place]
    if (next?.kind !== 'text') return text
    work.spend(1)
    text += next.value
  }
}

/** All digits of a number with an exponent cost a few microseconds. */
const HUGE_NUMBER_STEPS = 64

export function toText(value: XPathValue, work: Work): string {
  if (typeof value === 'string') return weigh(value, work)
  if (typeof value === 'number') {
    work.spend(Math.abs(value) < 1e21 ? 1 : HUGE_NUMBER_STEPS)
    return numberText(value)
  }
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  return value === null || value.length === 0 ? '' : stringOf(value[0]!, work)
}

/** Decimal notation whatever the size (XPath 1.0 §4.2): no exponent, no sign for zero. */
export function numberText(value: number): string {
  if (Number.isInteger(value))
    return Math.abs(value) < 1e21 ? String(value === 0 ? 0 : value) : BigInt(value).toString()
  if (!Number.isFinite(value)) return String(value)
  const text = String(value)
  const exponent = text.indexOf('e-')
  if (exponent < 0) return text
  const digits = text.slice(0, exponent).replace('-', '').replace('.', '')
  return `${value < 0 ? '-' : ''}0.${'0'.repeat(Number(text.slice(exponent + 2)) - 1)}${digits}`
}

const NUMBER = /^[ \t\r\n]*-?(?:\d+(?:\.\d*)?|\.\d+)[ \t\r\n]*$/

export function textToNumber(text: string): number {
  return NUMBER.test(text) ? Number(text) : Number.NaN
}

export function toNumber(value: XPathValue, work: Work): number {
  if (typeof value === 'number') return value
  if (typeof value === 'boolean') return value ? 1 : 0
  return textToNumber(toText(value, work))
}

export function toBoolean(value: XPathValue): boolean {
  if (typeof value === 'boolean') return value
  if (typeof value === 'number') return value !== 0 && !Number.isNaN(value)
  return value !== null && value.length > 0
}

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>='

const FLIPPED: Readonly<Record<Comparison, Comparison>> = {
  '=': '=',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
}

/** XPath 1.0 §3.4: a node-set compares true if one of its nodes does. */
export function compare(operator: Comparison, left: XPathValue, right: XPathValue, work: Work): boolean {
  if (Array.isArray(left)) return compareSet(operator, left, right, work)
  if (Array.isArray(right)) return compareSet(FLIPPED[operator], right, left, work)
  if (typeof left === 'string') weigh(left, work)
  if (typeof right === 'string') weigh(right, work)
  if (operator === '=' || operator === '!=') return (operator === '=') === equalAtoms(left, right)
  return compareNumbers(operator, atomToNumber(left), atomToNumber(right))
}

type Atom = string | number | boolean | null

function atomToNumber(value: Atom): number {
  return typeof value === 'number' ? value : typeof value === 'boolean' ? Number(value) : textToNumber(value ?? '')
}

function equalAtoms(left: Atom, right: Atom): boolean {
  if (typeof left === 'boolean' || typeof right === 'boolean') return toBoolean(left) === toBoolean(right)
  if (typeof left === 'number' || typeof right === 'number') return atomToNumber(left) === atomToNumber(right)
  return (left ?? '') === (right ?? '')
}

function compareSet(operator: Comparison, set: readonly XPathNode[], other: XPathValue, work: Work): boolean {
  if (typeof other === 'boolean') return compare(operator, set.length > 0, other, work)
  if (Array.isArray(other)) return compareSets(operator, set, other, work)
  if (operator === '=' || operator === '!=') {
    const wanted = operator === '='
    if (typeof other === 'number') return set.some(node => (textToNumber(stringOf(node, work)) === other) === wanted)
    const text = other ?? ''
    return set.some(node => (stringOf(node, work) === text) === wanted)
  }
  const number = atomToNumber(other)
  return set.some(node => compareNumbers(operator, textToNumber(stringOf(node, work)), number))
}

/** Never pairwise: equality asks a set of texts, order only the extremes. */
function compareSets(
  operator: Comparison,
  left: readonly XPathNode[],
  right: readonly XPathNode[],
  work: Work,
): boolean {
  if (left.length === 0 || right.length === 0) return false
  if (operator === '=') {
    const texts = new Set(right.map(node => stringOf(node, work)))
    return left.some(node => texts.has(stringOf(node, work)))
  }
  if (operator === '!=') {
    const first = stringOf(left[0]!, work)
    return left.some(node => stringOf(node, work) !== first) || right.some(node => stringOf(node, work) !== first)
  }
  const a = extremes(left, work)
  const b = extremes(right, work)
  if (a === null || b === null) return false
  return operator === '<' || operator === '<='
    ? compareNumbers(operator, a.least, b.most)
    : compareNumbers(operator, a.most, b.least)
}

function extremes(nodes: readonly XPathNode[], work: Work): { least: number; most: number } | null {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  let any = false
  for (const node of nodes) {
    const number = textToNumber(stringOf(node, work))
    if (Number.isNaN(number)) continue
    any = true
    if (number < least) least = number
    if (number > most) most = number
  }
  return any ? { least, most } : null
}

function compareNumbers(operator: Comparison, left: number, right: number): boolean {
  switch (operator) {
    case '<':
      return left < right
    case '<=':
      return left <= right
    case '>':
      return left > right
    default:
      return left >= right
  }
}

/** Every namespace in force on an element: the nearest declaration of each prefix, and `xml`. */
export function namespacesOf(element: XmlElement, work?: Work): XmlNamespace[] {
  const nearest = new Map<string, string>()
  for (let at: XPathNode | null = element; at !== null && at.kind === 'element'; at = at.parent) {
    work?.spend(1 + at.declarations.length)
    for (const { prefix, uri } of at.declarations) if (!nearest.has(prefix)) nearest.set(prefix, uri)
    // A tree changed by mediators may use prefixes that nobody has declared yet.
    if (!nearest.has(at.prefix) && (at.prefix !== '' || at.uri !== '')) nearest.set(at.prefix, at.uri)
  }
  const found = [new XmlNamespace('xml', XML_NAMESPACE, element)]
  for (const [prefix, uri] of nearest)
    if (uri !== '' && prefix !== 'xml') found.push(new XmlNamespace(prefix, uri, element))
  return found
}
