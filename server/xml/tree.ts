import { XML_NAMESPACE } from './names.ts'
import { lineStarts, positionIn, skipCharacters } from './positions.ts'

/** What may be a child of an element. */
export type XmlNode = XmlElement | XmlText | XmlComment | XmlPi

export interface XmlDeclaration {
  readonly prefix: string
  /** Empty takes the default namespace away. */
  readonly uri: string
  /** Start in the source, -1 if made by a program. */
  readonly offset: number
}

// Shared by everything that has none, so that a leaf costs no arrays. Only the methods below may change the lists.
const NO_NODES: XmlNode[] = []
const NO_ATTRIBUTES: XmlAttribute[] = []
const NO_DECLARATIONS: XmlDeclaration[] = []

/** The root of what was parsed: exactly one element, and perhaps comments and processing instructions around it. */
export class XmlDocument {
  readonly kind = 'document'
  readonly children: readonly XmlNode[]
  readonly parent = null
  /** Name of the file for {@link whereIs}; empty for messages. */
  readonly file: string
  readonly #source: string
  #lineStarts: number[] | null = null

  constructor(children: readonly XmlNode[], source = '', file = '') {
    this.children = children
    this.#source = source
    this.file = file
    for (let slot = 0; slot < children.length; slot++) {
      const child = children[slot]!
      child.parent = this
      child.slot = slot
    }
  }

  get root(): XmlElement {
    return this.children.find(child => child.kind === 'element')!
  }

