import type { RoleName } from '../../kernel/contracts.ts'
import { Violation } from './account.ts'
import type { Life } from './life.ts'
import type { Act } from './plan.ts'
import type { Simulation } from './simulation.ts'

const ME = { by: 'operator:simulation' }
/** How long an operator takes to look at a processor that has given up. */
const ATTENTION = 3_000

/** The person at the console, and the troubles of the machine that come at a planned moment. */
export class Operator {
  readonly #simulation: Simulation
  readonly #intent = new Map<string, 'active' | 'inactive' | undefined>()
  #healing = false
  /** Commands that have not been answered by this life of the server. */
  #pending = 0

  constructor(simulation: Simulation) {
    this.#simulation = simulation
    for (const name of this.#processorNames) this.#intent.set(name, 'active')
  }

  /** What the server has said yes to. */
  get intent(): ReadonlyMap<string, 'active' | 'inactive' | undefined> {
    return this.#intent
  }

  get busy(): boolean {
    return this.#pending > 0
  }

  get #processorNames(): readonly string[] {
    return this.#simulation.plan.routes.flatMap(({ processors }) => processors.map(({ name }) => name))
  }

  act(act: Act): void {
    const { faults, clock, dice, life } = this.#simulation
    if (this.#healing) return
    if (act.kind === 'outage') return this.#outage(act.of, act.ms)
    if (act.kind === 'clock step') {
      faults.note('clock step')
      this.#simulation.tell(`the wall clock is set by ${act.ms} ms`)
      return clock.step(act.ms)
    }
    if (!life) return void clock.after(1_000, () => this.act(act))
    switch (act.kind) {
      case 'change':
        faults.note('deploy change')
        this.#simulation.tell(`${this.#simulation.deployments.change(dice)} is changed`)
        return this.#deploy(life)
      case 'break':
        faults.note('deploy break')
        this.#simulation.tell(`${this.#simulation.deployments.break(dice)} is broken`)
        return this.#deploy(life)
      case 'mend':
        return this.#mend(life)
      case 'deactivate':
        return this.#switch(life, dice.pick(this.#processorNames), 'inactive')
      case 'activate':
        return this.#switch(life, dice.pick(this.#processorNames), 'active')
      case 'endpoint off':
        return this.#endpointOff(life)
      case 'restart':
        faults.note('restart')
        return this.#watch(this.#simulation.restart())
    }
  }

  /** A server has started. */
  started(life: Life): void {
    // What could not be known before can be seen now.
    for (const [name, wanted] of this.#intent) {
      const state = life.processor(name)?.state
      if (wanted === undefined && state) this.#intent.set(name, state.wanted)
    }
    if (this.#healing) this.heal()
  }

  /** Whatever was asked of the server that is gone may have happened or not. */
  died(): void {
    this.#pending = 0
    for (const name of this.#asked) this.#intent.set(name, undefined)
    this.#asked.clear()
  }

  readonly #asked = new Set<string>()

  /** These have given up: somebody looks after them in a while. */
  notice(names: readonly string[]): void {
    for (const name of names) {
      this.#intent.set(name, undefined)
      this.#simulation.tell(`processor ${name} has given up`)
      this.#simulation.clock.after(ATTENTION, () => {
        const { life } = this.#simulation
        if (life) this.#switch(life, name, 'active')
      })
    }
  }

  heal(): void {
    this.#healing = true
    const { life, deployments, clock } = this.#simulation
    if (!life) return
    deployments.mend()
    this.#deploy(life)
    for (const route of this.#simulation.plan.routes) {
      life.deployer.current.find('endpoint', route.endpoint.name)?.status?.switchOn()
    }
    const activate = (): void => {
      if (this.#simulation.life !== life) return
      for (const name of this.#processorNames) {
        if (life.processor(name)?.state.wanted === 'inactive') this.#switch(life, name, 'active')
      }
    }
    clock.after(20_000, activate)
  }

  restart(): Promise<void> {
    return this.#simulation.restart()
  }

  #outage(of: 'back end' | 'broker' | 'disk', ms: number): void {
    const { backEnd, broker, disk, clock, faults, account } = this.#simulation
    this.#simulation.tell(`outage of ${of} for ${ms} ms`)
    faults.note(of === 'disk' ? 'disk full' : `${of} outage`)
    if (of === 'back end') backEnd.down = true
    else if (of === 'disk') {
      disk.capacity = disk.used
      account.unsure()
    } else {
      broker.down = true
      broker.cut()
    }
    clock.after(ms, () => {
      this.#simulation.tell(`${of} is back`)
      if (of === 'back end') backEnd.down = false
      else if (of === 'disk') disk.capacity = Infinity
      else broker.down = false
    })
  }

  #mend(life: Life): void {
    const { deployments, faults } = this.#simulation
    const mended = deployments.mend()
    if (mended.length > 0) faults.note('deploy mend')
    this.#simulation.tell(`mended: ${mended.join(', ')}`)
    this.#deploy(life)
  }

