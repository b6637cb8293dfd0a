import { XML_NAMESPACE } from '../../xml/names.ts'
import type { Focus, Part, StaticType } from './focus.ts'
import { placeOfText } from './text-search.ts'
import { stringOf, toBoolean, toNumber, toText } from './values.ts'
import type { XPathNode, XPathValue } from './values.ts'
import type { Work } from './work.ts'

interface CoreFunction {
  readonly min: number
  readonly max: number
  readonly returns: StaticType
  /** Without argument it works on the context node. */
  readonly onContext?: true
  /** Which arguments must be node-sets. */
  readonly takesNodes?: true
  readonly positional?: true
  compile(args: readonly Part[]): (focus: Focus) => XPathValue
}

/** The string value of a part, looking no further than its first node. */
export function textOf(part: Part): (focus: Focus) => string {
  const { first, literal } = part
  if (literal !== undefined) return () => literal
  if (first) {
    return focus => {
      const node = first(focus)
      return node === undefined ? '' : stringOf(node, focus.evaluation.work)
    }
  }
  return focus => toText(part.run(focus), focus.evaluation.work)
}

export function numberOf(part: Part): (focus: Focus) => number {
  if (part.type === 'nodes') {
    const text = textOf(part)
    return focus => toNumber(text(focus), focus.evaluation.work)
  }
  return focus => toNumber(part.run(focus), focus.evaluation.work)
}

export function booleanOf(part: Part): (focus: Focus) => boolean {
  const { first } = part
  if (first) return focus => first(focus) !== undefined
  if (part.type === 'boolean') return focus => part.run(focus) === true
  return focus => toBoolean(part.run(focus))
}

const text0 = (args: readonly Part[], index = 0): ((focus: Focus) => string) => {
  const part = args[index]
  return part ? textOf(part) : focus => stringOf(focus.node!, focus.evaluation.work)
}

const firstNode = (args: readonly Part[]): ((focus: Focus) => XPathNode | undefined) => {
  const part = args[0]
  if (!part) return focus => focus.node!
  if (part.first) return part.first.bind(part)
  // A variable or a function of the surroundings may be anything, which shows only now.
  return focus => {
    const value = part.run(focus)
    return Array.isArray(value) ? value[0] : undefined
  }
}

const nodesOf = (part: Part): ((focus: Focus) => XPathNode[]) => {
  return focus => {
    const value = part.run(focus)
    return Array.isArray(value) ? value : []
  }
}

function onText(returns: StaticType, apply: (text: string, work: Work) => XPathValue): CoreFunction {
  return {
    min: 0,
    max: 1,
    returns,
    onContext: true,
    compile(args) {
      const text = text0(args)
      return focus => apply(text(focus), focus.evaluation.work)
    },
  }
}

function onTexts(returns: StaticType, apply: (left: string, right: string, work: Work) => XPathValue): CoreFunction {
  return {
    min: 2,
    max: 2,
    returns,
    compile(args) {
      const left = text0(args)
      const right = text0(args, 1)
      return focus => apply(left(focus), right(focus), focus.evaluation.work)
    },
  }
}

function onNumber(apply: (value: number) => number): CoreFunction {
  return {
    min: 1,
    max: 1,
    returns: 'number',
    compile(args) {
      const value = numberOf(args[0]!)
      return focus => apply(value(focus))
    },
  }
}

function onNode(apply: (node: XPathNode) => string): CoreFunction {
  return {
    min: 0,
    max: 1,
    returns: 'string',
    onContext: true,
    takesNodes: true,
    compile(args) {
      const find = firstNode(args)
      return focus => {
        const node = find(focus)
        return node === undefined ? '' : apply(node)
      }
    },
  }
}

function localName(node: XPathNode): string {
  switch (node.kind) {
    case 'element':
    case 'attribute':
      return node.local
    case 'pi':
      return node.target
    case 'namespace':
      return node.prefix
    default:
      return ''
  }
}

const XML_SPACE = /[ \t\r\n]+/g

