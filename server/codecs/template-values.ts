import { XmlAttribute, XmlComment, XmlDocument, XmlElement, XmlPi, XmlText } from '../xml/tree.ts'
import { clone } from '../xml/clone.ts'
import { printJson, type JsonValue } from './json-text.ts'
import { jsonToXml, xmlToJson } from './json-xml.ts'
import { elementsIn, type XmlArgument } from './template.ts'

const NODES = [XmlElement, XmlText, XmlAttribute, XmlComment, XmlPi, XmlDocument]

/** A JSON object or array, and no list of XML nodes. */
export function isJsonTree(value: unknown): value is JsonValue {
  return typeof value === 'object' && value !== null && nodesIn(value) === undefined
}

function nodesIn(value: unknown): readonly unknown[] | undefined {
  const nodes = Array.isArray(value) ? value : [value]
  return nodes.some(node => NODES.some(kind => node instanceof kind)) ? nodes : undefined
}

/** JSON as elements that can be put anywhere. */
export function elementsOfJson(value: JsonValue): readonly XmlElement[] {
  const elements = jsonToXml({ value }).childElements
  for (const element of elements) element.parent = null
  return elements
}

/** What `$1` in a JSON template is replaced by: the author has written the quotes. `text` is the value as text. */
export function jsonArgument(value: unknown, text: string): string {
  if (isJsonTree(value)) return printJson({ value })
  return elementAsJson(text) ?? (looksLikeJson(text) ? text : withoutQuotes(text))
}

/** What `${…}` in an XML template is replaced by: XML and JSON as elements, a text as text, even one that reads like XML. */
export function inlineXmlArgument(value: unknown, text: string): XmlArgument {
  const nodes = nodesIn(value)
  if (nodes?.every(node => node instanceof XmlElement)) return { text, elements: nodes.map(node => clone(node)) }
  return { text, elements: isJsonTree(value) ? elementsOfJson(value) : undefined }
}

/** What `${…}` in a JSON template is replaced by: part of a text between quotes, a JSON value elsewhere. */
export function inlineJsonArgument(value: unknown, text: string, quoted: boolean): string {
  if (quoted) return withoutQuotes(text)
  if (value === undefined || value === null) return 'null'
  if (nodesIn(value)) return elementAsJson(text) ?? JSON.stringify(text)
  return typeof value !== 'string' || looksLikeJson(text) ? text : JSON.stringify(text)
}

/** True for a place in a JSON text that is within a string. */
export function isQuotedAt(text: string, at: number): boolean {
  let quoted = false
  for (let index = 0; index < at; index++) {
    if (text[index] === '"') quoted = !quoted
    else if (text[index] === '\\' && quoted) index++
  }
  return quoted
}

function elementAsJson(text: string): string | undefined {
  const [element] = elementsIn(text) ?? []
  return element && printJson(xmlToJson(element))
}

function withoutQuotes(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

function looksLikeJson(text: string): boolean {
  const trimmed = text.trim()
  if (!/^[[{].*[\]}]$/s.test(trimmed)) return false
  try {
    JSON.parse(trimmed)
    return true
  } catch {
    return false
  }
}
