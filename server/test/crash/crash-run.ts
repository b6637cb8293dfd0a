import { watch, type FSWatcher } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { startBackend, type Backend } from '../../../axis2-mock/main.ts'
import { Changes } from '../../kernel/changes.ts'
import { systemClock } from '../../kernel/clock.ts'
import { textOf } from '../../kernel/errors.ts'
import { serverChild, startBrokerChild, startServer, type Child, type ServerOptions } from '../../testing/child.ts'
import { ManagementClient } from '../../testing/management-client.ts'
import { digestOf, orderIdIn, OrderLoad } from '../../testing/order-load.ts'
import { freePorts } from '../../testing/ports.ts'
import { problemsOf, repeated, report, type Account, type Arrival, type Kill, type Problem } from './account.ts'
import { LEAST_ACCEPTED, sayRound, type Moment, type Round, type Victim } from './plan.ts'
import { deploy, type Scenario } from './scenarios.ts'

const LANES = 24
/** Orders for the parking service, each round. */
const PARKED = 3
/** The smallest there is: segments are begun, sealed and deleted all the time. */
const SMALL_FILES = { HOLDFAST_JOURNAL_SEGMENT_SIZE: '1 MiB' }
/** A server that takes longer to accept or to deliver what a round asks for has lost something. */
const PATIENCE_MS = 45_000
/** The files may change no more; then the kill comes all the same. */
const LONGEST_WAIT_MS = 300
const PAUSE_MS = 20
/** Of a log, shown with a failure. */
const LINES = 40

export interface RoundResult {
  /** False: too few accepted, or nothing under way, when the kill came. */
  readonly counts: boolean
  readonly accepted: number
  readonly inFlight: number
  readonly milliseconds: number
}

export interface Summary {
  readonly sent: number
  readonly accepted: number
  readonly unanswered: number
  readonly arrived: number
  readonly repeated: number
  readonly kills: number
}

/** Server, broker, back end and clients of one scenario. The back end lives in this process and sees everything. */
export class CrashRun implements AsyncDisposable {
  readonly #scenario: Scenario
  readonly #folder: string
  readonly #backend: Backend
  readonly #server: ServerOptions
  readonly #brokerPort: number
  readonly #alive = new Map<Victim, Child>()
  readonly #load: OrderLoad
  readonly #parking: OrderLoad | undefined
  readonly #arrivals: Arrival[] = []
  readonly #arrived = new Set<string>()
  readonly #kills: Kill[] = []
  readonly #events: { at: number; what: string }[] = []
  readonly #changes = new Changes(systemClock)
  readonly #watchers: FSWatcher[] = []
  #fileChanges = 0
  #seen = 0
  #broken: Error | undefined

  private constructor(
    scenario: Scenario,
    folder: string,
    backend: Backend,
    ports: { http: number; management: number; broker: number },
  ) {
    this.#scenario = scenario
    this.#folder = folder
    this.#backend = backend
    this.#brokerPort = ports.broker
    this.#server = {
      home: join(folder, 'server'),
      artifacts: join(folder, 'artifacts'),
      ports,
      args: ['--quiet'],
      env: SMALL_FILES,
    }
    const { path, padding, parking } = scenario
    const load = { port: ports.http, padding: (number: number) => (number * 7919) % padding }
    this.#load = new OrderLoad({ ...load, path, lanes: LANES, prefix: 'order' })
    this.#parking = parking && new OrderLoad({ ...load, path: parking.path, lanes: 1, prefix: 'parked' })
    backend.seen.onChange(() => this.#see())
  }

