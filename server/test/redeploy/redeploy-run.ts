import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { startBackend, type Backend } from '../../../axis2-mock/main.ts'
import { Changes } from '../../kernel/changes.ts'
import { systemClock } from '../../kernel/clock.ts'
import { startServer, type Child } from '../../testing/child.ts'
import { digestOf, orderIdIn, OrderLoad } from '../../testing/order-load.ts'
import { freePorts } from '../../testing/ports.ts'
import { SteadyLoad, type Asked } from '../../testing/steady-load.ts'
import { problemsOf, report, type Arrival } from '../crash/account.ts'
import { deploy } from '../crash/scenarios.ts'
import { artifactsOf, FIRST, PATHS, versionOf, type Change, type State } from './artifacts.ts'

const LANES = 8
/** Orders accepted and not yet delivered: a store that is removed for a while keeps what it has. */
const BACKLOG = 500
/** Longer than a deployment takes on a machine that has much else to do. */
const PATIENCE_MS = 30_000
const LOOK_AGAIN_MS = 20

const QUOTE =
  '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><m:getQuote xmlns:m="http://services.samples">' +
  '<m:request><m:symbol>IBM</m:symbol></m:request></m:getQuote></soapenv:Body></soapenv:Envelope>'

function passing(pauseMs: number, delayMs: number): Asked {
  const headers = { 'content-type': 'text/xml; charset=UTF-8', soapaction: '"urn:getQuote"' }
  const slow = delayMs > 0 ? { 'x-mock-fault': `delay=${delayMs}` } : {}
  return { path: PATHS.pass, body: QUOTE, headers: { ...headers, ...slow }, status: 200, answer: /IBM/, pauseMs }
}

const ASKED: readonly Asked[] = [
  ...Array.from({ length: 4 }, () => passing(5, 0)),
  // These outlive the deployment they began in, some of them several.
  ...Array.from({ length: 4 }, () => passing(0, 400)),
  ...Array.from({ length: 2 }, () => passing(0, 2_000)),
  ...Array.from({ length: 2 }, () => ({
    path: PATHS.version,
    body: '{}',
    headers: { 'content-type': 'application/json' },
    status: 200,
    answer: /"version"/,
    pauseMs: 5,
  })),
]

export interface Summary {
  readonly deployments: number
  readonly accepted: number
  readonly arrived: number
  readonly answered: number
  readonly slowest: number
}

/** A server under steady traffic whose artifacts change. Nothing is killed, so nothing is excused. */
export class RedeployRun implements AsyncDisposable {
  readonly #folder: string
  readonly #backend: Backend
  readonly #ports: { readonly http: number; readonly management: number }
  readonly #arrivals: Arrival[] = []
  readonly #arrived = new Set<string>()
  readonly #changes = new Changes(systemClock)
  #server: Child | undefined
  #orders: OrderLoad | undefined
  #steady: SteadyLoad | undefined
  #state: State = FIRST
  #number = 0
  #seen = 0
  #ending = false

  private constructor(folder: string, backend: Backend, ports: { http: number; management: number }) {
    this.#folder = folder
    this.#backend = backend
    this.#ports = ports
    backend.seen.onChange(() => this.#see())
  }

  static async open(): Promise<RedeployRun> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-redeploy-'))
    const backend = await startBackend({ port: 0, remember: { requests: 64, bytes: 2 ** 24, keys: 0 } })
    const [http, management] = (await freePorts(2)) as [number, number]
    const run = new RedeployRun(folder, backend, { http, management })
    try {
      await run.#write(FIRST)
      const artifacts = join(folder, 'artifacts')
      const home = join(folder, 'home')
      run.#server = await startServer({ home, artifacts, ports: run.#ports, args: ['--quiet'] })
      const padding = (number: number): number => (number * 7919) % 4_000
      run.#orders = new OrderLoad({ port: http, path: PATHS.store, lanes: LANES, prefix: 'order', padding })
      run.#pace()
      run.#steady = new SteadyLoad(http, ASKED)
    } catch (thrown) {
      await run[Symbol.asyncDispose]()
      throw thrown
    }
    return run
  }

  /** Makes the change, waits until it is in force, and looks at what the server says about it. */
  async change(name: string, change: Change): Promise<void> {
    const number = ++this.#number
    const before = this.#state
    this.#state = change(before, number)
    await this.#write(this.#state)
    await this.#until(`deployment ${number} (${name}) is in force`, async () => (await this.#version()) === number)
    const expected = [...this.#state.broken].toSorted()
    await this.#until(
      `deployment ${number} (${name}) reports what is broken: ${expected.join() || 'nothing'}`,
      async () => {
        const faulty = await this.#faulty()
        return faulty.join() === expected.join()
      },
    )
    this.#check(`deployment ${number} (${name})`)
  }