  #deploy(life: Life): void {
    const { deployments } = this.#simulation
    const files = new Map(deployments.files)
    const broken = deployments.brokenFiles
    const deployed = async (): Promise<void> => {
      const report = await life.deploy(files)
      if (this.#simulation.life !== life) return
      for (const key of deployments.expected(files)) {
        const [role, name] = key.split(':') as [RoleName, string]
        if (!life.deployer.current.find(role, name))
          throw new Violation('P9', `${key} is out of service after a deployment`)
      }
      for (const file of broken) {
        const said = report.faulty.some(one => one.file === file && one.diagnostics.some(({ at }) => at.line > 0))
        if (!said) throw new Violation('P9', `nobody says that ${file} is broken`)
      }
    }
    this.#watch(deployed(), life)
  }

  #switch(life: Life, name: string, wanted: 'active' | 'inactive'): void {
    const processor = life.processor(name)
    if (!processor) return
    this.#simulation.faults.note(wanted === 'active' ? 'activate' : 'deactivate')
    this.#simulation.tell(`processor ${name} is to be ${wanted}`)
    this.#intent.set(name, undefined)
    this.#asked.add(name)
    const switched = async (): Promise<void> => {
      if (wanted === 'active') await processor.activate(ME)
      else await processor.deactivate(ME, 'the simulation says so')
      if (this.#simulation.life !== life) return
      // Another command may have come in between, or a new version of the processor.
      if (life.processor(name) !== processor) return
      this.#asked.delete(name)
      this.#intent.set(name, processor.state.wanted)
      if (processor.state.wanted !== wanted && wanted === 'inactive')
        throw new Violation('P7', `processor ${name} was deactivated and wants to be ${processor.state.wanted}`)
    }
    this.#watch(switched(), life)
  }

  #endpointOff(life: Life): void {
    const { dice, clock, plan, faults } = this.#simulation
    const { name } = dice.pick(plan.routes).endpoint
    const status = life.deployer.current.find('endpoint', name)?.status
    if (!status) return
    faults.note('endpoint off')
    this.#simulation.tell(`endpoint ${name} is switched off`)
    status.switchOff()
    clock.after(2_000, () => life.deployer.current.find('endpoint', name)?.status?.switchOn())
  }

  #watch(command: Promise<void>, life?: Life): void {
    this.#pending++
    const done = (): void => {
      if (life === undefined || this.#simulation.life === life) this.#pending = Math.max(0, this.#pending - 1)
    }
    command.then(done, (thrown: unknown) => {
      done()
      const { life: now } = this.#simulation
      // A server on its way out takes no commands any more.
      if (life !== undefined && now !== life) return
      this.#simulation.fail(thrown instanceof Violation ? thrown : new Violation('defect', String(thrown)))
    })
  }
}
