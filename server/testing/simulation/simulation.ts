import { ManualClock, type Clock } from '../../kernel/clock.ts'
import { ScriptedDisk } from '../scripted-disk.ts'
import { Account } from './account.ts'
import { Checks } from './checks.ts'
import { Clients } from './clients.ts'
import { Deployments } from './deployments.ts'
import { Dice } from './dice.ts'
import { DiskTrouble } from './disk-trouble.ts'
import { EndpointWatch } from './endpoint-watch.ts'
import { Faults, type Chance, type FaultKind } from './faults.ts'
import { Inspection } from './inspection.ts'
import type { Life } from './life.ts'
import { Lives } from './lives.ts'
import { Mortality } from './mortality.ts'
import { Operator } from './operator.ts'
import { Passage } from './passage.ts'
import { takeOver } from './process-wide.ts'
import { planOf, type Plan } from './plan.ts'
import { ScriptedBackEnd } from './scripted-back-end.ts'
import { ScriptedBroker } from './scripted-broker.ts'
import { Story } from './story.ts'
import type { Surroundings } from './surroundings.ts'
import { defect, Violation } from './violation.ts'

export interface Result {
  readonly seed: number
  readonly messages: number
  readonly fired: ReadonlyMap<FaultKind, number>
  readonly violation: Violation | undefined
  /** The story of the message it is about, if it was asked for. */
  readonly timeline: string
}

export interface Options {
  /** Keeps the story, to be printed. */
  readonly told?: boolean
  /** How many messages, and what belongs to one, are alive in this process. */
  readonly memory?: () => number
}

/** Milliseconds after healing in which everything has to be delivered; a wall clock set back may cost an hour. */
const LONG_ENOUGH = 4 * 3_600_000

/** Plays one seed to its end, or to the first broken promise. One at a time: ids come from the seed. */
export async function simulate(seed: number, options: Options = {}): Promise<Result> {
  const simulation = new Simulation(seed, options)
  const violation = await simulation.run()
  return {
    seed,
    messages: simulation.account.messages.length,
    fired: simulation.faults.fired,
    violation,
    timeline: simulation.timeline(violation),
  }
}

/** The world of one seed: everything outside of the server, and the server in it. */
export class Simulation implements Surroundings {
  readonly dice: Dice
  readonly plan: Plan
  readonly faults: Faults
  readonly clock = new ManualClock()
  readonly disk = new ScriptedDisk()
  readonly broker: ScriptedBroker
  readonly backEnd: ScriptedBackEnd
  readonly account: Account
  readonly endpoints: EndpointWatch
  readonly inspection: Inspection
  readonly deployments: Deployments
  readonly story: Story | undefined
  readonly lives: Lives
  readonly passage: Passage
  readonly #operator: Operator
  readonly #clients: Clients
  readonly #checks: Checks
  readonly #mortality: Mortality
  readonly #trouble: DiskTrouble
  readonly #seed: number
  #violation: Violation | undefined
  #stepped = false
  #turn!: () => Promise<boolean>

