import { prefixesNeeded, XmlAttribute, XmlComment, XmlElement, XmlPi, XmlText } from './tree.ts'
import type { XmlNode } from './tree.ts'

/** A deep copy without parent, with every prefix declared that its names and its content use. */
export function clone<N extends XmlNode>(node: N): N
export function clone(node: XmlNode): XmlNode {
  if (node.kind !== 'element') return copyLeaf(node)
  const top = copyElement(node)
  for (const { prefix, uri } of prefixesNeeded(node)) top.declare(prefix, uri)
  // An explicit stack: a tree put together by mediators may be deeper than the call stack.
  const pending: [from: XmlElement, to: XmlElement][] = [[node, top]]
  for (let next = pending.pop(); next; next = pending.pop()) {
    const [from, to] = next
    for (const child of from.children) {
      if (child.kind === 'element') {
        const copy = copyElement(child)
        to.push(copy)
        if (child.children.length > 0) pending.push([child, copy])
      } else to.push(copyLeaf(child))
    }
  }
  return top
}

function copyElement(from: XmlElement): XmlElement {
  const copy = new XmlElement(from.local, from.uri, from.prefix, from.offset)
  for (const { local, value, uri, prefix, offset } of from.attributes) {
    copy.addAttribute(new XmlAttribute(local, value, uri, prefix, offset))
  }
  for (const declaration of from.declarations) copy.addDeclaration(declaration)
  return copy
}

function copyLeaf(from: XmlText | XmlComment | XmlPi): XmlNode {
  if (from.kind === 'text') return new XmlText(from.value, from.cdata, from.offset)
  if (from.kind === 'comment') return new XmlComment(from.value, from.offset)
  return new XmlPi(from.target, from.value, from.offset)
}
