/** As much of the DOM as a query needs: nodes, and the three objects through which the engine reads and makes them. */
import type { PlainElement, PlainNode } from './contracts.ts'

const ELEMENT = 1
const ATTRIBUTE = 2
const TEXT = 3
const PI = 7
const COMMENT = 8
const DOCUMENT = 9

export class Node {
  readonly nodeType: number
  readonly nodeName: string
  readonly localName: string
  readonly prefix: string | null
  readonly namespaceURI: string | null
  data: string
  parentNode: Node | null = null
  readonly childNodes: Node[] = []
  readonly attributes: Node[] = []

  constructor(nodeType: number, name: string, uri: string | null, data = '') {
    this.nodeType = nodeType
    this.nodeName = name
    const colon = name.indexOf(':')
    this.prefix = colon < 0 ? null : name.slice(0, colon)
    this.localName = colon < 0 ? name : name.slice(colon + 1)
    this.namespaceURI = uri === '' ? null : uri
    this.data = data
  }

  get name(): string {
    return this.nodeName
  }

  get value(): string {
    return this.data
  }

  get target(): string {
    return this.nodeName
  }

  /** Texts beside one another become one, empty ones go. */
  normalize(): void {
    const kept: Node[] = []
    for (const child of this.childNodes) {
      const before = kept.at(-1)
      if (child.nodeType !== TEXT) {
        child.normalize()
        kept.push(child)
      } else if (before?.nodeType === TEXT) before.data += child.data
      else if (child.data !== '') kept.push(child)
    }
    this.childNodes.splice(0, this.childNodes.length, ...kept)
  }
}

export const factory = {
  createElementNS: (uri: string, name: string) => new Node(ELEMENT, name, uri),
  createAttributeNS: (uri: string, name: string) => new Node(ATTRIBUTE, name, uri),
  createTextNode: (data: string) => new Node(TEXT, '#text', null, data),
  createCDATASection: (data: string) => new Node(TEXT, '#text', null, data),
  createComment: (data: string) => new Node(COMMENT, '#comment', null, data),
  createProcessingInstruction: (target: string, data: string) => new Node(PI, target, null, data),
  createDocument: () => new Node(DOCUMENT, '#document', null),
}

export const facade = {
  getAllAttributes: (node: Node) => node.attributes,
  getAttribute: (node: Node, name: string) => node.attributes.find(({ nodeName }) => nodeName === name)?.data ?? null,
  getChildNodes: (node: Node) => node.childNodes,
  getData: (node: Node) => node.data,
  getFirstChild: (node: Node) => node.childNodes[0] ?? null,
  getLastChild: (node: Node) => node.childNodes.at(-1) ?? null,
  getNextSibling: (node: Node) => sibling(node, 1),
  getPreviousSibling: (node: Node) => sibling(node, -1),
  getParentNode: (node: Node) => node.parentNode,
}

function sibling(node: Node, step: number): Node | null {
  const around = node.parentNode?.childNodes ?? []
  return around[around.indexOf(node) + step] ?? null
}

export const writer = {
  insertBefore(parent: Node, node: Node, before: Node | null): void {
    if (node.parentNode) writer.removeChild(node.parentNode, node)
    const at = before ? parent.childNodes.indexOf(before) : parent.childNodes.length
    parent.childNodes.splice(at, 0, node)
    node.parentNode = parent
  },
  removeChild(parent: Node, child: Node): void {
    parent.childNodes.splice(parent.childNodes.indexOf(child), 1)
    child.parentNode = null
  },
  setAttributeNS(node: Node, uri: string, name: string, value: string): void {
    const made = new Node(ATTRIBUTE, name, uri, value)
    writer.removeAttributeNS(node, uri, made.localName)
    made.parentNode = node
    node.attributes.push(made)
  },
  removeAttributeNS(node: Node, uri: string | null, local: string): void {
    const at = node.attributes.findIndex(one => one.localName === local && (one.namespaceURI ?? '') === (uri ?? ''))
    if (at >= 0) node.attributes.splice(at, 1)
  },
  setData(node: Node, data: string): void {
    node.data = data
  },
}

/** The element as the root of a document of its own. */
export function documentOf(root: PlainElement): Node {
  const document = factory.createDocument()
  const top = shallow(root)
  append(document, top)
  // An explicit stack: a tree may be deeper than the call stack.
  const pending: [PlainElement, Node][] = [[root, top]]
  for (let next = pending.pop(); next; next = pending.pop()) {
    const [from, to] = next
    for (const child of from.children) {
      if (typeof child === 'string') append(to, factory.createTextNode(child))
      else if ('comment' in child) append(to, factory.createComment(child.comment))
      else if ('pi' in child) append(to, factory.createProcessingInstruction(child.pi, child.data))
      else {
        const made = shallow(child)
        append(to, made)
        pending.push([child, made])
      }
    }
  }
  return document
}

function shallow({ local, prefix, uri, attributes }: PlainElement): Node {
  const node = factory.createElementNS(uri, prefix === '' ? local : `${prefix}:${local}`)
  for (const [name, itsPrefix, itsUri, value] of attributes)
    writer.setAttributeNS(node, itsUri, itsPrefix === '' ? name : `${itsPrefix}:${name}`, value)
  return node
}

function append(parent: Node, child: Node): void {
  child.parentNode = parent
  parent.childNodes.push(child)
}

const XMLNS = 'http://www.w3.org/2000/xmlns/'

/** The node to be sent back; of a document its element, of an attribute its value. */
export function plainOf(node: Node): PlainNode {
  switch (node.nodeType) {
    case ELEMENT:
      return {
        local: node.localName,
        prefix: node.prefix ?? '',
        uri: node.namespaceURI ?? '',
        attributes: node.attributes
          .filter(({ namespaceURI }) => namespaceURI !== XMLNS)
          .map(one => [one.localName, one.prefix ?? '', one.namespaceURI ?? '', one.data] as const),
        children: node.childNodes.map(plainOf),
      }
    case DOCUMENT:
      return plainOf(node.childNodes.find(({ nodeType }) => nodeType === ELEMENT) ?? factory.createTextNode(''))
    case COMMENT:
      return { comment: node.data }
    case PI:
      return { pi: node.nodeName, data: node.data }
    default:
      return node.data
  }
}
