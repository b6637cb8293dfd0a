import { XmlComment, XmlElement, XmlPi, XmlText, type XmlNode } from '../xml/tree.ts'

/** A tree without classes, which can be sent to another thread. Read by `drivers/xquery`. */
export type PlainTree =
  | string
  | PlainTreeElement
  | { readonly comment: string }
  | { readonly pi: string; readonly data: string }

export interface PlainTreeElement {
  readonly local: string
  readonly prefix: string
  readonly uri: string
  readonly attributes: readonly (readonly [local: string, prefix: string, uri: string, value: string])[]
  readonly children: readonly PlainTree[]
}

/** XML is never deeper than its reader allows; a tree made by mediators may be, and is refused rather than overflown. */
export function plainTree(element: XmlElement): PlainTreeElement {
  return {
    local: element.local,
    prefix: element.prefix,
    uri: element.uri,
    attributes: element.attributes.map(({ local, prefix, uri, value }) => [local, prefix, uri, value] as const),
    children: element.children.map(child => {
      if (child.kind === 'element') return plainTree(child)
      if (child.kind === 'text') return child.value
      return child.kind === 'comment' ? { comment: child.value } : { pi: child.target, data: child.value }
    }),
  }
}

export function nodeOfPlain(plain: PlainTree): XmlNode {
  if (typeof plain === 'string') return new XmlText(plain)
  if ('comment' in plain) return new XmlComment(plain.comment)
  if ('pi' in plain) return new XmlPi(plain.pi, plain.data)
  const element = new XmlElement(plain.local, plain.uri, plain.prefix)
  for (const [local, prefix, uri, value] of plain.attributes) element.setAttribute(local, value, uri, prefix)
  for (const child of plain.children) element.append(nodeOfPlain(child))
  return element
}
