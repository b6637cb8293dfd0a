import { IntegrationError } from '../../kernel/errors.ts'
import { descendants } from '../../xml/tree.ts'
import type { XmlElement } from '../../xml/tree.ts'
import { inDocumentOrder } from '../xpath/order.ts'
import { stringOf, toText } from '../xpath/values.ts'
import type { XPathNode, XPathValue } from '../xpath/values.ts'
import type { Pattern } from './patterns.ts'
import type { Transformation } from './transformation.ts'

/** One `xsl:key`; several of one name add up. */
export interface KeyDefinition {
  readonly element: XmlElement
  readonly patterns: readonly Pattern[]
  use: (run: Transformation) => XPathValue
}

type Index = Map<string, XPathNode[]>

/** The nodes that key() gives: those of the tree `near` is in whose value is one of those asked for. */
export function keyedNodes(
  run: Transformation,
  definitions: readonly KeyDefinition[],
  value: XPathValue,
  near: XPathNode,
): XPathNode[] {
  const root = run.focus.evaluation.rootOf(near)
  const indexes = run.remembered(definitions, () => new Map<XPathNode, Index | null>())
  let index = indexes.get(root)
  if (index === null) throw new IntegrationError('TRANSFORM_FAILED', 'the key is defined by way of itself')
  if (index === undefined) {
    indexes.set(root, null)
    index = indexOfTree(run, definitions, root)
    indexes.set(root, index)
  }
  const { work } = run.budget
  if (!Array.isArray(value)) return index.get(toText(value, work))?.slice() ?? []
  if (value.length === 1) return index.get(stringOf(value[0]!, work))?.slice() ?? []
  const found: XPathNode[] = []
  for (const text of new Set(value.map(node => stringOf(node, work)))) {
    for (const node of index.get(text) ?? []) found.push(node)
  }
  return inDocumentOrder(found, work)
}

function indexOfTree(run: Transformation, definitions: readonly KeyDefinition[], root: XPathNode): Index {
  const index: Index = new Map()
  const withAttributes = definitions.some(({ patterns }) => patterns.some(({ kinds }) => kinds.includes('attribute')))
  const add = (text: string, node: XPathNode): void => {
    const nodes = index.get(text)
    if (!nodes) {
      index.set(text, [node])
      return
    }
    // The same node under the same value twice: only one after the other, as the tree is walked once.
    if (nodes.at(-1) !== node) nodes.push(node)
  }
  const visit = (node: XPathNode): void => {
    run.budget.work.spend(1)
    for (const { patterns, use } of definitions) {
      if (!patterns.some(pattern => pattern.kinds.includes(node.kind) && pattern.matches(node, run))) continue
      const value = run.aside(node, 0, () => use(run))
      const { work } = run.budget
      if (Array.isArray(value)) for (const one of value) add(stringOf(one, work), node)
      else add(toText(value, work), node)
    }
  }
  visit(root)
  if (root.kind !== 'document') return index
  for (const top of root.children) {
    visit(top)
    if (top.kind !== 'element') continue
    if (withAttributes) for (const attribute of top.attributes) visit(attribute)
    for (const node of descendants(top)) {
      visit(node)
      if (withAttributes && node.kind === 'element') for (const attribute of node.attributes) visit(attribute)
    }
  }
  return index
}
