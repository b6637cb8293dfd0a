import { IntegrationError } from '../kernel/errors.ts'
import { parseXml } from '../xml/reader.ts'
import { XmlAttribute, XmlElement, XmlText, type XmlNode } from '../xml/tree.ts'
import { XmlError } from '../xml/xml-error.ts'

/** A text with numbered holes: literal parts and argument numbers (from 1) alternating. */
type Pieces = readonly (string | number)[]

/** `$1`, `$12`: a dollar sign followed by digits. Any other dollar sign is text. */
function piecesOf(text: string): Pieces {
  const pieces: (string | number)[] = []
  let last = 0
  for (const match of text.matchAll(/\$(\d+)/g)) {
    if (match.index > last) pieces.push(text.slice(last, match.index))
    pieces.push(Number(match[1]))
    last = match.index + match[0].length
  }
  if (last < text.length) pieces.push(text.slice(last))
  return pieces
}

/** What goes into a hole of an XML template. */
export interface XmlArgument {
  readonly text: string
  /** Elements to insert instead, where they may stand. */
  readonly elements: readonly XmlElement[] | undefined
}

type Maker = (parent: XmlElement, args: readonly XmlArgument[]) => void

/**
 * An XML template taken apart once, so that filling it makes a tree directly: nothing is printed or parsed for a
 * message. White space between elements is dropped, as Synapse does.
 */
export function xmlTemplate(root: XmlElement): (args: readonly XmlArgument[]) => XmlElement {
  const make = elementMaker(root)
  return args => {
    const holder = new XmlElement('holder')
    make(holder, args)
    const made = holder.firstElement!
    made.parent = null
    return made
  }
}

function elementMaker(from: XmlElement): Maker {
  const attributes = from.attributes.map(({ local, value, uri, prefix }) => ({
    local,
    uri,
    prefix,
    pieces: piecesOf(value),
  }))
  const children = from.children.flatMap(child => childMaker(child) ?? [])
  const { local, uri, prefix, declarations } = from
  return (parent, args) => {
    const element = new XmlElement(local, uri, prefix)
    for (const declaration of declarations) element.declare(declaration.prefix, declaration.uri)
    for (const { local, uri, prefix, pieces } of attributes)
      element.addAttribute(new XmlAttribute(local, joined(pieces, args), uri, prefix))
    for (const make of children) make(element, args)
    parent.push(element)
  }
}

function childMaker(child: XmlNode): Maker | undefined {
  if (child.kind === 'element') return elementMaker(child)
  if (child.kind !== 'text' || child.value.trim() === '') return undefined
  const pieces = piecesOf(child.value)
  const { cdata } = child
  if (pieces.every(piece => typeof piece === 'string')) return parent => parent.push(new XmlText(child.value, cdata))
  return (parent, args) => {
    for (const piece of pieces) {
      const arg = typeof piece === 'number' ? args[piece - 1] : undefined
      if (arg?.elements) for (const element of arg.elements) parent.append(element)
      else parent.push(new XmlText(textOf(piece, arg), cdata))
    }
  }
}

function textOf(piece: string | number, arg: { readonly text: string } | undefined): string {
  if (typeof piece === 'string') return piece
  return arg ? arg.text : `$${piece}`
}

function joined(pieces: Pieces, args: readonly { readonly text: string }[]): string {
  if (pieces.length === 1 && typeof pieces[0] === 'string') return pieces[0]
  return pieces.map(piece => textOf(piece, typeof piece === 'number' ? args[piece - 1] : undefined)).join('')
}

/** A plain text template. A hole without an argument stays as written. */
export function textTemplate(text: string): (args: readonly string[]) => string {
  const pieces = piecesOf(text)
  return args =>
    joined(
      pieces,
      args.map(text => ({ text })),
    )
}

/** The elements a text is made of if it is XML, else undefined: cheap for the many texts that are none. */
export function elementsIn(text: string): readonly XmlElement[] | undefined {
  const trimmed = text.trim()
  if (!trimmed.startsWith('<') || !trimmed.endsWith('>')) return undefined
  try {
    const { root } = parseXml(`<holder>${trimmed.replace(/^<\?xml[^>]*\?>/, '')}</holder>`)
    const elements = root.childElements
    for (const element of elements) element.parent = null
    return elements
  } catch (thrown) {
    if (thrown instanceof XmlError) return undefined
    throw thrown
  }
}

/** The template of a resource: XML that has to be well-formed as it stands. */
export function parseTemplate(text: string, key: string): XmlElement {
  try {
    return parseXml(text).root
  } catch (thrown) {
    if (!(thrown instanceof XmlError)) throw thrown
    throw new IntegrationError('MEDIATION_FAILED', `the template "${key}" is not well-formed XML: ${thrown.message}`, {
      cause: thrown,
    })
  }
}
