import { XmlElement, XmlText } from '../xml/tree.ts'
import { keyOfName, nameOfKey } from './key-names.ts'
import { JsonNumber, keysOf, numberOf, setMember, spell, spelled } from './json-text.ts'
import type { JsonArray, JsonObject, JsonValue } from './json-text.ts'

// The rules are those of synapse-language E.8. Namespaces are dropped on the way to JSON, and whether something was an
// array of one or none is forgotten on the way to XML, as everybody's stylesheets and paths expect.

const OBJECT = 'jsonObject'
const ARRAY = 'jsonArray'
const ELEMENT = 'jsonElement'
const VALUE = 'jsonValue'

// ── JSON to XML ──────────────────────────────────────────────────────────────────────────────────────────────────

export function jsonToXml(root: { readonly value: JsonValue }): XmlElement {
  const { value } = root
  if (Array.isArray(value)) return arrayElement(value)
  if (isObject(value)) {
    const element = new XmlElement(OBJECT)
    addMembers(element, value)
    return element
  }
  const element = new XmlElement(VALUE)
  addText(element, textOf(value, root, 'value'))
  return element
}

function arrayElement(items: JsonArray): XmlElement {
  const element = new XmlElement(ARRAY)
  addItems(element, ELEMENT, items)
  return element
}

function addItems(parent: XmlElement, name: string, items: JsonArray): void {
  for (let index = 0; index < items.length; index++) {
    const item = items[index]!
    const element = new XmlElement(name)
    if (Array.isArray(item)) element.push(arrayElement(item))
    else if (isObject(item)) addMembers(element, item)
    else addText(element, textOf(item, items, index))
    parent.push(element)
  }
}

function addMembers(element: XmlElement, object: JsonObject): void {
  for (const key of keysOf(object)) {
    const value = object[key]!
    if (isScalar(value)) {
      if (key === '$') {
        addText(element, textOf(value, object, key))
        continue
      }
      const attribute = key.charCodeAt(0) === 64 ? attributeName(key) : undefined
      if (attribute !== undefined) {
        element.setAttribute(attribute, textOf(value, object, key))
        continue
      }
    }
    const name = nameOfKey(key)
    if (Array.isArray(value)) {
      addItems(element, name, value)
      continue
    }
    const child = new XmlElement(name)
    if (isObject(value)) addMembers(child, value)
    else addText(child, textOf(value, object, key))
    element.push(child)
  }
}

/** Undefined for what would be no attribute but a declaration, or has no name: it stays an element. */
function attributeName(key: string): string | undefined {
  const name = nameOfKey(key.slice(1))
  return key === '@' || name === 'xmlns' ? undefined : name
}

function addText(element: XmlElement, text: string): void {
  if (text !== '') element.push(new XmlText(text))
}

// eslint-disable-next-line no-control-regex -- what XML cannot hold
const MAY_BE_FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]/
// A pair of surrogates is one character under this flag; \p{Cs} is half of one.
const FORBIDDEN = /(?![\t\n\r\x7f-\x9f])[\p{Cc}\p{Cs}\ufffe\uffff]/gu

/** Characters XML cannot hold are written as JSON would escape them. */
function textOf(value: JsonValue, container: object, key: string | number): string {
  if (value === null) return ''
  if (typeof value === 'number') return spelled(container, key, value)
  const text = String(value)
  if (!MAY_BE_FORBIDDEN.test(text)) return text
  return text.replace(FORBIDDEN, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber)
}

function isScalar(value: JsonValue): boolean {
  return typeof value !== 'object' || value === null || value instanceof JsonNumber
}

// ── XML to JSON ──────────────────────────────────────────────────────────────────────────────────────────────────

/** Switches of synapse.properties that change the JSON made from XML; all are off or at their default if absent. */
export interface JsonRules {
  /** Text that reads like a number, `true`, `false` or `null` loses its quotes. */
  readonly autoPrimitive?: boolean
  /** Values it matches as a whole keep their quotes all the same. */
  readonly keepQuotes?: RegExp
  /** `""` instead of `null` for an element without content. */
  readonly emptyAsText?: boolean
}

