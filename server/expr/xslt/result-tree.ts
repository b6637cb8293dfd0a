import { XML_NAMESPACE } from '../../xml/names.ts'
import { XmlAttribute, XmlComment, XmlDocument, XmlElement, XmlPi, XmlText } from '../../xml/tree.ts'
import type { XmlNode } from '../../xml/tree.ts'
import { namespacesOf, stringOf } from '../xpath/values.ts'
import type { XPathNode } from '../xpath/values.ts'
import type { Budget } from './budget.ts'

/**
 * A result while it is made: the tree itself, so that nothing is printed and parsed again. Whoever opens an element
 * keeps `open` and `source` and puts them back at its end.
 */
export class ResultTree {
  /** Holds what stands at the top. */
  readonly top = new XmlElement('')
  open: XmlElement = this.top
  /** The source element that `open` is a copy of, whose namespaces it has already; null if it is none. */
  source: XmlElement | null = null
  /** Texts to be written without escaping. */
  raw: Set<XmlText> | null = null
  readonly #budget: Budget
  readonly #cdata: ReadonlySet<string> | null

  /** `cdata`: names (`{uri}local`) of elements whose text becomes CDATA sections. */
  constructor(budget: Budget, cdata?: ReadonlySet<string>) {
    this.#budget = budget
    this.#cdata = cdata === undefined || cdata.size === 0 ? null : cdata
  }

  /** The content as nodes without parent: this is done for good. */
  take(): readonly XmlNode[] {
    const nodes = this.top.children
    for (const node of nodes) node.parent = null
    return nodes
  }

  /** The content as a tree of its own: what a variable holds. */
  fragment(): XmlDocument {
    return new XmlDocument(this.top.children)
  }

  begin(element: XmlElement): void {
    this.#budget.spendNode()
    this.open.push(element)
    this.open = element
    this.source = null
  }

  /** Begins a copy of an element with the namespaces in force on it, without attributes and content. */
  beginCopy(source: XmlElement): void {
    const { open } = this
    const beneathCopy = this.source !== null && source.parent === this.source
    const copy = new XmlElement(source.local, source.uri, source.prefix)
    this.begin(copy)
    this.source = source
    if (beneathCopy) for (const { prefix, uri } of source.declarations) this.declare(copy, prefix, uri)
    else this.#declareAll(copy, source, open)
  }

  #declareAll(copy: XmlElement, source: XmlElement, around: XmlElement): void {
    for (const { prefix, uri } of namespacesOf(source)) {
      if (prefix !== 'xml' && around.lookupNamespace(prefix) !== uri) this.declare(copy, prefix, uri)
    }
  }

  /** Puts a namespace on an element unless its own name needs the prefix for another one. */
  declare(element: XmlElement, prefix: string, uri: string): void {
    if (prefix === element.prefix && uri !== element.uri) return
    for (const declaration of element.declarations) if (declaration.prefix === prefix) return
    element.addDeclaration({ prefix, uri, offset: -1 })
  }

  /** An attribute of the open element; without effect where none may stand (XSLT 1.0 §7.1.3). */
  attribute(local: string, value: string, uri: string, prefix: string): void {
    const { open } = this
    if (open === this.top || open.children.length > 0) return
    this.#budget.spendNode()
    this.#budget.spendText(value.length)
    const known = open.attributeNode(local, uri)
    if (known) known.value = value
    else open.addAttribute(new XmlAttribute(local, value, uri, prefix))
  }

  text(value: string): void {
    if (value === '') return
    this.#budget.spendText(value.length)
    const { open } = this
    const cdata = this.#cdata !== null && this.#cdata.has(`{${open.uri}}${open.local}`)
    const last = open.children[open.children.length - 1]
    if (last?.kind === 'text' && last.cdata === cdata && !this.raw?.has(last)) last.value += value
    else this.#push(new XmlText(value, cdata))
  }

  rawText(value: string): void {
    if (value === '') return
    this.#budget.spendText(value.length)
    const text = new XmlText(value)
    this.#push(text)
    this.raw ??= new Set()
    this.raw.add(text)
  }

  comment(value: string): void {
    this.#budget.spendText(value.length)
    this.#push(new XmlComment(value))
  }

  instruction(target: string, value: string): void {
    this.#budget.spendText(value.length)
    this.#push(new XmlPi(target, value))
  }

  /** A deep copy of any node; of a root its children. */
  copy(node: XPathNode): void {
    switch (node.kind) {
      case 'element':
        return this.#copyElement(node)
      case 'document':
        for (const child of node.children) if (isFirstOfRun(child, node.children)) this.copy(child)
        return
      case 'text':
        return this.text(stringOf(node, this.#budget.work))
      case 'attribute':
        return this.attribute(node.local, node.value, node.uri, node.prefix)
      case 'comment':
        return this.comment(node.value)
      case 'pi':
        return this.instruction(node.target, node.value)
      case 'namespace':
        if (this.open !== this.top && node.prefix !== 'xml') this.declare(this.open, node.prefix, node.uri)
    }
  }

  /** With a stack of its own: a tree put together by mediators may be deeper than the call stack. */
  #copyElement(top: XmlElement): void {
    const { open, source } = this
    this.beginCopy(top)
    this.#copyAttributes(top)
    const pending: [from: XmlElement, to: XmlElement][] = [[top, this.open]]
    for (let next = pending.pop(); next; next = pending.pop()) {
      const [from, to] = next
      this.#budget.work.spend(from.children.length)
      for (const child of from.children) {
        this.open = to
        this.source = from
        if (child.kind === 'element') {
          this.beginCopy(child)
          this.#copyAttributes(child)
          if (child.children.length > 0) pending.push([child, this.open])
        } else if (child.kind === 'text') this.text(child.value)
        else this.copy(child)
      }
    }
    this.open = open
    this.source = source
  }

  #copyAttributes(from: XmlElement): void {
    for (const { local, value, uri, prefix } of from.attributes) {
      this.#budget.spendNode()
      this.#budget.spendText(value.length)
      this.open.addAttribute(new XmlAttribute(local, value, uri, uri === XML_NAMESPACE ? 'xml' : prefix))
    }
  }

  #push(node: XmlNode): void {
    this.#budget.spendNode()
    this.open.push(node)
  }
}

/** The other texts of a run are part of what the first one stands for. */
function isFirstOfRun(node: XmlNode, siblings: readonly XmlNode[]): boolean {
  return node.kind !== 'text' || siblings[siblings.indexOf(node) - 1]?.kind !== 'text'
}
