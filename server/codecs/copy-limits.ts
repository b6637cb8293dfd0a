/** What copies of parts of a message may come to: a small message and a path can ask for more than memory holds. */
import { IntegrationError } from '../kernel/errors.ts'
import type { XmlNode } from '../xml/tree.ts'
import type { JsonValue } from './json-text.ts'

/** Nodes or values copied by one mediator for one message; some hundred bytes each. */
const MOST = 5_000_000

/** Throws MEDIATION_FAILED if `copies` of `size` nodes each are too much. */
export function checkCopies(copies: number, size: number): void {
  if (copies * size <= MOST) return
  throw new IntegrationError(
    'MEDIATION_FAILED',
    `${copies} copies of ${size} nodes are too much, ${MOST} nodes are the most; select less, or split the message before`,
  )
}

/** Throws MEDIATION_FAILED if nodes that stand within one another come to too much. In document order. */
export function checkOverlap(nodes: readonly XmlNode[]): void {
  if (!nodes.some((node, index) => index > 0 && isWithin(node, nodes[index - 1]!))) return
  let size = 0
  for (const node of nodes) {
    size += nodesIn(node)
    if (size > MOST)
      throw new IntegrationError(
        'MEDIATION_FAILED',
        `the path selects nodes within one another that come to more than ${MOST}; name the elements on the way instead of using //`,
      )
  }
}

/** Siblings are told from the rest at once, so that the usual list costs a look at each node. */
function isWithin(node: XmlNode, other: XmlNode): boolean {
  if (node.parent === other.parent) return false
  for (let at = node.parent; at !== null; at = at.parent) if (at === other) return true
  return false
}

export function nodesIn(node: XmlNode): number {
  let count = 0
  const open: XmlNode[] = [node]
  for (let next = open.pop(); next; next = open.pop()) {
    count++
    if (next.kind !== 'element') continue
    count += next.attributes.length
    for (const child of next.children) open.push(child)
  }
  return count
}

export function valuesIn(value: JsonValue): number {
  if (typeof value !== 'object' || value === null) return 1
  let count = 1
  for (const member of Array.isArray(value) ? value : Object.values(value)) count += valuesIn(member as JsonValue)
  return count
}
