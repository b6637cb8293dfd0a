/** Values on their way into JSON. */
import { XmlElement } from '../xml/tree.ts'
import { cloneJson, parseJson, type JsonValue } from './json-text.ts'
import { xmlToJson } from './json-xml.ts'

/** What a property holds, as JSON that may be changed; XML is converted. */
export function jsonFrom(value: unknown): JsonValue | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return jsonIn(value)
  if (typeof value !== 'object') return value as JsonValue
  const [first] = [value].flat()
  return first instanceof XmlElement ? xmlToJson(first).value : cloneJson(value as JsonValue)
}

/** A text that is JSON is its value, any other text a string. */
export function jsonIn(text: string): JsonValue {
  try {
    return parseJson(text).value
  } catch {
    return text
  }
}
