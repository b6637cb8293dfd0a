/** What would become of somebody's artifacts here: supported, changed, ignored in part, or refused. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Diagnostic, SourceRef } from '../../kernel/contracts.ts'
import { decodeFile, type DecodedArtifact, type DecodedFile } from '../../schema/decode.ts'
import { SYNAPSE_NS, type DecodeEnv } from '../../schema/element-site.ts'
import type { XmlElement } from '../../xml/tree.ts'
import { whereIs } from '../../xml/where-is.ts'
import { readCar } from '../car.ts'
import { byPlace, link } from '../linker.ts'
import type { Resources, Resource } from '../resources.ts'
import { changes } from './changes.ts'

export type Verdict = 'supported' | 'changed' | 'refused'

export interface Remark {
  readonly sort: 'refused' | 'changed' | 'ignored' | 'warning'
  readonly code: string
  readonly message: string
  readonly at: SourceRef
  readonly hint?: string
}

export interface Assessed {
  /** Element name: `proxy`, `api`, … */
  readonly kind: string
  readonly name: string
  readonly at: SourceRef
  readonly verdict: Verdict
  readonly remarks: readonly Remark[]
}

export interface KindCount {
  readonly kind: string
  readonly total: number
  readonly supported: number
  readonly changed: number
  readonly refused: number
}

export interface Use {
  readonly name: string
  readonly count: number
  readonly offered: boolean
}

export interface Assessment {
  readonly files: number
  readonly artifacts: readonly Assessed[]
  /** About files as a whole. */
  readonly loose: readonly Remark[]
  readonly kinds: readonly KindCount[]
  readonly mediators: readonly Use[]
  readonly endpoints: readonly Use[]
}

export async function assess(
  places: readonly string[],
  env: DecodeEnv,
  resources: Resources,
  cwd: string,
): Promise<Assessment> {
  const { sources, loose } = await sourcesOf(places, cwd, resources)
  const files = sources.map(({ shown, bytes }) => decodeFile(bytes, shown, env))
  const dangling = link(files).diagnostics.filter(
    ({ code }) => code === 'dangling-reference' || code === 'duplicate-name',
  )
  // Build files, schemas and tests lie beside artifacts; a reader wants to know that they are left out, no more.
  const others = files.flatMap(file => file.artifacts.filter(isForeign))
  const artifacts = files.flatMap(file =>
    file.artifacts.filter(one => !isForeign(one)).map(one => assessed(one, dangling)),
  )
  const remarks = [
    ...[...loose, ...files.flatMap((file: DecodedFile) => file.diagnostics)].map(remark),
    ...others.map(leftOut),
  ]
  const elements = files.flatMap(file =>
    file.artifacts.filter(one => !isForeign(one)).flatMap(({ element }) => [...walk(element)]),
  )
  return {
    files: sources.length,
    artifacts,
    loose: remarks,
    kinds: kindsOf(artifacts),
    mediators: usesOf(
      elements.filter(({ local, parent }) => parent?.kind === 'element' && isMediator(local, parent, env)),
      local => env.catalog.mediator(local) !== undefined,
    ),
    endpoints: usesOf(
      elements.filter(({ parent }) => parent?.kind === 'element' && parent.local === 'endpoint').filter(isEndpointKind),
      local => env.catalog.endpoints().some(({ tag }) => tag === local),
    ),
  }
}

interface Source {
  readonly shown: string
  readonly bytes: Uint8Array
}

async function sourcesOf(
  places: readonly string[],
  cwd: string,
  resources: Resources,
): Promise<{ readonly sources: readonly Source[]; readonly loose: readonly Diagnostic[] }> {
  const sources: Source[] = []
  const loose: Diagnostic[] = []
  const brought = new Map<string, Resource>()
  for (const path of places.flatMap(filesIn)) {
    const shown = relative(cwd, path) || path
    const bytes = readFileSync(path)
    if (!path.toLowerCase().endsWith('.car')) {
      sources.push({ shown, bytes })
      continue
    }
    const car = await readCar(bytes, shown)
    loose.push(...car.diagnostics)
    for (const [key, resource] of car.resources) brought.set(key, resource)
    for (const member of car.artifacts) sources.push({ shown: join(shown, member.path), bytes: member.bytes })
  }
  resources.bring(brought)
  return { sources, loose }
}

