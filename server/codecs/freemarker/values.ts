/** What templates work on: texts, numbers, truth values, lists, and things with names (FreeMarker's data model). */
import type { XmlElement } from '../../xml/tree.ts'
import { printXml } from '../../xml/writer.ts'
import { printJsonValue, type JsonValue } from '../json-text.ts'

/** Something with names whose values are found when they are asked for. */
export interface Names {
  readonly names: (name: string) => unknown
}

/** Elements or attributes of an XML document, as FreeMarker's node lists are. */
export class XmlNodes {
  readonly elements: readonly XmlElement[]
  /** Where these are attributes or text: what they say. */
  readonly texts: readonly string[] | undefined
  /** How all of them read in the output, where that is not their text. */
  readonly shown: string | undefined

  constructor(elements: readonly XmlElement[], texts?: readonly string[], shown?: string) {
    this.elements = elements
    this.texts = texts
    this.shown = shown
  }

  get size(): number {
    return this.texts?.length ?? this.elements.length
  }

  at(index: number): XmlNodes | undefined {
    if (index < 0 || index >= this.size) return undefined
    return this.texts ? new XmlNodes([], [this.texts[index]!]) : new XmlNodes([this.elements[index]!])
  }

  all(): XmlNodes[] {
    return Array.from({ length: this.size }, (_, index) => this.at(index)!)
  }

  named(name: string): XmlNodes {
    if (name === '@@text')
      return new XmlNodes(
        [],
        this.elements.map(element => element.text),
      )
    if (name === '@@markup')
      return new XmlNodes(
        [],
        this.elements.map(element => printXml(element)),
      )
    if (name === '@@local_name')
      return new XmlNodes(
        [],
        this.elements.map(element => element.local),
      )
    if (name.startsWith('@')) {
      const wanted = name.slice(1)
      const found = this.elements.flatMap(element => element.attributes.filter(({ local }) => local === wanted))
      return new XmlNodes(
        [],
        found.map(({ value }) => value),
      )
    }
    const children = this.elements.flatMap(element => [...element.childElements])
    return new XmlNodes(name === '*' ? children : children.filter(({ local }) => local === name))
  }
}

/** A whole document: its only child is the root. */
export class XmlDocumentNodes extends XmlNodes {
  override named(name: string): XmlNodes {
    const [root] = this.elements
    return name.startsWith('@') || root?.local === name || name === '*' ? new XmlNodes(this.elements) : new XmlNodes([])
  }
}

export function isNames(value: unknown): value is Names {
  return typeof value === 'object' && value !== null && 'names' in value && typeof value.names === 'function'
}

/** The value under a name; undefined if there is none. */
export function memberOf(value: unknown, name: string): unknown {
  if (value instanceof XmlNodes) {
    const found = value.named(name)
    return found.size === 0 && name.startsWith('@') ? undefined : found
  }
  if (isNames(value)) return value.names(name) ?? undefined
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
    return undefined
  return (value as Record<string, unknown>)[name] ?? undefined
}

export function isList(value: unknown): value is readonly unknown[] | XmlNodes {
  return Array.isArray(value) || value instanceof XmlNodes
}

export function itemsOf(value: unknown): readonly unknown[] | undefined {
  if (value instanceof XmlNodes) return value.all()
  return Array.isArray(value) ? value : undefined
}

/** The names of an object; undefined where there are none to be listed. */
export function keysOf(value: unknown): string[] | undefined {
  if (value instanceof XmlNodes || isNames(value) || Array.isArray(value)) return undefined
  return typeof value === 'object' && value !== null ? Object.keys(value) : undefined
}

/** As it stands in the output; undefined where there is nothing. */
export function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  if (value instanceof XmlNodes) {
    if (value.shown !== undefined) return value.shown
    if (value.size === 0) return undefined
    return (value.texts ?? value.elements.map(element => element.text)).join('')
  }
  if (isNames(value)) return undefined
  return typeof value === 'object' ? printJsonValue(value as JsonValue) : String(value)
}

/** Nothing, an empty text, an empty list: what `?has_content` is false for. */
export function hasContent(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return false
  const items = itemsOf(value)
  if (items) return items.length > 0
  const keys = keysOf(value)
  return keys === undefined || keys.length > 0
}
