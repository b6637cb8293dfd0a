/** What the resources of the management API have in common. */
import type { Artifact, Diagnostic, Log, Registry, RoleName } from '../kernel/contracts.ts'
import { IntegrationError, textOf } from '../kernel/errors.ts'
import { maskValue, maskXml } from '../kernel/secrets.ts'
import type { LogLevels } from '../observe/levels.ts'

export interface ApiRequest {
  /** Parts of the path: `store`, `id`. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string | undefined>>
  /** The JSON that was sent; undefined if there was none. */
  readonly body: unknown
  /** Who is logged in; empty where no login is needed. */
  readonly user: string
}

export interface ApiAnswer {
  readonly status: number
  /** An object is sent as JSON, bytes as they are. */
  readonly body?: object
  readonly bytes?: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

export type Handler = (request: ApiRequest) => ApiAnswer | Promise<ApiAnswer>
export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

export interface Resource {
  /** Below `/management`, with `:name` for the variable parts. */
  readonly path: string
  readonly methods: Readonly<Partial<Record<Method, Handler>>>
}

/** What is known about an artifact besides its instance; whoever has the sources can tell. */
export interface ArtifactDescription {
  /** The XML it was read from. */
  readonly configuration?: string
  readonly parameters?: Readonly<Record<string, string>>
  /** As the API prints it: `address`, `http`, … */
  readonly type?: string
}

export interface ManagementReport {
  /** True once the first deployment has finished. */
  readonly ready: boolean
  readonly diagnostics: readonly Diagnostic[]
  readonly faulty: readonly {
    readonly name: string
    readonly file: string
    readonly diagnostics: readonly Diagnostic[]
  }[]
  readonly journal?: {
    readonly state: string
    readonly reason?: string
    readonly since: number
    /** What was found unreadable; empty in a sound journal. */
    readonly damage?: readonly { readonly file: string; readonly offset: number; readonly what: string }[]
  }
}

export interface JournalUse {
  readonly segments: number
  /** Claimed on disk. */
  readonly bytes: number
  /** Of those, bytes of records that are still needed. */
  readonly liveBytes: number
  /** Messages held in all queues. */
  readonly live: number
  /** Commits since the start, and the records in them. */
  readonly groups: number
  readonly records: number
}

/** What the resources work on. */
export interface Managed {
  readonly version: string
  readonly registry: () => Registry
  readonly report: () => ManagementReport
  readonly log: Log
  readonly levels?: LogLevels
  readonly describe?: (artifact: Artifact) => ArtifactDescription | undefined
  /** Stores nobody deployed: where messages are that were set aside. */
  readonly quarantines?: () => readonly { readonly name: string; readonly held: number }[]
  /** What the journal has done and what it takes on disk. */
  readonly journalUse?: () => JournalUse | undefined
  /** Base addresses of the services, such as `http://localhost:8280`. */
  readonly addresses?: () => readonly string[]
}

export const ok = (body: object): ApiAnswer => ({ status: 200, body })

export function refusal(status: number, text: string): ApiAnswer {
  return { status, body: { Error: text } }
}

/** A failure of a store, processor or endpoint as an answer: worth trying again later, or not. */
export function failure(what: string, thrown: unknown): ApiAnswer {
  const retryable = thrown instanceof IntegrationError && thrown.retryable
  return refusal(retryable ? 503 : 500, `${what}: ${textOf(thrown)}`)
}

/** MI's list: filtered by `searchKey`, a part of the name in any case. */
export function listed(
  request: ApiRequest,
  names: readonly string[],
  item: (name: string) => object | undefined,
): ApiAnswer {
  const part = request.query['searchKey']?.toLowerCase() ?? ''
  const list = names.filter(name => name.toLowerCase().includes(part)).flatMap(name => item(name) ?? [])
  return ok({ count: list.length, list })
}

/** The strings of a JSON payload, or the refusal if one is missing. */
export function textsOf(body: unknown, ...names: readonly string[]): readonly string[] | ApiAnswer {
  if (typeof body !== 'object' || body === null) return refusal(400, 'JSON payload is missing')
  const values = names.map(name => (body as Record<string, unknown>)[name])
  return values.every(value => typeof value === 'string') ? values : refusal(400, 'Missing parameters in payload')
}

export function isAnswer(value: readonly string[] | ApiAnswer): value is ApiAnswer {
  return 'status' in value
}

/** Extra knowledge about an artifact, with its secrets masked. */
export function described(
  { registry, describe }: Managed,
  role: RoleName,
  name: string,
): { file: string; configuration: string; parameters: Record<string, string>; type?: string } {
  const artifact = registry()
    .list(role)
    .find(artifact => artifact.name === name)
  const description = artifact && describe?.(artifact)
  const parameters = Object.entries(description?.parameters ?? {}).map(([key, value]) => [key, maskValue(key, value)])
  return {
    file: artifact?.at.file ?? '',
    configuration: maskXml(description?.configuration ?? ''),
    parameters: Object.fromEntries(parameters) as Record<string, string>,
    ...(description?.type !== undefined && { type: description.type }),
  }
}

export interface AuditEntry {
  readonly by: string
  readonly action:
    | 'enabled'
    | 'disabled'
    | 'deleted'
    | 'moved'
    | 'updated'
    | 'login'
    | 'logout'
    | 'refused'
    | 'triggered'
  readonly type: string
  readonly info: Readonly<Record<string, string | number>>
}

/** One line with a JSON object, `info` a JSON string in it, as MI writes its audit log. */
export function audit(log: Log, { by, action, type, info }: AuditEntry): void {
  const entry = { performedBy: by, action, type, info: JSON.stringify(info) }
  log.info(JSON.stringify(entry), { category: 'AUDIT_LOG' })
}

export const iso = (time: number): string => new Date(time).toISOString()
