import { randomUUID } from 'node:crypto'
import { XML_NAMESPACE } from '../../xml/names.ts'
import { XmlElement, XmlText } from '../../xml/tree.ts'
import type { XmlNode } from '../../xml/tree.ts'
import { escapeAttribute, escapeText, printXml } from '../../xml/writer.ts'
import { clone } from '../../xml/clone.ts'
import type { OutputProperties } from './output.ts'

/** The method that is used: HTML where nobody chose one and the first element is `<html>` (XSLT 1.0 §16). */
export function methodOf(nodes: readonly XmlNode[], output: OutputProperties): 'xml' | 'html' | 'text' {
  if (output.method) return output.method
  for (const node of nodes) {
    if (node.kind === 'element') return node.uri === '' && node.local.toLowerCase() === 'html' ? 'html' : 'xml'
    if (node.kind === 'text' && node.value.trim() !== '') return 'xml'
  }
  return 'xml'
}

/** A result as text. `raw`: texts that are written as they are. */
export function serialize(
  nodes: readonly XmlNode[],
  raw: ReadonlySet<XmlText> | null,
  output: OutputProperties,
): string {
  const method = methodOf(nodes, output)
  if (method === 'text') return textOf(nodes)
  const marks = raw === null ? null : new RawMarks(raw)
  const written = marks ? marks.put(nodes) : nodes
  const text = method === 'html' ? html(written, output) : xml(written, output)
  return marks ? marks.resolve(text) : text
}

function textOf(nodes: readonly XmlNode[]): string {
  let text = ''
  for (const node of nodes) text += node.kind === 'element' ? node.text : node.kind === 'text' ? node.value : ''
  return text
}

function xml(nodes: readonly XmlNode[], output: OutputProperties): string {
  const declaration =
    output.omitXmlDeclaration === true
      ? ''
      : `<?xml version="${output.version ?? '1.0'}" encoding="${output.encoding ?? 'UTF-8'}"${output.standalone === undefined ? '' : ` standalone="${output.standalone}"`}?>`
  let text = declaration
  for (const node of nodes) {
    if (node.kind !== 'element') {
      text += printXml(node)
      continue
    }
    text += doctype(node.name, output)
    if (output.indent !== true) text += printXml(node)
    else {
      const copy = clone(node)
      indent(copy, '\n')
      text += `${text === '' ? '' : '\n'}${printXml(copy)}\n`
    }
  }
  return text
}

function doctype(name: string, { doctypePublic, doctypeSystem }: OutputProperties): string {
  if (doctypeSystem === undefined) return ''
  return `<!DOCTYPE ${name} ${doctypePublic === undefined ? 'SYSTEM' : `PUBLIC "${doctypePublic}"`} "${doctypeSystem}">`
}

/** White space only where there are elements and nothing else. */
function indent(element: XmlElement, lineEnd: string): void {
  const { children } = element
  if (children.length === 0 || element.attribute('space', XML_NAMESPACE) === 'preserve') return
  if (children.some(child => child.kind === 'text')) return
  const inside = `${lineEnd}  `
  const nodes = [...children]
  element.clear()
  for (const node of nodes) {
    element.push(new XmlText(inside))
    if (node.kind === 'element') indent(node, inside)
    element.push(node)
  }
  element.push(new XmlText(lineEnd))
}

/** Stands for raw texts while the rest is escaped: a mark that no text can contain by chance or on purpose. */
class RawMarks {
  readonly #raw: ReadonlySet<XmlText>
  readonly #texts: string[] = []
  readonly #mark = randomUUID()

  constructor(raw: ReadonlySet<XmlText>) {
    this.#raw = raw
  }

  put(nodes: readonly XmlNode[]): XmlNode[] {
    return nodes.map(node => {
      if (node.kind === 'text') return this.#raw.has(node) ? this.#marked(node) : new XmlText(node.value, node.cdata)
      if (node.kind !== 'element') return node
      const copy = new XmlElement(node.local, node.uri, node.prefix)
      for (const { local, value, uri, prefix } of node.attributes) copy.setAttribute(local, value, uri, prefix)
      for (const declaration of node.declarations) copy.addDeclaration(declaration)
      for (const child of this.put(node.children)) copy.push(child.parent === null ? child : clone(child))
      return copy
    })
  }

  #marked({ value }: XmlText): XmlText {
    return new XmlText(`${this.#mark}:${this.#texts.push(value) - 1}:`)
  }

  resolve(text: string): string {
    return text.replaceAll(
      new RegExp(`${this.#mark}:(\\d+):`, 'g'),
      (_whole, index: string) => this.#texts[Number(index)]!,
    )
  }
}

const VOID = new Set(
  'area base basefont br col frame hr img input isindex link meta param embed source track wbr'.split(' '),
)
const VERBATIM = new Set(['script', 'style'])
const BOOLEAN = new Set(
  'checked compact declare defer disabled ismap multiple nohref noresize noshade nowrap readonly selected'.split(' '),
)

/** The HTML method of XSLT 1.0 §16.2; elements in a namespace are written as XML. */
function html(nodes: readonly XmlNode[], output: OutputProperties): string {
  let text = ''
  const write = (node: XmlNode, verbatim: boolean): void => {
    if (node.kind === 'text') text += verbatim ? node.value : escapeText(node.value)
    else if (node.kind === 'pi') text += `<?${node.target} ${node.value}>`
    else if (node.kind === 'comment' || node.uri !== '') text += printXml(node)
    else element(node)
  }
  const element = (node: XmlElement): void => {
    const name = node.local.toLowerCase()
    text += `<${node.local}`
    for (const attribute of node.attributes) {
      const minimal =
        BOOLEAN.has(attribute.name.toLowerCase()) && attribute.value.toLowerCase() === attribute.name.toLowerCase()
      text += minimal ? ` ${attribute.name}` : ` ${attribute.name}="${htmlAttribute(attribute.value)}"`
    }
    text += '>'
    if (VOID.has(name)) return
    if (name === 'head')
      text += `<META http-equiv="Content-Type" content="${output.mediaType ?? 'text/html'}; charset=${output.encoding ?? 'UTF-8'}">`
    for (const child of node.children) write(child, VERBATIM.has(name))
    text += `</${node.local}>`
  }
  for (const node of nodes) {
    if (node.kind === 'element' && text === '') text += htmlDoctype(output)
    write(node, false)
  }
  return text
}

function htmlDoctype(output: OutputProperties): string {
  const { doctypePublic, doctypeSystem } = output
  if (doctypePublic === undefined) return doctype('html', output)
  return `<!DOCTYPE html PUBLIC "${doctypePublic}"${doctypeSystem === undefined ? '' : ` "${doctypeSystem}"`}>`
}

/** HTML leaves `<` in attributes alone, and `&` before a brace. */
function htmlAttribute(value: string): string {
  return escapeAttribute(value).replaceAll('&lt;', '<').replaceAll('&amp;{', '&{')
}
