import type { RoleName } from '../kernel/contracts.ts'
import type { ValueType } from './types.ts'

/** What a field looks like from outside. Linter, XML schema, JSON schema, reference pages and forms walk over these. */
export type Shape =
  | AttributeShape
  | ParameterShape
  | TextShape
  | ChildShape
  | { readonly kind: 'steps'; readonly doc: string }
  | { readonly kind: 'inline'; readonly doc: string; readonly required: boolean }
  | { readonly kind: 'endpoint'; readonly doc: string; readonly required: boolean }
  | { readonly kind: 'endpointBody'; readonly doc: string }
  | { readonly kind: 'layers'; readonly doc: string }
  | ByClassShape
  | { readonly kind: 'parameters'; readonly doc: string }
  | ChoiceShape

export interface ValueDoc {
  readonly name: string
  readonly type: ValueType<never>
  readonly doc: string
  readonly required: boolean
  /** The default as a user would write it. */
  readonly fallback?: string
  readonly advanced?: boolean
  /** Why not to use it any more, and what instead. It still runs. */
  readonly deprecated?: string
  /** Accepted for compatibility; has no effect here. The text says why. */
  readonly ignored?: string
}

export interface AttributeShape extends ValueDoc {
  readonly kind: 'attribute'
}

export interface ParameterShape extends ValueDoc {
  readonly kind: 'parameter'
}

export interface TextShape extends Omit<ValueDoc, 'name'> {
  readonly kind: 'text'
}

export interface ChildShape {
  readonly kind: 'child'
  readonly tag: string
  readonly fields: Readonly<Record<string, FieldLike>>
  readonly many: boolean
  readonly min: number
  readonly doc: string
}

export interface ChoiceShape {
  readonly kind: 'choice'
  readonly options: Readonly<Record<string, FieldLike>>
  readonly required: boolean
  readonly doc: string
}

/** An attribute names a kind, whose fields are the `<parameter>`s. */
export interface ByClassShape {
  readonly kind: 'byClass'
  readonly role: ClassRole
  /** `class`, or `protocol`. */
  readonly attribute: string
  /** The element the parameters stand in, where it is not the element itself. */
  readonly wrapper?: string
  readonly doc: string
}

/** Roles whose element names a class, or a protocol, and takes `<parameter>`s. */
export type ClassRole = Extract<RoleName, 'message-store' | 'message-processor' | 'inbound-endpoint'>

/** A field with its value type forgotten: what emitters need. */
export interface FieldLike {
  readonly shape: Shape
}
