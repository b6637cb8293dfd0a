import type { XPathNode } from '../xpath/values.ts'
import type { NodeKind, Pattern } from './patterns.ts'
import type { CurrentRule, Template, Transformation } from './transformation.ts'

/** A template as one of its patterns makes it a rule. */
export interface Rule extends CurrentRule {
  readonly template: Template
  readonly pattern: Pattern
  readonly priority: number
  /** Place in the stylesheet: of equals the last one wins (XSLT 1.0 §5.5). */
  readonly order: number
}

const NO_RULES: readonly Rule[] = []

/** The rules of one mode, sorted and split so that for a node only those are tried that can fit it. */
export class Mode {
  readonly name: string
  #rules: Rule[] = []
  readonly #byKind = new Map<NodeKind, readonly Rule[]>()
  #elements = new Map<string, readonly Rule[]>()
  #attributes = new Map<string, readonly Rule[]>()
  #otherElements: readonly Rule[] = NO_RULES
  #otherAttributes: readonly Rule[] = NO_RULES

  constructor(name: string) {
    this.name = name
  }

  add(rule: Rule): void {
    this.#rules.push(rule)
  }

  /** Sorts what was added: after this, nothing may be. */
  seal(): void {
    const rules = this.#rules.sort(
      (a, b) => b.precedence - a.precedence || b.priority - a.priority || b.order - a.order,
    )
    for (const kind of ['document', 'element', 'attribute', 'text', 'comment', 'pi'] as const) {
      this.#byKind.set(
        kind,
        rules.filter(({ pattern }) => pattern.kinds.includes(kind)),
      )
    }
    ;[this.#elements, this.#otherElements] = byName(this.#byKind.get('element')!)
    ;[this.#attributes, this.#otherAttributes] = byName(this.#byKind.get('attribute')!)
  }

  /** What may fit a node, best first. */
  candidates(node: XPathNode): readonly Rule[] {
    if (node.kind === 'element') return this.#elements.get(node.local) ?? this.#otherElements
    if (node.kind === 'attribute') return this.#attributes.get(node.local) ?? this.#otherAttributes
    return this.#byKind.get(node.kind) ?? NO_RULES
  }

  find(node: XPathNode, run: Transformation): Rule | undefined {
    const candidates = this.candidates(node)
    for (let index = 0; index < candidates.length; index++) {
      const rule = candidates[index]!
      if (rule.pattern.matches(node, run)) return rule
    }
    return undefined
  }

  /** Only what the module of the current rule imports (§5.6). */
  findImported(node: XPathNode, current: CurrentRule, run: Transformation): Rule | undefined {
    return this.candidates(node).find(
      rule =>
        rule.precedence < current.precedence && rule.precedence >= current.lowest && rule.pattern.matches(node, run),
    )
  }
}

/** For each name that a rule asks for, the rules that fit it; and those that fit any other name. */
function byName(rules: readonly Rule[]): [Map<string, readonly Rule[]>, readonly Rule[]] {
  const names = new Set(rules.flatMap(({ pattern }) => pattern.local ?? []))
  const named = new Map<string, readonly Rule[]>()
  for (const name of names)
    named.set(
      name,
      rules.filter(({ pattern }) => pattern.local === null || pattern.local === name),
    )
  return [named, rules.filter(({ pattern }) => pattern.local === null)]
}
