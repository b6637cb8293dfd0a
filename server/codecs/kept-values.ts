import { printXml } from '../xml/writer.ts'
import { parseXml } from '../xml/reader.ts'
import { XmlAttribute, XmlComment, XmlDocument, XmlElement, XmlPi, XmlText } from '../xml/tree.ts'
import { Envelope } from './envelope.ts'
import { JsonNumber, parseJson, printJsonValue } from './json-text.ts'
import type { JsonValue } from './json-text.ts'

/**
 * A property value as something JSON can hold: scalars as they are, XML as `{ xml }` (several elements as a list, other
 * nodes as their text), JSON
 * values as `{ json }` text so that their numbers stay exact. Undefined for what cannot be kept, such as a function.
 */
export function keep(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'bigint':
      return String(value)
    case 'object':
      return value === null ? null : keepObject(value)
    default:
      return undefined
  }
}

function keepObject(value: object): unknown {
  const xml = xmlText(value)
  if (xml !== undefined) return typeof xml === 'string' ? { xml } : xml.text
  const nodes = Array.isArray(value) ? value.map(item => (isObject(item) ? xmlText(item) : undefined)) : []
  if (nodes.length > 0 && nodes.every(node => node !== undefined)) {
    if (nodes.every(node => typeof node === 'string')) return { xml: nodes }
    return nodes.map(node => (typeof node === 'string' ? node : node.text)).join('')
  }
  return isJson(value, 0) ? { json: printJsonValue(value as JsonValue) } : undefined
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Text of an XML tree, `{ text }` of a node that is text in itself, undefined of anything else. */
function xmlText(value: object): string | { text: string } | undefined {
  if (value instanceof XmlElement) return printXml(value)
  if (value instanceof XmlDocument || value instanceof Envelope) return printXml(value.root)
  if (value instanceof XmlText || value instanceof XmlAttribute) return { text: value.value }
  if (value instanceof XmlComment || value instanceof XmlPi) return { text: value.value }
  return undefined
}

const DEEPEST = 1000

function isJson(value: unknown, depth: number): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return true
  if (typeof value !== 'object' || depth > DEEPEST) return false
  if (value instanceof JsonNumber) return true
  if (Array.isArray(value)) return value.every(item => isJson(item, depth + 1))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  return Object.values(value).every(member => member === undefined || isJson(member, depth + 1))
}

export function revive(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if ('xml' in value) {
    const { xml } = value
    if (typeof xml === 'string') return parseXml(xml).root
    if (Array.isArray(xml)) return xml.map(text => parseXml(String(text)).root)
  }
  if ('json' in value && typeof value.json === 'string') return parseJson(value.json).value
  return value
}
