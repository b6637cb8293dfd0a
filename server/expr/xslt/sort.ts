import type { XmlElement } from '../../xml/tree.ts'
import { textToNumber } from '../xpath/values.ts'
import type { XPathNode } from '../xpath/values.ts'
import { textAt } from './expressions.ts'
import { attributeOr, faultAt } from './fault.ts'
import { inside } from './site.ts'
import type { Site } from './site.ts'
import type { Transformation } from './transformation.ts'
import { asFunction, valueTemplate } from './value-template.ts'

type Sorter = (nodes: readonly XPathNode[], run: Transformation) => readonly XPathNode[]

interface SortKey {
  readonly select: (run: Transformation) => string
  /** Evaluated before the loop, so that the attributes may be computed (XSLT 1.0 §10). */
  readonly comparer: (run: Transformation) => (left: string, right: string) => number
}

/** What puts nodes in the order that `xsl:sort` elements ask for; undefined without any. */
export function sorterOf(sorts: readonly XmlElement[], site: Site): Sorter | undefined {
  if (sorts.length === 0) return undefined
  const keys = sorts.map(element => keyOf(element, inside(site, element)))
  return (nodes, run) => {
    if (nodes.length < 2) return nodes
    const comparers = keys.map(key => key.comparer(run))
    run.budget.work.spend(nodes.length * Math.ceil(Math.log2(nodes.length)) * keys.length)
    const entries = textsOf(nodes, keys, run)
    entries.sort((a, b) => {
      for (let index = 0; index < comparers.length; index++) {
        const difference = comparers[index]!(a.texts[index]!, b.texts[index]!)
        if (difference !== 0) return difference
      }
      return 0
    })
    return entries.map(({ node }) => node)
  }
}

function textsOf(
  nodes: readonly XPathNode[],
  keys: readonly SortKey[],
  run: Transformation,
): { node: XPathNode; texts: string[] }[] {
  const { focus } = run
  const { node: before, position, size } = focus
  focus.size = nodes.length
  const entries = nodes.map((node, index) => {
    focus.node = node
    focus.position = index + 1
    return { node, texts: keys.map(key => key.select(run)) }
  })
  focus.node = before
  focus.position = position
  focus.size = size
  return entries
}

function keyOf(element: XmlElement, site: Site): SortKey {
  const template = (name: string, fallback: string): ((run: Transformation) => string) =>
    asFunction(valueTemplate(element.attribute(name) ?? fallback, site, name))
  const oneOf = (name: string, words: readonly string[], fallback: string) => {
    const text = template(name, fallback)
    return (run: Transformation): string => {
      const word = text(run).trim()
      if (words.includes(word)) return word
      throw faultAt(attributeOr(element, name), 'TRANSFORM_FAILED', `${name}="${word}" must be ${words.join(' or ')}`)
    }
  }
  const order = oneOf('order', ['ascending', 'descending'], 'ascending')
  const dataType = template('data-type', 'text')
  const caseOrder = oneOf('case-order', ['upper-first', 'lower-first', ''], '')
  const lang = template('lang', 'en')
  return {
    select: textAt(element.attribute('select') ?? '.', site, 'select'),
    comparer(run) {
      const compare = dataType(run).trim() === 'number' ? byNumber : byText(lang(run).trim(), caseOrder(run), element)
      if (order(run) === 'ascending') return compare
      return (left, right) => compare(right, left)
    },
  }
}

/** What is no number comes first. */
function byNumber(left: string, right: string): number {
  const a = textToNumber(left)
  const b = textToNumber(right)
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : -1
  return Number.isNaN(b) ? 1 : a - b
}

const collators = new Map<string, (left: string, right: string) => number>()
const MOST_COLLATORS = 50

function byText(lang: string, caseOrder: string, element: XmlElement): (left: string, right: string) => number {
  const name = `${lang} ${caseOrder}`
  let compare = collators.get(name)
  if (!compare) {
    if (collators.size > MOST_COLLATORS) collators.clear()
    collators.set(name, (compare = collatorFor(lang, caseOrder, element)))
  }
  return compare
}

function collatorFor(lang: string, caseOrder: string, element: XmlElement): (left: string, right: string) => number {
  const caseFirst = caseOrder === 'upper-first' ? 'upper' : caseOrder === 'lower-first' ? 'lower' : 'false'
  try {
    return new Intl.Collator(lang === '' ? 'en' : lang, { caseFirst }).compare
  } catch (cause) {
    throw faultAt(attributeOr(element, 'lang'), 'TRANSFORM_FAILED', `lang="${lang}" is not a language`, cause)
  }
}
