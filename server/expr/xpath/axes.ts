import { indexOf } from '../../xml/tree.ts'
import type { XmlNode } from '../../xml/tree.ts'
import type { Axis } from './ast.ts'
import { inDocumentOrder, areApart, isInside } from './order.ts'
import { namespacesOf } from './values.ts'
import type { XPathNode } from './values.ts'
import type { Work } from './work.ts'

export type Matches = (node: XPathNode) => boolean

/** Collects what an axis reaches from one node, nearest first, up to `limit` nodes. */
type Walk = (from: XPathNode, matches: Matches, out: XPathNode[], limit: number, work: Work) => void

const NOTHING: readonly XmlNode[] = []

function childrenOf(node: XPathNode): readonly XmlNode[] {
  return node.kind === 'element' || node.kind === 'document' ? node.children : NOTHING
}

const child: Walk = (from, matches, out, limit, work) => {
  const children = childrenOf(from)
  const start = out.length
  for (let place = 0; place < children.length; place++) {
    const node = children[place]!
    if (matches(node) && out.push(node) - start >= limit) {
      work.spend(place + 1)
      return
    }
  }
  work.spend(children.length)
}

const descendant: Walk = (from, matches, out, limit, work) => {
  const start = out.length
  const lists: (readonly XmlNode[])[] = []
  const places: number[] = []
  let list = childrenOf(from)
  let place = 0
  work.spend(list.length)
  for (;;) {
    if (place === list.length) {
      if (lists.length === 0) return
      list = lists.pop()!
      place = places.pop()!
      continue
    }
    const node = list[place++]!
    if (matches(node) && out.push(node) - start >= limit) return
    if (node.kind === 'element' && node.children.length > 0) {
      lists.push(list)
      places.push(place)
      list = node.children
      place = 0
      work.spend(list.length)
    }
  }
}

const self: Walk = (from, matches, out, _limit, work) => {
  work.spend(1)
  if (matches(from)) out.push(from)
}

const parent: Walk = (from, matches, out, _limit, work) => {
  work.spend(1)
  if (from.parent !== null && matches(from.parent)) out.push(from.parent)
}

const ancestor: Walk = (from, matches, out, limit, work) => {
  const start = out.length
  for (let at = from.parent; at !== null; at = at.parent) {
    work.spend(1)
    if (matches(at) && out.push(at) - start >= limit) return
  }
}

const attribute: Walk = (from, matches, out, limit, work) => {
  if (from.kind !== 'element') return
  const start = out.length
  const { attributes } = from
  work.spend(attributes.length)
  for (const node of attributes) if (matches(node) && out.push(node) - start >= limit) return
}

const namespace: Walk = (from, matches, out, _limit, work) => {
  if (from.kind !== 'element') return
  const nodes = namespacesOf(from, work)
  work.spend(nodes.length)
  for (const node of nodes) if (matches(node)) out.push(node)
}

const followingSibling: Walk = (from, matches, out, limit, work) => {
  const siblings = siblingsOf(from)
  const start = out.length
  for (let place = siblings.length === 0 ? 0 : indexOf(from as XmlNode) + 1; place < siblings.length; place++) {
    work.spend(1)
    if (matches(siblings[place]!) && out.push(siblings[place]!) - start >= limit) return
  }
}

const precedingSibling: Walk = (from, matches, out, limit, work) => {
  const siblings = siblingsOf(from)
  const start = out.length
  for (let place = siblings.length === 0 ? -1 : indexOf(from as XmlNode) - 1; place >= 0; place--) {
    work.spend(1)
    if (matches(siblings[place]!) && out.push(siblings[place]!) - start >= limit) return
  }
}

function siblingsOf(node: XPathNode): readonly XmlNode[] {
  return node.kind === 'attribute' || node.kind === 'namespace' || node.parent === null
    ? NOTHING
    : childrenOf(node.parent)
}

const following: Walk = (from, matches, out, limit, work) => {
  const start = out.length
  let at: XPathNode | null = from
  if (from.kind === 'attribute' || from.kind === 'namespace') {
    at = from.parent
    if (at !== null) descendant(at, matches, out, limit, work)
  }
  for (; at !== null && out.length - start < limit; at = at.parent) {
    const siblings = siblingsOf(at)
    for (let place = siblings.length === 0 ? 0 : indexOf(at as XmlNode) + 1; place < siblings.length; place++) {
      const node = siblings[place]!
      work.spend(1)
      if (matches(node)) out.push(node)
      if (out.length - start < limit) descendant(node, matches, out, limit - (out.length - start), work)
      if (out.length - start >= limit) return
    }
  }
}

const preceding: Walk = (from, matches, out, limit, work) => {
  const start = out.length
  const inner: XPathNode[] = []
  const origin = from.kind === 'attribute' || from.kind === 'namespace' ? from.parent : from
  for (let at: XPathNode | null = origin; at !== null; at = at.parent) {
    const siblings = siblingsOf(at)
    for (let place = siblings.length === 0 ? -1 : indexOf(at as XmlNode) - 1; place >= 0; place--) {
      const node = siblings[place]!
      inner.length = 0
      descendant(node, matches, inner, Number.POSITIVE_INFINITY, work)
      for (let last = inner.length - 1; last >= 0; last--) if (out.push(inner[last]!) - start >= limit) return
      work.spend(1)
      if (matches(node) && out.push(node) - start >= limit) return
    }
  }
}

