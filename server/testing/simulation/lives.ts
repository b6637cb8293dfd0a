import type { Clock } from '../../kernel/clock.ts'
import { Life } from './life.ts'
import { LifeClock } from './life-clock.ts'
import type { Operator } from './operator.ts'
import type { CrashPlan } from './plan.ts'
import type { Simulation } from './simulation.ts'
import { silentLog } from './story.ts'
import { defect, Violation } from './violation.ts'

/** Starts in a row that may fail: a disk that fails once in a while does not keep a server from starting for ever. */
const MOST_STILLBORN = 50

/** Life and death of the server. */
export class Lives {
  readonly #simulation: Simulation
  readonly #operator: Operator
  /** The server, once it has started. */
  life: Life | null = null
  #clock: LifeClock | null = null
  /** Whoever died last: memory is looked through before the next life begins. */
  #dead: Life | null = null
  #unborn = 0

  constructor(simulation: Simulation, operator: Operator) {
    this.#simulation = simulation
    this.#operator = operator
  }

  /** Of the server that lives, or is about to; what belongs to another one is dead. */
  get clock(): Clock | null {
    return this.#clock
  }

  start(): void {
    const { clock: time, story, disk, broker, backEnd, deployments, inspection, passage } = this.#simulation
    const clock = new LifeClock(time)
    this.#clock = clock
    if (story) story.life++
    this.#simulation.tell('the server starts')
    const parts = { clock, log: story?.log() ?? silentLog, disk: disk.process(), broker, http: backEnd.sender(clock) }
    const files = new Map(deployments.files)
    const begin = async (): Promise<void> => {
      try {
        const life = await Life.start(parts, files, begun => inspection.allowRepeats(begun))
        if (this.#clock !== clock) return
        this.life = life
        passage.sign()
        this.#simulation.tell('the server has started')
        deployments.started(files)
        this.#operator.started(life)
        this.#unborn = 0
      } catch (thrown) {
        if (this.#clock !== clock) return
        if (thrown instanceof Violation) return this.#simulation.fail(thrown)
        this.#simulation.tell(`the server does not start: ${String(thrown)}`)
        // Somebody starts it again.
        if (++this.#unborn > MOST_STILLBORN) return this.#simulation.fail(defect(thrown))
        this.die('kill')
      }
    }
    void begin()
  }

  die(how: CrashPlan['how']): void {
    const { dice, disk, broker, backEnd, account, clock: time } = this.#simulation
    this.#simulation.tell(`the server dies (${how})`)
    const clock = this.#clock!
    this.#clock = null
    this.#dead = this.life
    this.life = null
    disk.crashed = true
    clock.die()
    broker.forget(clock)
    backEnd.forget()
    account.died()
    this.#operator.died()
    const revive = (): void => void this.#revive(how).catch((thrown: unknown) => this.#simulation.fail(defect(thrown)))
    time.after(dice.pick([0, 100, 3_000]), revive)
  }

  /** In good order, as after SIGTERM, and up again. */
  async restart(): Promise<void> {
    const { life } = this
    if (!life) return
    const { account } = this.#simulation
    const clock = this.#clock!
    this.#simulation.tell('the server is stopped')
    this.life = null
    account.leaving()
    await this.#excuse(life)
    await life.stop()
    if (this.#clock !== clock) return
    this.#simulation.tell('the server has stopped')
    this.checkTimers(clock)
    clock.die()
    account.stopped()
    this.#operator.stopped()
    this.start()
  }

  /** A stopped server has none. */
  checkTimers(clock: LifeClock): void {
    if (clock.armed > 0) this.#simulation.fail(new Violation('leak', `a stopped server leaves ${clock.armed} timers`))
  }

  /** The simulation is over: nothing of it goes on. */
  end(): void {
    this.#clock?.die()
  }

  async #revive(how: CrashPlan['how']): Promise<void> {
    const { dice, disk } = this.#simulation
    await this.#excuse(this.#dead)
    this.#dead = null
    const share = dice.pick([0, 0.5, 1])
    if (how === 'kill') disk.kill()
    else disk.restart(() => dice.chance(share))
    this.start()
  }

  /** What was only in memory is gone with the server: that is what such a store says of itself. */
  async #excuse(life: Life | null): Promise<void> {
    if (!life) return
    const { account, inspection } = this.#simulation
    for (const message of await inspection.volatile(life)) account.excuse(message)
  }
}
