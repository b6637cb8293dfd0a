import type { Simulation } from './simulation.ts'

/** A client that finds nobody tries again after so many milliseconds. */
const PAUSE = 300

/** Those who send the messages, each once, and believe the answer. */
export class Clients {
  readonly #simulation: Simulation
  /** Messages nobody has taken yet. */
  waiting: number

  constructor(simulation: Simulation) {
    this.#simulation = simulation
    this.waiting = simulation.plan.arrivals.length
  }

  request(number: number): void {
    const { account, clock, lives, passage } = this.#simulation
    const { life, clock: clockOfLife } = lives
    const message = account.messages[number]!
    if (!life?.has(message.route.proxy)) {
      clock.after(PAUSE, () => this.request(number))
      return
    }
    passage.sign()
    account.asked(number)
    this.waiting--
    life.request(message.route.proxy, message.body, { 'X-Key': message.key }, status => {
      if (lives.clock !== clockOfLife) return
      passage.sign()
      account.answered(number, status, this.#mayBeRefused)
    })
  }

  /** Each asks once more; all have to be taken at once. */
  probe(): void {
    const { arrivals, probes } = this.#simulation.plan
    this.waiting += probes.length
    probes.forEach((_, index) => this.request(arrivals.length + index))
  }

  /** The last store of each chain is on our disk: only that, a change of artifacts or the end can leave nobody. */
  get #mayBeRefused(): boolean {
    const { deployments, faults, life } = this.#simulation
    return life === null || deployments.wereTouched || faults.fired.has('disk error') || faults.fired.has('disk full')
  }
}
