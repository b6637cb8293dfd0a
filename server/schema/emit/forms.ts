import type { Catalog } from '../catalog.ts'
import type { AnyKind, Example } from '../kinds.ts'
import type { FieldLike, Shape, ValueDoc } from '../shape.ts'
import type { RoleName } from '../../kernel/contracts.ts'
import type { ValueType } from '../types.ts'

/** How the console shows one kind: plain data, so that a page needs no knowledge of the kind. */
export interface Form {
  /** `mediator/log`, `message-store/memory`. */
  readonly id: string
  readonly title: string
  readonly summary: string
  readonly details: string
  readonly inputs: readonly Input[]
  readonly examples: readonly Example[]
}

export type Input = ValueInput | GroupInput | ChoiceInput | PartInput

export interface ValueInput {
  readonly input: 'value'
  readonly name: string
  /** Where it is written: `@name`, `parameter` or the text of the element. */
  readonly place: 'attribute' | 'parameter' | 'text'
  readonly widget: 'line' | 'number' | 'switch' | 'options' | 'picker' | 'expression' | 'secret'
  readonly doc: string
  readonly required: boolean
  readonly placeholder?: string
  readonly options?: readonly string[]
  /** For a picker: what it picks from. */
  readonly role?: RoleName
  /** Folded away until asked for. */
  readonly folded: boolean
  readonly warning?: string
}

export interface GroupInput {
  readonly input: 'group'
  readonly name: string
  readonly doc: string
  readonly many: boolean
  readonly required: boolean
  readonly inputs: readonly Input[]
}

export interface ChoiceInput {
  readonly input: 'choice'
  readonly name: string
  readonly doc: string
  readonly required: boolean
  readonly options: readonly Input[]
}

/** Something with an editor of its own: a list of mediators, an endpoint, a piece of XML. */
export interface PartInput {
  readonly input: 'steps' | 'endpoint' | 'endpointBody' | 'layers' | 'inline' | 'byClass' | 'parameters'
  readonly name: string
  readonly doc: string
}

export function formsOf(catalog: Catalog): readonly Form[] {
  return catalog.walk().map(formOf)
}

export function formOf(kind: AnyKind): Form {
  const name = 'classes' in kind ? kind.name : kind.tag
  return {
    id: `${'nameAttribute' in kind ? 'artifact' : kind.role}/${name}`,
    title: name,
    summary: kind.summary,
    details: kind.details?.trim() ?? '',
    inputs: inputsOf(kind.fields as Readonly<Record<string, FieldLike>>),
    examples: kind.examples,
  }
}

function inputsOf(fields: Readonly<Record<string, FieldLike>>): readonly Input[] {
  return Object.entries(fields).map(([key, { shape }]) => inputOf(key, shape))
}

function inputOf(key: string, shape: Shape): Input {
  switch (shape.kind) {
    case 'attribute':
    case 'parameter':
      return valueInput(shape.name === '' ? key : shape.name, shape.kind, shape)
    case 'text':
      return valueInput(key, 'text', shape)
    case 'child': {
      const { tag: name, doc, many, min, fields } = shape
      return { input: 'group', name, doc, many, required: min > 0, inputs: inputsOf(fields) }
    }
    case 'choice': {
      const { doc, required, options } = shape
      return { input: 'choice', name: key, doc, required, options: inputsOf(options) }
    }
    default:
      return { input: shape.kind, name: key, doc: shape.doc }
  }
}

function valueInput(name: string, place: ValueInput['place'], value: Omit<ValueDoc, 'name'>): ValueInput {
  const { type, deprecated, ignored } = value
  const warning = deprecated === undefined ? ignored : deprecated
  return {
    input: 'value',
    name,
    place,
    widget: widgetOf(type),
    doc: value.doc,
    required: value.required,
    folded: (value.advanced ?? false) || warning !== undefined,
    ...(value.fallback !== undefined && { placeholder: value.fallback }),
    ...(type.options && { options: type.options }),
    ...(type.role && { role: type.role }),
    ...(warning !== undefined && { warning }),
  }
}

function widgetOf(type: ValueType<never>): ValueInput['widget'] {
  if (type.secret) return 'secret'
  if (type.role) return 'picker'
  if (type.xsd === 'xs:boolean') return 'switch'
  if (type.options) return 'options'
  if (type.xsd === 'xs:long' || type.xsd === 'xs:double') return 'number'
  return type.name === 'expression' ? 'expression' : 'line'
}