  static async open(scenario: Scenario): Promise<CrashRun> {
    const folder = await mkdtemp(join(tmpdir(), `holdfast-crash-${scenario.name}-`))
    const backend = await startBackend({ port: 0, remember: { requests: 64, bytes: 2 ** 24, keys: 0 } })
    const [http, management, broker] = (await freePorts(3)) as [number, number, number]
    const run = new CrashRun(scenario, folder, backend, { http, management, broker })
    try {
      await deploy(run.#server.artifacts, await scenario.artifacts({ broker, backend: backend.port }))
      for (const data of [run.#dataFolder('server'), ...(scenario.broker ? [run.#dataFolder('broker')] : [])]) {
        await mkdir(data, { recursive: true })
        run.#watchers.push(watch(data, event => event === 'rename' && run.#fileChanged()))
      }
      if (scenario.broker) await run.#start('broker')
      await run.#start('server')
    } catch (thrown) {
      await run[Symbol.asyncDispose]()
      throw thrown
    }
    return run
  }

  /** Plays one round and settles its account. Rejects with a report where a promise was broken. */
  async play(round: Round): Promise<RoundResult> {
    const began = systemClock.monotonic()
    this.#note(sayRound(round))
    const load = this.#load
    const before = load.accepted
    load.acceptUpTo(Infinity)
    this.#parking?.acceptUpTo(this.#parking.accepted + PARKED)
    await this.#untilAccepted(before + round.accepted)
    await this.#moment(round.moment)
    const accepted = load.accepted - before
    const { inFlight } = load
    load.acceptUpTo(0)
    await this.#kill(round.victims)
    if (round.again !== undefined) await this.#killStarting(round.again)
    if (!round.victims.includes('server')) await this.#accept(round.meanwhile)
    for (const victim of round.revived) {
      await this.#start(victim)
      if (victim === 'server') await this.#accept(round.meanwhile)
    }
    await this.#accept(round.after)
    await load.quiet()
    await this.#delivered(load)
    const counts = accepted >= LEAST_ACCEPTED && inFlight > 0
    return { counts, accepted, inFlight, milliseconds: Math.round(systemClock.monotonic() - began) }
  }

  /** Lets everything arrive, stops in good order and settles the whole account. */
  async finish(): Promise<Summary> {
    const { parking } = this.#scenario
    if (this.#parking && parking) {
      this.#parking.acceptUpTo(0)
      await this.#parking.quiet()
      await deploy(this.#server.artifacts, new Map([['release.xml', parking.release()]]))
      await this.#delivered(this.#parking)
    }
    await this.#emptied()
    for (const victim of ['server', 'broker'] as const) {
      const child = this.#alive.get(victim)
      if (!child) continue
      this.#alive.delete(victim)
      const { code } = await child.end('SIGTERM')
      if (code !== 0) throw child.failure(`the ${victim} did not stop in good order`)
    }
    await this.#settle()
    const orders = this.#loads().flatMap(({ orders }) => orders)
    return {
      sent: orders.length,
      accepted: orders.filter(({ outcome }) => outcome === 'accepted').length,
      unanswered: orders.filter(({ outcome }) => outcome === 'unknown').length,
      arrived: this.#arrived.size,
      repeated: this.#loads().reduce((sum, load) => sum + repeated(this.#account(load)), 0),
      kills: this.#kills.length,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const watcher of this.#watchers) watcher.close()
    await Promise.all(this.#loads().map(load => load.stop()))
    const children = [...this.#alive.values()]
    this.#alive.clear()
    await Promise.all(children.map(child => child[Symbol.asyncDispose]()))
    await this.#backend.stop()
    // What broke a promise can be looked at afterwards.
    if (!this.#broken) await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }

  #loads(): OrderLoad[] {
    return this.#parking ? [this.#load, this.#parking] : [this.#load]
  }

  #dataFolder(victim: Victim): string {
    return join(this.#folder, victim, victim === 'server' ? 'data' : 'broker')
  }

  #note(what: string): void {
    this.#events.push({ at: systemClock.now(), what })
  }

  #see(): void {
    const { requests, total } = this.#backend.seen
    const news = requests.slice(Math.max(0, requests.length - (total - this.#seen)))
    if (news.length === 0) return
    this.#seen = total
    for (const { at, body, key } of news) {
      const order = orderIdIn(body)
      this.#arrivals.push({ number: this.#arrivals.length + 1, at, order, digest: digestOf(body), key })
      if (order !== undefined) this.#arrived.add(order)
    }
    this.#changes.tell()
  }

  #fileChanged(): void {
    this.#fileChanges++
    this.#changes.tell()
  }

  // ── killing and reviving ──

  async #start(victim: Victim): Promise<void> {
    this.#note(`${victim} is started`)
    const child =
      victim === 'server'
        ? await startServer(this.#server)
        : await startBrokerChild(join(this.#folder, 'broker'), this.#brokerPort, SMALL_FILES)
    this.#note(`${victim} is ready`)
    this.#alive.set(victim, child)
  }

  async #kill(victims: readonly Victim[]): Promise<void> {
    const at = systemClock.now()
    const children = victims.map(victim => this.#alive.get(victim)!)
    for (const victim of victims) this.#alive.delete(victim)
    for (const child of children) child.signal('SIGKILL')
    await this.#buried(at, victims, children)
  }

  async #killStarting(ms: number): Promise<void> {
    const child = serverChild(this.#server)
    await systemClock.sleep(ms)
    child.signal('SIGKILL')
    await this.#buried(systemClock.now(), ['server'], [child])
  }

  async #buried(at: number, victims: readonly Victim[], children: readonly Child[]): Promise<void> {
    for (const child of children) {
      const { signal } = await child.exited
      if (signal !== 'SIGKILL') throw child.failure('it ended before it was killed')
    }
    // What they had sent is with us, but perhaps not yet read: after a whole turn of the event loop it is.
    await turn()
    await turn()
    this.#kills.push({ at, victims, arrivals: this.#arrivals.length })
  }

  async #moment(moment: Moment): Promise<void> {
    if (moment.after === 'time') return systemClock.sleep(moment.ms)
    const enough = this.#fileChanges + moment.changes
    await this.#changes
      .until(
        () => this.#fileChanges >= enough,
        LONGEST_WAIT_MS,
        () => '',
      )
      .catch(() => {})
  }

  // ── waiting and settling ──

  /** Rejects when a process ends that nobody killed. */
  #endedByItself(): Promise<never> {
    return Promise.race(
      [...this.#alive].map(async ([victim, child]) => {
        await child.exited
        // Killed since, in its turn.
        if (this.#alive.get(victim) !== child) return new Promise<never>(() => {})
        this.#broken ??= child.failure(`the ${victim} ended by itself`)
        throw this.#broken
      }),
    )
  }

  async #accept(more: number): Promise<void> {
    const target = this.#load.accepted + more
    this.#load.acceptUpTo(target)
    await this.#untilAccepted(target)
  }

  async #untilAccepted(target: number): Promise<void> {
    try {
      await Promise.race([this.#load.until(target, PATIENCE_MS), this.#endedByItself()])
    } catch (thrown) {
      throw this.#broken ?? (await this.#failure(textOf(thrown)))
    }
  }

  /** Resolves once every accepted order of this load has arrived; rejects with a report if one does not. */
  async #delivered(load: OrderLoad): Promise<void> {
    const awaited = new Set<string>()
    for (const { id, outcome } of load.orders) if (outcome === 'accepted' && !this.#arrived.has(id)) awaited.add(id)
    const complete = (): boolean => {
      for (const id of awaited) {
        if (!this.#arrived.has(id)) return false
        awaited.delete(id)
      }
      return true
    }
    const arrived = this.#changes.until(complete, PATIENCE_MS, () => '').catch(() => {})
    await Promise.race([arrived, this.#endedByItself()])
    await this.#settle(load)
  }

  /** Resolves once no store holds a message. */
  async #emptied(): Promise<void> {
    const management = new ManagementClient(this.#server.ports.management)
    const since = systemClock.monotonic()
    for (;;) {
      const depths = await management.depths()
      if (Object.values(depths).every(depth => depth === 0)) return
      if (systemClock.monotonic() - since > PATIENCE_MS) {
        throw await this.#failure(`everything has arrived, but stores still hold messages: ${JSON.stringify(depths)}`)
      }
      await systemClock.sleep(PAUSE_MS)
    }
  }

  async #settle(...loads: readonly OrderLoad[]): Promise<void> {
    const settled = loads.length > 0 ? loads : this.#loads()
    for (const load of settled) {
      const account = this.#account(load)
      const problems = this.#problems(account)
      if (problems.length > 0) throw await this.#failure(report(account, problems))
    }
  }

  #account(load: OrderLoad): Account {
    const isParked = (order: string | undefined): boolean => order?.startsWith('parked-') === true
    const arrivals = this.#arrivals.filter(({ order }) => isParked(order) === (load === this.#parking))
    return { orders: load.orders, arrivals, kills: this.#kills, events: this.#events }
  }

  #problems(account: Account): Problem[] {
    return problemsOf(account, { workers: 1, ordered: this.#scenario.ordered })
  }

  async #failure(text: string): Promise<Error> {
    const log = join(this.#server.home, 'logs', 'holdfast.log')
    const lines = (await readFile(log, 'utf8').catch(() => '')).trimEnd().split('\n').slice(-LINES)
    const broker = this.#alive.get('broker')?.output ?? ''
    this.#broken = new Error(
      [
        `${this.#scenario.name}: ${text}`,
        `the end of ${log} (the folder is kept):`,
        ...lines,
        ...(broker ? [`the broker wrote:\n${broker}`] : []),
      ].join('\n'),
    )
    return this.#broken
  }
}
