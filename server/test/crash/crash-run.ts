import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { startBackend, type Backend } from '../../../axis2-mock/main.ts'
import { Changes } from '../../kernel/changes.ts'
import { systemClock } from '../../kernel/clock.ts'
import { textOf } from '../../kernel/errors.ts'
import type { ServerOptions } from '../../testing/child.ts'
import { ManagementClient } from '../../testing/management-client.ts'
import { digestOf, orderIdIn, OrderLoad } from '../../testing/order-load.ts'
import { freePorts } from '../../testing/ports.ts'
import { problemsOf, repeated, report, type Account, type Arrival, type Kill, type Problem } from './account.ts'
import { LEAST_ACCEPTED, momentName, sayRound, type Moment, type Round, type Victim } from './plan.ts'
import { deploy, reworded, type Scenario } from './scenarios.ts'
import { Victims, type Death } from './victims.ts'

const LANES = 24
/** Orders for the parking service, each round. */
const PARKED = 3
/** A server that accepts and delivers nothing for so long, though a round asks for it, has lost something. */
const PATIENCE_MS = 45_000
/** Accepted orders that count as getting on. */
const STEP = 20
const PAUSE_MS = 20
/** Accepted and not yet delivered, at most, while a point is waited for. */
const BACKLOG = 150
/** Of a log, shown with a failure. */
const LINES = 40

export interface RoundResult {
  /** False: too few accepted, or nothing under way, when the kill came. */
  readonly counts: boolean
  readonly accepted: number
  readonly inFlight: number
  readonly milliseconds: number
  /** What the moment is called if the victim died exactly there, or before it could be killed. */
  readonly met: string | undefined
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
  readonly #victims: Victims
  readonly #files: ReadonlyMap<string, string>
  readonly #load: OrderLoad
  readonly #parking: OrderLoad | undefined
  readonly #arrivals: Arrival[] = []
  readonly #arrived = new Set<string>()
  readonly #kills: Kill[] = []
  readonly #events: { at: number; what: string }[] = []
  readonly #changes = new Changes(systemClock)
  #seen = 0
  #deployments = 0
  #broken: Error | undefined