  constructor(seed: number, { told = false, memory }: Options = {}) {
    this.#seed = seed
    this.dice = new Dice(seed)
    this.faults = new Faults(this.dice)
    this.plan = planOf(this.dice)
    this.story = told ? new Story(() => this.clock.monotonic()) : undefined
    const fail = (violation: Violation): void => this.fail(violation)
    const isTroubled = (): boolean => this.life !== null && this.life.journal.status.state !== 'open'
    this.account = new Account(this.plan, (message, text) => this.story?.tell(message, text), fail, isTroubled)
    const { latency, routes, crashes } = this.plan
    this.endpoints = new EndpointWatch(routes, this.account, this.clock, fail)
    this.broker = new ScriptedBroker(this, latency.broker)
    this.backEnd = new ScriptedBackEnd(this, this.account, this.endpoints, latency.backEnd)
    this.inspection = new Inspection(this.plan, this.account, this.broker)
    this.deployments = new Deployments(this.plan)
    this.#operator = new Operator(this)
    this.lives = new Lives(this, this.#operator)
    this.#clients = new Clients(this)
    const checks = new Checks(this, this.#operator, this.#clients, memory)
    this.#checks = checks
    this.#mortality = new Mortality(crashes, {
      dice: this.dice,
      note: kind => this.faults.note(kind),
      die: how => this.lives.die(how),
    })
    this.passage = new Passage({
      clock: this.clock,
      turn: () => this.#turn(),
      turned: () => {
        if (this.lives.clock) this.#mortality.step()
      },
      look: () => checks.look(),
      stuck: why => checks.stuck(why),
      fail,
    })
    const trouble = new DiskTrouble(this, this.#mortality)
    this.#trouble = trouble
    this.disk.script = operation => trouble.decide(operation)
  }

  /** The server, once it has started. */
  get life(): Life | null {
    return this.lives.life
  }

  get violation(): Violation | undefined {
    return this.#violation
  }

  get isWriting(): boolean {
    return this.#trouble.isWriting
  }

  /** The wall clock was set: what is shown of the future no longer fits. */
  get wasStepped(): boolean {
    return this.#stepped
  }

  tell(text: string): void {
    this.story?.tell(undefined, text)
  }

  timeline(violation: Violation | undefined): string {
    return this.story?.timeline(this.#seed, this.plan, violation, this.account) ?? ''
  }

  fail(violation: Violation): void {
    this.#violation ??= violation
  }

  // ── the run ──

  async run(): Promise<Violation | undefined> {
    const process = takeOver(new Dice(this.#seed))
    this.#turn = process.turn
    try {
      await this.#play()
    } catch (thrown) {
      this.fail(thrown instanceof Violation ? thrown : defect(thrown))
    } finally {
      process.restore()
    }
    this.lives.end()
    return this.#violation
  }

  async #play(): Promise<void> {
    const { passage } = this
    const { arrivals, acts } = this.plan
    passage.agenda(arrivals, (_, number) => this.#clients.request(number))
    passage.agenda(acts, ({ act }) => this.#operator.act(act))
    this.lives.start()
    const last = Math.max(arrivals.at(-1)!.at, acts.at(-1)?.at ?? 0)
    this.clock.after(last + 1, () => {})
    await passage.until(() => this.clock.monotonic() > last, LONG_ENOUGH, 'the arrivals never end')
    this.#heal()
    await this.#drain()
    // As long as the journal may wait before it asks a disk again that was full.
    await passage.pass(30_000)
    this.#clients.probe()
    await this.#drain()
    await this.#checks.rest()
  }

  /** A wall clock that was set back may cost an hour; anything else is over in minutes. */
  #drain(): Promise<void> {
    const patience = this.#stepped ? LONG_ENOUGH : LONG_ENOUGH / 16
    const why = 'not everything was delivered after everything was healed'
    return this.passage.until(() => this.#checks.isDrained(), patience, why)
  }

  #heal(): void {
    this.tell('everything is healed')
    this.faults.on = false
    this.#mortality.heal()
    this.disk.capacity = Infinity
    this.broker.down = false
    this.backEnd.down.clear()
    this.#operator.heal()
  }

  /** The wall clock jumps. */
  step(ms: number): void {
    this.#stepped = true
    this.faults.note('clock step')
    this.tell(`the wall clock is set by ${ms} ms`)
    this.clock.step(ms)
  }

  // ── the ways out of the server, where it may die ──

  isAlive(clock: Clock): boolean {
    return clock === this.lives.clock
  }

  reach(clock: Clock, ms: number): Promise<void> {
    this.passage.sign()
    if (!this.isAlive(clock) || this.#violation || this.#mortality.step()) return never()
    return this.#arrive(clock, ms)
  }

  async #arrive(clock: Clock, ms: number): Promise<void> {
    await (ms === 0 ? Promise.resolve() : this.clock.sleep(ms))
    if (!this.isAlive(clock)) await never()
  }

  strikes(kind: Chance): boolean {
    return this.faults.strikes(kind)
  }

  stored(queue: string, body: Uint8Array): void {
    const message = this.account.in(body)
    if (message) this.story?.tell(message.number, `the broker has it in ${queue}`)
  }
}

/** A new one each time: whatever waited for one that all share would never be forgotten. */
function never(): Promise<never> {
  return new Promise(() => {})
}
