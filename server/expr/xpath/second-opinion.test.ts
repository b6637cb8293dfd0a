/** Documents and expressions made at random, evaluated by ours and by libxml2: both must find the same. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type * as Libxml2 from 'libxml2-wasm'
import { parseXml } from '../../xml/reader.ts'
import type { XPathNode, XPathValue } from './values.ts'
import { stringOf } from './values.ts'
import { Work } from './work.ts'
import { compileXPath } from './xpath.ts'

const DOCUMENTS = 60
const EXPRESSIONS = 120
const NAMESPACES: Readonly<Record<string, string>> = { p: 'urn:p' }

let libxml2: typeof Libxml2

before(async () => {
  libxml2 = await import('libxml2-wasm')
})

/** The same numbers in every run (mulberry32). */
class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * limit
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.below(items.length))]!
  }

  chance(share: number): boolean {
    return this.below(1) < share
  }
}

/** Every element has a number of its own in `i`, by which both engines can name it. */
function documentOf(random: Random): string {
  let made = 0
  const element = (depth: number): string => {
    const name = random.pick(['a', 'b', 'c', 'p:a', 'p:d'])
    const more = random.chance(0.4) ? ` v="${random.pick(['1', '2', '07', 'x', '', ' 3 '])}"` : ''
    const attributes = ` i="${made++}"${more}${random.chance(0.1) ? ' xml:lang="en-GB"' : ''}`
    let inside = ''
    if (depth > 0) {
      const children = Math.floor(random.below(5))
      for (let n = 0; n < children; n++) {
        if (random.chance(0.35)) inside += random.pick(['1', '2.5', 'text', ' ', '<!--c-->', '-7', 'a b'])
        inside += element(depth - 1)
      }
    }
    if (random.chance(0.3)) inside += random.pick(['9', '10', 'x y', 'é', ''])
    return `<${name}${attributes}>${inside}</${name}>`
  }
  return `<r xmlns:p="urn:p" i="r">${element(4)}${element(3)}${element(4)}</r>`
}

const AXES = [
  'child',
  'descendant',
  'descendant-or-self',
  'parent',
  'ancestor',
  'ancestor-or-self',
  'following-sibling',
  'preceding-sibling',
  'following',
  'preceding',
  'self',
]
const TESTS = ['*', 'a', 'b', 'c', 'p:a', 'p:*', 'node()', 'text()', 'comment()', 'processing-instruction()']

function step(random: Random, depth: number): string {
  const kind = random.below(10)
  const predicates = depth > 0 && random.chance(0.4) ? `[${predicate(random, depth - 1)}]` : ''
  if (kind < 1) return `@${random.pick(['i', 'v', '*', 'xml:lang'])}`
  if (kind < 5) return `${random.pick(TESTS.slice(0, 8))}${predicates}`
  return `${random.pick(AXES)}::${random.pick(TESTS)}${predicates}`
}

function path(random: Random, depth: number): string {
  const start = random.pick(['', '/', '//', '//', './/', '/r/', ''])
  const steps = Array.from({ length: 1 + Math.floor(random.below(3)) }, () => step(random, depth))
  // libxml2 has the children of an element not among what follows its attributes; XPath 1.0, 2.2 has.
  const end = steps.findIndex(one => one.startsWith('@'))
  if (end >= 0) steps.length = end + 1
  return start + steps.join(random.chance(0.25) ? '//' : '/')
}

function predicate(random: Random, depth: number): string {
  const kind = Math.floor(random.below(6))
  if (kind === 0) return String(1 + Math.floor(random.below(3)))
  if (kind === 1) return 'last()'
  if (kind === 2) return `position() ${random.pick(['<', '>', '=', '!='])} ${1 + Math.floor(random.below(3))}`
  return condition(random, depth)
}

function number(random: Random, depth: number): string {
  const kind = Math.floor(random.below(7))
  if (kind === 0) return random.pick(['0', '1', '2.5', '-1', '10', '.5'])
  if (kind === 1) return `count(${path(random, depth)})`
  if (kind === 2) return `sum(${path(random, depth)})`
  if (kind === 3) return `string-length(${text(random, depth)})`
  if (kind === 4) return `number(${path(random, depth)})`
  if (kind === 5) return `${random.pick(['floor', 'ceiling', 'round'])}(${random.pick(['1.5', '-1.5', '2.4', '-0.2'])})`
  const operator = random.pick(['+', '-', '*', 'div', 'mod'])
  return depth > 0 ? `(${number(random, depth - 1)} ${operator} ${number(random, depth - 1)})` : '3'
}

