import { sep } from 'node:path'
import { ConnectionFactories } from '../kernel/connection-factories.ts'
import type { Diagnostic, Ref, RoleName, SourceRef } from '../kernel/contracts.ts'
import { nearest } from '../kernel/nearest.ts'
import type { DecodedArtifact, DecodedFile } from '../schema/decode.ts'
import type { ArtifactNode } from '../schema/structure.ts'
import { mixedManagers } from './transactions.ts'

/** An artifact that can be deployed: decoded without errors and the only one of its name. */
export interface LinkedArtifact {
  readonly key: string
  readonly role: RoleName
  readonly name: string
  readonly node: ArtifactNode
  readonly decoded: DecodedArtifact
}

/** An artifact, or a whole file, that cannot. */
export interface FaultyArtifact {
  /** `role:name` if that much is known. */
  readonly key: string | undefined
  readonly role: RoleName | undefined
  readonly name: string
  readonly file: string
  /** What the fault may have hidden: whatever of it runs so far stays. A second one of a name hides nothing. */
  readonly hides: 'artifact' | 'file' | 'folder' | 'nothing'
  readonly diagnostics: readonly Diagnostic[]
}

export interface Linked {
  readonly artifacts: readonly LinkedArtifact[]
  readonly faulty: readonly FaultyArtifact[]
  /** Everything worth saying, errors of faulty artifacts included, in file order. */
  readonly diagnostics: readonly Diagnostic[]
}

/** Sequences, endpoints, templates and local entries share one table of names (synapse-language B.3). */
const SHARED_NAMES: ReadonlySet<RoleName> = new Set(['sequence', 'endpoint', 'template', 'local-entry'])

export function keyOf(role: RoleName, name: string): string {
  return `${role}:${name}`
}

export interface LinkSurroundings {
  /** Which file an artifact came from so far: it keeps its name against a newcomer. */
  readonly deployed?: ReadonlyMap<string, string>
  /** Brokers that artifacts name, and `deployment.toml` describes. */
  readonly factories?: ConnectionFactories
}

/** Puts decoded files together: one artifact a name, references looked up, chains checked for circles. */
export function link(files: readonly DecodedFile[], surroundings: LinkSurroundings = {}): Linked {
  const { deployed = new Map<string, string>(), factories = ConnectionFactories.none } = surroundings
  const faulty: FaultyArtifact[] = []
  const artifacts = new Map<string, LinkedArtifact>()
  const names = new Map<string, LinkedArtifact>()
  const loose: Diagnostic[] = []
  const established = (artifact: DecodedArtifact): boolean =>
    artifact.role !== undefined && deployed.get(keyOf(artifact.role, artifact.name)) === artifact.at.file

  for (const file of files) {
    if (file.diagnostics.some(diagnostic => diagnostic.severity === 'error')) {
      faulty.push({
        key: undefined,
        role: undefined,
        name: '',
        file: file.file,
        hides: file.isFolder ? 'folder' : 'file',
        diagnostics: file.diagnostics,
      })
    } else loose.push(...file.diagnostics)
  }
  const all = files.flatMap(file => file.artifacts)
  for (const decoded of [...all.filter(established), ...all.filter(artifact => !established(artifact))]) {
    const { node, role, name } = decoded
    const key = role === undefined ? undefined : keyOf(role, name)
    if (!node || role === undefined || key === undefined) {
      faulty.push(faultyOf(decoded, key, []))
      continue
    }
    const shared = SHARED_NAMES.has(role) ? name : key
    const holder = names.get(shared)
    if (holder) {
      faulty.push({ ...faultyOf(decoded, key, [duplicate(decoded, holder)]), hides: 'nothing' })
      continue
    }
    const claims = (node.kind.claims?.(node.config as never) ?? []) as readonly string[]
    const claimed = claims.find(claim => names.has(claim))
    if (claimed !== undefined) {
      const problem = taken(decoded, claimed, names.get(claimed)!)
      faulty.push({ ...faultyOf(decoded, key, [problem]), hides: 'nothing' })
      continue
    }
    const linked: LinkedArtifact = { key, role, name, node, decoded }
    for (const claim of claims) names.set(claim, linked)
    names.set(shared, linked)
    artifacts.set(key, linked)
  }
  for (const artifact of circular(artifacts, ref => ref.role === 'message-store' && ref.chain === true)) {
    artifacts.delete(artifact.key)
    faulty.push(faultyOf(artifact.decoded, artifact.key, [circle(artifact)]))
  }
  for (const artifact of artifacts.values()) {
    const mixed = mixedManagers(artifact, artifacts, factories)
    if (mixed.length === 0) continue
    artifacts.delete(artifact.key)
    faulty.push(faultyOf(artifact.decoded, artifact.key, mixed))
  }
  const good = [...artifacts.values()]
  const broken = new Set(faulty.map(one => one.key))
  const unreadable = faulty.filter(({ hides }) => hides === 'file' || hides === 'folder')
  const state: Known = { artifacts, broken, running: deployed, unreadable }
  const diagnostics = [
    ...loose,
    ...faulty.flatMap(one => one.diagnostics),
    ...good.flatMap(one => [...one.decoded.diagnostics, ...dangling(one, state)]),
    ...circular(artifacts, ref => ref.role === 'sequence').map(loop),
  ]
  return { artifacts: good, faulty, diagnostics: diagnostics.sort(byPlace) }
}

