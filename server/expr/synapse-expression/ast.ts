/** Why an expression cannot be compiled; `offset` counts UTF-16 units from the character after `${`. */
export class ExpressionSyntaxError extends Error {
  override readonly name = 'ExpressionSyntaxError'
  readonly offset: number

  constructor(reason: string, offset: number) {
    super(reason)
    this.offset = offset
  }
}

export type BinaryOperator = '+' | '-' | '*' | '/' | '%' | 'and' | 'or' | '==' | '!=' | '>' | '>=' | '<' | '<='

/** Where a single text is looked up by name. */
export type Scope = 'headers' | 'synapse' | 'axis2' | 'queryParams' | 'pathParams' | 'functionParams' | 'configs'

/** A JSONPath behind a root: text, with values put in for each message where it is not the same for all. */
export interface PathNode {
  readonly pieces: readonly (string | ExpressionNode)[]
  readonly offset: number
}

export type ExpressionNode =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null; readonly decimal?: string }
  | { readonly kind: 'array'; readonly items: readonly ExpressionNode[] }
  | { readonly kind: 'negative'; readonly of: ExpressionNode }
  | {
      readonly kind: 'binary'
      readonly operator: BinaryOperator
      readonly left: ExpressionNode
      readonly right: ExpressionNode
    }
  | {
      readonly kind: 'conditional'
      readonly test: ExpressionNode
      readonly yes: ExpressionNode
      readonly no: ExpressionNode
    }
  | { readonly kind: 'payload'; readonly path: PathNode | undefined }
  | { readonly kind: 'variable'; readonly name: string; readonly path: PathNode | undefined }
  | { readonly kind: 'scoped'; readonly scope: Scope; readonly name: string }
  | {
      readonly kind: 'call'
      readonly name: string
      readonly args: readonly ExpressionNode[]
      readonly path: PathNode | undefined
      readonly offset: number
    }
