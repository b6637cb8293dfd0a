/** What is looked at from inside the server and at the broker: where messages are, and what is left behind. */
import type { Account, Known } from './account.ts'
import { Violation } from './account.ts'
import type { Life } from './life.ts'
import type { Plan, ProcessorPlan, StorePlan } from './plan.ts'
import type { ScriptedBroker } from './scripted-broker.ts'

/** What an operator has last been told a processor is to do; undefined: it cannot be known. */
export type Intent = ReadonlyMap<string, 'active' | 'inactive' | undefined>

export class Inspection {
  readonly #stores: readonly StorePlan[]
  readonly #processors: readonly ProcessorPlan[]
  readonly #account: Account
  readonly #broker: ScriptedBroker
  readonly #failStores: ReadonlySet<string>

  constructor(plan: Plan, account: Account, broker: ScriptedBroker) {
    this.#stores = plan.routes.flatMap(({ stores }) => stores)
    this.#processors = plan.routes.flatMap(({ processors }) => processors)
    this.#account = account
    this.#broker = broker
    this.#failStores = new Set(this.#processors.flatMap(({ failStore }) => failStore ?? []))
  }

  /** Messages in all stores, without looking at them. */
  async #held(life: Life, which: (store: StorePlan) => boolean): Promise<number> {
    let held = 0
    for (const store of this.#stores) {
      if (!which(store)) continue
      if (store.kind === 'journal') held += life.journal.queue(store.name).held
      else if (store.kind === 'jms') held += this.#broker.held(store.name)
      else held += (await life.store(store.name)?.depth()) ?? 0
    }
    return held
  }

  /** Cheap enough for every step: as many messages as are owed must be somewhere. */
  async count(life: Life): Promise<void> {
    const { owed } = this.#account
    if (owed === 0) return
    const held = await this.#held(life, () => true)
    if (held >= owed) return
    await this.locate(life)
    throw new Violation('P1', `${owed} accepted messages are owed and all stores together hold ${held}`)
  }

  /** Messages that wait for delivery. */
  waiting(life: Life): Promise<number> {
    return this.#held(life, ({ name }) => !this.#failStores.has(name))
  }

  /** Finds every accepted message that has not been delivered, by its bytes. */
  async locate(life: Life): Promise<void> {
    const found = new Map<Known, string[]>()
    for (const store of this.#stores) {
      for (const record of await this.#contents(life, store)) {
        const message = this.#account.in(record)
        if (!message) throw new Violation('P2', `store ${store.name} holds something nobody has sent`)
        const places = found.get(message)
        if (places) places.push(store.name)
        else found.set(message, [store.name])
      }
    }
    for (const message of this.#account.messages) {
      if (message.yes === 0 || message.processed > 0 || message.excused || found.has(message)) continue
      throw new Violation('P1', `message ${message.number} was accepted and is nowhere`, message.number)
    }
    for (const [message, places] of found) this.#checkPlaces(message, places)
  }

  #checkPlaces(message: Known, places: readonly string[]): void {
    const { number } = message
    for (const place of places) {
      if (!this.#failStores.has(place)) continue
      if (!this.#account.isGivenUp(message)) {
        const text = `message ${number} was given up after ${message.failures} real sends`
        throw new Violation('P8', text, number)
      }
    }
    // A client that has not got its yes may have its message kept twice: nobody knows of it.
    if (message.yes === 0) return
    const ours = places.filter(place => this.#stores.find(({ name }) => name === place)!.kind !== 'jms')
    if (ours.length > 1) throw new Violation('P5', `message ${number} is kept in ${ours.join(' and ')}`, number)
  }

  async #contents(life: Life, { name, kind }: StorePlan): Promise<Uint8Array[]> {
    if (kind === 'jms') return [...this.#broker.contents(name)]
    if (kind === 'memory') return inMemory(life, name)
    const records: Uint8Array[] = []
    for (const entry of await life.journal.queue(name).page(undefined, 1e6)) records.push((await entry.read()).body)
    return records
  }

  /** Messages whose only copy may be in memory. */
  async volatile(life: Life): Promise<Known[]> {
    const found: Known[] = []
    for (const { name, kind } of this.#stores) {
      if (kind !== 'memory') continue
      for (const body of await inMemory(life, name)) found.push(this.#account.in(body)!)
    }
    return found
  }

  /** P7: whoever does not work says why, and does what was asked of it last. Returns those that gave up by themselves. */
  processors(life: Life, intent: Intent): string[] {
    const gaveUp: string[] = []
    for (const { name, maxAttempts, endpoint } of this.#processors) {
      const state = life.processor(name)?.state
      if (!state) continue
      const wanted = intent.get(name)
      if (wanted === 'inactive' && state.wanted === 'active')
        throw new Violation('P7', `processor ${name} works although it was deactivated`)
      if (state.observed !== 'working' && state.observed !== 'idle' && state.observed !== 'stopping' && !state.reason)
        throw new Violation('P7', `processor ${name} is ${state.observed} and does not say why`)
      if (wanted !== 'active' || state.wanted === 'active') continue
      const message = state.messageId === undefined ? undefined : this.#account.named(state.messageId)
      const tries = endpoint === undefined ? state.attempts : message?.failures
      if (maxAttempts === 0 || (tries ?? 0) < maxAttempts) {
        throw new Violation(
          'P7',
          `processor ${name} gave up after ${tries ?? 0} tries: ${state.reason}`,
          message?.number,
        )
      }
      gaveUp.push(name)
    }
    return gaveUp
  }

  /** At rest nothing is on loan, nobody waits for anything but a message, and the disk holds what is needed. */
  rest(life: Life, backEndOpen: number): void {
    for (const { name } of this.#stores) {
      const { held, waiting } = life.journal.queue(name)
      if (held !== waiting) throw new Violation('leak', `${held - waiting} messages of store ${name} are still on loan`)
      const quarantined = life.journal.queue(`${name}.quarantine`).held
      if (quarantined > 0) throw new Violation('P4', `store ${name} has put ${quarantined} messages into quarantine`)
    }
    if (backEndOpen > 0) throw new Violation('leak', `${backEndOpen} requests to the back end are still open`)
    if (life.clock.armed > 0) throw new Violation('leak', `${life.clock.armed} timers are armed at rest`)
    if (life.listeners > 0) throw new Violation('leak', `${life.listeners} listeners wait for a deployment`)
    if (life.callers.size > 0) throw new Violation('leak', `${life.callers.size} callers are kept waiting`)
    const { connections } = this.#broker
    if (connections.size > 1) throw new Violation('leak', `${connections.size} connections to the broker are open`)
    const links = [...connections].reduce((sum, { receivers }) => sum + receivers.size, 0)
    const most = this.#processors.reduce((sum, { workers }) => sum + workers, 0)
    if (links > most) throw new Violation('leak', `${links} links to the broker for ${most} workers`)
    const { segments, live } = life.journal.stats()
    const kept = this.#stores.reduce((sum, { name }) => sum + life.journal.queue(name).held, 0)
    if (live !== kept) throw new Violation('leak', `the journal counts ${live} messages and its queues ${kept}`)
    if (kept === 0 && segments > 4) throw new Violation('leak', `an empty journal still has ${segments} segments`)
  }
}

async function inMemory(life: Life, store: string): Promise<Uint8Array[]> {
  const bodies: Uint8Array[] = []
  const found = life.store(store)
  if (found) for await (const { message } of found.browse()) bodies.push(message.body)
  return bodies
}