  /** Line and column (both from 1, columns in UTF-16 units) of an offset into the source. */
  positionOf(offset: number): { line: number; column: number } {
    this.#lineStarts ??= lineStarts(this.#source)
    return positionIn(this.#lineStarts, offset)
  }

  /** Where in the source the character `index` of an attribute's value, or of a text, is written. */
  offsetIn(node: XmlAttribute | XmlText, index = 0): number {
    if (node.offset < 0) return -1
    const start =
      node.kind === 'text'
        ? node.offset + (node.cdata ? '<![CDATA['.length : 0)
        : node.offset +
          /^[^=]*=\s*["']/.exec(this.#source.slice(node.offset, node.offset + node.name.length + 64))![0].length
    return node.kind === 'text' && node.cdata ? start + index : skipCharacters(this.#source, start, index)
  }
}

export class XmlElement {
  readonly kind = 'element'
  prefix: string
  local: string
  uri: string
  parent: XmlElement | XmlDocument | null = null
  /** Start of `<` in the source, -1 if made by a program. */
  readonly offset: number
  /** Last known index among the siblings; see {@link indexOf}. */
  slot = 0
  /** @internal Changed through the methods, and by the reader. */
  attributeList: XmlAttribute[] = NO_ATTRIBUTES
  /** @internal */
  childList: XmlNode[] = NO_NODES
  /** @internal */
  declarationList: XmlDeclaration[] = NO_DECLARATIONS

  constructor(local: string, uri = '', prefix = '', offset = -1) {
    this.local = local
    this.uri = uri
    this.prefix = prefix
    this.offset = offset
  }

  /** As written: `prefix:local`. */
  get name(): string {
    return this.prefix === '' ? this.local : `${this.prefix}:${this.local}`
  }

  get children(): readonly XmlNode[] {
    return this.childList
  }

  /** Without namespace declarations, in the order written. */
  get attributes(): readonly XmlAttribute[] {
    return this.attributeList
  }

  /** Namespace declarations written on this element. */
  get declarations(): readonly XmlDeclaration[] {
    return this.declarationList
  }

  is(local: string, uri: string): boolean {
    return this.local === local && this.uri === uri
  }

  // ── attributes ─────────────────────────────────────────────────────────────────────────────────────────────────

  attribute(local: string, uri = ''): string | undefined {
    return this.attributeNode(local, uri)?.value
  }

  attributeNode(local: string, uri = ''): XmlAttribute | undefined {
    for (const attribute of this.attributeList) if (attribute.local === local && attribute.uri === uri) return attribute
    return undefined
  }

  /** Changes the value, or adds the attribute. The prefix is only a wish: printing declares another if it is taken. */
  setAttribute(local: string, value: string, uri = '', prefix = ''): XmlAttribute {
    const known = this.attributeNode(local, uri)
    if (known) {
      known.value = value
      return known
    }
    return this.addAttribute(new XmlAttribute(local, value, uri, prefix))
  }

  /** @internal For builders that know the attribute is not there yet. */
  addAttribute(attribute: XmlAttribute): XmlAttribute {
    attribute.parent = this
    if (this.attributeList === NO_ATTRIBUTES) this.attributeList = [attribute]
    else this.attributeList.push(attribute)
    return attribute
  }

  removeAttribute(local: string, uri = ''): boolean {
    const index = this.attributeList.findIndex(attribute => attribute.local === local && attribute.uri === uri)
    if (index < 0) return false
    this.attributeList[index]!.parent = null
    this.attributeList.splice(index, 1)
    return true
  }

  // ── namespaces ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Declares a prefix here, or changes what it stands for. */
  declare(prefix: string, uri: string): void {
    const index = this.declarationList.findIndex(declaration => declaration.prefix === prefix)
    if (index < 0) this.addDeclaration({ prefix, uri, offset: -1 })
    else this.declarationList[index] = { prefix, uri, offset: -1 }
  }

  /** @internal For builders that know the prefix is not declared here yet. */
  addDeclaration(declaration: XmlDeclaration): void {
    if (this.declarationList === NO_DECLARATIONS) this.declarationList = [declaration]
    else this.declarationList.push(declaration)
  }

  /** What `prefix` stands for here; `''` asks for the default namespace. Undefined if it is not declared. */
  lookupNamespace(prefix: string): string | undefined {
    if (prefix === 'xml') return XML_NAMESPACE
    for (const declaration of this.declarationList) if (declaration.prefix === prefix) return declaration.uri
    for (let at = this.parent; at !== null && at.kind === 'element'; at = at.parent) {
      for (const declaration of at.declarationList) if (declaration.prefix === prefix) return declaration.uri
    }
    return prefix === '' ? '' : undefined
  }

  /** A prefix that stands for `uri` here and is not hidden by a nearer declaration. `''` is the default namespace. */
  lookupPrefix(uri: string): string | undefined {
    if (uri === XML_NAMESPACE) return 'xml'
    const declaring = (element: XmlElement): string | undefined =>
      element.declarationList.find(
        ({ prefix, uri: declared }) => declared === uri && this.lookupNamespace(prefix) === uri,
      )?.prefix
    const own = declaring(this)
    if (own !== undefined) return own
    for (let at = this.parent; at !== null && at.kind === 'element'; at = at.parent) {
      const found = declaring(at)
      if (found !== undefined) return found
    }
    return undefined
  }

  // ── children ───────────────────────────────────────────────────────────────────────────────────────────────────

  get firstElement(): XmlElement | undefined {
    for (const child of this.childList) if (child.kind === 'element') return child
    return undefined
  }

  get childElements(): XmlElement[] {
    const found: XmlElement[] = []
    for (const child of this.childList) if (child.kind === 'element') found.push(child)
    return found
  }

  /** The first child element of that name. */
  child(local: string, uri: string): XmlElement | undefined {
    for (const child of this.childList) {
      if (child.kind === 'element' && child.local === local && child.uri === uri) return child
    }
    return undefined
  }

  /** All text inside, that of descendants included. */
  get text(): string {
    return textContent(this)
  }

  /** Text directly inside, without that of child elements. */
  get ownText(): string {
    let text = ''
    for (const child of this.childList) if (child.kind === 'text') text += child.value
    return text
  }

  /** Replaces all content by one text node, or by nothing if `text` is empty. */
  setText(text: string): void {
    this.clear()
    if (text !== '') this.append(new XmlText(text))
  }

  /** Adds at the end. A node that has a parent is moved and keeps its namespaces. Returns this. */
  append(...nodes: XmlNode[]): this {
    for (const node of nodes) this.insert(this.childList.length, node)
    return this
  }

  insert(index: number, node: XmlNode): void {
    if (node.parent !== null) {
      const before = node.parent === this && indexOf(node) < index
      detach(node)
      if (before) index--
    }
    node.parent = this
    node.slot = index
    if (this.childList === NO_NODES) this.childList = [node]
    else if (index >= this.childList.length) this.childList.push(node)
    else this.childList.splice(index, 0, node)
  }

  /** @internal For builders: the node has no parent. */
  push(node: XmlNode): void {
    node.parent = this
    node.slot = this.childList.length
    if (this.childList === NO_NODES) this.childList = [node]
    else this.childList.push(node)
  }

  /** Throws the content away. */
  clear(): void {
    for (const child of this.childList) child.parent = null
    this.childList = NO_NODES
  }
}

export class XmlAttribute {
  readonly kind = 'attribute'
  prefix: string
  readonly local: string
  /** Changed by the reader only, once the whole tag is known. */
  uri: string
  value: string
  parent: XmlElement | null = null
  /** Start of the name in the source, -1 if made by a program. */
  readonly offset: number

  constructor(local: string, value: string, uri = '', prefix = '', offset = -1) {
    this.local = local
    this.value = value
    this.uri = uri
    this.prefix = prefix
    this.offset = offset
  }

  get name(): string {
    return this.prefix === '' ? this.local : `${this.prefix}:${this.local}`
  }
}

/** Text with references resolved, or the content of one CDATA section. */
export class XmlText {
  readonly kind = 'text'
  value: string
  readonly cdata: boolean
  parent: XmlElement | XmlDocument | null = null
  readonly offset: number
  slot = 0

  constructor(value: string, cdata = false, offset = -1) {
    this.value = value
    this.cdata = cdata
    this.offset = offset
  }
}

export class XmlComment {
  readonly kind = 'comment'
  readonly value: string
  parent: XmlElement | XmlDocument | null = null
  readonly offset: number
  slot = 0

  constructor(value: string, offset = -1) {
    this.value = value
    this.offset = offset
  }
}

/** A processing instruction. */
export class XmlPi {
  readonly kind = 'pi'
  readonly target: string
  readonly value: string
  parent: XmlElement | XmlDocument | null = null
  readonly offset: number
  slot = 0

  constructor(target: string, value: string, offset = -1) {
    this.target = target
    this.value = value
    this.offset = offset
  }
}

/**
 * Index of a node among its siblings. The remembered slot is right until a sibling is inserted or removed before it;
 * then all siblings are numbered anew at once, so that walking over many of them stays linear.
 */
export function indexOf(node: XmlNode): number {
  const { parent } = node
  if (parent === null) return 0
  const siblings = parent.children
  if (siblings[node.slot] === node) return node.slot
  for (let slot = 0; slot < siblings.length; slot++) siblings[slot]!.slot = slot
  return node.slot
}

/** Takes a node out of its parent and throws it away. */
export function remove(node: XmlNode): void {
  const { parent } = node
  if (parent === null || parent.kind === 'document') return
  parent.childList.splice(indexOf(node), 1)
  node.parent = null
}

/** Takes a node out of its parent for use elsewhere: an element takes along the prefixes its content still needs. */
export function detach<N extends XmlNode>(node: N): N {
  if (node.kind === 'element') for (const { prefix, uri } of prefixesNeeded(node)) node.declare(prefix, uri)
  const { parent } = node
  if (parent?.kind === 'document') {
    throw new Error('the root element cannot be taken out of its document: clone it')
  }
  remove(node)
  return node
}

/** Puts `replacements` where `node` was, and throws `node` away. */
export function replace(node: XmlNode, ...replacements: XmlNode[]): void {
  const { parent } = node
  if (parent === null || parent.kind === 'document') throw new Error('a node without parent element cannot be replaced')
  let index = indexOf(node)
  for (const replacement of replacements) {
    if (replacement !== node) parent.insert(index, replacement)
    index = indexOf(replacement) + 1
  }
  if (!replacements.includes(node)) remove(node)
}

function textContent(top: XmlElement): string {
  const only = top.childList.length === 1 ? top.childList[0]! : undefined
  if (only?.kind === 'text') return only.value
  let text = ''
  for (const node of descendants(top)) if (node.kind === 'text') text += node.value
  return text
}

/** Every node below `top` in document order, `top` itself not. The tree must not change meanwhile. */
export function* descendants(top: XmlElement | XmlDocument): Generator<XmlNode> {
  const lists: (readonly XmlNode[])[] = []
  const places: number[] = []
  let list = top.children
  let place = 0
  for (;;) {
    if (place === list.length) {
      if (lists.length === 0) return
      list = lists.pop()!
      place = places.pop()!
      continue
    }
    const node = list[place++]!
    yield node
    if (node.kind === 'element' && node.childList.length > 0) {
      lists.push(list)
      places.push(place)
      list = node.childList
      place = 0
    }
  }
}

const QNAME_IN_CONTENT = /^[ \t\n\r]*([^\s:]+):[^\s:/]+[ \t\n\r]*$/

/**
 * Declarations made above `top` that its subtree uses: by names, and by values that read like a qualified name
 * (`xsi:type="xs:int"`), which no printer could repair later.
 */
export function prefixesNeeded(top: XmlElement): XmlDeclaration[] {
  const found: XmlDeclaration[] = []
  const inherited = inheritedBy(top)
  if (inherited.length === 0) return found
  noteNames(top, inherited, found)
  const lists: (readonly XmlNode[])[] = []
  const places: number[] = []
  let list = top.children
  let place = 0
  // As descendants() walks: on its own because every part that is split off comes by here.
  while (inherited.length > 0) {
    if (place === list.length) {
      if (lists.length === 0) break
      list = lists.pop()!
      place = places.pop()!
      continue
    }
    const node = list[place++]!
    if (node.kind === 'text') noteContent(node.value, inherited, found)
    else if (node.kind === 'element') {
      noteNames(node, inherited, found)
      if (node.childList.length > 0) {
        lists.push(list)
        places.push(place)
        list = node.childList
        place = 0
      }
    }
  }
  return found
}

/** What is declared above and not declared anew by the element itself, the nearest of each prefix. */
function inheritedBy({ parent, declarationList }: XmlElement): XmlDeclaration[] {
  const inherited: XmlDeclaration[] = []
  for (let at: XmlElement | XmlDocument | null = parent; at !== null && at.kind === 'element'; at = at.parent) {
    for (const declaration of at.declarationList) {
      const { prefix } = declaration
      if (!isDeclared(prefix, inherited) && !isDeclared(prefix, declarationList)) inherited.push(declaration)
    }
  }
  return inherited
}

function isDeclared(prefix: string, declarations: readonly XmlDeclaration[]): boolean {
  for (const declaration of declarations) if (declaration.prefix === prefix) return true
  return false
}

function noteNames(element: XmlElement, inherited: XmlDeclaration[], found: XmlDeclaration[]): void {
  notePrefix(element.prefix, element.uri, inherited, found)
  for (const { prefix, uri, value } of element.attributeList) {
    if (prefix !== '') notePrefix(prefix, uri, inherited, found)
    noteContent(value, inherited, found)
  }
}

function noteContent(value: string, inherited: XmlDeclaration[], found: XmlDeclaration[]): void {
  if (!value.includes(':')) return
  const match = QNAME_IN_CONTENT.exec(value)
  if (match) notePrefix(match[1]!, undefined, inherited, found)
}

/** Whatever its name is bound to, a prefix in content means what is declared. */
function notePrefix(
  prefix: string,
  uri: string | undefined,
  inherited: XmlDeclaration[],
  found: XmlDeclaration[],
): void {
  for (let at = 0; at < inherited.length; at++) {
    const declaration = inherited[at]!
    if (declaration.prefix !== prefix) continue
    if (uri !== undefined && uri !== declaration.uri) return
    inherited.splice(at, 1)
    if (declaration.uri !== '') found.push(declaration)
    return
  }
}