  /** Mends everything, lets it all arrive, stops in good order and settles the account. */
  async finish(): Promise<Summary> {
    const deployments = this.#number
    await this.change('mend', state => ({ ...state, broken: new Set(), spareEndpoint: true, spareStore: true }))
    const [orders, steady, server] = [this.#orders!, this.#steady!, this.#server!]
    await steady.stop()
    this.#ending = true
    orders.acceptUpTo(0)
    await orders.quiet()
    const accepted = orders.orders.filter(({ outcome }) => outcome === 'accepted')
    const complete = (): boolean => accepted.every(({ id }) => this.#arrived.has(id))
    this.#check('the end')
    await this.#changes.until(complete, PATIENCE_MS, () => '').catch(() => {})
    await orders.stop()
    const { code } = await server.end('SIGTERM')
    if (code !== 0) throw server.failure('the server did not stop in good order')
    const account = { orders: orders.orders, arrivals: this.#arrivals, kills: [], events: [] }
    // Two stores, and so two workers, take turns: order is kept in each of them only.
    const problems = problemsOf(account, { workers: 1, ordered: false })
    if (problems.length > 0) throw await this.#failure(report(account, problems))
    const { answered, slowest } = steady
    return {
      deployments,
      accepted: accepted.length,
      arrived: this.#arrived.size,
      answered,
      slowest: Math.round(slowest),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#orders?.stop()
    const stopping = this.#steady?.stop()
    await this.#server?.[Symbol.asyncDispose]()
    await stopping
    await this.#backend.stop()
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }

  #see(): void {
    const { requests, total } = this.#backend.seen
    const news = requests.slice(Math.max(0, requests.length - (total - this.#seen)))
    this.#seen = total
    for (const { at, body, key } of news) {
      const order = orderIdIn(body)
      if (order === undefined) continue
      this.#arrivals.push({ number: this.#arrivals.length + 1, at, order, digest: digestOf(body), key })
      this.#arrived.add(order)
    }
    this.#pace()
    this.#changes.tell()
  }

  #pace(): void {
    if (!this.#ending) this.#orders?.acceptUpTo(this.#arrived.size + BACKLOG)
  }

  async #write(state: State): Promise<void> {
    const folder = join(this.#folder, 'artifacts')
    const files = artifactsOf(state, this.#backend.port)
    await deploy(folder, files)
    for (const name of await readdir(folder)) {
      if (!files.has(name) && name !== 'version.xml') await rm(join(folder, name))
    }
    await deploy(folder, new Map([['version.xml', versionOf(this.#number)]]))
  }

  async #version(): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${this.#ports.http}${PATHS.version}`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    })
    return ((await response.json()) as { version: number }).version
  }

  /** Names of the files that the health check calls faulty. */
  async #faulty(): Promise<string[]> {
    const response = await fetch(`http://127.0.0.1:${this.#ports.management}/healthz`)
    const { faultyArtifacts } = (await response.json()) as { faultyArtifacts: { file: string }[] }
    return [...new Set(faultyArtifacts.map(({ file }) => basename(file)))].toSorted()
  }

  async #until(what: string, reached: () => Promise<boolean>): Promise<void> {
    const since = systemClock.monotonic()
    while (!(await reached())) {
      if (systemClock.monotonic() - since > PATIENCE_MS) throw await this.#failure(`it did not come about that ${what}`)
      await systemClock.sleep(LOOK_AGAIN_MS)
    }
  }

  #check(when: string): void {
    if (this.#server!.exit) throw this.#server!.failure('the server ended by itself')
    const { failures, failed } = this.#steady!
    if (failed > 0) {
      const shown = failures.map(({ path, what }) => `  ${path}: ${what}`).join('\n')
      throw new Error(`${failed} requests failed at ${when}\n${shown}`)
    }
    const refused = this.#orders!.orders.filter(({ outcome }) => outcome === 'refused' || outcome === 'unknown')
    if (refused.length > 0) {
      const shown = refused.slice(0, 5).map(({ id, outcome, status }) => `  ${id} ${outcome} ${status ?? ''}`)
      throw new Error(`${refused.length} orders were not accepted at ${when}\n${shown.join('\n')}`)
    }
  }

  async #failure(text: string): Promise<Error> {
    const log = await readFile(join(this.#folder, 'home', 'logs', 'holdfast.log'), 'utf8').catch(() => '')
    return new Error(`${text}\nthe end of the log:\n${log.trimEnd().split('\n').slice(-40).join('\n')}`)
  }
}
