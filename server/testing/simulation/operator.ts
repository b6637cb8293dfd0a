import type { RoleName } from '../../kernel/contracts.ts'
import type { Intent } from './inspection.ts'
import type { Life } from './life.ts'
import type { Act, Outage } from './plan.ts'
import type { Simulation } from './simulation.ts'
import { Violation } from './violation.ts'

const ME = { by: 'operator:simulation' }
/** How long an operator takes to look at a processor that has given up. */
const ATTENTION = 3_000

/** The person at the console, and the troubles of the machine that come at a planned moment. */
export class Operator {
  readonly #simulation: Simulation
  readonly #intent = new Map<string, 'active' | 'inactive' | undefined>()
  /** Processors of which this life of the server has been asked something. */
  readonly #asked = new Set<string>()
  /** Commands each processor was given. */
  readonly #commands = new Map<string, number>()
  /** Processors whose state the disk has refused to keep: a restart forgets it. */
  readonly #unsaved = new Set<string>()
  #healing = false
  /** Commands that have not been answered by this life of the server. */
  readonly #pending = new Set<{ readonly what: string }>()

  constructor(simulation: Simulation) {
    this.#simulation = simulation
    for (const name of this.#processorNames) this.#intent.set(name, 'active')
  }

  /** What the server has said yes to. */
  get intent(): Intent {
    return this.#intent
  }

  get busy(): boolean {
    return this.#pending.size > 0
  }

  /** What has been asked for and is not done. */
  get unfinished(): readonly string[] {
    return [...this.#pending].map(({ what }) => what)
  }

  get #processorNames(): readonly string[] {
    return this.#simulation.plan.routes.flatMap(({ processors }) => processors.map(({ name }) => name))
  }

  act(act: Act): void {
    const { faults, clock, dice, life } = this.#simulation
    if (this.#healing) return
    if (act.kind === 'outage') return this.#outage(act.of, act.ms)
    if (act.kind === 'clock step') return this.#simulation.step(act.ms)
    if (act.kind === 'foreign message') return this.#foreign()
    if (!life) return void clock.after(1_000, () => this.act(act))
    switch (act.kind) {
      case 'change':
      case 'break':
      case 'remove':
        return this.#edit(life, act.kind)
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
        return this.#watch('restart', this.#simulation.lives.restart())
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
    this.stopped()
    this.#pending.clear()
    for (const name of this.#asked) this.#intent.set(name, undefined)
    this.#asked.clear()
  }

  /** It has stopped, or died: what was not saved is forgotten. */
  stopped(): void {
    for (const name of this.#unsaved) this.#intent.set(name, undefined)
    this.#unsaved.clear()
  }

  /** These have given up: somebody looks after them in a while. */
  notice(names: readonly string[]): void {
    if (names.length > 0) this.#simulation.account.interrupted()
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
    const { life, deployments, clock, endpoints, plan } = this.#simulation
    if (!life) return
    deployments.mend()
    this.#deploy(life)
    for (const { name } of plan.routes.flatMap(route => route.endpoints)) {
      const status = life.deployer.current.find('endpoint', name)?.status
      if (status) endpoints.switch(name, status, true)
    }
    const activate = (): void => {
      if (this.#simulation.life !== life) return
      for (const name of this.#processorNames) {
        if (life.processor(name)?.state.wanted === 'inactive') this.#switch(life, name, 'active')
      }
    }
    clock.after(20_000, activate)
  }

  #outage(of: Outage, ms: number): void {
    const { backEnd, broker, disk, clock, faults, account, dice, plan } = this.#simulation
    const all = plan.routes.flatMap(({ endpoints }) => endpoints.map(({ name }) => name))
    const names = of === 'back end' ? all : of === 'one back end' ? [dice.pick(all)] : []
    this.#simulation.tell(`outage of ${of}${of === 'one back end' ? ` (${names[0]})` : ''} for ${ms} ms`)
    faults.note(of === 'disk' ? 'disk full' : of === 'broker' ? 'broker outage' : 'back end outage')
    for (const name of names) backEnd.down.add(name)
    if (of === 'disk') {
      disk.capacity = disk.used
      account.unsure()
    } else if (of === 'broker') {
      broker.down = true
      broker.cut()
    }
    clock.after(ms, () => {
      this.#simulation.tell(`${of} is back`)
      for (const name of names) backEnd.down.delete(name)
      if (of === 'disk') disk.capacity = Infinity
      else if (of === 'broker') broker.down = false
    })
  }

  /** Only where somebody takes what can be read: what a sequence fails on is set aside in the same place. */
  #foreign(): void {
    const { plan, broker, faults, dice } = this.#simulation
    const stores = plan.routes.flatMap(({ sequence, stores }) => (sequence === undefined ? stores : []))
    const queues = stores.filter(({ kind, name }) => kind === 'jms' && !name.startsWith('failed'))
    if (queues.length === 0) return
    const { name } = dice.pick(queues)
    faults.note('foreign message')
    this.#simulation.tell(`somebody puts something into ${name} that is no message`)
    broker.putForeign(name)
  }

  #edit(life: Life, how: 'change' | 'break' | 'remove'): void {
    const { deployments, faults, dice } = this.#simulation
    faults.note(`deploy ${how}`)
    const path = deployments[how](dice)
    this.#simulation.tell(`${how} ${path}`)
    const { plan, account } = this.#simulation
    if (how !== 'change' && path.startsWith('endpoint'))
      for (const route of plan.routes) if (route.sequence !== undefined) account.allowFailures(route)
    this.#deploy(life)
  }

  #mend(life: Life): void {
    const { deployments, faults } = this.#simulation
    const mended = deployments.mend()
    if (mended.length === 0) return
    faults.note('deploy mend')
    this.#simulation.tell(`mended: ${mended.join(', ')}`)
    this.#deploy(life)
  }

  #deploy(life: Life): void {
    const { account, deployments, broker } = this.#simulation
    // A store that is replaced refuses what comes to it in that moment.
    broker.hadTrouble = true
    account.interrupted()
    const files = new Map(deployments.files)
    const broken = deployments.brokenFiles
    const removed = deployments.removedKeys
    const deployed = async (): Promise<void> => {
      const report = await life.deploy(files)
      if (this.#simulation.life !== life) return
      const find = (key: string): unknown => {
        const [role, name] = key.split(':') as [RoleName, string]
        return life.deployer.current.find(role, name)
      }
      for (const key of deployments.expected(files))
        if (!find(key)) throw new Violation('P9', `${key} is out of service after a deployment`)
      for (const key of removed) if (find(key)) throw new Violation('P9', `${key} is in service after its removal`)
      for (const file of broken) {
        const diagnostics = report.faulty.filter(one => one.file === file).flatMap(one => one.diagnostics)
        const said = diagnostics.some(({ at, message }) => at.line > 0 && at.column > 0 && message !== '')
        if (!said) throw new Violation('P9', `nobody says what is broken in ${file}, and where`)
      }
    }
    this.#watch('deployment', deployed(), life)
  }

  #switch(life: Life, name: string, wanted: 'active' | 'inactive'): void {
    const processor = life.processor(name)
    if (!processor) return
    if (wanted === 'inactive') this.#simulation.account.interrupted()
    this.#simulation.faults.note(wanted === 'active' ? 'activate' : 'deactivate')
    this.#simulation.tell(`processor ${name} is to be ${wanted}`)
    this.#intent.set(name, undefined)
    this.#asked.add(name)
    const command = (this.#commands.get(name) ?? 0) + 1
    this.#commands.set(name, command)
    const { faults } = this.#simulation
    const troubles = (): number => (life.journal.status.state === 'open' ? (faults.fired.get('disk error') ?? 0) : -1)
    const before = troubles()
    const switched = async (): Promise<void> => {
      if (wanted === 'active') await processor.activate(ME)
      else await processor.deactivate(ME, 'the simulation says so')
      if (this.#simulation.life !== life) return
      if (before < 0 || troubles() !== before) this.#unsaved.add(name)
      else this.#unsaved.delete(name)
      // Another command may have come in between, whose turn is now, or a new version of the processor.
      if (this.#commands.get(name) !== command || life.processor(name) !== processor) return
      this.#asked.delete(name)
      this.#intent.set(name, processor.state.wanted)
      if (processor.state.wanted !== wanted && wanted === 'inactive')
        throw new Violation('P7', `processor ${name} was deactivated and wants to be ${processor.state.wanted}`)
    }
    this.#watch(`${wanted} ${name}`, switched(), life)
  }

  #endpointOff(life: Life): void {
    const { dice, clock, plan, faults, endpoints } = this.#simulation
    const all = plan.routes.flatMap(route => (route.sequence === undefined ? route.endpoints : []))
    if (all.length === 0) return
    const { name } = dice.pick(all)
    const status = life.deployer.current.find('endpoint', name)?.status
    if (!status) return
    faults.note('endpoint off')
    this.#simulation.tell(`endpoint ${name} is switched off`)
    endpoints.switch(name, status, false)
    clock.after(2_000, () => {
      const now = this.#simulation.life?.deployer.current.find('endpoint', name)?.status
      if (now) endpoints.switch(name, now, true)
    })
  }

  #watch(what: string, command: Promise<void>, life?: Life): void {
    const pending = { what }
    this.#pending.add(pending)
    const done = (): void => void this.#pending.delete(pending)
    command.then(done, (thrown: unknown) => {
      done()
      const { life: now } = this.#simulation
      // A server on its way out takes no commands any more.
      if (life !== undefined && now !== life) return
      this.#simulation.fail(thrown instanceof Violation ? thrown : new Violation('defect', String(thrown)))
    })
  }
}
