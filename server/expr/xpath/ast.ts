export type Axis =
  | 'ancestor'
  | 'ancestor-or-self'
  | 'attribute'
  | 'child'
  | 'descendant'
  | 'descendant-or-self'
  | 'following'
  | 'following-sibling'
  | 'namespace'
  | 'parent'
  | 'preceding'
  | 'preceding-sibling'
  | 'self'

export type NodeTest =
  | { readonly kind: 'name'; readonly prefix: string; readonly local: string; readonly offset: number }
  /** `*` (prefix null) or `p:*`. */
  | { readonly kind: 'any'; readonly prefix: string | null; readonly offset: number }
  | { readonly kind: 'node' }
  | { readonly kind: 'text' }
  | { readonly kind: 'comment' }
  | { readonly kind: 'pi'; readonly target: string | null }

export interface StepNode {
  readonly axis: Axis
  readonly test: NodeTest
  readonly predicates: readonly Ast[]
}

export type BinaryOperator = 'or' | 'and' | '=' | '!=' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | 'div' | 'mod' | '|'

export type Ast =
  | { readonly kind: 'literal'; readonly value: string }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'variable'; readonly prefix: string; readonly local: string; readonly offset: number }
  | {
      readonly kind: 'call'
      readonly prefix: string
      readonly local: string
      readonly args: readonly Ast[]
      readonly offset: number
    }
  | { readonly kind: 'negate'; readonly operand: Ast }
  | {
      readonly kind: 'binary'
      readonly operator: BinaryOperator
      readonly left: Ast
      readonly right: Ast
      readonly offset: number
    }
  /** `from` null starts at the context node, `'root'` at the root of its tree. */
  | {
      readonly kind: 'path'
      readonly from: Ast | 'root' | null
      readonly steps: readonly StepNode[]
      readonly offset: number
    }
  | { readonly kind: 'filter'; readonly from: Ast; readonly predicates: readonly Ast[]; readonly offset: number }

/** Why an expression cannot be compiled; `offset` counts UTF-16 units from its start. */
export class XPathSyntaxError extends Error {
  override readonly name = 'XPathSyntaxError'
  readonly offset: number
  readonly hint: string | undefined

  constructor(reason: string, offset: number, hint?: string) {
    super(reason)
    this.offset = offset
    this.hint = hint
  }
}
