import { setImmediate as turn } from 'node:timers/promises'
import { ManualClock, type Clock } from '../../kernel/clock.ts'
import { ScriptedDisk, type DiskFault, type DiskOperation } from '../scripted-disk.ts'
import { Account, Violation } from './account.ts'
import { Deployments } from './deployments.ts'
import { Dice } from './dice.ts'
import { Faults, type Chance, type FaultKind } from './faults.ts'
import { Inspection } from './inspection.ts'
import { Life } from './life.ts'
import { LifeClock } from './life-clock.ts'
import { Operator } from './operator.ts'
import { planOf, type Plan } from './plan.ts'
import { ScriptedBackEnd } from './scripted-back-end.ts'
import { ScriptedBroker } from './scripted-broker.ts'
import { silentLog, Story } from './story.ts'
import type { Surroundings } from './surroundings.ts'

export interface Result {
  readonly seed: number
  readonly messages: number
  readonly fired: ReadonlyMap<FaultKind, number>
  readonly violation: Violation | undefined
  /** The story of the message it is about, if it was asked for. */
  readonly timeline: string
}

/** Milliseconds after healing in which everything has to be delivered; a wall clock set back may cost an hour. */
const LONG_ENOUGH = 4 * 3_600_000
/** Timers that may run in that time: more is running in circles. */
const MOST_STEPS = 60_000
/** A client that finds nobody tries again. */
const CLIENT_PAUSE = 300
/** Turns of the event loop without a sign of life after which nothing is going on. */
const STILL = 3

/** Plays one seed to its end, or to the first broken promise. */
export async function simulate(seed: number, { told = false }: { told?: boolean } = {}): Promise<Result> {
  const simulation = new Simulation(seed, told)
  const violation = await simulation.run()
  return {
    seed,
    messages: simulation.account.messages.length,
    fired: simulation.faults.fired,
    violation,
    timeline: simulation.timeline(violation?.about),
  }
}

export class Simulation implements Surroundings {
  readonly dice: Dice
  readonly plan: Plan
  readonly faults: Faults
  readonly clock = new ManualClock()
  readonly disk = new ScriptedDisk()
  readonly broker: ScriptedBroker
  readonly backEnd: ScriptedBackEnd
  readonly account: Account
  readonly inspection: Inspection
  readonly deployments: Deployments
  readonly #operator: Operator
  readonly #story: Story | undefined
  #violation: Violation | undefined
  /** The server, once it has started. */
  life: Life | null = null
  #clockOfLife: LifeClock | null = null
  /** Whoever died last: memory is looked through before the next life begins. */
  #dead: Life | null = null
  #unborn = 0
  #crashes: Plan['crashes'][number][]
  #untilCrash: number
  #torn: 'write' | 'now' | null = null
  #signs = 0
  #unanswered = 0

  constructor(seed: number, told: boolean) {
    this.dice = new Dice(seed)
    this.faults = new Faults(this.dice)
    this.plan = planOf(this.dice)
    this.#story = told ? new Story(() => this.clock.monotonic()) : undefined
    this.#crashes = [...this.plan.crashes]
    this.#untilCrash = this.#crashes[0]?.after ?? Infinity
    this.account = new Account(
      this.plan,
      (message, text) => this.#story?.tell(message, text),
      violation => this.fail(violation),
      () => this.life !== null && this.life.journal.status.state !== 'open',
    )
    const { latency } = this.plan
    this.broker = new ScriptedBroker(this, latency.broker)
    this.backEnd = new ScriptedBackEnd(this, this.account, latency.backEnd)
    this.inspection = new Inspection(this.plan, this.account, this.broker)
    this.deployments = new Deployments(this.plan)
    this.#operator = new Operator(this)
    this.disk.script = operation => this.#disk(operation)
  }

  tell(text: string): void {
    this.#story?.tell(undefined, text)
  }

  timeline(about: number | undefined): string {
    const id = about === undefined ? undefined : this.account.messages[about]?.id
    return this.#story?.timeline(about, id) ?? ''
  }

  fail(violation: Violation): void {
    this.#violation ??= violation
  }

  // ── the run ──

  async run(): Promise<Violation | undefined> {
    try {
      await this.#play()
    } catch (thrown) {
      this.fail(thrown instanceof Violation ? thrown : crashOf(thrown))
    }
    this.#clockOfLife?.die()
    return this.#violation
  }

