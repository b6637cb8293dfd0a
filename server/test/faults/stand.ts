/** What every fault is played on: a server with its back end, clients that keep books, and all the ways to ask how it is. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { startBackend, type Backend, type SeenRequest } from '../../../axis2-mock/main.ts'
import { systemClock } from '../../kernel/clock.ts'
import { textOf } from '../../kernel/errors.ts'
import { serverChild, startServer, type Child } from '../../testing/child.ts'
import { ManagementClient } from '../../testing/management-client.ts'
import { digestOf, orderBody, orderIdIn, type SentOrder } from '../../testing/order-load.ts'
import { freePorts } from '../../testing/ports.ts'
import { problemsOf, report, type Arrival } from '../crash/account.ts'
import { deploy } from '../crash/scenarios.ts'

const FAULT_DISK = pathToFileURL(join(import.meta.dirname, '../../testing/fault-disk.mjs')).href
const LOOK_AGAIN_MS = 25
/** Healing takes pauses of its own; longer than this it has not healed by itself. */
const PATIENCE_MS = 40_000
/** A health check that takes longer is as good as none. */
const HEALTH_MS = 1_000
type Written = { -readonly [Name in keyof SentOrder]: SentOrder[Name] }
const LINES = 15

export interface Answer {
  /** Undefined: the connection broke, or nothing came in time. */
  readonly status: number | undefined
  readonly text: string
  readonly ms: number
  readonly id: string
}

export interface Health {
  readonly status: string
  readonly stores: readonly { readonly name: string; readonly state: string; readonly reason?: string }[]
  readonly processors: readonly ProcessorHealth[]
  readonly journal: { readonly state: string; readonly reason?: string; readonly damage?: readonly unknown[] }
}

export interface ProcessorHealth {
  readonly name: string
  readonly wanted: string
  readonly observed: string
  readonly reason?: string
  readonly attempts?: number
}

export interface StandOptions {
  readonly artifacts: (backendPort: number) => ReadonlyMap<string, string> | Promise<ReadonlyMap<string, string>>
  /** Where orders go. */
  readonly path: string
  readonly env?: Readonly<Record<string, string>>
  /** Runs the server under another program. */
  readonly under?: readonly string[]
  /** An existing folder, such as a disk of its own. */
  readonly home?: string
  /** Loads what makes the disk fail into the server. */
  readonly faultDisk?: boolean
}

export type Say = (who: 'client' | 'log' | 'health' | 'api' | 'healed' | 'note', text: string) => void

export class Stand implements AsyncDisposable {
  readonly folder: string
  readonly backend: Backend
  readonly http: number
  readonly home: string
  readonly #management: number
  readonly #options: StandOptions
  readonly #orders: Written[] = []
  /** Orders on which the back end has worked: a refusal is no arrival. */
  readonly #arrivals: Arrival[] = []
  readonly #arrived = new Set<string>()
  /** Requests the back end has not answered yet. */
  readonly #pending = new Set<SeenRequest>()
  #placed = 0
  #api: ManagementClient | undefined
  #seen = 0
  #server: Child | undefined
  /** What servers that have ended wrote. */
  #said = ''

  private constructor(folder: string, backend: Backend, ports: readonly [number, number], options: StandOptions) {
    this.folder = folder
    this.backend = backend
    this.http = ports[0]
    this.#management = ports[1]
    this.#options = options
    this.home = options.home ?? join(folder, 'home')
    backend.seen.onChange(() => this.#see())
  }

  /** Everything but the server. */
  static async prepare(options: StandOptions): Promise<Stand> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-faults-'))
    const backend = await startBackend({ port: 0, remember: { requests: 256, bytes: 2 ** 26, keys: 0 } })
    const stand = new Stand(folder, backend, (await freePorts(2)) as [number, number], options)
    await stand.deploy(await options.artifacts(backend.port))
    await mkdir(stand.home, { recursive: true })
    return stand
  }

  static async open(options: StandOptions): Promise<Stand> {
    const stand = await Stand.prepare(options)
    try {
      await stand.start()
      return stand
    } catch (thrown) {
      await stand[Symbol.asyncDispose]()
      throw thrown
    }
  }

  deploy(files: ReadonlyMap<string, string>): Promise<void> {
    return deploy(join(this.folder, 'artifacts'), files)
  }

