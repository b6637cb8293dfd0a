import { XML_NAMESPACE, XMLNS_NAMESPACE } from './names.ts'
import type { XmlElement } from './tree.ts'

/** A name as written, split once, with what its prefix meant in the scope it was last met in. */
export interface Name {
  readonly raw: string
  readonly hash: number
  readonly prefix: string
  readonly local: string
  /** What {@link raw} declares if it is an attribute: a prefix, `''` for the default, or null for none. */
  readonly declares: string | null
  scope: number
  uri: string
}

interface Binding {
  readonly uri: string
  /** What the prefix meant outside. */
  readonly outer: Binding | undefined
}

/** Counts through all documents: what a name meant in one of them says nothing in another. */
let last = 0

/** Which prefix stands for what while a document is read from start to end. */
export class Scopes {
  readonly #bindings = new Map<string, Binding>()
  /** Number of the set of declarations in force; every element that declares something opens a new one. */
  #current = ++last
  readonly #outer: number[] = []

  constructor() {
    this.#bindings.set('', { uri: '', outer: undefined })
    this.#bindings.set('xml', { uri: XML_NAMESPACE, outer: undefined })
  }

  /** Notes a declaration on `element`; returns what is wrong with it, if anything. */
  declare(element: XmlElement, prefix: string, uri: string, offset: number): string | undefined {
    if (prefix !== '' && uri === '') return `the prefix ${prefix} is declared as nothing`
    if (prefix === 'xmlns' || (prefix === 'xml') !== (uri === XML_NAMESPACE) || uri === XMLNS_NAMESPACE) {
      return `the prefix ${prefix} cannot stand for ${uri}: xml and xmlns and their namespaces are reserved`
    }
    const { declarations } = element
    if (declarations.length === 0) {
      this.#outer.push(this.#current)
      this.#current = ++last
    } else if (declarations.length >= MANY) return `more than ${MANY} namespaces are declared on <${element.name}>`
    else if (declarations.some(declaration => declaration.prefix === prefix)) {
      return prefix === '' ? 'xmlns is given twice' : `the prefix ${prefix} is declared twice`
    }
    element.addDeclaration({ prefix, uri, offset })
    this.#bindings.set(prefix, { uri, outer: this.#bindings.get(prefix) })
    return undefined
  }

  /** Forgets what an element declared that ends here. */
  leave(element: XmlElement): void {
    if (element.declarations.length === 0) return
    for (const { prefix } of element.declarations) {
      const outer = this.#bindings.get(prefix)!.outer
      if (outer) this.#bindings.set(prefix, outer)
      else this.#bindings.delete(prefix)
    }
    this.#current = this.#outer.pop()!
  }

  /** The namespace of an element name (or of an attribute name with prefix); undefined if it is not declared. */
  resolve(name: Name): string | undefined {
    if (name.scope === this.#current) return name.uri
    const uri = this.#bindings.get(name.prefix)?.uri
    if (uri !== undefined) {
      name.scope = this.#current
      name.uri = uri
    }
    return uri
  }
}

const MANY = 1000