  private constructor(
    scenario: Scenario,
    folder: string,
    backend: Backend,
    files: ReadonlyMap<string, string>,
    ports: { http: number; management: number; broker: number },
  ) {
    this.#scenario = scenario
    this.#folder = folder
    this.#backend = backend
    this.#files = files
    this.#server = { home: join(folder, 'server'), artifacts: join(folder, 'artifacts'), ports, args: ['--quiet'] }
    this.#victims = new Victims(this.#server, { home: join(folder, 'broker'), port: ports.broker })
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
    const files = await scenario.artifacts({ broker, backend: backend.port })
    const run = new CrashRun(scenario, folder, backend, files, { http, management, broker })
    try {
      await deploy(run.#server.artifacts, files)
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
    const { met, inFlight, accepted } = await this.#kill(round, before)
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
    return { counts, accepted, inFlight, milliseconds: Math.round(systemClock.monotonic() - began), met }
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
    await this.#victims.stop()
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
    await Promise.all(this.#loads().map(load => load.stop()))
    await this.#victims[Symbol.asyncDispose]()
    await this.#backend.stop()
    // What broke a promise can be looked at afterwards.
    if (!this.#broken) await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }

  #loads(): OrderLoad[] {
    return this.#parking ? [this.#load, this.#parking] : [this.#load]
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

  // ── killing and reviving ──

  async #start(victim: Victim): Promise<void> {
    this.#note(`${victim} is started`)
    await this.#victims.start(victim)
    this.#note(`${victim} is ready`)
  }

  async #kill({ victims, moment }: Round, before: number) {
    const load = this.#load
    // Those under way when the moment came, and those that lost their connection since.
    const began = load.orders.length
    const waiting = load.inFlight
    const death = await this.#die(victims, moment)
    load.acceptUpTo(0)
    const accepted = load.accepted - before
    const broken = load.orders.slice(began - waiting).filter(({ outcome }) => outcome === 'unknown').length
    const inFlight = moment.kind === 'stop' ? waiting : Math.max(load.inFlight, broken)
    await this.#buried(death === 'stopped before' ? victims.slice(1) : victims)
    return { met: death === 'killed' && 'at' in moment ? undefined : momentName(moment), inFlight, accepted }
  }

  async #die(victims: readonly Victim[], moment: Moment): Promise<Death> {
    const scripted = 'at' in moment && moment.at !== undefined
    switch (moment.kind) {
      case 'point': {
        using _paced = this.#paced()
        return await this.#victims.killAt(victims, moment, async () => {})
      }
      case 'deploy':
        if (scripted) return this.#victims.killAt(victims, moment, () => this.#deployAgain())
        await this.#deployAgain()
        await systemClock.sleep(moment.ms)
        break
      case 'stop': {
        const server = this.#victims.get('server')!
        if (scripted) return this.#victims.killAt(victims, moment, async () => server.signal('SIGTERM'))
        return this.#victims.killStopping(victims, moment.ms)
      }
      case 'arrival':
        await this.#arrival(moment.nth)
        break
      case 'time':
        await systemClock.sleep(moment.ms)
    }
    await this.#victims.kill(victims)
    return 'killed'
  }

  /** From now on no more is accepted than is delivered: a point may be a while off, and segments go as they empty. */
  #paced(): Disposable {
    const load = this.#load
    const most = load.accepted + BACKLOG - this.#arrived.size
    const pace = (): void => load.acceptUpTo(most + this.#arrived.size)
    pace()
    return { [Symbol.dispose]: this.#changes.on(pace) }
  }

  async #killStarting(ms: number): Promise<void> {
    await this.#victims.killStarting(ms)
    await this.#buried(['server'])
  }

  async #buried(victims: readonly Victim[]): Promise<void> {
    const at = systemClock.now()
    // What they had sent is with us, but perhaps not yet read: after a whole turn of the event loop it is.
    await turn()
    await turn()
    if (victims.length > 0) this.#kills.push({ at, victims, arrivals: this.#arrivals.length })
  }

  /** Every artifact is another one now and means the same: endpoints, stores and processors in use are replaced. */
  async #deployAgain(): Promise<void> {
    const number = ++this.#deployments
    const files = new Map([...this.#files].map(([name, xml]) => [name, reworded(xml, number)]))
    await deploy(this.#server.artifacts, files)
  }

  /** Resolves as the back end gets its so-manyth order from now, before it has answered. */
  async #arrival(nth: number): Promise<void> {
    const { seen } = this.#backend
    const target = seen.total + nth
    await seen.waitFor(({ total }) => total >= target, PATIENCE_MS)
  }

  // ── waiting and settling ──

  async #endedByItself(): Promise<never> {
    try {
      return await this.#victims.endedByItself()
    } catch (thrown) {
      throw (this.#broken ??= thrown as Error)
    }
  }

  async #accept(more: number): Promise<void> {
    const target = this.#load.accepted + more
    this.#load.acceptUpTo(target)
    await this.#untilAccepted(target)
  }

  async #untilAccepted(target: number): Promise<void> {
    const load = this.#load
    try {
      while (load.accepted < target) {
        await Promise.race([load.until(Math.min(load.accepted + STEP, target), PATIENCE_MS), this.#endedByItself()])
      }
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
    for (let before = -1; !complete() && this.#arrivals.length > before;) {
      before = this.#arrivals.length
      const further = (): boolean => this.#arrivals.length >= before + STEP || complete()
      const arrived = this.#changes.until(further, PATIENCE_MS, () => '').catch(() => {})
      await Promise.race([arrived, this.#endedByItself()])
    }
    await this.#settle(load)
  }

  /** Resolves once no store holds a message. */
  async #emptied(): Promise<void> {
    const management = new ManagementClient(this.#server.ports.management)
    let since = systemClock.monotonic()
    let least = Infinity
    for (;;) {
      const depths = await management.depths()
      const held = Object.values(depths).reduce((sum, depth) => sum + Math.abs(depth), 0)
      if (held === 0) return
      if (held < least) since = systemClock.monotonic()
      least = Math.min(least, held)
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
    const broker = this.#victims.get('broker')?.output ?? ''
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
