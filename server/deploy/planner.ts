import type { Ref } from '../kernel/contracts.ts'
import type { SnapshotEntry } from '../runtime/snapshot.ts'
import { keyOf, type FaultyArtifact, type Linked, type LinkedArtifact } from './linker.ts'

/** What a deployment would do. Nothing happens while it is made. */
export interface Plan {
  readonly added: readonly LinkedArtifact[]
  readonly replaced: readonly Replacement[]
  readonly removed: readonly SnapshotEntry[]
  /** Unchanged, or faulty now: the old one runs on (P9). */
  readonly kept: readonly SnapshotEntry[]
}

export interface Replacement {
  readonly before: SnapshotEntry
  readonly after: LinkedArtifact
}

export function plan(current: readonly SnapshotEntry[], linked: Linked): Plan {
  const desired = new Map(linked.artifacts.map(artifact => [artifact.key, artifact]))
  const running = new Set(current.map(({ artifact }) => keyOf(artifact.role, artifact.name)))
  const added = linked.artifacts.filter(artifact => !running.has(artifact.key))
  const removed: SnapshotEntry[] = []
  const kept: SnapshotEntry[] = []
  const replaced: Replacement[] = []
  for (const entry of current) {
    const after = desired.get(keyOf(entry.artifact.role, entry.artifact.name))
    if (after) {
      if (after.decoded.digest === entry.artifact.digest) kept.push(entry)
      else replaced.push({ before: entry, after })
    } else if (linked.faulty.some(faulty => protects(faulty, entry, running))) kept.push(entry)
    else removed.push(entry)
  }
  return restartDependants({ added, replaced, removed, kept }, desired)
}

/** True if the fault may be what became of `entry`: a broken file never takes a running artifact down. */
function protects(faulty: FaultyArtifact, { artifact }: SnapshotEntry, running: ReadonlySet<string>): boolean {
  if (faulty.key === keyOf(artifact.role, artifact.name)) return true
  if (faulty.file !== artifact.at.file) return false
  if (faulty.wholeFile) return true
  // The name itself may be what is broken.
  return faulty.role === artifact.role && (faulty.key === undefined || !running.has(faulty.key))
}

/** A processor holds on to its store: it starts anew when a store it names comes, goes or changes. */
function restartDependants(first: Plan, desired: ReadonlyMap<string, LinkedArtifact>): Plan {
  const changed = new Set<string>()
  for (const artifact of first.added) if (artifact.role === 'message-store') changed.add(artifact.name)
  for (const { after } of first.replaced) if (after.role === 'message-store') changed.add(after.name)
  for (const { artifact } of first.removed) if (artifact.role === 'message-store') changed.add(artifact.name)
  if (changed.size === 0) return first
  const usesChanged = (refs: readonly Ref[]): boolean =>
    refs.some(ref => ref.role === 'message-store' && changed.has(ref.name))
  const kept: SnapshotEntry[] = []
  const replaced = [...first.replaced]
  for (const entry of first.kept) {
    const { role, name, refs } = entry.artifact
    const after = role === 'message-processor' && usesChanged(refs) ? desired.get(keyOf(role, name)) : undefined
    if (after) replaced.push({ before: entry, after })
    else kept.push(entry)
  }
  return { ...first, replaced, kept }
}
