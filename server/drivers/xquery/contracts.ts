/** A tree as it crosses to the thread that evaluates queries, and back. */
export type PlainNode =
  | string
  | PlainElement
  | { readonly comment: string }
  | { readonly pi: string; readonly data: string }

export interface PlainElement {
  readonly local: string
  readonly prefix: string
  readonly uri: string
  /** Local name, prefix, namespace and value of each. */
  readonly attributes: readonly (readonly [string, string, string, string])[]
  readonly children: readonly PlainNode[]
}

export type AtomicType =
  | 'xs:string'
  | 'xs:boolean'
  | 'xs:integer'
  | 'xs:int'
  | 'xs:long'
  | 'xs:short'
  | 'xs:byte'
  | 'xs:double'
  | 'xs:float'

export interface QueryVariable {
  readonly name: string
  readonly value:
    | { readonly type: AtomicType; readonly value: string | number | boolean }
    | { readonly type: 'document' | 'element'; readonly element: PlainElement }
}

export interface Query {
  readonly text: string
  /** What `.` is at the beginning: the element as the root of a document. */
  readonly context: PlainElement | null
  readonly variables: readonly QueryVariable[]
}

/** The first item of the result; null for an empty one. */
export type QueryResult = { readonly node: PlainNode } | { readonly atomic: string } | null

export type QueryAnswer = { readonly result: QueryResult } | { readonly error: string }
