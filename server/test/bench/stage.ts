/** The programs of a measurement: Holdfast of this or another checkout, a back end, and what it is measured beside. */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ADMIN } from '../../testing/child.ts'
import { freePorts } from '../../testing/ports.ts'
import type { Target } from './load.ts'
import { groupUsage, Program } from './processes.ts'

export const root = resolve(import.meta.dirname, '..', '..', '..')
const here = import.meta.dirname
const bare = join(here, 'bare.mjs')

/** Where the assembled peers are driven from; their folder is no part of this repository. */
export const peers = resolve(process.env['HOLDFAST_PEERS'] ?? join(root, '..', 'shared', 'peers'))

export interface Subject extends Target, AsyncDisposable {
  /** How much longer than others it takes until it runs at its speed, for each kind of request. */
  readonly warmUpSeconds?: number
  /** Milliseconds from its start until `path` first answers 200 to a POST. */
  answers(path: string): Promise<number>
}

/** A server on some artifacts. */
export interface Kind {
  readonly name: string
  open(artifacts: string): Promise<Subject>
}

export class BackEnd implements AsyncDisposable {
  readonly #program: Program

  private constructor(program: Program) {
    this.#program = program
  }

  static async start(): Promise<BackEnd> {
    const [port] = await freePorts(1)
    const program = new Program('back end', `http://127.0.0.1:${port}`, [bare, 'backend', String(port)])
    await program.answers('/pass')
    return new BackEnd(program)
  }

  get url(): string {
    return this.#program.url
  }

  /** How many messages have arrived. */
  async counted(): Promise<number> {
    return Number(await (await fetch(`${this.url}/count`)).text())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#program[Symbol.asyncDispose]()
  }
}

/** The XML of a file of this folder, with the addresses of what it talks to. */
export function artifactsOf(file: string, backend: string, more: Readonly<Record<string, string>> = {}): string {
  let xml = readFileSync(join(here, file), 'utf8').replaceAll('BACKEND', backend)
  for (const [word, value] of Object.entries(more)) xml = xml.replaceAll(word, value)
  return xml
}

/** Holdfast as `checkout` builds it. Its folders are made below `work`. */
export class Holdfast implements Kind {
  readonly name: string
  readonly #checkout: string
  readonly #work: string

  constructor(name: string, checkout: string, work: string) {
    this.name = name
    this.#checkout = checkout
    this.#work = work
  }

