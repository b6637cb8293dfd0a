import { XmlElement, XmlText } from '../xml/tree.ts'
import { SYNAPSE_NS } from './element-site.ts'
import type { Fields } from './fields.ts'
import { namespacesOf } from './namespaces.ts'
import type { ValueType } from './types.ts'

/** An element being written from a typed configuration. */
export class ElementDraft {
  readonly element: XmlElement

  constructor(tag: string) {
    this.element = new XmlElement(tag, SYNAPSE_NS)
  }

  attribute<T>(name: string, type: ValueType<T>, value: T): void {
    this.element.setAttribute(name, type.print(value))
    this.#declare(value)
  }

  parameter<T>(name: string, type: ValueType<T>, value: T): void {
    const parameter = this.plainParameter(name, type.print(value))
    if (type.name === 'expression') {
      parameter.clear()
      parameter.setAttribute('expression', type.print(value))
    }
    this.#declare(value)
  }

  plainParameter(name: string, text: string): XmlElement {
    const parameter = new XmlElement('parameter', SYNAPSE_NS)
    parameter.setAttribute('name', name)
    parameter.setText(text)
    this.element.append(parameter)
    return parameter
  }

  hasParameter(name: string): boolean {
    return this.element.childElements.some(child => child.local === 'parameter' && child.attribute('name') === name)
  }

  text<T>(type: ValueType<T>, value: T): void {
    this.element.append(new XmlText(type.print(value)))
    this.#declare(value)
  }

  append(element: XmlElement): void {
    this.element.append(element)
  }

  /** A child element written by its own fields. */
  child(tag: string, fields: Fields, config: Readonly<Record<string, unknown>>): ElementDraft {
    const draft = new ElementDraft(tag)
    encodeElement(draft, fields, config)
    this.element.append(draft.element)
    return draft
  }

  /** An expression or a name carries the prefixes it uses; they have to be declared where it stands. */
  #declare(value: unknown): void {
    for (const [prefix, uri] of namespacesOf(value)) this.element.declare(prefix, uri)
  }
}

export function encodeElement(draft: ElementDraft, fields: Fields, config: Readonly<Record<string, unknown>>): void {
  for (const [key, field] of Object.entries(fields)) field.encode(config[key], draft, key)
}
