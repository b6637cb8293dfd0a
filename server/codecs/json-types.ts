import {
  JsonNumber,
  keysOf,
  numberOf,
  setMember,
  spell,
  spelled,
  type JsonArray,
  type JsonObject,
  type JsonValue,
} from './json-text.ts'

type Schema = Readonly<Record<string, unknown>>

/** References inside one another beyond this mean a schema that refers to itself. */
const MOST_REFERENCES = 32

/**
 * The value with the types a JSON schema asks for: JSON made from XML has lost arrays of one and does not know whether
 * digits are a number or a text. What cannot be what the schema wants stays as it is, for the schema to complain about.
 */
export function correctTypes(root: { readonly value: JsonValue }, schema: unknown): { value: JsonValue } {
  const result: { value: JsonValue } = { value: null }
  putNumber(result, 'value', corrected(root.value, schema, schema), root, 'value', root.value)
  return result
}

function corrected(value: JsonValue, given: unknown, whole: unknown): JsonValue {
  const schema = resolved(given, whole)
  if (!schema) return value
  let made = value
  for (const one of listOf(schema['allOf'])) made = corrected(made, one, whole)
  const type = typeFor(made, schema['type'])
  if (type === 'array' || (type === undefined && Array.isArray(made))) return array(made, schema, whole)
  if (isObject(made)) return object(made, schema, whole)
  const fitting = type === undefined ? undefined : scalar(made, type)
  return fitting === undefined ? made : fitting
}

function array(value: JsonValue, { items, additionalItems }: Schema, whole: unknown): JsonArray {
  const given = Array.isArray(value) ? value : isNothing(value) ? [] : [value]
  const made: JsonArray = []
  given.forEach((item, index) => {
    const rule: unknown = Array.isArray(items) ? (items[index] ?? additionalItems) : items
    putNumber(made, index, corrected(item, rule, whole), given, index, item)
  })
  return made
}

function object(value: JsonObject, { properties, additionalProperties }: Schema, whole: unknown): JsonObject {
  const made: JsonObject = {}
  for (const key of keysOf(value)) {
    const rule = isSchema(properties) && Object.hasOwn(properties, key) ? properties[key] : additionalProperties
    putNumber(made, key, corrected(value[key]!, rule, whole), value, key, value[key]!)
  }
  return made
}

/** Undefined: the value cannot be of that type. */
function scalar(value: JsonValue, type: string): JsonValue | undefined {
  const text = isObject(value) || Array.isArray(value) ? undefined : String(value)
  switch (type) {
    case 'string':
      return typeof value === 'string' ? value : value === null ? undefined : text
    case 'number':
    case 'integer':
      if (typeof value === 'number' || value instanceof JsonNumber) return value
      return text !== undefined && NUMBER.test(text.trim()) ? numberOf(text.trim()) : undefined
    case 'boolean':
      if (typeof value === 'boolean') return value
      return text === 'true' ? true : text === 'false' ? false : undefined
    case 'null':
      return value === null || text === '' || text === 'null' ? null : undefined
    default:
      return undefined
  }
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** Of several types the one the value has, else the first one it can be made. */
function typeFor(value: JsonValue, type: unknown): string | undefined {
  if (typeof type === 'string') return type
  const types = listOf(type).filter(one => typeof one === 'string')
  return (
    types.find(one => typeOf(value) === one || (one === 'number' && typeOf(value) === 'integer')) ??
    types.find(one => scalar(value, one) !== undefined) ??
    types.find(one => one === 'array')
  )
}

function typeOf(value: JsonValue): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (isObject(value)) return 'object'
  if (value instanceof JsonNumber || typeof value === 'number')
    return Number.isInteger(Number(value)) ? 'integer' : 'number'
  return typeof value
}

/** The schema, or what its `$ref` means: only what is in the same document is looked up. */
function resolved(given: unknown, whole: unknown): Schema | undefined {
  let schema = given
  for (let count = 0; count < MOST_REFERENCES; count++) {
    if (!isSchema(schema)) return undefined
    const reference = schema['$ref']
    if (typeof reference !== 'string') return schema
    if (!reference.startsWith('#')) return undefined
    schema = reference
      .slice(1)
      .split('/')
      .filter(part => part !== '')
      .map(part => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~'))
      .reduce<unknown>((at, key) => (isSchema(at) && Object.hasOwn(at, key) ? at[key] : undefined), whole)
  }
  return undefined
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber)
}

function isNothing(value: JsonValue): boolean {
  return value === null || value === ''
}

function put(container: object, key: string | number, value: JsonValue): void {
  setMember(container as JsonObject, key as string, value)
}

/** A number is written as it was: in its place before, or in the text it was made from. */
function putNumber(
  to: object,
  at: string | number,
  value: JsonValue,
  from: object,
  was: string | number,
  old: JsonValue,
): void {
  put(to, at, value)
  if (typeof value !== 'number') return
  const text = typeof old === 'number' ? spelled(from, was, old) : typeof old === 'string' ? old.trim() : String(value)
  if (text !== String(value)) spell(to, at, value, text)
}
