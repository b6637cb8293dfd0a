import { DetachedRoot } from './values.ts'
import type { XPathNode, XPathValue } from './values.ts'
import type { Work } from './work.ts'

/** One evaluation: what does not change while it runs. */
export class Evaluation {
  /** What variables and functions of the caller look into. */
  readonly scope: unknown
  readonly work: Work
  #detached: DetachedRoot | null = null

  constructor(scope: unknown, work: Work) {
    this.scope = scope
    this.work = work
  }

  rootOf(node: XPathNode): XPathNode {
    let top = node
    for (; top.parent !== null; top = top.parent) this.work.spend(1)
    if (top.kind === 'document' || top.kind === 'attribute') return top
    if (this.#detached?.children[0] !== top) this.#detached = new DetachedRoot(top)
    return this.#detached
  }
}

/** Node, position and size of XPath 1.0 §1; reused from node to node while a predicate runs. */
export interface Focus {
  /** Null only where the expression does not ask for it. */
  node: XPathNode | null
  position: number
  size: number
  readonly evaluation: Evaluation
}

export type StaticType = 'string' | 'number' | 'boolean' | 'nodes' | 'any'

/** A compiled part of an expression. */
export interface Part {
  /** What it always gives, or `any`. */
  readonly type: StaticType
  /** A variable or function in it may look into the message. */
  readonly needsBody: boolean
  /** It starts from the context node. */
  readonly usesNode: boolean
  /** It asks for position() or last(), so that nodes cannot be judged one by one. */
  readonly positional: boolean
  /** Set where the text is known. */
  readonly literal?: string
  run(focus: Focus): XPathValue
  /** The first node in document order, found without collecting the others. */
  first?(focus: Focus): XPathNode | undefined
}