/** The function library of XPath 1.0 §4. */
export const coreFunctions: ReadonlyMap<string, CoreFunction> = new Map<string, CoreFunction>([
  // node-sets
  ['last', { min: 0, max: 0, returns: 'number', positional: true, compile: () => focus => focus.size }],
  ['position', { min: 0, max: 0, returns: 'number', positional: true, compile: () => focus => focus.position }],
  [
    'count',
    {
      min: 1,
      max: 1,
      returns: 'number',
      takesNodes: true,
      compile(args) {
        const nodes = nodesOf(args[0]!)
        return focus => nodes(focus).length
      },
    },
  ],
  // No DTD is ever read, so that no attribute is of type ID.
  ['id', { min: 1, max: 1, returns: 'nodes', compile: () => () => [] }],
  ['local-name', onNode(localName)],
  ['namespace-uri', onNode(node => (node.kind === 'element' || node.kind === 'attribute' ? node.uri : ''))],
  ['name', onNode(node => (node.kind === 'element' || node.kind === 'attribute' ? node.name : localName(node)))],
  // strings
  ['string', onText('string', text => text)],
  [
    'concat',
    {
      min: 2,
      max: Number.POSITIVE_INFINITY,
      returns: 'string',
      compile(args) {
        const texts = args.map(textOf)
        return focus => {
          let joined = ''
          for (const text of texts) joined += text(focus)
          focus.evaluation.work.spend(texts.length)
          return joined
        }
      },
    },
  ],
  ['starts-with', onTexts('boolean', (text, start) => text.startsWith(start))],
  ['contains', onTexts('boolean', (text, part, work) => placeOfText(text, part, work) >= 0)],
  [
    'substring-before',
    onTexts('string', (text, part, work) => {
      const at = placeOfText(text, part, work)
      return at < 0 ? '' : text.slice(0, at)
    }),
  ],
  [
    'substring-after',
    onTexts('string', (text, part, work) => {
      const at = placeOfText(text, part, work)
      return at < 0 ? '' : text.slice(at + part.length)
    }),
  ],
  [
    'substring',
    {
      min: 2,
      max: 3,
      returns: 'string',
      compile(args) {
        const text = text0(args)
        const from = numberOf(args[1]!)
        const length = args[2] ? numberOf(args[2]) : () => Number.POSITIVE_INFINITY
        return focus => substring(text(focus), from(focus), length(focus), focus.evaluation.work)
      },
    },
  ],
  ['string-length', onText('number', countCharacters)],
  [
    'normalize-space',
    onText('string', (text, work) =>
      eachCharacter(text, work).replaceAll(XML_SPACE, ' ').replace(/^ /, '').replace(/ $/, ''),
    ),
  ],
  [
    'translate',
    {
      min: 3,
      max: 3,
      returns: 'string',
      compile(args) {
        const text = text0(args)
        const from = text0(args, 1)
        const to = text0(args, 2)
        return focus => translate(text(focus), from(focus), to(focus), focus.evaluation.work)
      },
    },
  ],
  // booleans
  [
    'boolean',
    {
      min: 1,
      max: 1,
      returns: 'boolean',
      compile: args => booleanOf(args[0]!),
    },
  ],
  [
    'not',
    {
      min: 1,
      max: 1,
      returns: 'boolean',
      compile(args) {
        const value = booleanOf(args[0]!)
        return focus => !value(focus)
      },
    },
  ],
  ['true', { min: 0, max: 0, returns: 'boolean', compile: () => () => true }],
  ['false', { min: 0, max: 0, returns: 'boolean', compile: () => () => false }],
  [
    'lang',
    {
      min: 1,
      max: 1,
      returns: 'boolean',
      onContext: true,
      compile(args) {
        const wanted = text0(args)
        return focus => speaks(focus.node!, wanted(focus).toLowerCase(), focus.evaluation.work)
      },
    },
  ],
  // numbers
  [
    'number',
    {
      min: 0,
      max: 1,
      returns: 'number',
      onContext: true,
      compile(args) {
        if (args[0]) return numberOf(args[0])
        const text = text0(args)
        return focus => toNumber(text(focus), focus.evaluation.work)
      },
    },
  ],
  [
    'sum',
    {
      min: 1,
      max: 1,
      returns: 'number',
      takesNodes: true,
      compile(args) {
        const nodes = nodesOf(args[0]!)
        return focus => {
          const { work } = focus.evaluation
          let total = 0
          for (const node of nodes(focus)) total += toNumber(stringOf(node, work), work)
          return total
        }
      },
    },
  ],
  ['floor', onNumber(Math.floor)],
  ['ceiling', onNumber(Math.ceil)],
  // Halves go up, -0.5 to minus zero: what Math.round does.
  ['round', onNumber(Math.round)],
])

/** What goes through a text one character after the other costs far more than a look at it. */
function eachCharacter(text: string, work: Work): string {
  work.spend(text.length >> 1)
  return text
}

/** Positions count characters, not UTF-16 units; those from round(from) up to before round(from) + round(length). */
function substring(text: string, from: number, length: number, work: Work): string {
  const start = Math.round(from)
  const end = start + Math.round(length)
  if (Number.isNaN(start) || Number.isNaN(end) || end <= 1) return ''
  const first = Math.max(0, start - 1)
  if (first >= text.length) return ''
  if (!HAS_SURROGATES.test(text)) return text.slice(first, end - 1)
  return [...eachCharacter(text, work)].slice(first, end - 1).join('')
}

const HAS_SURROGATES = /[\ud800-\udbff]/

function countCharacters(text: string, work: Work): number {
  if (!HAS_SURROGATES.test(text)) return text.length
  let count = 0
  for (const _character of eachCharacter(text, work)) count++
  return count
}

function translate(text: string, from: string, to: string, work: Work): string {
  const targets = [...eachCharacter(to, work)]
  const map = new Map<number, string>()
  let place = 0
  for (const character of eachCharacter(from, work)) {
    const code = character.codePointAt(0)!
    if (!map.has(code)) map.set(code, targets[place] ?? '')
    place++
  }
  eachCharacter(text, work)
  let result = ''
  let kept = 0
  for (let at = 0; at < text.length;) {
    const code = text.codePointAt(at)!
    const behind = at + (code > 0xffff ? 2 : 1)
    const target = map.get(code)
    if (target !== undefined) {
      result += text.slice(kept, at) + target
      kept = behind
    }
    at = behind
  }
  return result + text.slice(kept)
}

function speaks(node: XPathNode, wanted: string, work: Work): boolean {
  for (let at: XPathNode | null = node; at !== null; at = at.parent) {
    work.spend(1)
    if (at.kind !== 'element') continue
    work.spend(at.attributes.length)
    const language = at.attribute('lang', XML_NAMESPACE)?.toLowerCase()
    if (language !== undefined) return language === wanted || language.startsWith(`${wanted}-`)
  }
  return false
}
