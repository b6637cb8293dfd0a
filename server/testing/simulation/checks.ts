import type { Clients } from './clients.ts'
import type { Operator } from './operator.ts'
import type { Simulation } from './simulation.ts'
import { Violation } from './violation.ts'

/** What is looked at after each step, and at the end. */
export class Checks {
  readonly #simulation: Simulation
  readonly #operator: Operator
  readonly #clients: Clients
  readonly #memory: (() => number) | undefined

  constructor(simulation: Simulation, operator: Operator, clients: Clients, memory: (() => number) | undefined) {
    this.#simulation = simulation
    this.#operator = operator
    this.#clients = clients
    this.#memory = memory
  }

  /** Throws what is wrong. */
  async look(): Promise<void> {
    const { violation, life, account, endpoints, inspection, isWriting, wasStepped, clock } = this.#simulation
    if (violation) throw violation
    if (!life) return
    if (life.journal.status.state !== 'open') account.unsure()
    else if (!isWriting) account.quiet()
    await inspection.count(life)
    await inspection.checkFailover(life)
    endpoints.check(life)
    const now = wasStepped ? undefined : clock.now()
    this.#operator.notice(inspection.processors(life, this.#operator.intent, now))
  }

  /** Everything owed is delivered, and nobody waits for anything. */
  async isDrained(): Promise<boolean> {
    const { life, account, inspection } = this.#simulation
    if (!life || this.#clients.waiting > 0 || this.#operator.busy) return false
    return (account.owed === 0 || account.owed <= this.#givenUp()) && (await inspection.waiting(life)) === 0
  }

  /** Accepted messages that only the store for failed messages still has. */
  #givenUp(): number {
    const { account } = this.#simulation
    return account.messages.filter(one => account.isOwed(one) && account.isGivenUp(one)).length
  }

  async stuck(why: string): Promise<Violation> {
    const { life, account, inspection, plan } = this.#simulation
    if (!life) return new Violation('P7', `${why}: the server does not start`)
    await inspection.locate(life)
    const waiting = await inspection.waiting(life)
    const message = account.messages.find(one => account.isOwed(one))
    const states = plan.routes.flatMap(({ processors }) =>
      processors.map(({ name }) => `${name}: ${JSON.stringify(life.processor(name)?.state)}`),
    )
    const counts = `${account.owed} owed, ${waiting} waiting, ${this.#clients.waiting} unanswered`
    const text = `${why}: ${counts}, unfinished: ${this.#operator.unfinished.join()}; ${states.join('; ')}`
    return new Violation('P7', text, message?.number)
  }

  /** Nothing may be left behind, neither by a server at rest nor by one that has stopped, and nothing may come back. */
  async rest(): Promise<void> {
    const { lives, passage, clock, broker } = this.#simulation
    await passage.pass(60_000)
    await this.#leftBehind()
    this.#checkMemory()
    await lives.restart()
    await passage.until(() => lives.life !== null, 60_000, 'the server does not stop or not start again')
    await passage.pass(10_000)
    await this.#leftBehind()
    const life = lives.life!
    const stopped = life.stop()
    await passage.pass(10_000)
    await stopped
    lives.checkTimers(life.clock)
    if (broker.connections.size > 0) throw new Violation('leak', 'a stopped server leaves a connection')
    if (clock.armed > 0) throw new Violation('leak', `${clock.armed} timers are armed after the end`)
  }

  async #leftBehind(): Promise<void> {
    const { inspection, lives, backEnd } = this.#simulation
    await inspection.locate(lives.life!)
    inspection.rest(lives.life!, backEnd.open)
  }

  /** Each worker may remember its last try: three things for each message. */
  #checkMemory(): void {
    if (!this.#memory) return
    const alive = this.#memory()
    const { routes } = this.#simulation.plan
    const workers = routes.flatMap(({ processors }) => processors).reduce((sum, one) => sum + one.workers, 0)
    if (alive > 3 * (workers + 2))
      throw new Violation('leak', `${alive} objects of messages are alive at rest, with ${workers} workers`)
  }
}