function filesIn(path: string): string[] {
  if (statSync(path).isFile()) return [path]
  return readdirSync(path, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(entry => {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') return []
      const inside = join(path, entry.name)
      if (entry.isDirectory()) return filesIn(inside)
      return /\.(?:xml|car)$/i.test(entry.name) ? [inside] : []
    })
}

function assessed(decoded: DecodedArtifact, links: readonly Diagnostic[]): Assessed {
  const { element, at } = decoded
  const inside = links.filter(one => one.at.file === at.file && isWithin(decoded, one.at))
  const differences = [...walk(element)].flatMap(one =>
    changes
      .filter(change => change.applies(one))
      .map(({ code, message }): Remark => ({ sort: 'changed', code, message, at: whereIs(one) })),
  )
  const remarks = [...[...decoded.diagnostics, ...inside].map(remark), ...differences].sort(byPlace)
  const refused = remarks.some(({ sort }) => sort === 'refused')
  return {
    kind: element.local,
    name: decoded.name,
    at,
    verdict: refused ? 'refused' : remarks.some(({ sort }) => sort === 'changed') ? 'changed' : 'supported',
    remarks,
  }
}

function isWithin({ refs, at }: DecodedArtifact, place: SourceRef): boolean {
  return (
    (at.line === place.line && at.column === place.column) ||
    refs.some(ref => ref.at.line === place.line && ref.at.column === place.column)
  )
}

function isForeign({ role, element, diagnostics }: DecodedArtifact): boolean {
  return role === undefined && element.uri !== SYNAPSE_NS && diagnostics.some(({ code }) => code === 'unknown-artifact')
}

function leftOut({ element, at }: DecodedArtifact): Remark {
  return {
    sort: 'ignored',
    code: 'not-an-artifact',
    message: `<${element.local}> is not an artifact and is left out`,
    at,
  }
}

function remark({ severity, code, message, at, hint }: Diagnostic): Remark {
  // Two of a name are a matter of what is put together, not of what is supported.
  const sort =
    code === 'duplicate-name'
      ? 'warning'
      : severity === 'error'
        ? 'refused'
        : severity === 'hint'
          ? 'ignored'
          : 'warning'
  return { sort, code, message, at, ...(hint !== undefined && { hint }) }
}

/** Elements of the language; what is written in place of payloads is none. */
function* walk(element: XmlElement): Generator<XmlElement> {
  if (element.uri !== SYNAPSE_NS && element.uri !== '') return
  yield element
  for (const child of element.childElements) yield* walk(child)
}

/** What may hold mediators; a `<log>` inside a payload template is none. */
const FLOWS =
  /^(?:sequence|inSequence|outSequence|faultSequence|in|out|then|else|case|default|foreach|onComplete|on-fail|onAccept|onReject|onCacheHit|target|scatter-gather)$/

function isMediator(local: string, parent: XmlElement, { catalog }: DecodeEnv): boolean {
  return FLOWS.test(parent.local) && catalog.mediator(local) !== undefined
}

const ENDPOINTS =
  /^(?:address|http|wsdl|default|loadbalance|failover|recipientlist|dynamicLoadbalance|serviceDynamicLoadbalance|class)$/

function isEndpointKind({ local }: XmlElement): boolean {
  return ENDPOINTS.test(local)
}

function usesOf(elements: readonly XmlElement[], offered: (local: string) => boolean): Use[] {
  const counts = new Map<string, number>()
  for (const { local } of elements) counts.set(local, (counts.get(local) ?? 0) + 1)
  return [...counts]
    .map(([name, count]) => ({ name, count, offered: offered(name) }))
    .sort((a, b) => Number(a.offered) - Number(b.offered) || b.count - a.count || (a.name < b.name ? -1 : 1))
}

function kindsOf(artifacts: readonly Assessed[]): KindCount[] {
  const kinds = new Map<string, { total: number } & Record<Verdict, number>>()
  for (const { kind, verdict } of artifacts) {
    const count = kinds.get(kind) ?? { total: 0, supported: 0, changed: 0, refused: 0 }
    count.total++
    count[verdict]++
    kinds.set(kind, count)
  }
  return [...kinds]
    .map(([kind, count]) => ({ kind, ...count }))
    .sort((a, b) => b.total - a.total || (a.kind < b.kind ? -1 : 1))
}
