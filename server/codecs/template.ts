import { IntegrationError } from '../kernel/errors.ts'
import { endOfExpression } from '../kernel/inline-expression.ts'
import { clone } from '../xml/clone.ts'
import { parseXml } from '../xml/reader.ts'
import { XmlAttribute, XmlElement, XmlText, type XmlNode } from '../xml/tree.ts'
import { XmlError } from '../xml/xml-error.ts'
import { nodesIn } from './copy-limits.ts'

/** A text with numbered holes: literal parts and argument numbers (from 1) alternating. */
type Pieces = readonly (string | number)[]

/**
 * The number of the argument that stands for an expression `${…}` written in the template; undefined if it is to stay
 * as it is. `element` is the one it stands in, `at` its offset in the text of a plain template.
 */
export type InlineExpressions = (source: string, at: number, element?: XmlElement) => number | undefined

const NONE: InlineExpressions = () => undefined

/** `$1`, `$12`: a dollar sign followed by digits; `${…}`. Any other dollar sign is text. */
function piecesOf(text: string, inline: InlineExpressions, element?: XmlElement): Pieces {
  const pieces: (string | number)[] = []
  let rest = 0
  const put = (start: number, end: number, argument: number): void => {
    if (start > rest) pieces.push(text.slice(rest, start))
    pieces.push(argument)
    rest = end
  }
  for (let at = text.indexOf('$'); at >= 0; at = text.indexOf('$', Math.max(rest, at + 1))) {
    const digits = /^\d+/.exec(text.slice(at + 1, at + 10))?.[0]
    const end = digits === undefined ? endOfExpression(text, at) : at + 1 + digits.length
    if (end === undefined) continue
    const argument = digits === undefined ? inline(text.slice(at, end), at, element) : Number(digits)
    if (argument !== undefined) put(at, end, argument)
  }
  if (rest < text.length) pieces.push(text.slice(rest))
  return pieces
}

/** What goes into a hole of an XML template. */
export interface XmlArgument {
  readonly text: string
  /** Elements to insert instead, where they may stand. */
  readonly elements: readonly XmlElement[] | undefined
}

type Maker = (parent: XmlElement, args: readonly XmlArgument[], made: Made) => void

/**
 * An XML template taken apart once, so that filling it makes a tree directly: nothing is printed or parsed for a
 * message. White space between elements is dropped, as Synapse does.
 */
export function xmlTemplate(root: XmlElement, inline = NONE): (args: readonly XmlArgument[]) => XmlElement {
  const make = elementMaker(root, inline)
  return args => {
    const holder = new XmlElement('holder')
    make(holder, args, new Made())
    const made = holder.firstElement!
    made.parent = null
    return made
  }
}

function elementMaker(from: XmlElement, inline: InlineExpressions): Maker {
  const attributes = from.attributes.map(({ local, value, uri, prefix }) => ({
    local,
    uri,
    prefix,
    pieces: piecesOf(value, inline, from),
  }))
  const children = from.children.flatMap(child => childMaker(child, inline, from) ?? [])
  const { local, uri, prefix, declarations } = from
  return (parent, args, made) => {
    const element = new XmlElement(local, uri, prefix)
    for (const declaration of declarations) element.declare(declaration.prefix, declaration.uri)
    for (const { local, uri, prefix, pieces } of attributes)
      element.addAttribute(new XmlAttribute(local, joined(pieces, args, made), uri, prefix))
    for (const make of children) make(element, args, made)
    parent.push(element)
  }
}

function childMaker(child: XmlNode, inline: InlineExpressions, parent: XmlElement): Maker | undefined {
  if (child.kind === 'element') return elementMaker(child, inline)
  if (child.kind !== 'text' || child.value.trim() === '') return undefined
  const pieces = piecesOf(child.value, inline, parent)
  const { cdata } = child
  if (pieces.every(piece => typeof piece === 'string')) return parent => parent.push(new XmlText(child.value, cdata))
  return (parent, args, made) => {
    for (const piece of pieces) {
      const arg = typeof piece === 'number' ? args[piece - 1] : undefined
      if (arg?.elements) for (const element of arg.elements) parent.append(made.insert(element))
      else parent.push(new XmlText(made.text(textOf(piece, arg)), cdata))
    }
  }
}

function textOf(piece: string | number, arg: { readonly text: string } | undefined): string {
  if (typeof piece === 'string') return piece
  return arg ? arg.text : `$${piece}`
}

function joined(pieces: Pieces, args: readonly { readonly text: string }[], made: Made): string {
  if (pieces.length === 1 && typeof pieces[0] === 'string') return pieces[0]
  let text = ''
  for (const piece of pieces) {
    text += made.text(textOf(piece, typeof piece === 'number' ? args[piece - 1] : undefined))
  }
  return text
}

/** What one template makes of one message: an argument may stand in it many times. */
const MOST_CHARACTERS = 100_000_000

/** A node that is copied counts as so many characters. */
const NODE_CHARACTERS = 20

/** Counts what one template makes of one message. */
class Made {
  #left = MOST_CHARACTERS

  text(text: string): string {
    this.#count(text.length)
    return text
  }

  /** The element itself, which is nowhere yet, or a copy of one that stands in another place. */
  insert(element: XmlElement): XmlElement {
    if (element.parent === null) return element
    this.#count(nodesIn(element) * NODE_CHARACTERS)
    return clone(element)
  }

  #count(characters: number): void {
    this.#left -= characters
    if (this.#left >= 0) return
    throw new IntegrationError(
      'MEDIATION_FAILED',
      `the template makes more than ${MOST_CHARACTERS} characters of this message; insert less`,
    )
  }
}

/** A plain text template. A hole without an argument stays as written. */
export function textTemplate(text: string, inline = NONE): (args: readonly string[]) => string {
  const pieces = piecesOf(text, inline)
  return args =>
    joined(
      pieces,
      args.map(text => ({ text })),
      new Made(),
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
