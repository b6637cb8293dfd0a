import type { XmlDocument } from '../../xml/tree.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { Evaluation } from '../xpath/focus.ts'
import type { Focus } from '../xpath/focus.ts'
import type { XPathNode, XPathValue } from '../xpath/values.ts'
import type { XmlElement } from '../../xml/tree.ts'
import type { Budget } from './budget.ts'
import type { ResultTree } from './result-tree.ts'

/** A compiled piece of a template. */
export type Instruction = (run: Transformation) => void

/** What a template is handed: values by expanded name. */
export type Parameters = ReadonlyMap<string, XPathValue>

/** The body of a template, and how many variables it needs room for. */
export interface Template {
  body: Instruction
  slots: number
}

/** A template as a rule: what apply-imports has to know. */
export interface CurrentRule {
  readonly precedence: number
  /** Least precedence of what the module of this rule imports. */
  readonly lowest: number
}

/** A top-level variable or parameter. */
export interface GlobalVariable {
  readonly index: number
  readonly name: string
  readonly element: XmlElement
  evaluate: (run: Transformation) => XPathValue
  slots: number
}

/** Where a stylesheet or an instruction finds other documents. `base` is the key of the stylesheet that asks. */
export type Resolve = (uri: string, base: string) => { readonly key: string; readonly text: string } | undefined

/** What comes from outside into one transformation. */
export interface Surroundings {
  /** Values of top-level parameters. */
  readonly params?: ReadonlyMap<string, XPathValue>
  readonly resolve?: Resolve
  /** Takes what `xsl:message` says. */
  message?(text: string): void
}

const NO_FRAME: XPathValue[] = []
const BUSY = Symbol('being evaluated')

/** One run of a stylesheet: everything instructions look into and change. */
export class Transformation {
  readonly source: XmlDocument
  readonly focus: Focus
  readonly budget: Budget
  readonly outside: Surroundings
  out: ResultTree
  /** Variables of the template that runs. */
  frame: XPathValue[] = NO_FRAME
  params: Parameters | null = null
  /** Null where there is no current template rule (XSLT 1.0 §5.6). */
  rule: CurrentRule | null = null
  mode = ''
  /** The call that ends a template: made by {@link invoke} once the template has returned, so that a loop stays flat. */
  tail: { readonly template: Template; readonly params: Parameters | null } | null = null
  /** What is being evaluated, for the line in a fault. */
  at: XmlElement
  /** What parts of the stylesheet remember during this run: key indexes, sibling positions, documents, ids. */
  readonly memory = new Map<object, unknown>()
  readonly #globals: (XPathValue | undefined | typeof BUSY)[] = []
  #depth = 0

  constructor(source: XmlDocument, budget: Budget, out: ResultTree, at: XmlElement, outside: Surroundings) {
    this.source = source
    this.budget = budget
    this.out = out
    this.at = at
    this.outside = outside
    this.focus = { node: source, position: 1, size: 1, evaluation: new Evaluation(this, budget.work) }
  }

  get node(): XPathNode {
    return this.focus.node!
  }

  /** Runs a template on the current node. */
  invoke(template: Template, params: Parameters | null): void {
    this.#enter()
    const { frame, params: outer } = this
    let next = template
    let given = params
    for (;;) {
      this.frame = next.slots === 0 ? NO_FRAME : []
      this.params = given
      next.body(this)
      const { tail } = this
      if (tail === null) break
      this.tail = null
      this.budget.work.spend(10)
      next = tail.template
      given = tail.params
    }
    this.frame = frame
    this.params = outer
    this.#depth--
  }

  /** Runs `work` one level deeper. */
  nested(work: () => void): void {
    this.#enter()
    work()
    this.#depth--
  }

  global(variable: GlobalVariable): XPathValue {
    const known = this.#globals[variable.index]
    if (known === BUSY)
      throw new IntegrationError('TRANSFORM_FAILED', `the variable $${variable.name} is defined by way of itself`)
    if (known !== undefined) return known
    this.#globals[variable.index] = BUSY
    const value = this.aside(this.source, variable.slots, () => variable.evaluate(this))
    this.#globals[variable.index] = value
    return value
  }

  /** Runs `work` with this node as the only one in focus, without variables, and goes back to where it was. */
  aside<T>(node: XPathNode, slots: number, work: () => T): T {
    this.#enter()
    const { focus, frame, params, rule, at } = this
    const { node: before, position, size } = focus
    focus.node = node
    focus.position = focus.size = 1
    this.frame = slots === 0 ? NO_FRAME : []
    this.params = null
    this.rule = null
    const result = work()
    focus.node = before
    focus.position = position
    focus.size = size
    this.frame = frame
    this.params = params
    this.rule = rule
    this.at = at
    this.#depth--
    return result
  }

  /** Runs `work` on the current node with variables of its own: attribute sets see none of the template's. */
  apart(slots: number, work: Instruction): void {
    this.#enter()
    const { frame } = this
    this.frame = slots === 0 ? NO_FRAME : []
    work(this)
    this.frame = frame
    this.#depth--
  }

  /** Runs `make` into a tree of its own. */
  into(out: ResultTree, make: Instruction): ResultTree {
    const before = this.out
    this.out = out
    make(this)
    this.out = before
    return out
  }

  remembered<T>(key: object, make: () => T): T {
    let value = this.memory.get(key) as T | undefined
    if (value === undefined) this.memory.set(key, (value = make()))
    return value
  }

  #enter(): void {
    this.budget.work.spend(10)
    if (++this.#depth > this.budget.limits.depth) {
      throw new IntegrationError(
        'TRANSFORM_FAILED',
        `templates call one another ${this.budget.limits.depth} levels deep; look for a template that calls itself without end`,
      )
    }
  }
}