  #parts(more: Readonly<Record<string, string>> = {}) {
    const { env = {}, under, faultDisk } = this.#options
    const loaded = faultDisk ? { NODE_OPTIONS: `--import=${FAULT_DISK}` } : {}
    return {
      home: this.home,
      artifacts: join(this.folder, 'artifacts'),
      ports: { http: this.http, management: this.#management },
      env: { HOLDFAST_JOURNAL_SEGMENT_SIZE: '1 MiB', ...loaded, ...env, ...more },
      ...(under && { under }),
    }
  }

  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#server = await startServer(this.#parts(env))
  }

  /** A start that must not succeed; what it wrote. */
  async startFails(): Promise<string> {
    const child = serverChild(this.#parts())
    const { code } = await child.exited
    if (code !== 1) throw child.failure(`it should have ended with 1`)
    return child.output
  }

  async stop(): Promise<void> {
    const server = this.#server!
    this.#server = undefined
    const { code } = await server.end('SIGTERM')
    this.#said += server.output
    if (code !== 0) throw server.failure('the server did not stop in good order')
  }

  get server(): Child {
    return this.#server!
  }

  /** All the server wrote to its console, which is what it logs. */
  get log(): string {
    return this.#said + (this.#server?.output ?? '')
  }

  /** Makes the disk of the server fail. */
  disk(fault: { under: string; calls: readonly string[]; code?: string; delayMs?: number } | null): void {
    this.server.tell({ disk: fault })
  }

  // ── asking ──

  /** One order on a connection of its own. */
  async order({ padding = 0, timeoutMs = 20_000, path = this.#options.path, port = this.http } = {}): Promise<Answer> {
    const id = `order-${this.#placed++}`
    const body = orderBody(id, padding)
    const order = { id, lane: 0, digest: digestOf(body), sentAt: systemClock.now(), localPort: 0 }
    const entry: Written = { ...order, outcome: 'sent', status: undefined, endedAt: undefined }
    this.#orders.push(entry)
    const { status, text, ms } = await post(port, path, body, timeoutMs)
    const outcome = status === undefined ? 'unknown' : status === 202 ? 'accepted' : 'refused'
    Object.assign(entry, { outcome, status, endedAt: systemClock.now() })
    return { status, text, ms, id }
  }

  /** So many orders, some at a time; every one must be accepted. */
  async accepted(count: number, padding = 0): Promise<void> {
    for (let left = count; left > 0; left -= 10) {
      const batch = Array.from({ length: Math.min(left, 10) }, () => this.order({ padding }))
      for (const { status, text } of await Promise.all(batch)) {
        if (status !== 202) throw this.failure(`an order was answered ${status} ${text}`)
      }
    }
  }

  /** A request that is answered at once, and has nothing to do with the books. */
  post(
    path: string,
    body: string,
    timeoutMs = 20_000,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    return post(this.http, path, body, timeoutMs, headers)
  }

  /** Fails if it takes longer than a second: whatever is broken, the health check answers. */
  async health(): Promise<Health> {
    const since = systemClock.monotonic()
    const response = await fetch(`http://127.0.0.1:${this.#management}/healthz`, {
      signal: AbortSignal.timeout(10_000),
    })
    const health = (await response.json()) as Health
    const ms = systemClock.monotonic() - since
    if (ms > HEALTH_MS) throw this.failure(`the health check took ${Math.round(ms)} ms`)
    return health
  }

  async processor(name: string): Promise<ProcessorHealth> {
    const { processors } = await this.health()
    return processors.find(one => one.name === name)!
  }

  async store(name: string): Promise<Health['stores'][number]> {
    const { stores } = await this.health()
    return stores.find(one => one.name === name)!
  }

  get api(): ManagementClient {
    return (this.#api ??= new ManagementClient(this.#management))
  }

  // ── waiting ──

  /** Asks again until the answer is there; undefined is "not yet". */
  async until<T>(what: string, look: () => Promise<T | undefined> | T | undefined, ms = PATIENCE_MS): Promise<T> {
    const since = systemClock.monotonic()
    for (;;) {
      if (this.#server?.exit) throw this.failure('the server ended by itself')
      const found = await look()
      if (found !== undefined) return found
      if (systemClock.monotonic() - since > ms) throw this.failure(`it did not come about that ${what}`)
      await systemClock.sleep(LOOK_AGAIN_MS)
    }
  }

  /** The first line of the log that matches. */
  logged(pattern: RegExp): Promise<string> {
    const look = (): string | undefined => this.log.split('\n').find(line => pattern.test(line))
    return this.until(`the log says ${String(pattern)}`, look)
  }

  /** An order is accepted again, without anybody having restarted anything. */
  async acceptsAgain(): Promise<number> {
    const since = systemClock.monotonic()
    await this.until('orders are accepted again', async () => ((await this.order()).status === 202 ? true : undefined))
    return Math.round(systemClock.monotonic() - since)
  }

  /** Every accepted order is at the back end. */
  async delivered(ms = PATIENCE_MS): Promise<void> {
    const missing = (): string[] => {
      const arrived = this.#arrived
      return this.#orders.filter(({ id, outcome }) => outcome === 'accepted' && !arrived.has(id)).map(({ id }) => id)
    }
    try {
      await this.until('all has arrived', () => (missing().length === 0 ? true : undefined), ms)
    } catch {
      throw this.failure(`${missing().length} accepted orders did not arrive: ${missing().slice(0, 5).join(', ')}`)
    }
  }

  /**
   * Waits until all has arrived and settles the account: nothing lost, nothing changed, and nothing twice unless answers
   * of the back end were lost (`repeats`); then with the same id.
   */
  async settle({ repeats = false, lost = [] as readonly string[] } = {}): Promise<string> {
    const gone = new Set(lost)
    const orders = this.#orders.filter(({ id }) => !gone.has(id))
    this.#orders.splice(0, this.#orders.length, ...orders)
    await this.delivered()
    const kinds = new Set(['missing', 'changed', 'key', ...(repeats ? [] : ['duplicate'])])
    const account = { orders, arrivals: this.#arrivals, kills: [], events: [] }
    const problems = problemsOf(account, { workers: 1, ordered: false }).filter(({ kind }) => kinds.has(kind))
    if (problems.length > 0) throw this.failure(report(account, problems))
    const count = (outcome: SentOrder['outcome']): number => orders.filter(order => order.outcome === outcome).length
    return `${count('accepted')} accepted, ${count('refused')} refused, ${this.#arrived.size} arrived, 0 lost`
  }

  /** Orders the back end has worked on. */
  get arrived(): ReadonlySet<string> {
    return this.#arrived
  }

  /** What was settled is no longer looked at: a long run would hold it all. */
  forget(): void {
    this.#orders.length = 0
    this.#arrivals.length = 0
    this.#arrived.clear()
  }

  failure(text: string): Error {
    const lines = this.log.trimEnd().split('\n').slice(-LINES)
    return new Error([text, 'the end of the log:', ...lines.map(line => line.slice(0, 400))].join('\n'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]()
    await this.backend.stop()
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  #see(): void {
    const { requests, total } = this.backend.seen
    const news = requests.slice(Math.max(0, requests.length - (total - this.#seen)))
    this.#seen = total
    for (const record of news) if (orderIdIn(record.body) !== undefined) this.#pending.add(record)
    for (const record of this.#pending) {
      const { at, body, key, executed, status } = record
      if (executed) {
        const order = orderIdIn(body)!
        this.#arrivals.push({ number: this.#arrivals.length + 1, at, order, digest: digestOf(body), key })
        this.#arrived.add(order)
      }
      if (executed || status !== undefined) this.#pending.delete(record)
    }
  }
}

function post(
  port: number,
  path: string,
  body: string,
  timeoutMs: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const since = systemClock.monotonic()
  const id = orderIdIn(Buffer.from(body)) ?? ''
  return new Promise(resolve => {
    const done = (status: number | undefined, text: string): void =>
      resolve({ status, text, ms: Math.round(systemClock.monotonic() - since), id })
    const sent = { 'content-type': 'text/xml; charset=UTF-8', soapaction: '"urn:placeOrder"', ...headers }
    const options = { port, host: '127.0.0.1', path, method: 'POST', agent: false, headers: sent }
    const request = http.request({ ...options, signal: AbortSignal.timeout(timeoutMs) }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', chunk => (text += chunk))
      response.on('end', () => done(response.statusCode, text))
      response.on('error', error => done(undefined, textOf(error)))
    })
    request.on('error', error => done(undefined, textOf(error)))
    request.end(body)
  })
}
