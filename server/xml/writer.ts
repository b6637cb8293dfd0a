import { IntegrationError } from '../kernel/errors.ts'
import { XML_NAMESPACE } from './names.ts'
import { prefixesNeeded } from './tree.ts'
import type { XmlAttribute, XmlDocument, XmlElement, XmlNode } from './tree.ts'

export interface PrintOptions {
  /** Begins with an XML declaration naming this encoding. */
  readonly encoding?: string
}

/**
 * The text of a node, character for character what it holds: no indentation is added. Prefixes that are missing,
 * hidden or taken are declared where they are needed, so that reading the text gives the same names again.
 */
export function printXml(node: XmlNode | XmlDocument, options: PrintOptions = {}): string {
  const printer = new Printer()
  const head = options.encoding === undefined ? '' : `<?xml version="1.0" encoding="${options.encoding}"?>`
  const text = head + printer.print(node)
  const wrong = text.search(FORBIDDEN)
  if (wrong >= 0) {
    const code = text.charCodeAt(wrong).toString(16).toUpperCase().padStart(4, '0')
    throw new IntegrationError(
      'MEDIATION_FAILED',
      `the character U+${code} cannot be written as XML; remove it or encode the text`,
    )
  }
  return text
}

/** Text as XML content. */
export function escapeText(text: string): string {
  return IN_TEXT.test(text) ? text.replace(IN_TEXT_ALL, escapeOf) : text
}

/** Text as an attribute value in double quotes. */
export function escapeAttribute(text: string): string {
  return IN_ATTRIBUTE.test(text) ? text.replace(IN_ATTRIBUTE_ALL, escapeOf) : text
}

// eslint-disable-next-line no-control-regex -- the rule is about exactly these
const FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/
const IN_TEXT = /[&<>\r]/
const IN_TEXT_ALL = /[&<>\r]/g
const IN_ATTRIBUTE = /[&<"\t\n\r]/
const IN_ATTRIBUTE_ALL = /[&<"\t\n\r]/g

function escapeOf(character: string): string {
  switch (character) {
    case '&':
      return '&amp;'
    case '<':
      return '&lt;'
    case '>':
      return '&gt;'
    case '"':
      return '&quot;'
    default:
      return `&#${character.charCodeAt(0)};`
  }
}

/** Beyond this nobody could read the text again: our own reader stops at 1000. */
const DEEPEST = 1500

class Printer {
  // Declarations in force, innermost last.
  readonly #prefixes: string[] = []
  readonly #uris: string[] = []

  print(top: XmlNode | XmlDocument): string {
    if (top.kind === 'element') {
      for (const { prefix, uri } of prefixesNeeded(top)) this.#declare(prefix, uri)
      return this.#element(top, 0, 0)
    }
    if (top.kind !== 'document') return leaf(top)
    let out = ''
    for (const child of top.children) out += child.kind === 'element' ? this.#element(child, 0, 0) : leaf(child)
    return out
  }

  /** `mark`: how many of the declarations in force were written by elements around this one. */
  #element(element: XmlElement, mark: number, depth: number): string {
    if (depth > DEEPEST) {
      throw new IntegrationError(
        'MEDIATION_FAILED',
        `more than ${DEEPEST} elements inside one another cannot be written as XML`,
      )
    }
    const { prefix, uri, declarations, attributes, children } = element
    for (const declaration of declarations) {
      // `xmlns=""` where there is no default namespace to take away says nothing.
      if (declaration.uri === '' && !this.#lookup('')) continue
      if (declaration.prefix !== prefix || declaration.uri === uri) this.#declare(declaration.prefix, declaration.uri)
    }
    const written = uri === '' ? '' : prefix
    if (this.#lookup(written) !== uri) this.#redeclare(written, uri, mark)
    const name = written === '' ? element.local : `${written}:${element.local}`

    let rest = ''
    for (const attribute of attributes) {
      const own = attribute.uri === '' ? attribute.local : `${this.#prefixOf(attribute, mark)}:${attribute.local}`
      rest += ` ${own}="${escapeAttribute(attribute.value)}"`
    }
    let out = `<${name}`
    const inside = this.#prefixes.length
    for (let index = mark; index < inside; index++) {
      const declared = this.#prefixes[index]!
      out += ` ${declared === '' ? 'xmlns' : `xmlns:${declared}`}="${escapeAttribute(this.#uris[index]!)}"`
    }
    out += rest
    if (children.length === 0) out += '/>'
    else {
      out += '>'
      for (const child of children)
        out += child.kind === 'element' ? this.#element(child, inside, depth + 1) : leaf(child)
      out += `</${name}>`
    }
    if (inside > mark) {
      this.#prefixes.length = mark
      this.#uris.length = mark
    }
    return out
  }

  /** The prefix an attribute is written with: its own, another one for its namespace, or a new one. */
  #prefixOf(attribute: XmlAttribute, mark: number): string {
    const { prefix, uri } = attribute
    if (prefix !== '' && this.#lookup(prefix) === uri) return prefix
    for (let index = this.#prefixes.length - 1; index >= 0; index--) {
      const other = this.#prefixes[index]!
      if (this.#uris[index] === uri && other !== '' && this.#lookup(other) === uri) return other
    }
    if (uri === XML_NAMESPACE) return 'xml'
    let fresh = prefix
    for (let number = 1; fresh === '' || this.#prefixes.includes(fresh, mark); number++) fresh = `ns${number}`
    this.#declare(fresh, uri)
    return fresh
  }

  #lookup(prefix: string): string | undefined {
    for (let index = this.#prefixes.length - 1; index >= 0; index--) {
      if (this.#prefixes[index] === prefix) return this.#uris[index]
    }
    return prefix === '' ? '' : prefix === 'xml' ? XML_NAMESPACE : undefined
  }

  /** What a name needs goes before what its element declares. */
  #redeclare(prefix: string, uri: string, mark: number): void {
    const index = this.#prefixes.indexOf(prefix, mark)
    if (index >= 0) this.#uris[index] = uri
    else this.#declare(prefix, uri)
  }

  #declare(prefix: string, uri: string): void {
    this.#prefixes.push(prefix)
    this.#uris.push(uri)
  }
}

function leaf(node: Exclude<XmlNode, XmlElement>): string {
  if (node.kind === 'text') {
    return node.cdata ? `<![CDATA[${node.value.replaceAll(']]>', ']]]]><![CDATA[>')}]]>` : escapeText(node.value)
  }
  if (node.kind === 'comment') return `<!--${node.value.replaceAll(/-(?=-|$)/g, '- ')}-->`
  return `<?${node.target}${node.value === '' ? '' : ` ${node.value.replaceAll('?>', '? >')}`}?>`
}