const orSelf =
  (walk: Walk): Walk =>
  (from, matches, out, limit, work) => {
    const start = out.length
    self(from, matches, out, limit, work)
    if (out.length - start < limit) walk(from, matches, out, limit - (out.length - start), work)
  }

const WALKS: Readonly<Record<Axis, Walk>> = {
  ancestor,
  'ancestor-or-self': orSelf(ancestor),
  attribute,
  child,
  descendant,
  'descendant-or-self': orSelf(descendant),
  following,
  'following-sibling': followingSibling,
  namespace,
  parent,
  preceding,
  'preceding-sibling': precedingSibling,
  self,
}

export function isReverse(axis: Axis): boolean {
  return axis === 'ancestor' || axis === 'ancestor-or-self' || axis === 'preceding' || axis === 'preceding-sibling'
}

/** What an axis reaches from one node, nearest first: the order in which positions are counted. */
export function walkAxis(
  axis: Axis,
  from: XPathNode,
  matches: Matches,
  out: XPathNode[],
  limit: number,
  work: Work,
): void {
  WALKS[axis](from, matches, out, limit, work)
}

const ALL = Number.POSITIVE_INFINITY

/**
 * What an axis reaches from all of `from` together, in document order and each once. `from` is in document order.
 * Work is proportional to what is looked at once, never to the number of starting nodes times their surroundings.
 */
export function walkFromAll(axis: Axis, from: readonly XPathNode[], matches: Matches, work: Work): XPathNode[] {
  const out: XPathNode[] = []
  if (from.length === 0) return out
  if (from.length === 1) {
    WALKS[axis](from[0]!, matches, out, ALL, work)
    return isReverse(axis) ? out.reverse() : out
  }
  switch (axis) {
    case 'self':
    case 'attribute':
    case 'namespace':
      for (const node of from) WALKS[axis](node, matches, out, ALL, work)
      return out
    case 'child':
      for (const node of from) child(node, matches, out, ALL, work)
      return areApart(from, work) ? out : inDocumentOrder(out, work)
    case 'descendant':
    case 'descendant-or-self': {
      let last: XPathNode | null = null
      for (const node of from) {
        work.spend(1)
        if (last !== null && isInside(node, last, work)) {
          // Attributes are inside, yet not descendants.
          if (axis === 'descendant-or-self' && (node.kind === 'attribute' || node.kind === 'namespace'))
            self(node, matches, out, ALL, work)
          continue
        }
        last = node
        WALKS[axis](node, matches, out, ALL, work)
      }
      return inOrderUnless(from.some(isBeside), out, work)
    }
    case 'parent':
    case 'ancestor':
    case 'ancestor-or-self':
      return upwards(axis, from, matches, work)
    case 'following-sibling':
    case 'preceding-sibling':
      return sideways(axis, from, matches, work)
    case 'following': {
      // Everything after the node that ends first: the innermost of the first ones.
      let first = from[0]!
      for (const node of from) if (isInside(node, first, work)) first = node
      WALKS[axis](first, matches, out, ALL, work)
      return out
    }
    case 'preceding':
      preceding(from.at(-1)!, matches, out, ALL, work)
      return out.reverse()
  }
}

function isBeside(node: XPathNode): boolean {
  return node.kind === 'attribute' || node.kind === 'namespace'
}

function inOrderUnless(mixed: boolean, nodes: XPathNode[], work: Work): XPathNode[] {
  return mixed ? inDocumentOrder(nodes, work) : nodes
}

function upwards(
  axis: 'parent' | 'ancestor' | 'ancestor-or-self',
  from: readonly XPathNode[],
  matches: Matches,
  work: Work,
): XPathNode[] {
  const seen = new Set<XPathNode>()
  const out: XPathNode[] = []
  for (const node of from) {
    for (
      let at: XPathNode | null = axis === 'ancestor-or-self' ? node : node.parent;
      at !== null && !seen.has(at);
      at = at.parent
    ) {
      work.spend(1)
      seen.add(at)
      if (matches(at)) out.push(at)
      if (axis === 'parent') break
    }
  }
  return inDocumentOrder(out, work)
}

/** Of several siblings only the first (or, looking back, the last) has to be walked from. */
function sideways(
  axis: 'following-sibling' | 'preceding-sibling',
  from: readonly XPathNode[],
  matches: Matches,
  work: Work,
): XPathNode[] {
  const starts = new Map<XPathNode, XPathNode>()
  for (const node of from) {
    if (isBeside(node) || node.parent === null) continue
    if (axis === 'preceding-sibling' || !starts.has(node.parent)) starts.set(node.parent, node)
  }
  const out: XPathNode[] = []
  for (const node of starts.values()) WALKS[axis](node, matches, out, ALL, work)
  return inDocumentOrder(out, work)
}
