import { JsonNumber, setMember, type JsonObject, type JsonValue } from './json-text.ts'

/** JSON for libraries that know numbers only: the nearest number in place of one that keeps more digits. A copy only if there is one. */
export function plainJson(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof JsonNumber) return Number(value)
  if (Array.isArray(value)) {
    const items = value.map(plainJson)
    return items.some((item, index) => item !== value[index]) ? items : value
  }
  const copy: JsonObject = {}
  let changed = false
  for (const [key, member] of Object.entries(value)) {
    const plain = plainJson(member)
    changed ||= plain !== member
    setMember(copy, key, plain as JsonValue)
  }
  return changed ? copy : value
}
