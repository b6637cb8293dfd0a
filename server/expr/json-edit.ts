/** Changing JSON at the places a path selects. */
import type { Expression } from '../kernel/contracts.ts'
import { IntegrationError } from '../kernel/errors.ts'
import { isRecord, type JsonMatch } from './json-values.ts'
import { JsonPath } from './jsonpath.ts'

interface Root {
  value: unknown
}

/** The path of a `json-eval(…)` into the body; undefined for an expression of another kind. */
export function bodyPathOf({ source }: Expression): JsonPath | undefined {
  const inner = /^\s*json-eval\(\s*(["']?)([\s\S]*)\1\s*\)\s*$/.exec(source)?.[2]?.trim()
  if (inner === undefined || !/^\$(?![a-z]+:)/.test(inner)) return undefined
  return new JsonPath(inner)
}

export function setAt({ holder, key }: JsonMatch, value: unknown): void {
  // A key such as __proto__ is a member like any other.
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true })
}

/** Takes away what was selected. The root leaves nothing behind. */
export function removeAt(matches: readonly JsonMatch[], root: Root): void {
  // From the last one: the indexes of those before it stay right.
  for (const { holder, key } of [...matches].reverse()) {
    if (holder === root) root.value = undefined
    else if (Array.isArray(holder)) holder.splice(key as number, 1)
    else delete (holder as Record<string, unknown>)[key]
  }
}

/** Appends to an array, or adds the members of an object to an object. */
export function addTo(target: unknown, value: unknown): void {
  if (Array.isArray(target)) {
    target.push(value)
    return
  }
  if (!isRecord(target) || !isRecord(value)) {
    throw new IntegrationError(
      'MEDIATION_FAILED',
      'only an array takes any child; an object takes the members of another object',
    )
  }
  for (const [key, member] of Object.entries(value)) setAt({ value: undefined, holder: target, key }, member)
}

/** Renames a member in its place. */
export function renameAt({ holder, key }: JsonMatch, name: string): void {
  if (Array.isArray(holder) || name === key) return
  const object = holder as Record<string, unknown>
  const members = Object.entries(object)
  for (const [known] of members) delete object[known]
  for (const [known, value] of members) {
    if (known !== name) setAt({ value, holder, key: known === key ? name : known }, value)
  }
}
