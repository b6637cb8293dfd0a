import { Compiler } from './compile.ts'
import { Evaluation } from './focus.ts'
import type { Focus, Part, StaticType } from './focus.ts'
import { booleanOf, numberOf, textOf } from './core-functions.ts'
import { parseXPath } from './parser.ts'
import type { XPathNode, XPathValue } from './values.ts'
import { Work } from './work.ts'

/** What an expression may name besides the core of XPath 1.0. `S` is what variables and functions look into. */
export interface XPathLibrary<S> {
  /** Undefined for a prefix that is not declared where the expression stands. */
  namespace(prefix: string): string | undefined
  variable?(prefix: string, local: string): XPathVariable<S> | undefined
  /** What to tell somebody whose variable is not known. */
  readonly variableHint?: string
  /** `core` takes the function of XPath 1.0 with that local name; undefined does so only without prefix. */
  function?(prefix: string, local: string): XPathFunction<S> | 'core' | undefined
}

export interface XPathVariable<S> {
  /** Reading it looks into the message body. */
  readonly needsBody: boolean
  read(scope: S): XPathValue
}

export interface XPathFunction<S> {
  readonly min: number
  readonly max: number
  readonly returns: StaticType
  /** It starts from the context node even though no argument says so. */
  readonly onContext?: true
  /** Called once for each place of use. Arguments written as text are known by then; others are undefined. */
  bind(literals: readonly (string | undefined)[]): BoundFunction<S>
}

export interface BoundFunction<S> {
  readonly needsBody: boolean
  /** `node` is the context node; null only where no expression asks for it. */
  call(scope: S, args: readonly XPathValue[], work: Work, node: XPathNode | null): XPathValue
}

export interface XPathOptions {
  /** Most steps of one evaluation: nodes looked at, parts of predicates run for them, and what texts cost. */
  readonly budget?: number
}

/** A step takes up to some 50 ns, so that an evaluation ends within a second or so. */
const BUDGET = 20_000_000

/** A compiled XPath 1.0 expression. The context node may be null if {@link usesNode} is false. */
export class XPath<S> {
  readonly source: string
  readonly type: StaticType
  /** It starts from the context node. */
  readonly usesNode: boolean
  /** It looks into the message body: through the context node, a variable or a function. */
  readonly needsBody: boolean
  readonly #part: Part
  readonly #budget: number
  readonly #text: (focus: Focus) => string
  readonly #number: (focus: Focus) => number
  readonly #boolean: (focus: Focus) => boolean

  constructor(source: string, part: Part, budget: number) {
    this.source = source
    this.type = part.type
    this.usesNode = part.usesNode
    this.needsBody = part.needsBody || part.usesNode
    this.#part = part
    this.#budget = budget
    this.#text = textOf(part)
    this.#number = numberOf(part)
    this.#boolean = booleanOf(part)
  }

  evaluate(node: XPathNode | null, scope: S): XPathValue {
    return this.#part.run(this.#focus(node, scope))
  }

  /** In document order; empty if the result is not nodes. */
  select(node: XPathNode | null, scope: S): XPathNode[] {
    const value = this.evaluate(node, scope)
    return Array.isArray(value) ? value : []
  }

  /** By the rules of XPath 1.0, which are not those of Synapse: the text of the first node. */
  string(node: XPathNode | null, scope: S): string {
    return this.#text(this.#focus(node, scope))
  }

  number(node: XPathNode | null, scope: S): number {
    return this.#number(this.#focus(node, scope))
  }

  boolean(node: XPathNode | null, scope: S): boolean {
    return this.#boolean(this.#focus(node, scope))
  }

  #focus(node: XPathNode | null, scope: S): Focus {
    return { node, position: 1, size: 1, evaluation: new Evaluation(scope, new Work(this.#budget)) }
  }
}

/** Throws XPathSyntaxError with an offset into `source`. */
export function compileXPath<S>(source: string, library: XPathLibrary<S>, options: XPathOptions = {}): XPath<S> {
  return new XPath(source, new Compiler(library).compile(parseXPath(source)), options.budget ?? BUDGET)
}
