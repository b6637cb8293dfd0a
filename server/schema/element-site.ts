import type { Diagnostic, Expression, Ref, RoleName, SourceRef } from '../kernel/contracts.ts'
import type { ConnectionFactories } from '../kernel/connection-factories.ts'
import { nearest } from '../kernel/nearest.ts'
import { IntegrationError } from '../kernel/errors.ts'
import type { XmlAttribute, XmlElement, XmlText } from '../xml/tree.ts'
import { printXml } from '../xml/writer.ts'
import type { Catalog } from './catalog.ts'
import type { ConfigOf, Fields } from './fields.ts'
import type { ValueSite, ValueType } from './types.ts'
import { knownNames, shorten, syntaxErrorIn } from './wording.ts'

/** The namespace of everything Synapse-style. */
export const SYNAPSE_NS = 'http://ws.apache.org/ns/synapse'

/** What decoding needs from outside; the same for every file of a deployment. */
export interface DecodeEnv {
  readonly catalog: Catalog
  /** Throws an IntegrationError for a syntax error. */
  compile(source: string, namespace: (prefix: string) => string | undefined, at: SourceRef): Expression
  /** Replaces `$SYSTEM:X`, `$FILE:x` and `${configs.x}` at the beginning of a value (synapse-language B.3). */
  substitute(text: string): { readonly value: string } | { readonly problem: string }
  /** True if a module is registered in the place of this Java class. */
  hasExtension?(className: string): boolean
  /** Brokers that the settings give names to. Absent: none. */
  readonly connectionFactories?: ConnectionFactories
  /** The text of a registry resource or local file, for `<parameter key="…">`; undefined if there is none. */
  resource(key: string): string | undefined
}

/** Everything known about one artifact while it is decoded. */
export interface Decoding {
  readonly env: DecodeEnv
  readonly diagnostics: Diagnostic[]
  readonly refs: Ref[]
  at(offset: number): SourceRef
  /** Where the character `index` of a value is written. */
  offsetIn(node: XmlAttribute | XmlText, index: number): number
}

/** Accepted on every element of the language and without effect on the flow (synapse-language B.3). */
const EVERYWHERE = new Set(['description', 'statistics', 'trace', 'audit'])

/** Where a value stands, to the character: the value of an attribute, or a text. */
export interface Place {
  readonly offset: number
  /** Where the character `index` of the value is written. */
  inner(index: number): number
}

export interface GivenParameter extends Place {
  readonly text: string
}

/** One element being decoded. Remembers what fields have read, so that the rest can be reported. */
export class ElementSite {
  readonly element: XmlElement
  readonly decoding: Decoding
  readonly #attributes = new Set<XmlAttribute>()
  readonly #elements = new Set<XmlElement>()
  readonly #parameters = new Map<string, GivenParameter | undefined>()
  #assumed: ReadonlyMap<string, string> = new Map()
  #assumedAt = -1
  readonly #tolerated: readonly string[]
  #textRead = false
  #sound = true
  #consequencesOnly = false

  /** `tolerated` names attributes that mean nothing here and are not worth a word. */
  constructor(element: XmlElement, decoding: Decoding, tolerated: readonly string[] = []) {
    this.element = element
    this.decoding = decoding
    this.#tolerated = tolerated
  }

  get at(): SourceRef {
    return this.decoding.at(this.element.offset)
  }

  // ── what is there ──

  attribute(name: string): XmlAttribute | undefined {
    const attribute = this.#find(name)
    if (attribute) this.#attributes.add(attribute)
    return attribute
  }

  hasAttribute(name: string): boolean {
    return this.#find(name) !== undefined
  }

  children(tag: string): XmlElement[] {
    const found = this.#elementsCalled(tag)
    for (const element of found) this.#elements.add(element)
    return found
  }

  hasChild(tag: string): boolean {
    return this.#elementsCalled(tag).length > 0
  }

