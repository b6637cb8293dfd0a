import { indexOf } from '../../xml/tree.ts'
import type { XPathNode } from './values.ts'
import type { Work } from './work.ts'

/** Sorts into document order and drops what is there twice. */
export function inDocumentOrder(nodes: XPathNode[], work: Work): XPathNode[] {
  if (nodes.length < 2) return nodes
  const unique = withoutTwins(nodes)
  if (unique.length < 2) return unique
  work.spend(nodes.length)
  const places = attributePlaces(unique, work)
  return unique.sort((left, right) => compareNodes(left, right, places, work))
}

/** Namespace nodes are made anew by each look, so that two of them can be the same node. */
function withoutTwins(nodes: readonly XPathNode[]): XPathNode[] {
  const unique = [...new Set(nodes)]
  if (!unique.some(node => node.kind === 'namespace')) return unique
  const seen = new Map<XPathNode, Set<string>>()
  return unique.filter(node => {
    if (node.kind !== 'namespace') return true
    const prefixes = seen.get(node.parent) ?? new Set()
    seen.set(node.parent, prefixes)
    return !prefixes.has(node.prefix) && prefixes.add(node.prefix)
  })
}

/** Attributes do not know their place: it is looked up once for each element, not for each comparison. */
function attributePlaces(nodes: readonly XPathNode[], work: Work): ReadonlyMap<XPathNode, number> {
  const places = new Map<XPathNode, number>()
  for (const node of nodes) {
    if (node.kind !== 'attribute' || places.has(node)) continue
    work.spend(node.parent?.attributes.length ?? 0)
    node.parent?.attributes.forEach((attribute, place) => places.set(attribute, place))
  }
  return places
}

/** Trees in the order in which they were first compared: any order will do, as long as it stays. */
const treeNumbers = new WeakMap<XPathNode, number>()
let treesNumbered = 0

function treeNumber(root: XPathNode): number {
  let number = treeNumbers.get(root)
  if (number === undefined) treeNumbers.set(root, (number = ++treesNumbered))
  return number
}

/** Negative if `left` comes first. Nodes of one tree stay together. */
function compareNodes(left: XPathNode, right: XPathNode, places: ReadonlyMap<XPathNode, number>, work: Work): number {
  if (left === right) return 0
  let a: XPathNode = left
  let b: XPathNode = right
  let difference = 0
  if (left.parent === null || left.parent !== right.parent) {
    const depth = depthOf(left)
    difference = depth - depthOf(right)
    work.spend(1 + 2 * depth - difference)
  } else work.spend(1)
  for (let up = difference; up > 0; up--) a = a.parent!
  for (let up = difference; up < 0; up++) b = b.parent!
  // One inside the other: the outer one comes first.
  if (a === b) return difference
  while (a.parent !== b.parent) {
    a = a.parent!
    b = b.parent!
  }
  if (a.parent === null) return treeNumber(a) - treeNumber(b)
  const rank = rankOf(a) - rankOf(b)
  if (rank !== 0) return rank
  return placeOf(a, places) - placeOf(b, places)
}

function depthOf(node: XPathNode): number {
  let depth = 0
  for (let at = node.parent; at !== null; at = at.parent) depth++
  return depth
}

/** Below one element: namespaces, then attributes, then children. */
function rankOf(node: XPathNode): number {
  return node.kind === 'document' ? 0 : node.kind === 'namespace' ? 1 : node.kind === 'attribute' ? 2 : 3
}

function placeOf(node: XPathNode, places: ReadonlyMap<XPathNode, number>): number {
  if (node.kind === 'attribute') return places.get(node) ?? 0
  return node.kind === 'namespace' || node.kind === 'document' ? 0 : indexOf(node)
}

/** True if `node` is inside `outer`. */
export function isInside(node: XPathNode, outer: XPathNode, work: Work): boolean {
  let top = node
  for (let at = node.parent; at !== null; at = at.parent) {
    work.spend(1)
    if (at === outer) return true
    top = at
  }
  return outer.kind === 'document' && node !== outer && outer.children[0] === top
}

/** True if none of these nodes, which are in document order, is inside another. */
export function areApart(nodes: readonly XPathNode[], work: Work): boolean {
  for (let index = 1; index < nodes.length; index++) {
    const node = nodes[index]!
    const before = nodes[index - 1]!
    // In document order everything between a node and something inside it is inside it as well.
    if (node.parent !== before.parent && isInside(node, before, work)) return false
    if (before.kind === 'document') return false
  }
  return true
}