export function xmlToJson(root: XmlElement, rules: JsonRules = {}): { value: JsonValue } {
  const converter = new Converter(rules)
  const result: { value: JsonValue } = { value: null }
  switch (root.local) {
    case ARRAY:
      result.value = converter.array(root)
      break
    case OBJECT:
      result.value = converter.members(root)
      break
    case VALUE:
    case ELEMENT:
      converter.put(result, 'value', root)
      break
    default:
      result.value = {}
      converter.put(result.value, keyOfName(root.local), root)
  }
  return result
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const BLANK = /^[ \t\r\n]*$/

class Converter {
  readonly #primitives: boolean
  readonly #keepQuotes: RegExp | undefined
  readonly #empty: JsonValue

  constructor(rules: JsonRules) {
    this.#primitives = rules.autoPrimitive ?? true
    this.#keepQuotes = rules.keepQuotes
    this.#empty = rules.emptyAsText ? '' : null
  }

  array(element: XmlElement): JsonArray {
    const items: JsonArray = []
    for (const child of element.children) if (child.kind === 'element') this.put(items, items.length, child)
    return items
  }

  /** Puts the value of `element` into its place; the place is needed to remember how a number was written. */
  put(container: object, key: string | number, element: XmlElement): void {
    const only = element.firstElement
    const bare = element.attributes.length === 0
    if (only === undefined && bare) this.#putText(container, key, element.ownText)
    else if (only !== undefined && bare && isWrapper(only) && isOnly(only)) {
      if (only.local === ARRAY) put(container, key, this.array(only))
      else if (only.local === OBJECT) put(container, key, this.members(only))
      else this.put(container, key, only)
    } else if (only !== undefined && bare && hasOnlyObjects(element)) put(container, key, this.array(element))
    else put(container, key, this.members(element))
  }

  members(element: XmlElement): JsonObject {
    const object: JsonObject = {}
    for (const { local, value } of element.attributes) setMember(object, `@${keyOfName(local)}`, value)
    const arrays = new Set<string>()
    let text = ''
    for (const child of element.children) {
      if (child.kind === 'text') text += child.value
      // <?xml-multiple name?> says that what follows is an array, even of one or none.
      else if (child.kind === 'pi' && child.target === 'xml-multiple') {
        const name = keyOfName(child.value.trim())
        arrays.add(name)
        if (!Object.hasOwn(object, name)) setMember(object, name, [])
      } else if (child.kind === 'element') this.#addMember(object, arrays, child)
    }
    if (!BLANK.test(text)) this.#putText(object, '$', text)
    return object
  }

  #addMember(object: JsonObject, arrays: Set<string>, child: XmlElement): void {
    const key = keyOfName(child.local)
    if (!arrays.has(key)) {
      if (!Object.hasOwn(object, key)) return this.put(object, key, child)
      const first = object[key]!
      const items: JsonArray = [first]
      if (typeof first === 'number') spell(items, 0, first, spelled(object, key, first))
      setMember(object, key, items)
      arrays.add(key)
    }
    const items = object[key] as JsonArray
    this.put(items, items.length, child)
  }

  #putText(container: object, key: string | number, text: string): void {
    if (text === '') return put(container, key, this.#empty)
    if (!this.#primitives || this.#keepQuotes?.test(text)) return put(container, key, text)
    switch (text) {
      case 'true':
        return put(container, key, true)
      case 'false':
        return put(container, key, false)
      case 'null':
        return put(container, key, null)
    }
    if (!NUMBER.test(text)) return put(container, key, text)
    const number = numberOf(text)
    if (typeof number === 'number' && String(number) !== text) spell(container, key, number, text)
    put(container, key, number)
  }
}

function put(container: object, key: string | number, value: JsonValue): void {
  setMember(container as JsonObject, key as string, value)
}

function isWrapper(element: XmlElement): boolean {
  return element.uri === '' && (element.local === ARRAY || element.local === OBJECT || element.local === VALUE)
}

/** Several objects side by side, as `aggregate` puts them into one element: their wrappers have no names to keep. */
function hasOnlyObjects(element: XmlElement): boolean {
  return element.children.every(child =>
    child.kind === 'element'
      ? child.uri === '' && child.local === OBJECT
      : child.kind !== 'text' || BLANK.test(child.value),
  )
}

/** No sibling element and no text beside it. */
function isOnly(element: XmlElement): boolean {
  for (const sibling of element.parent!.children) {
    if (sibling === element) continue
    if (sibling.kind === 'element' || (sibling.kind === 'text' && !BLANK.test(sibling.value))) return false
  }
  return true
}