  async #play(): Promise<void> {
    for (const { at, act } of this.plan.acts) this.clock.after(at, () => this.#operator.act(act))
    this.#unanswered = this.plan.arrivals.length
    this.plan.arrivals.forEach(({ at }, number) => this.clock.after(at, () => this.#request(number)))
    this.#start()
    const lastAct = Math.max(this.plan.arrivals.at(-1)!.at, this.plan.acts.at(-1)?.at ?? 0)
    this.clock.after(lastAct + 1, () => {})
    await this.#until(() => this.clock.monotonic() > lastAct, LONG_ENOUGH, 'the arrivals never end')
    this.#heal()
    await this.#until(() => this.#isDrained(), LONG_ENOUGH, 'not everything was delivered after everything was healed')
    await this.#rest()
  }

  /** Moves time from one timer to the next, looking around after each. */
  async #until(over: () => boolean | Promise<boolean>, patience: number, why: string): Promise<void> {
    const end = this.clock.monotonic() + patience
    for (let steps = 0; ; steps++) {
      await this.#settle()
      await this.#look()
      if (await over()) return
      const due = this.clock.nextDue
      if (due === undefined || due > end || steps > MOST_STEPS) throw await this.#stuck(why)
      await this.clock.advance(due - this.clock.monotonic())
    }
  }

  /** Until nothing happens any more that needs no time. */
  async #settle(): Promise<void> {
    let seen = -1
    for (let still = 0; still < STILL; still++) {
      if (this.#signs !== seen) {
        seen = this.#signs
        still = 0
      }
      await turn()
    }
  }

  async #look(): Promise<void> {
    if (this.#violation) throw this.#violation
    const { life } = this
    if (!life) return
    await this.inspection.count(life)
    this.#operator.notice(this.inspection.processors(life, this.#operator.intent))
  }

  async #isDrained(): Promise<boolean> {
    const { life } = this
    if (!life || this.#unanswered > 0 || this.#operator.busy) return false
    return this.account.owed - this.#givenUp() <= 0 && (await this.inspection.waiting(life)) === 0
  }

