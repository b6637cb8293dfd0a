import type { AnyArtifactKind, AnyClassKind, AnyEndpointKind, AnyKind, AnyLayerKind, AnyMediatorKind } from './kinds.ts'
import type { ClassRole } from './shape.ts'

/** Stands for every operation of every connector: `salesforce.query`, `http.get`. */
const CONNECTOR = 'connector.operation'

/** Every kind this server offers, found by what a user writes. A clash is a defect of ours and stops the boot. */
export class Catalog {
  readonly #kinds: AnyKind[] = []
  readonly #mediators = new Map<string, AnyMediatorKind>()
  readonly #endpoints = new Map<string, AnyEndpointKind>()
  readonly #layers = new Map<string, AnyLayerKind>()
  readonly #artifacts = new Map<string, AnyArtifactKind>()
  readonly #classes: Record<ClassRole, Map<string, AnyClassKind>> = {
    'message-store': new Map(),
    'message-processor': new Map(),
    'inbound-endpoint': new Map(),
  }

  constructor(kinds: Iterable<AnyKind>) {
    for (const kind of kinds) this.add(kind)
  }

  add(kind: AnyKind): void {
    if ('classes' in kind) for (const name of kind.classes) enter(this.#classes[kind.role], name, kind)
    else if (kind.role === 'mediator') enter(this.#mediators, kind.tag, kind as AnyMediatorKind)
    else if (kind.role === 'endpoint-kind') enter(this.#endpoints, kind.tag, kind as AnyEndpointKind)
    else if (kind.role === 'endpoint-layer') enter(this.#layers, kind.tag, kind as AnyLayerKind)
    else enter(this.#artifacts, kind.tag, kind as AnyArtifactKind)
    this.#kinds.push(kind)
  }

  /** Every kind, in the order added: what generators and fleet tests walk over. */
  walk(): readonly AnyKind[] {
    return this.#kinds
  }

  mediator(tag: string): AnyMediatorKind | undefined {
    return this.#mediators.get(tag) ?? (tag.includes('.') ? this.#mediators.get(CONNECTOR) : undefined)
  }

  mediatorTags(): string[] {
    return [...this.#mediators.keys()]
  }

  endpoints(): AnyEndpointKind[] {
    return [...this.#endpoints.values()]
  }

  layers(): AnyLayerKind[] {
    return [...this.#layers.values()]
  }

  artifact(tag: string): AnyArtifactKind | undefined {
    return this.#artifacts.get(tag)
  }

  artifactTags(): string[] {
    return [...this.#artifacts.keys()]
  }

  byClass(role: ClassRole, className: string): AnyClassKind | undefined {
    return this.#classes[role].get(className)
  }

  classes(role: ClassRole): string[] {
    return [...this.#classes[role].keys()].filter(name => name !== '')
  }
}

function enter<K>(table: Map<string, K>, name: string, kind: K): void {
  if (table.has(name)) throw new Error(`two kinds claim "${name}"`)
  table.set(name, kind)
}
