import type { Axis } from './ast.ts'
import { isReverse, walkAxis, walkFromAll } from './axes.ts'
import type { Matches } from './axes.ts'
import { booleanOf } from './core-functions.ts'
import type { Focus, Part } from './focus.ts'
import { areApart, inDocumentOrder } from './order.ts'
import { toBoolean } from './values.ts'
import type { XPathNode } from './values.ts'

/** A predicate, by how it can be judged. */
export type Predicate =
  /** `[3]` */
  | { readonly kind: 'place'; readonly place: number }
  /** Says the same of a node wherever it stands in the set. */
  | { readonly kind: 'each'; readonly test: (focus: Focus) => boolean; readonly weight: number }
  /** Asks for position() or last(), or may give a number, which means position() = number. */
  | { readonly kind: 'positional'; readonly part: Part; readonly weight: number }

export interface Step {
  readonly axis: Axis
  readonly matches: Matches
  readonly predicates: readonly Predicate[]
  /** All predicates judge nodes one by one: the step can be taken from all nodes at once. */
  readonly plain: boolean
  /** The step that `//` stands for. */
  readonly anything: boolean
}

/** `weight` is what judging one node costs at least, in steps. */
export function predicateOf(part: Part, number: number | undefined, weight: number): Predicate {
  if (number !== undefined) return { kind: 'place', place: number }
  if (part.positional || part.type === 'number' || part.type === 'any') return { kind: 'positional', part, weight }
  return { kind: 'each', test: booleanOf(part), weight }
}

/** Nodes are in document order before and after. */
export function takeStep(step: Step, from: XPathNode[], focus: Focus): XPathNode[] {
  const { axis, matches, predicates } = step
  const { work } = focus.evaluation
  work.spend(from.length)
  if (step.plain) return filterAll(predicates, walkFromAll(axis, from, matches, work), focus)
  const reverse = isReverse(axis)
  const out: XPathNode[] = []
  const first = predicates[0]!
  // Of `[3]` nothing behind the third node is looked at.
  const limit = first.kind === 'place' ? first.place : Number.POSITIVE_INFINITY
  for (const node of from) {
    const found: XPathNode[] = []
    walkAxis(axis, node, matches, found, limit, work)
    for (const kept of filterAll(predicates, found, focus)) out.push(kept)
  }
  if (from.length === 1) return reverse ? out.reverse() : out
  const ordered = axis === 'self' || axis === 'attribute' || (axis === 'child' && areApart(from, work))
  return ordered ? out : inDocumentOrder(out, work)
}

/** Keeps what passes every predicate; positions count along the given order. */
export function filterAll(predicates: readonly Predicate[], nodes: XPathNode[], focus: Focus): XPathNode[] {
  let kept = nodes
  for (const predicate of predicates) {
    if (kept.length === 0) return kept
    if (predicate.kind === 'place') {
      const node = kept[predicate.place - 1]
      kept = node === undefined ? [] : [node]
    } else kept = filter(predicate, kept, focus)
  }
  return kept
}

function filter(
  predicate: Exclude<Predicate, { kind: 'place' }>,
  nodes: readonly XPathNode[],
  focus: Focus,
): XPathNode[] {
  const { evaluation } = focus
  const inner: Focus = { node: null, position: 0, size: nodes.length, evaluation }
  const kept: XPathNode[] = []
  for (const node of nodes) {
    evaluation.work.spend(predicate.weight)
    inner.node = node
    inner.position++
    if (predicate.kind === 'each' ? predicate.test(inner) : holds(predicate.part, inner)) kept.push(node)
  }
  return kept
}

function holds(part: Part, focus: Focus): boolean {
  const value = part.run(focus)
  return typeof value === 'number' ? value === focus.position : toBoolean(value)
}

/**
 * Finds the first node a path reaches without collecting the others. Only for steps down, of which all but the last go
 * to children or attributes: then the first one met is the first in document order.
 */
export function firstFinder(
  steps: readonly Step[],
): ((from: XPathNode, focus: Focus) => XPathNode | undefined) | undefined {
  const last = steps.length - 1
  const simple = steps.every(({ axis, predicates }, index) => {
    if (predicates.some(predicate => predicate.kind === 'positional')) return false
    if (predicates.some(({ kind }, place) => kind === 'place' && place > 0)) return false
    const down = axis === 'child' || axis === 'attribute' || axis === 'self'
    return (
      down || (index === last && (axis === 'descendant' || axis === 'descendant-or-self') && predicates.length === 0)
    )
  })
  if (!simple) return undefined
  const find = (index: number, node: XPathNode, focus: Focus): XPathNode | undefined => {
    const { axis, matches, predicates } = steps[index]!
    const { work } = focus.evaluation
    const found: XPathNode[] = []
    if (predicates.length === 0 && index === last) {
      walkAxis(axis, node, matches, found, 1, work)
      return found[0]
    }
    const first = predicates[0]
    walkAxis(axis, node, matches, found, first?.kind === 'place' ? first.place : Number.POSITIVE_INFINITY, work)
    for (const candidate of filterAll(predicates, found, focus)) {
      const reached = index === last ? candidate : find(index + 1, candidate, focus)
      if (reached) return reached
    }
    return undefined
  }
  return (from, focus) => find(0, from, focus)
}
