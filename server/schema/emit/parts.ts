import type { Fields } from '../fields.ts'
import type { AttributeShape, ByClassShape, ChildShape, FieldLike, ParameterShape, TextShape } from '../shape.ts'

/** What one element may carry, alternatives laid side by side: what every generator starts from. */
export interface Parts {
  readonly attributes: readonly AttributeShape[]
  readonly parameters: readonly ParameterShape[]
  readonly children: readonly ChildShape[]
  readonly text: TextShape | undefined
  /** Sentences about alternatives of which one, or at most one, may be given. */
  readonly choices: readonly { readonly names: readonly string[]; readonly required: boolean; readonly doc: string }[]
  /** What the element takes besides, each with what is said of it. */
  readonly steps: string | undefined
  readonly inline: string | undefined
  readonly endpoint: string | undefined
  readonly endpointBody: string | undefined
  readonly layers: string | undefined
  readonly byClass: ByClassShape | undefined
  readonly anyParameter: string | undefined
}

export function partsOf(fields: Fields | Readonly<Record<string, FieldLike>>): Parts {
  const parts = {
    attributes: [] as AttributeShape[],
    parameters: [] as ParameterShape[],
    children: [] as ChildShape[],
    choices: [] as { names: string[]; required: boolean; doc: string }[],
    text: undefined as TextShape | undefined,
    steps: undefined as string | undefined,
    inline: undefined as string | undefined,
    endpoint: undefined as string | undefined,
    endpointBody: undefined as string | undefined,
    layers: undefined as string | undefined,
    byClass: undefined as ByClassShape | undefined,
    anyParameter: undefined as string | undefined,
  }
  const take = (table: Readonly<Record<string, FieldLike>>, optional: boolean): void => {
    for (const [key, { shape }] of Object.entries(table)) {
      switch (shape.kind) {
        case 'attribute': {
          const name = shape.name === '' ? key : shape.name
          parts.attributes.push({ ...shape, name, required: shape.required && !optional })
          break
        }
        case 'parameter':
          parts.parameters.push(shape)
          break
        case 'child':
          parts.children.push(optional ? { ...shape, min: 0 } : shape)
          break
        case 'text':
          parts.text = shape
          break
        case 'choice':
          parts.choices.push({
            names: Object.entries(shape.options).map(([name, field]) => nameOf(name, field)),
            required: shape.required,
            doc: shape.doc,
          })
          take(shape.options, true)
          break
        case 'byClass':
          parts.byClass = shape
          break
        case 'parameters':
          parts.anyParameter = shape.doc
          break
        default:
          parts[shape.kind] = shape.doc
      }
    }
  }
  take(fields, false)
  return parts
}

function nameOf(key: string, { shape }: FieldLike): string {
  switch (shape.kind) {
    case 'attribute':
      return `attribute \`${shape.name === '' ? key : shape.name}\``
    case 'parameter':
      return `parameter \`${shape.name}\``
    case 'child':
      return `element \`<${shape.tag}>\``
    case 'text':
      return 'text'
    case 'inline':
      return 'inline XML'
    default:
      return key
  }
}
