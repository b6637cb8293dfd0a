import { sep } from 'node:path'
import type { Ref } from '../kernel/contracts.ts'
import type { SnapshotEntry } from '../runtime/snapshot.ts'
import { type FaultyArtifact, type Linked, type LinkedArtifact } from './linker.ts'

/** Something that runs, and what it was made from: it may have to be made again. */
export interface Deployed extends SnapshotEntry {
  readonly linked: LinkedArtifact
}

/** What a deployment would do. Nothing happens while it is made. */
export interface Plan {
  readonly added: readonly LinkedArtifact[]
  readonly replaced: readonly Replacement[]
  readonly removed: readonly Deployed[]
  /** Unchanged, or faulty now: the old one runs on (P9). */
  readonly kept: readonly Deployed[]
}

export interface Replacement {
  readonly before: Deployed
  readonly after: LinkedArtifact
}

export function plan(current: readonly Deployed[], linked: Linked): Plan {
  const desired = new Map(linked.artifacts.map(artifact => [artifact.key, artifact]))
  const running = new Set(current.map(entry => entry.linked.key))
  const added = linked.artifacts.filter(artifact => !running.has(artifact.key))
  const removed: Deployed[] = []
  const kept: Deployed[] = []
  const replaced: Replacement[] = []
  for (const entry of current) {
    const after = desired.get(entry.linked.key)
    if (after) {
      if (after.decoded.digest === entry.artifact.digest) kept.push(inItsPlace(entry, after))
      else replaced.push({ before: entry, after })
    } else if (linked.faulty.some(faulty => hides(faulty, entry, running))) kept.push(entry)
    else removed.push(entry)
  }
  return restartDependants({ added, replaced, removed, kept })
}

/** The same artifact, perhaps on another line or in another file: which one a later fault in a file hides depends on it. */
function inItsPlace(entry: Deployed, after: LinkedArtifact): Deployed {
  const { at, refs } = after.decoded
  return { artifact: { ...entry.artifact, at, refs }, instance: entry.instance, linked: after }
}

/** True if the fault may be what became of `entry`: a broken file never takes a running artifact down. */
function hides(faulty: FaultyArtifact, { artifact, linked }: Deployed, running: ReadonlySet<string>): boolean {
  if (faulty.hides === 'nothing') return false
  if (faulty.hides === 'folder') return faulty.file === '' || artifact.at.file.startsWith(faulty.file + sep)
  if (faulty.key === linked.key) return true
  if (faulty.file !== artifact.at.file) return false
  if (faulty.hides === 'file') return true
  // The name itself may be what is broken.
  return faulty.role === artifact.role && (faulty.key === undefined || !running.has(faulty.key))
}

/** A processor holds on to its store: it starts anew when a store it names comes, goes or changes. */
function restartDependants(first: Plan): Plan {
  const changed = new Set<string>()
  for (const artifact of first.added) if (artifact.role === 'message-store') changed.add(artifact.name)
  for (const { after } of first.replaced) if (after.role === 'message-store') changed.add(after.name)
  for (const { artifact } of first.removed) if (artifact.role === 'message-store') changed.add(artifact.name)
  if (changed.size === 0) return first
  const usesChanged = (refs: readonly Ref[]): boolean =>
    refs.some(ref => ref.role === 'message-store' && changed.has(ref.name))
  const kept: Deployed[] = []
  const replaced = [...first.replaced]
  for (const entry of first.kept) {
    const { role, refs } = entry.artifact
    // From what it was made of so far, even if its file is broken by now.
    if (role === 'message-processor' && usesChanged(refs)) replaced.push({ before: entry, after: entry.linked })
    else kept.push(entry)
  }
  return { ...first, replaced, kept }
}
