import type { Artifact, Ref, Registry, RoleName, Roles } from '../kernel/contracts.ts'
import { IntegrationError, type ErrorName } from '../kernel/errors.ts'

export interface SnapshotEntry {
  readonly artifact: Artifact
  readonly instance: Roles[RoleName]
}

const UNKNOWN: Readonly<Record<RoleName, ErrorName>> = {
  sequence: 'SEQUENCE_UNKNOWN',
  template: 'SEQUENCE_UNKNOWN',
  endpoint: 'ENDPOINT_UNKNOWN',
  'local-entry': 'ENTRY_UNKNOWN',
  'message-store': 'STORE_UNKNOWN',
  'message-processor': 'STORE_UNKNOWN',
  task: 'ENTRY_UNKNOWN',
  'inbound-endpoint': 'ENTRY_UNKNOWN',
  proxy: 'ENDPOINT_UNKNOWN',
  api: 'ENDPOINT_UNKNOWN',
}

/** As Synapse words it: people search their logs for these. */
const MISSING: Readonly<Record<RoleName, (name: string) => string>> = {
  sequence: name => `Sequence named ${name} cannot be found`,
  template: name => `Sequence template ${name} cannot be found`,
  endpoint: name => `Couldn't find the endpoint with the key : ${name}`,
  'local-entry': name => `Couldn't find the local entry or registry resource with the key : ${name}`,
  'message-store': name => `Message Store ${name} does not exist.`,
  'message-processor': name => `Message processor ${name} does not exist`,
  task: name => `Task ${name} does not exist`,
  'inbound-endpoint': name => `Inbound endpoint ${name} does not exist`,
  proxy: name => `Proxy service ${name} does not exist`,
  api: name => `API ${name} does not exist`,
}

/**
 * Everything deployed at one moment. Never changed: a deployment makes the next one. Flows that entered are counted,
 * so that what a later snapshot no longer has can be closed once the last of them has left.
 */
export class Snapshot implements Registry {
  readonly revision: number
  readonly #entries: Readonly<Record<RoleName, ReadonlyMap<string, SnapshotEntry>>>
  readonly #missing: (role: RoleName, name: string, registry: Registry) => Roles[RoleName] | undefined
  #inside = 0
  #whenEmpty: (() => void) | null = null
  #drained: Promise<void> | null = null

  /** `missing` is asked for a name that is not deployed; it may find a registry resource. */
  constructor(
    revision: number,
    entries: Iterable<SnapshotEntry>,
    missing: (role: RoleName, name: string, registry: Registry) => Roles[RoleName] | undefined = () => undefined,
  ) {
    this.revision = revision
    this.#missing = missing
    const tables: Record<RoleName, Map<string, SnapshotEntry>> = {
      sequence: new Map(),
      template: new Map(),
      endpoint: new Map(),
      'local-entry': new Map(),
      'message-store': new Map(),
      'message-processor': new Map(),
      task: new Map(),
      'inbound-endpoint': new Map(),
      proxy: new Map(),
      api: new Map(),
    }
    for (const entry of entries) tables[entry.artifact.role].set(entry.artifact.name, entry)
    this.#entries = tables
  }

  get<R extends RoleName>(ref: Ref<R>): Roles[R] {
    const found = this.find(ref.role, ref.name)
    if (found !== undefined) return found
    throw new IntegrationError(UNKNOWN[ref.role], MISSING[ref.role](ref.name), { at: ref.at })
  }

  find<R extends RoleName>(role: R, name: string): Roles[R] | undefined {
    const entry = this.#entries[role].get(name)
    return (entry ? entry.instance : this.#missing(role, name, this)) as Roles[R] | undefined
  }

  entry(role: RoleName, name: string): SnapshotEntry | undefined {
    return this.#entries[role].get(name)
  }

  names(role: RoleName): readonly string[] {
    return [...this.#entries[role].keys()]
  }

  list(role?: RoleName): readonly Artifact[] {
    const tables = role === undefined ? Object.values(this.#entries) : [this.#entries[role]]
    return tables.flatMap(table => [...table.values()].map(entry => entry.artifact))
  }

  enter(): void {
    this.#inside++
  }

  leave(): void {
    this.#inside--
    if (this.#inside === 0) this.#whenEmpty?.()
  }

  /** Resolves when no flow is inside any more. Ask only once the snapshot is no longer entered. */
  drained(): Promise<void> {
    if (this.#inside === 0) return Promise.resolve()
    this.#drained ??= new Promise(resolve => (this.#whenEmpty = resolve))
    return this.#drained
  }
}

export const EMPTY_SNAPSHOT = new Snapshot(0, [])
