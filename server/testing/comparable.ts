import type { AnyKind } from '../schema/kinds.ts'
import { canonicalXml } from '../xml/canonical.ts'

/** A decoded configuration without places and functions, so that two of them can be compared. */
export function comparable(value: unknown): unknown {
  if (value instanceof RegExp) return value.source
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(comparable)
  if ('source' in value && 'needsBody' in value) return { expression: value.source }
  if ('offset' in value && 'childList' in value) return canonicalXml(value as never)
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, inner]) => key !== 'at' && typeof inner !== 'function')
      .map(([key, inner]) => [
        key,
        key === 'kind' && typeof inner === 'object' ? titleOf(inner as AnyKind) : comparable(inner),
      ]),
  )
}

export function titleOf(kind: AnyKind): string {
  return 'classes' in kind ? kind.name : kind.tag
}
