import { clone } from './clone.ts'
import { XML_NAMESPACE } from './names.ts'
import { XmlText } from './tree.ts'
import type { XmlDocument, XmlElement, XmlNode } from './tree.ts'
import { printXml } from './writer.ts'

/**
 * The text of an artifact as we write it: two spaces a level, one element a line, a newline at the end. Only white
 * space between elements changes; mixed content, CDATA and `xml:space="preserve"` stay as they are. (XMLBuilder of
 * fast-xml-parser adds line ends to CDATA and mixed content, loses processing instructions and turns a newline in an
 * attribute into a space, so the tree's own printer does this.)
 */
export function canonicalXml(node: XmlElement | XmlDocument): string {
  const top: readonly XmlNode[] = node.kind === 'document' ? node.children : [node]
  let text = ''
  for (const child of top) {
    if (child.kind === 'element') {
      const copy = clone(child)
      indent(copy, '\n')
      text += `${printXml(copy)}\n`
    } else if (child.kind !== 'text') text += `${printXml(child)}\n`
  }
  return text
}

const XML_SPACE = /^[ \t\n\r]*$/

function indent(element: XmlElement, lineEnd: string): void {
  if (element.children.length === 0 || element.attribute('space', XML_NAMESPACE) === 'preserve') return
  const kept = element.children.filter(child => child.kind !== 'text' || child.cdata || !XML_SPACE.test(child.value))
  if (kept.some(child => child.kind === 'text')) return
  if (kept.length === 0) {
    element.clear()
    return
  }
  const inside = `${lineEnd}  `
  element.clear()
  for (const child of kept) {
    element.push(new XmlText(inside))
    if (child.kind === 'element') indent(child, inside)
    element.push(child)
  }
  element.push(new XmlText(lineEnd))
}