function text(random: Random, depth: number): string {
  const kind = Math.floor(random.below(8))
  if (kind === 0) return random.pick(["'x'", "'1'", "''", "'a b'"])
  if (kind === 1) return `string(${path(random, depth)})`
  if (kind === 2) return `${random.pick(['name', 'local-name', 'namespace-uri'])}(${path(random, depth)})`
  if (kind === 3) return `normalize-space(${path(random, depth)})`
  if (kind === 4)
    return `substring(${path(random, depth)}, ${random.pick(['1', '2', '0', '1.5', '-1'])}, ${random.pick(['1', '2', '10'])})`
  if (kind === 5) return `translate(${path(random, depth)}, 'abx', 'AB')`
  if (kind === 6) return `${random.pick(['substring-before', 'substring-after'])}(${path(random, depth)}, ' ')`
  return depth > 0 ? `concat(${text(random, depth - 1)}, ${text(random, depth - 1)})` : "'t'"
}

function condition(random: Random, depth: number): string {
  const operator = random.pick(['=', '!=', '<', '>', '<=', '>='])
  const kind = Math.floor(random.below(7))
  if (kind === 0) return path(random, depth)
  if (kind === 1) return `${path(random, depth)} ${operator} ${path(random, depth)}`
  if (kind === 2) return `${path(random, depth)} ${operator} ${number(random, depth)}`
  if (kind === 3)
    return `${random.pick(['contains', 'starts-with'])}(${text(random, depth)}, ${random.pick(["'1'", "'x'", "''"])})`
  if (kind === 4) return `not(${depth > 0 ? condition(random, depth - 1) : path(random, 0)})`
  if (kind === 5) return `lang('en')`
  const [one, other] = [Math.max(0, depth - 1), Math.max(0, depth - 1)]
  return depth > 0
    ? `${condition(random, one)} ${random.pick(['and', 'or'])} ${condition(random, other)}`
    : `boolean(${path(random, 0)})`
}

function expression(random: Random): string {
  const make = random.pick([path, path, path, number, text, condition])
  const made = make(random, 2)
  return make === path && random.chance(0.2) ? `${made} | ${path(random, 1)}` : made
}

function ours(value: XPathValue): unknown {
  if (!Array.isArray(value)) return value
  return value.map((node: XPathNode) => {
    if (node.kind === 'element') return `element ${node.attribute('i')}`
    if (node.kind === 'document') return 'document'
    return `${node.kind} ${stringOf(node, new Work(1e6))}`
  })
}

function theirs(value: Libxml2.XmlNode[] | string | boolean | number): unknown {
  if (!Array.isArray(value)) return value
  return value.map(node => {
    if (node instanceof libxml2.XmlElement) return `element ${node.attr('i')?.value}`
    if (node instanceof libxml2.XmlAttribute) return `attribute ${node.value}`
    if (node instanceof libxml2.XmlComment) return `comment ${node.content}`
    if (node instanceof libxml2.XmlText) return `text ${node.content}`
    return 'document'
  })
}

test('expressions made at random give over documents made at random what libxml2 finds', t => {
  const library = {
    namespace: (prefix: string) => (prefix === 'xml' ? 'http://www.w3.org/XML/1998/namespace' : NAMESPACES[prefix]),
  }
  const seen = new Map<string, number>()
  for (let number = 0; number < DOCUMENTS; number++) {
    const random = new Random(number)
    const xml = documentOf(random)
    const document = parseXml(xml)
    using other = libxml2.XmlDocument.fromString(xml)
    for (let round = 0; round < EXPRESSIONS; round++) {
      const source = expression(random)
      const mine = ours(compileXPath(source, library).evaluate(document.root, {}))
      const expected = theirs(other.eval(source, { ...NAMESPACES }))
      assert.deepEqual(mine, expected, `document ${number}: ${source}\n${xml}`)
      const kind = Array.isArray(mine) ? (mine.length > 0 ? 'nodes' : 'no nodes') : typeof mine
      seen.set(kind, (seen.get(kind) ?? 0) + 1)
    }
  }
  t.diagnostic([...seen].map(([kind, count]) => `${count} × ${kind}`).join(', '))
  for (const kind of ['nodes', 'no nodes', 'number', 'string', 'boolean']) assert.ok((seen.get(kind) ?? 0) > 100, kind)
})
