import type { DiskFault, DiskOperation } from '../scripted-disk.ts'
import type { Mortality } from './mortality.ts'
import type { Simulation } from './simulation.ts'

/** How often a machine whose disk has failed a sync loses its power soon, and within how many steps. */
const DIES_OF_IT = 0.3
const DEATH_THROES = 40

/** What the disk does instead of what it is asked, and how long it takes for that. */
export class DiskTrouble {
  readonly #simulation: Simulation
  readonly #mortality: Mortality
  #writing = 0

  constructor(simulation: Simulation, mortality: Mortality) {
    this.#simulation = simulation
    this.#mortality = mortality
  }

  /** An operation takes its time. */
  get isWriting(): boolean {
    return this.#writing > 0
  }

  decide(operation: DiskOperation): DiskFault | undefined | Promise<DiskFault | undefined> {
    const { account, dice, life, passage, plan } = this.#simulation
    passage.sign()
    const end = this.#mortality.onDisk(operation)
    if (end !== undefined) return end
    const { kind } = operation
    const fails = kind !== 'read' && kind !== 'list' && kind !== 'open'
    if (fails && life && this.#simulation.strikes('disk error')) {
      this.#simulation.tell(`the disk fails at ${kind}`)
      account.unsure()
      // What the system believes to be written, and is not, shows only when it has to be read back.
      if (kind === 'syncData' && dice.chance(DIES_OF_IT)) this.#mortality.soon('power', dice.between(1, DEATH_THROES))
      return 'EIO'
    }
    const { disk } = plan.latency
    return disk > 0 && kind === 'syncData' ? this.#takeTime(dice.between(1, disk)) : undefined
  }

  async #takeTime(ms: number): Promise<undefined> {
    const { faults, clock, passage } = this.#simulation
    faults.note('disk slow')
    this.#writing++
    await clock.sleep(ms)
    this.#writing--
    passage.sign()
  }
}