  /** Accepted messages that only the store for failed messages still has. */
  #givenUp(): number {
    return this.account.messages.filter(
      one => one.yes > 0 && one.processed === 0 && !one.excused && this.account.isGivenUp(one),
    ).length
  }

  async #stuck(why: string): Promise<Violation> {
    const { life, account } = this
    if (!life) return new Violation('P7', `${why}: the server does not start`)
    await this.inspection.locate(life)
    const waiting = await this.inspection.waiting(life)
    const message = account.messages.find(one => one.yes > 0 && one.processed === 0 && !one.excused)
    const states = this.plan.routes.flatMap(({ processors }) =>
      processors.map(({ name }) => `${name}: ${JSON.stringify(life.processor(name)?.state)}`),
    )
    const text = `${why}: ${account.owed} owed, ${waiting} waiting, ${this.#unanswered} unanswered; ${states.join('; ')}`
    return new Violation('P7', text, message?.number)
  }

  #heal(): void {
    this.tell('everything is healed')
    this.faults.on = false
    this.#crashes = []
    this.#untilCrash = Infinity
    this.#torn = null
    this.disk.capacity = Infinity
    this.broker.down = false
    this.backEnd.down = false
    this.#operator.heal()
  }

  /** Nothing may be left behind, neither by a server at rest nor by one that has stopped, and nothing may come back. */
  async #rest(): Promise<void> {
    await this.#pass(60_000)
    await this.inspection.locate(this.life!)
    this.inspection.rest(this.life!, this.backEnd.open)
    await this.#operator.restart()
    await this.#until(() => this.life !== null, 60_000, 'the server does not stop or not start again')
    await this.#pass(10_000)
    await this.inspection.locate(this.life!)
    this.inspection.rest(this.life!, this.backEnd.open)
    const { clock } = this.life!
    const stopped = this.life!.stop()
    await this.#pass(10_000)
    await stopped
    if (clock.armed > 0) throw new Violation('leak', `a stopped server leaves ${clock.armed} timers`)
    if (this.broker.connections.size > 0) throw new Violation('leak', 'a stopped server leaves a connection')
    if (this.clock.armed > 0) throw new Violation('leak', `${this.clock.armed} timers are armed after the end`)
  }

  async #pass(ms: number): Promise<void> {
    const end = this.clock.monotonic() + ms
    this.clock.after(ms, () => {})
    await this.#until(() => this.clock.monotonic() >= end, ms, 'time stands still')
    await this.#settle()
  }

  // ── clients ──

  #request(number: number): void {
    const { life } = this
    const clockOfLife = this.#clockOfLife
    const message = this.account.messages[number]!
    const again = (): void => void this.clock.after(CLIENT_PAUSE, () => this.#request(number))
    if (!life || !life.has(message.route.proxy)) return again()
    this.#signs++
    this.account.asked(number)
    this.#unanswered--
    life.request(message.route.proxy, message.body, { 'X-Key': String(number % 3) }, status => {
      if (this.#clockOfLife !== clockOfLife) return
      this.#signs++
      this.account.answered(number, status)
    })
  }

  // ── the ways out of the server, where it may die ──

  lives(clock: Clock): boolean {
    return clock === this.#clockOfLife
  }

  reach(clock: Clock, ms: number): Promise<void> {
    this.#signs++
    if (clock !== this.#clockOfLife) return never
    if (this.#untilCrash !== Infinity && --this.#untilCrash <= 0 && !this.#tear()) {
      this.#crash()
      return never
    }
    return this.#arrive(clock, ms)
  }

  async #arrive(clock: Clock, ms: number): Promise<void> {
    await (ms === 0 ? Promise.resolve() : this.clock.sleep(ms))
    if (clock !== this.#clockOfLife) await never
  }

  strikes(kind: Chance): boolean {
    return this.faults.strikes(kind)
  }

  stored(queue: string, bytes: Buffer): void {
    const message = this.account.in(bytes)
    if (message) this.#story?.tell(message.number, `the broker has it in ${queue}`)
  }

  #disk({ kind, bytes }: DiskOperation): DiskFault | undefined {
    this.#signs++
    if (this.#torn === 'now') return this.#crash()
    if (this.#untilCrash !== Infinity && --this.#untilCrash <= 0) {
      if (!this.#tear()) return this.#crash()
      if (kind === 'write' && bytes > 1) {
        this.#torn = 'now'
        return this.dice.between(1, bytes - 1)
      }
    }
    if (kind !== 'read' && kind !== 'list' && kind !== 'open' && this.life && this.strikes('disk error')) {
      this.tell(`the disk fails at ${kind}`)
      this.account.unsure()
      return 'EIO'
    }
    return undefined
  }

  /** True while the crash waits for a write that it can leave half done. */
  #tear(): boolean {
    return this.#crashes[0]?.how === 'torn'
  }

  // ── life and death ──

  #start(): void {
    const clock = new LifeClock(this.clock)
    this.#clockOfLife = clock
    if (this.#story) this.#story.life++
    this.tell('the server starts')
    const { broker } = this
    const parts = {
      clock,
      log: this.#story?.log() ?? silentLog,
      disk: this.disk.process(),
      broker,
      http: this.backEnd.sender(clock),
    }
    const files = new Map(this.deployments.files)
    Life.start(parts, files).then(
      life => {
        if (this.#clockOfLife !== clock) return
        this.life = life
        this.#signs++
        this.tell('the server has started')
        this.deployments.started(files)
        this.#operator.started(life)
        this.#unborn = 0
      },
      (thrown: unknown) => {
        if (this.#clockOfLife !== clock) return
        this.tell(`the server does not start: ${String(thrown)}`)
        // Somebody starts it again; a disk that fails once in a while does not keep it from starting for ever.
        if (++this.#unborn > 50) return this.fail(crashOf(thrown))
        this.#die('kill')
      },
    )
  }

  #crash(): 'crash' {
    const { how } = this.#crashes.shift()!
    this.#untilCrash = this.#crashes[0]?.after ?? Infinity
    this.faults.note(how === 'kill' ? 'crash' : how === 'power' ? 'power loss' : 'torn write')
    this.#torn = null
    this.#die(how)
    return 'crash'
  }

  #die(how: 'kill' | 'power' | 'torn'): void {
    this.tell(`the server dies (${how})`)
    const clock = this.#clockOfLife!
    this.#clockOfLife = null
    this.#dead = this.life
    this.life = null
    this.disk.crashed = true
    clock.die()
    this.broker.forget(clock)
    this.backEnd.forget()
    this.account.died()
    this.#operator.died()
    this.clock.after(
      this.dice.pick([0, 100, 3_000]),
      () => void this.#revive(how).catch(thrown => this.fail(crashOf(thrown))),
    )
  }

  async #revive(how: 'kill' | 'power' | 'torn'): Promise<void> {
    await this.#excuse(this.#dead)
    this.#dead = null
    const share = this.dice.pick([0, 0.5, 1])
    if (how === 'kill') this.disk.kill()
    else this.disk.restart(() => this.dice.chance(share))
    this.#start()
  }

  /** What was only in memory is gone with the server: that is what such a store says of itself. */
  async #excuse(life: Life | null): Promise<void> {
    if (!life) return
    for (const message of await this.inspection.volatile(life)) this.account.excuse(message)
  }

  /** As after SIGTERM. */
  async restart(): Promise<void> {
    const life = this.life
    if (!life) return
    const clock = this.#clockOfLife!
    this.tell('the server is stopped')
    this.life = null
    this.account.leaving()
    await this.#excuse(life)
    await life.stop()
    if (this.#clockOfLife !== clock) return
    this.tell('the server has stopped')
    if (clock.armed > 0) this.fail(new Violation('leak', `a stopped server leaves ${clock.armed} timers`))
    clock.die()
    this.account.stopped()
    this.#start()
  }
}

const never = new Promise<never>(() => {})

function crashOf(thrown: unknown): Violation {
  const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
  return new Violation('defect', text)
}
