import type { Diagnostic, RoleName } from '../../kernel/contracts.ts'
import type { AnyStoreKind } from '../../schema/kinds.ts'
import type { XmlElement } from '../../xml/tree.ts'
import { whereIs } from '../../xml/where-is.ts'
import type { LinkedArtifact } from '../linker.ts'

/** One thing that stops, slows or loses delivery, and how it is told. */
export interface Rule {
  /** Permanent. */
  readonly code: string
  readonly severity: 'warning' | 'hint'
  /** Why, for the page of all rules. */
  readonly why: string
  /** What to write instead, for that page. */
  readonly instead: string
  find(world: World): Iterable<Finding>
}

export interface Finding {
  readonly element: XmlElement
  readonly message: string
  readonly hint: string
}

/** Everything that would be deployed, as rules look at it. */
export class World {
  readonly #artifacts: readonly LinkedArtifact[]

  constructor(artifacts: readonly LinkedArtifact[]) {
    this.#artifacts = artifacts
  }

  of(role: RoleName): XmlElement[] {
    return this.#artifacts.filter(one => one.role === role).map(one => one.decoded.element)
  }

  named(role: RoleName, name: string | undefined): XmlElement | undefined {
    return this.#artifacts.find(one => one.role === role && one.name === name)?.decoded.element
  }

  /** Where the broker of a message store is, as far as its kind can tell. */
  hostsOf(store: string): readonly string[] {
    const artifact = this.#artifacts.find(({ role, name }) => role === 'message-store' && name === store)
    const { store: node } = (artifact?.node.config ?? {}) as {
      store?: { readonly kind: AnyStoreKind; readonly config: unknown }
    }
    return node?.kind.hosts?.(node.config as never) ?? []
  }

  /** Every element of these names, in any artifact. */
  *elements(...names: readonly string[]): Generator<XmlElement> {
    for (const { decoded } of this.#artifacts) yield* within(decoded.element, names)
  }
}

export function* within(element: XmlElement, names: readonly string[]): Generator<XmlElement> {
  if (names.includes(element.local)) yield element
  for (const child of element.childElements) yield* within(child, names)
}

/** The text of a `<parameter>`; undefined if it is not there. */
export function parameter(element: XmlElement, name: string): string | undefined {
  return parameterElement(element, name)?.text.trim()
}

export function parameterElement(element: XmlElement, name: string): XmlElement | undefined {
  return element.childElements.findLast(child => child.local === 'parameter' && child.attribute('name') === name)
}

export function child(element: XmlElement, local: string): XmlElement | undefined {
  return element.childElements.find(one => one.local === local)
}

/** The last part of a Java class name. */
export function simpleClass(element: XmlElement): string {
  return (element.attribute('class') ?? '').split('.').at(-1)!
}

export const name = (element: XmlElement): string => element.attribute('name') ?? ''

export function isInMemory(store: XmlElement | undefined): boolean {
  return store !== undefined && simpleClass(store) === 'InMemoryStore'
}

/** A finding as other diagnostics are. */
export function told({ code, severity }: Rule, { element, message, hint }: Finding): Diagnostic {
  return { code, severity, message, at: whereIs(element), hint }
}