  async open(artifacts: string): Promise<RunningHoldfast> {
    const folder = mkdtempSync(join(this.#work, 'holdfast-'))
    mkdirSync(join(folder, 'artifacts'))
    writeFileSync(join(folder, 'artifacts', 'workloads.xml'), artifacts)
    return this.reopen(folder)
  }

  /** Another life on the folders of an earlier one. */
  async reopen(folder: string): Promise<RunningHoldfast> {
    const [http, management] = (await freePorts(2)) as [number, number]
    const args = ['run', '--quiet', '--artifacts', join(folder, 'artifacts'), '--home', join(folder, 'home')]
    const ports = ['--http-port', String(http), '--https-port', '0', '--management-port', String(management)]
    const program = new Program(
      this.name,
      `http://127.0.0.1:${http}`,
      [join(this.#checkout, 'dist', 'holdfast.js'), ...args, ...ports],
      { HOLDFAST_ADMIN_USER: ADMIN.user, HOLDFAST_ADMIN_PASSWORD: ADMIN.password },
    )
    return new RunningHoldfast(program, `http://127.0.0.1:${management}`, folder)
  }
}

/** The part of the management API's answer that is looked at. */
export interface JournalUse {
  readonly commits: number
  readonly records: number
  readonly messages: number
  readonly liveBytes: number
}

export class RunningHoldfast implements Subject {
  readonly folder: string
  readonly #program: Program
  readonly #management: string
  #token: Promise<string> | undefined

  constructor(program: Program, management: string, folder: string) {
    this.#program = program
    this.#management = management
    this.folder = folder
  }

  get name(): string {
    return this.#program.name
  }

  get url(): string {
    return this.#program.url
  }

  get usage(): Target['usage'] {
    return this.#program.usage
  }

  answers(path: string): Promise<number> {
    return this.#program.answers(path)
  }

  /** Highest resident memory so far, in MB. */
  get peakMb(): number {
    return this.#program.peakMb
  }

  async processor(name: string, status: 'active' | 'inactive'): Promise<void> {
    await this.#manage('POST', '/message-processors', { name, status })
  }

  async journal(): Promise<JournalUse> {
    return (await this.#manage('GET', '/server'))['journal'] as JournalUse
  }

  async waiting(store: string): Promise<number> {
    return Number((await this.#manage('GET', `/message-stores?name=${store}`))['size'])
  }

  async #manage(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.#management}/management${path}`, {
      method,
      headers: { authorization: `Bearer ${await (this.#token ??= this.#login())}` },
      ...(body && { body: JSON.stringify(body) }),
    })
    if (response.status !== 200) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as Record<string, unknown>
  }

  async #login(): Promise<string> {
    const basic = Buffer.from(`${ADMIN.user}:${ADMIN.password}`).toString('base64')
    const answer = await fetch(`${this.#management}/management/login`, { headers: { authorization: `Basic ${basic}` } })
    return ((await answer.json()) as { AccessToken: string }).AccessToken
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#program[Symbol.asyncDispose]()
  }
}

/** Programs of `bare.mjs`: an empty Node, and a fastify server with one route. */
export async function bareProgram(mode: 'empty' | 'fastify'): Promise<Program> {
  const [port] = await freePorts(1)
  const args = mode === 'empty' ? [bare, mode] : [bare, mode, String(port)]
  return new Program(`bare ${mode}`, `http://127.0.0.1:${port}`, args)
}

/** The least a Node proxy can do, from the folder of peers; its libraries are ours. */
export function bareProxies(work: string): Kind[] {
  const source = join(peers, 'bare', 'server.mjs')
  if (!existsSync(source)) return []
  const folder = join(root, '.cache', 'bench')
  mkdirSync(folder, { recursive: true })
  cpSync(source, join(folder, 'server.mjs'))
  return ['http-dispatch', 'fastify-request'].map(name => ({
    name,
    async open(artifacts) {
      const routes = join(mkdtempSync(join(work, 'bare-')), 'routes.xml')
      writeFileSync(routes, artifacts)
      const [port] = await freePorts(1)
      return new Program(name, `http://127.0.0.1:${port}`, [join(folder, 'server.mjs'), name, String(port), routes])
    },
  }))
}

interface PeerServer {
  readonly urls: { readonly HTTP: string }
  readonly process: { readonly child: { readonly pid: number } }
  start(signal: AbortSignal): Promise<void>
  stop(): Promise<unknown>
}

const synapseAdapter = join(peers, '..', 'conformance', 'adapters', 'synapse.mjs')

/** Why Apache Synapse cannot be measured here, and what to do about it. */
export function withoutSynapse(): string | undefined {
  const home = process.env['SYNAPSE_HOME']
  if (!home) return 'SYNAPSE_HOME is not set; let it name the folder its assemble.sh has filled'
  if (!existsSync(join(home, 'repository', 'conf', 'axis2.xml')))
    return `SYNAPSE_HOME=${home} holds no Apache Synapse (no repository/conf/axis2.xml)`
  if (!existsSync(synapseAdapter))
    return `${synapseAdapter} is not there, which starts it; let HOLDFAST_PEERS name the folder of the peers, with conformance beside it`
  if (spawnSync('which', ['java']).status !== 0) return 'there is no java on the path'
  return undefined
}

/**
 * Apache Synapse, if {@link withoutSynapse} has nothing against it: started as the conformance runner starts it, with
 * `options` for its Java behind those of SYNAPSE_JAVA_OPTS.
 */
export function synapse(work: string, options = ''): Kind {
  return {
    name: 'synapse',
    async open(artifacts) {
      const { create } = (await import(pathToFileURL(synapseAdapter).href)) as { create(parts: object): PeerServer }
      const caseDir = mkdtempSync(join(work, 'synapse-'))
      const [artifactsDir, homeDir] = [join(caseDir, 'artifacts'), join(caseDir, 'home')]
      for (const folder of [artifactsDir, homeDir]) mkdirSync(folder)
      writeFileSync(join(artifactsDir, 'synapse.xml'), artifacts)
      const [http, https, management] = await freePorts(3)
      const ports = { http, https, management }
      const logFile = join(caseDir, 'server.log')
      const { SYNAPSE_JAVA_OPTS: given = '' } = process.env
      process.env['SYNAPSE_JAVA_OPTS'] = `${given} ${options}`
      const server = create({ caseDir, artifactsDir, homeDir, logFile, ports, environment: {}, startTimeoutMs: 90_000 })
      process.env['SYNAPSE_JAVA_OPTS'] = given
      const began = performance.now()
      await server.start(new AbortController().signal)
      const pid = server.process.child.pid
      return {
        name: 'synapse',
        url: server.urls.HTTP,
        warmUpSeconds: 8,
        get usage() {
          return groupUsage(pid, readdirSync('/proc'))
        },
        answers: async () => performance.now() - began,
        async [Symbol.asyncDispose]() {
          await server.stop()
        },
      }
    },
  }
}
