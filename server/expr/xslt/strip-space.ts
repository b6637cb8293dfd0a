import { XML_NAMESPACE } from '../../xml/names.ts'
import { XmlAttribute, XmlComment, XmlDocument, XmlElement, XmlPi, XmlText } from '../../xml/tree.ts'
import type { XmlNode } from '../../xml/tree.ts'

/** One name of `xsl:strip-space` or `xsl:preserve-space`. */
export interface SpaceRule {
  readonly strip: boolean
  /** Null: any. */
  readonly uri: string | null
  readonly local: string | null
  readonly precedence: number
  readonly order: number
}

/** Takes away text that is only white space as a stylesheet says (XSLT 1.0 §3.4). */
export class SpaceStripper {
  readonly #rules: readonly SpaceRule[]
  readonly #known = new Map<string, boolean>()

  constructor(rules: readonly SpaceRule[]) {
    this.#rules = [...rules].sort(
      (a, b) => b.precedence - a.precedence || specificity(b) - specificity(a) || b.order - a.order,
    )
  }

  /** The document itself if there is nothing to take away, else a copy without it: the message stays as it is. */
  strip(document: XmlDocument): XmlDocument {
    if (!this.#rules.some(rule => rule.strip)) return document
    if (!this.#hasSpace(document)) return document
    const children = document.children.map(node => (node.kind === 'element' ? this.#copy(node) : copyLeaf(node)))
    return new XmlDocument(children, '', document.file)
  }

  #hasSpace(document: XmlDocument): boolean {
    const pending: { element: XmlElement; preserve: boolean }[] = []
    for (const node of document.children) if (node.kind === 'element') pending.push({ element: node, preserve: false })
    for (let next = pending.pop(); next; next = pending.pop()) {
      const preserve = preserves(next.element, next.preserve)
      const strips = !preserve && this.#strips(next.element)
      const { children } = next.element
      for (let index = 0; index < children.length; index++) {
        const child = children[index]!
        if (child.kind === 'element') pending.push({ element: child, preserve })
        else if (strips && isSpace(child, index, children)) return true
      }
    }
    return false
  }

  #copy(top: XmlElement): XmlElement {
    const root = copyTag(top)
    const pending: { from: XmlElement; to: XmlElement; preserve: boolean }[] = [
      { from: top, to: root, preserve: false },
    ]
    for (let next = pending.pop(); next; next = pending.pop()) {
      const { from, to } = next
      const preserve = preserves(from, next.preserve)
      const strips = !preserve && this.#strips(from)
      const { children } = from
      for (let index = 0; index < children.length; index++) {
        const child = children[index]!
        if (child.kind === 'element') {
          const copy = copyTag(child)
          to.push(copy)
          pending.push({ from: child, to: copy, preserve })
        } else if (!strips || !isSpace(child, index, children)) to.push(copyLeaf(child))
      }
    }
    return root
  }

  #strips({ uri, local }: XmlElement): boolean {
    const name = `{${uri}}${local}`
    let strips = this.#known.get(name)
    if (strips === undefined) {
      const rule = this.#rules.find(
        one => (one.uri === null || one.uri === uri) && (one.local === null || one.local === local),
      )
      strips = rule?.strip ?? false
      if (this.#known.size > MOST_NAMES) this.#known.clear()
      this.#known.set(name, strips)
    }
    return strips
  }
}

const MOST_NAMES = 5000

function specificity({ uri, local }: SpaceRule): number {
  return local !== null ? 2 : uri !== null ? 1 : 0
}

function preserves(element: XmlElement, outer: boolean): boolean {
  if (element.attributes.length === 0) return outer
  const given = element.attribute('space', XML_NAMESPACE)
  return given === undefined ? outer : given === 'preserve'
}

const SPACE = /^[ \t\r\n]*$/

/** Text next to a CDATA section is one node with it: only a run that is white space as a whole goes. */
function isSpace(node: XmlNode, index: number, siblings: readonly XmlNode[]): boolean {
  if (node.kind !== 'text' || !SPACE.test(node.value)) return false
  for (const step of [-1, 1]) {
    for (let at = index + step; ; at += step) {
      const beside = siblings[at]
      if (beside?.kind !== 'text') break
      if (!SPACE.test(beside.value)) return false
    }
  }
  return true
}

function copyTag(from: XmlElement): XmlElement {
  const copy = new XmlElement(from.local, from.uri, from.prefix, from.offset)
  for (const { local, value, uri, prefix, offset } of from.attributes)
    copy.addAttribute(new XmlAttribute(local, value, uri, prefix, offset))
  for (const declaration of from.declarations) copy.addDeclaration(declaration)
  return copy
}

function copyLeaf(from: Exclude<XmlNode, XmlElement>): XmlNode {
  if (from.kind === 'text') return new XmlText(from.value, from.cdata, from.offset)
  if (from.kind === 'comment') return new XmlComment(from.value, from.offset)
  return new XmlPi(from.target, from.value, from.offset)
}