function faultyOf(decoded: DecodedArtifact, key: string | undefined, more: readonly Diagnostic[]): FaultyArtifact {
  const { role, name, at, diagnostics } = decoded
  // An element that is no artifact may be the misspelt name of one.
  const hides = role === undefined ? 'file' : 'artifact'
  return { key, role, name, file: at.file, hides, diagnostics: [...diagnostics, ...more] }
}

function duplicate(decoded: DecodedArtifact, holder: LinkedArtifact): Diagnostic {
  const { file, line, column } = holder.decoded.at
  return {
    code: 'duplicate-name',
    severity: 'error',
    message: `${holder.role === 'endpoint' ? 'an' : 'a'} ${holder.role} named "${decoded.name}" is already defined at ${file}:${line}:${column}`,
    at: decoded.at,
    hint: 'Rename one of the two. The first one keeps running.',
  }
}

function taken(decoded: DecodedArtifact, claim: string, holder: LinkedArtifact): Diagnostic {
  const { file, line, column } = holder.decoded.at
  return {
    code: 'duplicate-name',
    severity: 'error',
    message: `${claim} is already registered by ${holder.role} "${holder.name}" at ${file}:${line}:${column}`,
    at: decoded.at,
    hint: 'Change one of the two. The first one keeps running.',
  }
}

/** What there is for a reference to find. */
interface Known {
  readonly artifacts: ReadonlyMap<string, LinkedArtifact>
  readonly broken: ReadonlySet<string | undefined>
  readonly running: ReadonlyMap<string, string>
  /** Files and folders of which nothing can be told at the moment. */
  readonly unreadable: readonly FaultyArtifact[]
}

/** It runs, and its file does not say otherwise: what is broken goes on as it was. */
function runsOn(key: string, { running, broken, unreadable }: Known): boolean {
  const origin = running.get(key)
  if (origin === undefined) return false
  if (broken.has(key)) return true
  return unreadable.some(({ file, hides }) =>
    hides === 'folder' ? file === '' || origin.startsWith(file + sep) : file === origin,
  )
}

function dangling(artifact: LinkedArtifact, state: Known): Diagnostic[] {
  const { artifacts, broken } = state
  const found: Diagnostic[] = []
  for (const ref of artifact.decoded.refs) {
    const key = keyOf(ref.role, ref.name)
    if (artifacts.has(key) || isResource(ref) || runsOn(key, state)) continue
    if (broken.has(key)) {
      found.push(danglingAt(ref, 'has errors of its own and is not deployed', 'Correct it first.'))
      continue
    }
    const known = [...artifacts.values()].filter(other => other.role === ref.role).map(other => other.name)
    const near = nearest(ref.name, known)
    const meant = near === undefined ? '' : `Did you mean "${near}"? `
    found.push(danglingAt(ref, 'does not exist', `${meant}Messages that need it will fault until it is deployed.`))
  }
  return found
}

function danglingAt({ role, name, at }: Ref, what: string, hint: string): Diagnostic {
  return { code: 'dangling-reference', severity: 'warning', message: `the ${role} "${name}" ${what}`, at, hint }
}

/** A key that names a registry resource or a file is looked up when it is used. */
function isResource(ref: Ref): boolean {
  return /^(?:conf|gov|local|file|https?):/.test(ref.name) || ref.name.startsWith('/_system/')
}

/** Artifacts that reach themselves through references of one kind. */
function circular(artifacts: ReadonlyMap<string, LinkedArtifact>, follows: (ref: Ref) => boolean): LinkedArtifact[] {
  const reaches = (from: LinkedArtifact): boolean => {
    const seen = new Set<string>()
    const pending = from.decoded.refs.filter(follows)
    for (let ref = pending.pop(); ref; ref = pending.pop()) {
      const key = keyOf(ref.role, ref.name)
      if (key === from.key) return true
      if (seen.has(key)) continue
      seen.add(key)
      pending.push(...(artifacts.get(key)?.decoded.refs ?? []).filter(follows))
    }
    return false
  }
  return [...artifacts.values()].filter(reaches)
}

function circle(artifact: LinkedArtifact): Diagnostic {
  return {
    code: 'failover-circle',
    severity: 'error',
    message: `the failover chain of store "${artifact.name}" leads back to itself`,
    at: artifact.decoded.at,
    hint: 'Let the chain end in a store without a failover store.',
  }
}

function loop(artifact: LinkedArtifact): Diagnostic {
  return {
    code: 'sequence-circle',
    severity: 'warning',
    message: `sequence "${artifact.name}" can reach itself`,
    at: artifact.decoded.at,
    hint: 'A message that goes round more than 128 times is faulted. Make sure a condition ends it.',
  }
}

export function byPlace(a: { readonly at: SourceRef }, b: { readonly at: SourceRef }): number {
  return a.at.file < b.at.file ? -1 : a.at.file > b.at.file ? 1 : a.at.line - b.at.line || a.at.column - b.at.column
}
