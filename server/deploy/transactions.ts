/** One transaction, one manager: what `<transaction>` would mix is found before a message is (IP-10). */
import type { ConnectionFactories } from '../kernel/connection-factories.ts'
import type { Diagnostic, SourceRef } from '../kernel/contracts.ts'
import { OUTBOX, type ResourceManager } from '../kernel/transaction.ts'
import type { LinkedArtifact } from './linker.ts'

interface Open {
  readonly managers: Map<string, ResourceManager>
}

interface Walk {
  /** Brokers that artifacts name, and `deployment.toml` describes. */
  readonly factories: ConnectionFactories
  readonly artifacts: ReadonlyMap<string, LinkedArtifact>
  /** Artifacts being walked through, so that a circle ends. */
  readonly inside: Set<string>
  open: Open | null
  suspended: readonly (Open | null)[]
  readonly found: Diagnostic[]
  /** What is being looked at. */
  at: SourceRef
}

/** A mediator, endpoint or store as written: a kind, and what it was told. */
interface Node {
  readonly kind: {
    readonly role: string
    readonly tag?: string
    manager?(config: unknown, factories: ConnectionFactories): ResourceManager | undefined
  }
  readonly config: Readonly<Record<string, unknown>>
}

/** What is wrong with the transactions of one artifact, what it refers to included. */
export function mixedManagers(
  artifact: LinkedArtifact,
  artifacts: ReadonlyMap<string, LinkedArtifact>,
  factories: ConnectionFactories,
): readonly Diagnostic[] {
  const walk: Walk = {
    factories,
    artifacts,
    inside: new Set([artifact.key]),
    open: null,
    suspended: [],
    found: [],
    at: artifact.decoded.at,
  }
  follow(artifact.node.config, walk)
  return walk.found
}

/** In the order in which things are written, which is the order in which they happen. */
function follow(value: unknown, walk: Walk): void {
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const one of value) follow(one, walk)
    return
  }
  if ('at' in value) walk.at = value.at as SourceRef
  if (isNode(value)) return through(value, walk)
  if (isRef(value)) return refer(`${value.role}:${value.name}`, walk)
  const { prototype } = Object
  // Trees, expressions and patterns refer to nothing.
  if (Object.getPrototypeOf(value) !== prototype) return
  for (const inner of Object.values(value)) follow(inner, walk)
}

function through(node: Node, walk: Walk): void {
  if (node.kind.role === 'mediator' && node.kind.tag === 'transaction') return begin(node, walk)
  const manager = walk.open && node.kind.manager?.(node.config, walk.factories)
  if (manager) take(manager, walk)
  if (node.kind.tag !== undefined && ONE_OF.has(node.kind.tag)) alternatives(node.config, walk)
  else follow(node.config, walk)
}

/** Mediators of whose branches one runs. */
const ONE_OF = new Set(['filter', 'switch'])

/** Each branch as if it were the only one; what comes after them may follow each. */
function alternatives(config: Node['config'], walk: Walk): void {
  const { open, suspended } = walk
  const branches = Object.values(config).flatMap(branchesIn)
  if (branches.length === 0) return
  const after: Open[] = []
  for (const branch of branches) {
    walk.open = open && { managers: new Map(open.managers) }
    walk.suspended = suspended
    follow(branch, walk)
    if (walk.open) after.push(walk.open)
  }
  walk.open = after.length === 0 ? null : { managers: new Map(after.flatMap(({ managers }) => [...managers])) }
}

/** A list of steps is one branch, a list of cases several; a condition is none. */
function branchesIn(value: unknown): readonly object[] {
  if (typeof value !== 'object' || value === null) return []
  if (!Array.isArray(value)) return 'steps' in value ? [value] : []
  const several = value.filter((one: unknown) => typeof one === 'object' && one !== null && !isNode(one))
  return value.length > 0 && several.length === 0 ? [value] : several
}

function begin({ config }: Node, walk: Walk): void {
  switch (config['action']) {
    case 'new':
    case 'use-existing-or-new':
      walk.open ??= { managers: new Map() }
      return
    case 'commit':
    case 'rollback':
      walk.open = null
      return
    case 'suspend':
      walk.suspended = [...walk.suspended, walk.open]
      walk.open = null
      return
    case 'resume':
      walk.open = walk.suspended.at(-1) ?? null
      walk.suspended = walk.suspended.slice(0, -1)
  }
}

function take(manager: ResourceManager, walk: Walk): void {
  const { managers } = walk.open!
  if (managers.has(manager.key)) return
  const [other] = managers.values()
  managers.set(manager.key, manager)
  if (!other && !manager.alone) return
  const with_ = other ? `is at ${other.label}, and ` : ''
  walk.found.push({
    code: 'mixed-managers',
    severity: 'error',
    message: `the transaction ${with_}${manager.label} cannot be part of it`,
    at: walk.at,
    hint: `${OUTBOX}.`,
  })
}

function refer(key: string, walk: Walk): void {
  const artifact = walk.artifacts.get(key)
  // Outside of a transaction what is referred to is looked at by itself.
  if (!artifact || !walk.open || walk.inside.has(key)) return
  walk.inside.add(key)
  follow(artifact.node.config, walk)
  walk.inside.delete(key)
}

function isNode(value: object): value is Node {
  const { kind, config } = value as { kind?: unknown; config?: unknown }
  return typeof kind === 'object' && kind !== null && 'role' in kind && typeof config === 'object' && config !== null
}

function isRef(value: object): value is { role: string; name: string } {
  return 'role' in value && 'name' in value && 'at' in value
}
