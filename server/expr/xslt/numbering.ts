import { indexOf } from '../../xml/tree.ts'
import type { XmlElement } from '../../xml/tree.ts'
import type { XPathNode } from '../xpath/values.ts'
import { numberAt } from './expressions.ts'
import { formatNumbers } from './number-format.ts'
import { patternsOf } from './patterns.ts'
import type { Pattern } from './patterns.ts'
import { oneOf } from './site.ts'
import type { Site } from './site.ts'
import type { Instruction, Transformation } from './transformation.ts'
import { asFunction, valueTemplate } from './value-template.ts'

type Test = (node: XPathNode, run: Transformation) => boolean

/** `xsl:number` (XSLT 1.0 §7.7). */
export function numbering(element: XmlElement, site: Site): Instruction {
  const numbers = numbersOf(element, site)
  const template = (name: string, fallback: string) =>
    asFunction(valueTemplate(element.attribute(name) ?? fallback, site, name))
  const format = template('format', '1')
  const groupingSeparator = template('grouping-separator', '')
  const groupingSize = template('grouping-size', '')
  return run => {
    const found = numbers(run)
    if (found.length === 0) return
    const size = Number(groupingSize(run))
    run.out.text(
      formatNumbers(found, format(run), {
        groupingSeparator: groupingSeparator(run),
        groupingSize: Number.isInteger(size) ? size : 0,
      }),
    )
  }
}

function numbersOf(element: XmlElement, site: Site): (run: Transformation) => number[] {
  const given = element.attribute('value')
  if (given !== undefined) {
    const value = numberAt(given, site, 'value')
    return run => [value(run)]
  }
  const level = oneOf(element, 'level', ['single', 'multiple', 'any'], 'single')
  const from = testOf(element, site, 'from')
  const count = testOf(element, site, 'count')
  const counter = new Counter()
  const isFixed = count !== undefined && !`${element.attribute('count')}${element.attribute('from')}`.includes('$')
  return run => {
    const { node } = run
    run.at = element
    const counts: Test = count ?? likeTest(node)
    if (level === 'any') return [counter.anywhere(node, counts, from, run, isFixed)]
    const found: number[] = []
    for (let at: XPathNode | null = node; at !== null; at = at.parent) {
      if (from?.(at, run) === true && at !== node) break
      if (!counts(at, run)) continue
      found.unshift(counter.among(at, counts, run, isFixed))
      if (level === 'single') break
    }
    return found
  }
}

function testOf(element: XmlElement, site: Site, attribute: 'count' | 'from'): Test | undefined {
  const source = element.attribute(attribute)
  if (source === undefined) return undefined
  const patterns: readonly Pattern[] = patternsOf(source, site, attribute, true)
  return (node, run) => patterns.some(pattern => pattern.kinds.includes(node.kind) && pattern.matches(node, run))
}

/** Without `count`, nodes of the same kind and name count. */
function likeTest(node: XPathNode): Test {
  switch (node.kind) {
    case 'element':
      return other => other.kind === 'element' && other.local === node.local && other.uri === node.uri
    case 'attribute':
      return other => other.kind === 'attribute' && other.local === node.local && other.uri === node.uri
    case 'pi':
      return other => other.kind === 'pi' && other.target === node.target
    default:
      return other => other.kind === node.kind
  }
}

interface Counted {
  readonly node: XPathNode
  readonly count: number
}

interface Counts {
  /** By parent, the child that was counted last. */
  readonly among: Map<XPathNode, Counted>
  anywhere: Counted | null
}

/**
 * Counts back to the node that was counted last, so that numbering all nodes of a list stays linear. `fixed`: what
 * counts is the same for every node and at any time.
 */
class Counter {
  /** Siblings before `node` that count, and `node`. */
  among(node: XPathNode, counts: Test, run: Transformation, fixed: boolean): number {
    if (node.kind === 'attribute' || node.kind === 'namespace' || node.kind === 'document' || node.parent === null)
      return 1
    const known = this.#known(run).among
    const last = fixed ? known.get(node.parent) : undefined
    const siblings = node.parent.children
    let count = 1
    for (let place = indexOf(node) - 1; place >= 0; place--) {
      const sibling = siblings[place]!
      run.budget.work.spend(1)
      if (last?.node === sibling) {
        count += last.count
        break
      }
      if (counts(sibling, run)) count++
    }
    if (fixed && counts(node, run)) known.set(node.parent, { node, count })
    return count
  }

  /** Nodes before `node` in the document that count, itself included, back to one that `from` matches. */
  anywhere(node: XPathNode, counts: Test, from: Test | undefined, run: Transformation, fixed: boolean): number {
    const known = this.#known(run)
    const last = fixed ? known.anywhere : null
    let count = 0
    for (let at: XPathNode | null = node; at !== null; at = before(at)) {
      run.budget.work.spend(1)
      if (at !== node && from?.(at, run) === true) break
      if (last?.node === at) {
        count += last.count
        break
      }
      if (counts(at, run)) count++
    }
    if (fixed) known.anywhere = { node, count }
    return count
  }

  #known(run: Transformation): Counts {
    return run.remembered(this, () => ({ among: new Map(), anywhere: null }))
  }
}

/** The node before in document order, attributes left out; ancestors come after what is inside them, looking back. */
function before(node: XPathNode): XPathNode | null {
  const { parent } = node
  if (parent === null || node.kind === 'attribute' || node.kind === 'namespace') return parent
  let at: XPathNode | undefined = parent.children[indexOf(node) - 1]
  if (at === undefined) return parent
  while (at.kind === 'element' && at.children.length > 0) at = at.children.at(-1)!
  return at
}
