import type { Catalog } from './catalog.ts'
import type { Fields } from './fields.ts'

/** The names a user may have meant among what the fields of an element allow. */
export function knownNames(fields: Fields, kind: 'attribute' | 'child', catalog: Catalog): string[] {
  return Object.entries(fields).flatMap(([key, { shape }]) => {
    if (shape.kind === 'choice') return knownNames(shape.options as Fields, kind, catalog)
    if (kind === 'attribute') {
      if (shape.kind === 'attribute') return [shape.name === '' ? key : shape.name]
      return shape.kind === 'byClass' ? [shape.attribute] : []
    }
    switch (shape.kind) {
      case 'child':
        return [shape.tag]
      case 'endpoint':
        return ['endpoint']
      case 'endpointBody':
        return ['property', ...catalog.endpoints().map(({ tag }) => tag)]
      case 'layers':
        return catalog.layers().map(({ tag }) => tag)
      case 'parameter':
      case 'parameters':
        return ['parameter']
      case 'byClass':
        return [shape.wrapper ?? 'parameter']
      default:
        return []
    }
  })
}

/** How far into `source` a compiler found the mistake; compilers count from the first character that means something. */
export function syntaxErrorIn(source: string, thrown: unknown): number {
  const offset = ((thrown as Error).cause as { offset?: unknown } | undefined)?.offset
  if (typeof offset !== 'number') return 0
  const trimmed = source.trimStart()
  const opening = /^(?:json-eval\(\s*["']?|\$\{)/.exec(trimmed)?.[0].length ?? 0
  return source.length - trimmed.length + opening + offset
}

/** A value as a message quotes it. */
export function shorten(given: string): string {
  return given.length > 60 ? `${given.slice(0, 57)}…` : given
}
