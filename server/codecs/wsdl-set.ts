import { posix } from 'node:path'
import { parseXml } from '../xml/reader.ts'
import type { XmlElement } from '../xml/tree.ts'
import { printXml } from '../xml/writer.ts'
import { assertWsdl, references, republished } from './wsdl-document.ts'

/** A WSDL with more documents than this refers to itself without end. */
const MOST = 200

export interface WsdlSource {
  /** Where the WSDL was read from; `''` for one written in place. */
  readonly base: string
  /** Documents by the location the WSDL calls them (`<resource location key>`). */
  readonly resources?: ReadonlyMap<string, string>
  /** Reads a URI or registry key; rejects if there is nothing. */
  read(location: string): Promise<Uint8Array>
}

interface Part {
  readonly root: XmlElement
  readonly base: string
}

/** A WSDL with the documents it takes in, as a service publishes it: everything can be had from the service itself. */
export class WsdlSet {
  readonly #root: Part
  /** Documents taken in, by the name they are published under. */
  readonly #parts = new Map<string, Part>()
  readonly #names = new Map<string, string>()

  readonly #resources: ReadonlyMap<string, string> | undefined

  private constructor(root: Part, resources: ReadonlyMap<string, string> | undefined) {
    this.#root = root
    this.#resources = resources
  }

  /** Rejects if the WSDL is none. A document it refers to that cannot be read stays a reference as it was written. */
  static async load(root: XmlElement, source: WsdlSource): Promise<WsdlSet> {
    assertWsdl(root)
    const set = new WsdlSet({ root, base: source.base }, source.resources)
    const pending = [set.#root]
    for (let part = pending.pop(); part; part = pending.pop()) {
      for (const { location } of references(part.root)) {
        const place = source.resources?.get(location) ?? resolved(part.base, location)
        // What anybody can fetch by its own address need not be fetched from us.
        if (place === undefined || /^https?:/.test(place) || set.#names.has(place) || set.#parts.size >= MOST) continue
        const read = await source.read(place).catch(() => undefined)
        if (!read) continue
        const taken = { root: parseXml(read).root, base: place }
        const name = set.#free(posix.basename(location))
        set.#names.set(place, name)
        set.#parts.set(name, taken)
        pending.push(taken)
      }
    }
    return set
  }

  /** The WSDL, or the document it calls `part`; null if there is none of that name. `ownPorts` leaves the ports where they are. */
  print(addresses: readonly string[], part: string, ownPorts: boolean): Uint8Array | null {
    const document = part === '' ? this.#root : this.#parts.get(part)
    if (!document) return null
    const root = republished(document.root, ownPorts ? undefined : addresses, location =>
      this.#published(document, location, addresses),
    )
    return Buffer.from(printXml(root, { encoding: 'UTF-8' }))
  }

  #published(from: Part, location: string, [first = '']: readonly string[]): string {
    const place = this.#resources?.get(location) ?? resolved(from.base, location)
    if (place === undefined) return location
    const name = this.#names.get(place)
    if (name !== undefined) return `${first}?xsd=${encodeURIComponent(name)}`
    return /^https?:/.test(place) ? place : location
  }

  #free(wanted: string): string {
    let name = wanted
    for (let count = 2; this.#parts.has(name); count++) name = `${count}-${wanted}`
    return name
  }
}

/** A location as written, seen from the document it stands in; undefined for a relative one in a document without a place. */
function resolved(base: string, location: string): string | undefined {
  if (/^[a-z][\w+.-]*:/i.test(location) || location.startsWith('/_system/')) return location
  if (base === '') return undefined
  if (/^https?:/.test(base)) return URL.canParse(location, base) ? new URL(location, base).href : undefined
  const [, scheme = '', path = ''] = /^([a-z]+:)?(.*)$/s.exec(base) ?? []
  return scheme + posix.join(posix.dirname(path), location)
}