  /** Child elements no field has read so far, claimed by the caller. Descriptions are skipped. */
  remainingElements(): XmlElement[] {
    const rest: XmlElement[] = []
    for (const element of this.element.childElements) {
      if (this.#elements.has(element)) continue
      this.#elements.add(element)
      if (!(isSynapse(element) && element.local === 'description')) rest.push(element)
    }
    return rest
  }

  peekAnyElement(): XmlElement | undefined {
    return this.element.childElements.find(
      element => !this.#elements.has(element) && !(isSynapse(element) && element.local === 'description'),
    )
  }

  takeAnyElement(): XmlElement | undefined {
    const element = this.peekAnyElement()
    if (element) this.#elements.add(element)
    return element
  }

  peekText(): string {
    return this.element.ownText.trim()
  }

  text(): string {
    this.#textRead = true
    return this.peekText()
  }

  /** The text exactly as written, white space included. */
  rawText(): string {
    this.#textRead = true
    return this.element.ownText
  }

  /** The last `<parameter>` of that name: as in Synapse a later one replaces an earlier one. */
  parameter(name: string): GivenParameter | undefined {
    if (this.#parameters.has(name)) return this.#parameters.get(name)
    const found = this.#elementsCalled('parameter').filter(element => attributeOf(element, 'name')?.value === name)
    const last = found.at(-1)
    if (!last) return this.#assume(name)
    for (const element of found) this.#elements.add(element)
    for (const element of found.slice(0, -1)) {
      this.warn(
        'repeated-parameter',
        `parameter "${name}" is given again below`,
        element.offset,
        'This one has no effect. Keep one of them.',
      )
    }
    const given = this.#parameterText(last, name)
    this.#parameters.set(name, given)
    return given
  }

  /** From here on parameters that are not written are these, as if they stood at `offset`. */
  assume(parameters: ReadonlyMap<string, string>, offset: number): void {
    this.#assumed = parameters
    this.#assumedAt = offset
  }

  #assume(name: string): GivenParameter | undefined {
    const text = this.#assumed.get(name)
    if (text === undefined) return undefined
    const given = { text, offset: this.#assumedAt, inner: () => this.#assumedAt }
    this.#parameters.set(name, given)
    return given
  }

  otherParameters(): Readonly<Record<string, string>> {
    const others: Record<string, string> = {}
    for (const name of this.#assumed.keys())
      if (!this.#parameters.has(name)) {
        const given = this.parameter(name)
        if (given) others[name] = given.text
      }
    for (const element of this.children('parameter')) {
      const name = attributeOf(element, 'name')?.value
      if (name === undefined) {
        this.error(
          'missing',
          'a parameter needs attribute "name"',
          element.offset,
          'Write <parameter name="…">value</parameter>.',
        )
      } else if (!this.#parameters.has(name)) {
        const given = this.parameter(name)
        if (given) others[name] = given.text
      }
    }
    return others
  }

  /** Where the value of an attribute is written. */
  placeOf(attribute: XmlAttribute): Place {
    return {
      offset: this.decoding.offsetIn(attribute, 0),
      inner: index => this.decoding.offsetIn(attribute, index),
    }
  }

  /** Where the text of the element is written, white space before it left out. */
  get textPlace(): Place {
    return this.#textPlaceOf(this.element)
  }

  // ── decoding what was found ──

  /** Decodes a child element by its own table of fields. */
  nested<F extends Fields>(element: XmlElement, fields: F): ConfigOf<F> {
    return decodeElement(new ElementSite(element, this.decoding), fields)
  }

  value<T>(type: ValueType<T>, given: string, place: Place, label: string): T | undefined {
    const parsed = type.parse(given, this.#valueSite(given, place))
    if ('value' in parsed) return parsed.value
    if (parsed.problem !== '') {
      const shown = type.secret ? '' : `: "${shorten(given)}"`
      this.error('invalid-value', `${label}${shown}: ${parsed.problem}`, place.offset, parsed.hint)
    }
    return undefined
  }

  #valueSite(given: string, place: Place): ValueSite {
    const { element, decoding } = this
    const at = decoding.at(place.offset)
    const namespace = (prefix: string): string | undefined => element.lookupNamespace(prefix)
    return {
      at,
      namespace,
      substitute: text => decoding.env.substitute(text),
      expression: source => {
        try {
          return decoding.env.compile(source, namespace, at)
        } catch (thrown) {
          const message = thrown instanceof Error ? thrown.message : String(thrown)
          if (thrown instanceof IntegrationError && thrown.code === 'NOT_SUPPORTED') {
            this.error('not-supported', message, place.offset)
          } else {
            const where = place.inner(Math.max(0, given.indexOf(source)) + syntaxErrorIn(source, thrown))
            this.error(
              'invalid-expression',
              message,
              where,
              'Check brackets, quotes and that every prefix is declared here.',
            )
          }
          return undefined
        }
      },
      refer<R extends RoleName>(role: R, name: string, chain?: true): Ref<R> {
        const made: Ref<R> = { role, name, at, ...(chain && { chain }) }
        decoding.refs.push(made)
        return made
      },
    }
  }

  // ── saying what is wrong ──

  /** Runs rules across fields. What they call an error is only a consequence where a field is broken already. */
  checkWith(rules: () => void): void {
    this.#consequencesOnly = !this.#sound
    rules()
    this.#consequencesOnly = false
  }

  error(code: string, message: string, offset: number, hint?: string): void {
    if (this.#consequencesOnly) return
    this.#sound = false
    this.#report('error', code, message, offset, hint)
  }

  warn(code: string, message: string, offset: number, hint?: string): void {
    this.#report('warning', code, message, offset, hint)
  }

  /** Worth knowing, nothing to repair. */
  hint(code: string, message: string, offset: number, hint?: string): void {
    this.#report('hint', code, message, offset, hint)
  }

  missing(what: string, expected?: string): void {
    const hint =
      expected === undefined ? `Add it to <${this.element.local}>.` : `Add it to <${this.element.local}>: ${expected}.`
    this.error('missing', `<${this.element.local}> needs ${what}`, this.element.offset, hint)
  }

  notes(name: string, offset: number, options: { deprecated?: string; ignored?: string }): void {
    // Nobody who wrote this artifact can do anything about what the settings say.
    if (offset === this.#assumedAt && this.#assumed.has(name)) return
    if (options.deprecated !== undefined) this.warn('deprecated', `"${name}" is deprecated`, offset, options.deprecated)
    if (options.ignored !== undefined)
      this.#report('hint', 'no-effect', `"${name}" has no effect`, offset, options.ignored)
  }

  /** Reports what no field has read: an unknown attribute is tolerated, an unknown element is not (trap H38). */
  reportRest(fields: Fields): void {
    for (const attribute of this.element.attributes) {
      if (this.#attributes.has(attribute) || attribute.uri !== '' || EVERYWHERE.has(attribute.local)) continue
      if (this.#tolerated.includes(attribute.local)) continue
      const near = nearest(attribute.local, knownNames(fields, 'attribute', this.decoding.env.catalog))
      this.warn(
        'unknown-attribute',
        `<${this.element.local}> has no attribute "${attribute.local}"`,
        attribute.offset,
        near === undefined ? 'It is ignored. Remove it.' : `It is ignored. Did you mean "${near}"?`,
      )
    }
    for (const element of this.remainingElements()) {
      const near = nearest(element.local, knownNames(fields, 'child', this.decoding.env.catalog))
      this.error(
        'unknown-element',
        `<${this.element.local}> cannot contain <${qualified(element)}>`,
        element.offset,
        near === undefined ? 'Remove it, or check its namespace.' : `Did you mean <${near}>?`,
      )
    }
    if (!this.#textRead && this.peekText() !== '') {
      const shown = shorten(this.peekText())
      this.warn(
        'stray-text',
        `text inside <${this.element.local}> has no effect: "${shown}"`,
        this.textPlace.offset,
        'Remove it.',
      )
    }
  }

  #report(severity: Diagnostic['severity'], code: string, message: string, offset: number, hint?: string): void {
    this.decoding.diagnostics.push({
      code,
      severity,
      message,
      at: this.decoding.at(offset),
      ...(hint !== undefined && { hint }),
    })
  }

  #find(name: string): XmlAttribute | undefined {
    return attributeOf(this.element, name)
  }

  #elementsCalled(tag: string): XmlElement[] {
    return this.element.childElements.filter(element => element.local === tag && isSynapse(element))
  }

  #textPlaceOf(element: XmlElement): Place {
    const text = element.children.find((child): child is XmlText => child.kind === 'text' && child.value.trim() !== '')
    if (!text) return { offset: element.offset, inner: () => element.offset }
    const before = text.value.length - text.value.trimStart().length
    const inner = (index: number): number => this.decoding.offsetIn(text, before + index)
    return { offset: inner(0), inner }
  }

  #parameterText(element: XmlElement, name: string): GivenParameter | undefined {
    const expression = attributeOf(element, 'expression')
    if (expression) return { text: expression.value, ...this.placeOf(expression) }
    const key = attributeOf(element, 'key')
    if (key) {
      const resource = this.decoding.env.resource(key.value)
      const place = this.placeOf(key)
      if (resource !== undefined) return { text: resource, offset: place.offset, inner: () => place.offset }
      this.error(
        'unknown-resource',
        `parameter "${name}": no registry entry "${key.value}"`,
        place.offset,
        'Add the resource or write the value in place.',
      )
      return undefined
    }
    const given = writtenText(element)
    const place = this.#textPlaceOf(element)
    const resolved = this.decoding.env.substitute(given)
    if (!('value' in resolved)) {
      const hint = 'Define the variable where the server runs.'
      this.error('unresolved', `parameter "${name}": ${resolved.problem}`, place.offset, hint)
      return undefined
    }
    // What was put in the place of a variable has no characters of its own to point at.
    return {
      text: resolved.value,
      offset: place.offset,
      inner: resolved.value === given ? place.inner : () => place.offset,
    }
  }
}

/** Decodes one element completely, leftovers reported. */
export function decodeElement<F extends Fields>(site: ElementSite, fields: F): ConfigOf<F> {
  const config: Record<string, unknown> = {}
  for (const [key, field] of Object.entries(fields)) config[key] = field.decode(site, key)
  site.reportRest(fields)
  return config as ConfigOf<F>
}

/** Synapse elements are in its namespace; a root without one is taken to mean it, and so are its children. */
export function isSynapse(element: XmlElement): boolean {
  return element.uri === SYNAPSE_NS || element.uri === ''
}

/** An attribute without a namespace. */
export function attributeOf(element: XmlElement, name: string): XmlAttribute | undefined {
  return element.attributeNode(name)
}

function qualified(element: XmlElement): string {
  return isSynapse(element) ? element.local : `{${element.uri}}${element.local}`
}

/** What a parameter says, before anything in it is replaced. A value that is XML, such as a key store: as the text it is. */
export function writtenText(parameter: XmlElement): string {
  const [inside] = parameter.childElements
  return parameter.ownText.trim() || (inside ? printXml(inside) : '')
}
