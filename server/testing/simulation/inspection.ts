/** What is looked at from inside the server and at the broker: where messages are, and what is left behind. */
import type { Account } from './account.ts'
import type { Known } from './known.ts'
import type { Life } from './life.ts'
import type { Plan } from './plan.ts'
import type { ProcessorPlan, StorePlan } from './routes.ts'
import type { ScriptedBroker } from './scripted-broker.ts'
import { Violation } from './violation.ts'

/** What an operator has last been told a processor is to do; undefined: it cannot be known. */
export type Intent = ReadonlyMap<string, 'active' | 'inactive' | undefined>

export class Inspection {
  readonly #stores: readonly StorePlan[]
  readonly #processors: readonly ProcessorPlan[]
  readonly #account: Account
  readonly #broker: ScriptedBroker
  readonly #failStores: ReadonlySet<string>
  readonly #sampled: ReadonlySet<string>

  constructor(plan: Plan, account: Account, broker: ScriptedBroker) {
    this.#stores = plan.routes.flatMap(({ stores }) => stores)
    this.#processors = plan.routes.flatMap(({ processors }) => processors)
    this.#account = account
    this.#broker = broker
    this.#failStores = new Set(this.#processors.flatMap(({ failStore }) => failStore ?? []))
    this.#sampled = new Set(this.#processors.flatMap(({ kind, store }) => (kind === 'sample' ? store : [])))
  }

  /** Messages in these stores, without looking at them. */
  async #held(life: Life, stores: readonly StorePlan[]): Promise<number> {
    let held = 0
    for (const { name, kind } of stores) {
      if (kind === 'journal') held += life.journal.queue(name).held
      else if (kind === 'jms') held += this.#broker.held(name)
      else held += (await life.store(name)?.depth()) ?? 0
      if (this.#sampled.has(name)) held += life.journal.queue(quarantineOf(name)).held
    }
    return held
  }

  /** Cheap enough for every step: as many messages as are owed must be somewhere. */
  async count(life: Life): Promise<void> {
    const { owed } = this.#account
    if (owed === 0) return
    const held = await this.#held(life, this.#stores)
    if (held >= owed) return
    await this.locate(life)
    throw new Violation('P1', `${owed} accepted messages are owed and all stores together hold ${held}`)
  }

  /** Messages that wait for delivery. */
  async waiting(life: Life): Promise<number> {
    const served = new Set(this.#processors.map(({ store }) => store))
    const stores = this.#stores.filter(({ name }) => served.has(name))
    let waiting = await this.#held(life, stores)
    for (const name of this.#sampled) waiting -= life.journal.queue(quarantineOf(name)).held
    for (const { name } of stores) waiting += this.#broker.foreignWaiting(name)
    return waiting
  }

  /** A way round is for trouble: nothing may be in the second store if the first has never had any. */
  async checkFailover(life: Life): Promise<void> {
    if (this.#broker.hadTrouble) return
    for (const { name, kind, failover } of this.#stores) {
      if (kind !== 'jms' || failover === undefined) continue
      const second = this.#stores.filter(store => store.name === failover)
      if ((await this.#held(life, second)) > 0)
        throw new Violation('P3', `store ${failover} has messages although store ${name} has never failed`)
    }
  }

  /** Finds every accepted message that has not been delivered, by its bytes. */
  async locate(life: Life): Promise<ReadonlyMap<Known, readonly string[]>> {
    const found = new Map<Known, string[]>()
    for (const store of this.#stores) {
      this.#note(found, store.name, await this.#contents(life, store))
      const aside = quarantineOf(store.name)
      if (this.#sampled.has(store.name)) this.#note(found, aside, await inJournal(life, aside))
    }
    for (const message of this.#account.messages) {
      if (!this.#account.isOwed(message) || found.has(message)) continue
      throw new Violation('P1', `message ${message.number} was accepted and is nowhere`, message.number)
    }
    for (const [message, places] of found) this.#checkPlaces(message, places)
    return found
  }

  #note(found: Map<Known, string[]>, place: string, records: readonly Uint8Array[]): void {
    for (const record of records) {
      const message = this.#account.in(record)
      if (!message || !contains(record, message.body))
        throw new Violation('P4', `${place} holds something nobody has sent like that`, message?.number)
      const places = found.get(message)
      if (places) places.push(place)
      else found.set(message, [place])
    }
  }

  #checkPlaces(message: Known, places: readonly string[]): void {
    const { number } = message
    const [first] = message.route.processors
    for (const place of places) {
      const isSetAside = this.#failStores.has(place) || place.endsWith(QUARANTINE)
      if (!isSetAside || this.#account.isGivenUp(message)) continue
      const text = `message ${number} was given up after ${this.#account.failuresOf(message, first!.name)} real sends`
      throw new Violation('P8', text, number)
    }
    // A client that has not got its yes may have its message kept twice: nobody knows of it.
    if (message.yes === 0) return
    const ours = places.filter(place => this.#stores.some(({ name, kind }) => name === place && kind !== 'jms'))
    if (ours.length > 1) throw new Violation('P5', `message ${number} is kept in ${ours.join(' and ')}`, number)
  }

  async #contents(life: Life, { name, kind }: StorePlan): Promise<Uint8Array[]> {
    if (kind === 'jms') return this.#broker.contents(name)
    return kind === 'memory' ? inMemory(life, name) : inJournal(life, name)
  }

  /**
   * What a server that was just started may do once more: what was delivered and is still held, because its removal was
   * not noted. That is at most what each worker had in hand (P5).
   */
  async allowRepeats(life: Life): Promise<void> {
    const queues = this.#stores.filter(({ kind }) => kind === 'jms')
    const ledgers = queues.map(({ name }) => life.journal.ledger(`jms:${name}`))
    for (const { kind, name } of this.#stores) {
      const workers = this.#processors.reduce((sum, one) => sum + (one.store === name ? one.workers : 0), 0)
      const again = new Set<Known>()
      for (const record of await this.#contents(life, { name, kind })) {
        const message = this.#account.in(record)
        if (message?.last?.state !== 'delivered') continue
        message.repeats = 1
        // A sequence sends under no id, so that nobody here knows which ones are noted.
        if (kind === 'jms' && message.id === undefined) continue
        // It comes again from the broker, or on the way there, and is dropped.
        if (ledgers.some(ledger => message.id !== undefined && isNoted(ledger, message.id))) continue
        again.add(message)
      }
      if (again.size <= workers) continue
      const [message] = again
      const text = `${again.size} delivered messages are still in store ${name}, and it has ${workers} workers`
      throw new Violation('P5', text, message!.number)
    }
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
  processors(life: Life, intent: Intent, now: number | undefined): string[] {
    const gaveUp: string[] = []
    for (const { name, maxAttempts, kind } of this.#processors) {
      const state = life.processor(name)?.state
      if (!state) continue
      const fail = (text: string, about?: number): never => {
        throw new Violation('P7', `processor ${name} ${text}`, about)
      }
      const message = state.messageId === undefined ? undefined : this.#account.named(state.messageId)
      const wanted = intent.get(name)
      const { observed, reason } = state
      if (wanted === 'inactive' && state.wanted === 'active') fail('works although it was deactivated')
      if (observed !== 'working' && observed !== 'idle' && observed !== 'stopping' && !reason)
        fail(`is ${observed} and does not say why`)
      if (observed === 'waiting' && now !== undefined && (state.nextTry ?? now) < now - TRY_TAKES)
        fail(`is still waiting for a moment that has passed: ${reason}`, message?.number)
      if (observed === 'waiting' && message && kind === 'forward') {
        const failures = this.#account.failuresOf(message, name)
        const least = failures - this.#account.forgottenOf(message, name)
        const shown = state.attempts ?? 0
        if (message.last?.state !== 'delivered' && (shown > failures || shown < least))
          fail(`shows ${shown} attempts for a message that has failed ${failures} times`, message.number)
      }
      if (wanted !== 'active' || state.wanted === 'active') continue
      const tries = kind === 'forward' && message ? this.#account.failuresOf(message, name) : (state.attempts ?? 0)
      if (maxAttempts === 0 || tries < maxAttempts) fail(`gave up after ${tries} tries: ${reason}`, message?.number)
      gaveUp.push(name)
    }
    return gaveUp
  }

  /** At rest nothing is on loan, nobody waits for anything but a message, and the disk holds what is needed. */
  rest(life: Life, backEndOpen: number): void {
    const leak = (text: string): never => {
      throw new Violation('leak', text)
    }
    let kept = 0
    for (const { name } of this.#stores) {
      const { held, waiting } = life.journal.queue(name)
      if (held !== waiting) leak(`${held - waiting} messages of store ${name} are still on loan`)
      const quarantined = life.journal.queue(quarantineOf(name)).held
      kept += held + quarantined
      const foreign = this.#broker.foreign(name)
      if (quarantined < foreign) throw new Violation('P1', `${foreign} messages nobody can read are not in quarantine`)
      if (quarantined > 0 && foreign === 0 && !this.#sampled.has(name))
        throw new Violation('P4', `store ${name} has put ${quarantined} messages into quarantine`)
    }
    if (backEndOpen > 0) leak(`${backEndOpen} requests to the back end are still open`)
    if (life.clock.armed > 0) leak(`${life.clock.armed} timers are armed at rest`)
    if (life.listeners > 0) leak(`${life.listeners} listeners wait for a deployment`)
    if (life.callers.size > 0) leak(`${life.callers.size} callers are kept waiting`)
    const { connections } = this.#broker
    if (connections.size > 1) leak(`${connections.size} connections to the broker are open`)
    const links = [...connections].reduce((sum, { receivers }) => sum + receivers.size, 0)
    const most = this.#processors.reduce((sum, { workers }) => sum + workers, 0)
    if (links > most) leak(`${links} links to the broker for ${most} workers`)
    const { segments, live } = life.journal.stats()
    if (live !== kept) leak(`the journal counts ${live} messages and its queues ${kept}`)
    if (kept === 0 && segments > 4) leak(`an empty journal still has ${segments} segments`)
  }
}

/** A try that has begun may take as long as a broker has for its confirm, and the retry of that. */
const TRY_TAKES = 25_000
const QUARANTINE = '.quarantine'

function quarantineOf(store: string): string {
  return `${store}${QUARANTINE}`
}

function contains(record: Uint8Array, body: Buffer): boolean {
  return Buffer.from(record.buffer, record.byteOffset, record.byteLength).includes(body)
}

/** As it came, or moved on to the store for failed messages. */
function isNoted(ledger: { isDone(id: string): boolean }, id: string): boolean {
  return ledger.isDone(id) || ledger.isDone(`${id}:1`)
}

async function inJournal(life: Life, queue: string): Promise<Uint8Array[]> {
  const records: Uint8Array[] = []
  for (const entry of await life.journal.queue(queue).page(undefined, 1e6)) records.push((await entry.read()).body)
  return records
}

async function inMemory(life: Life, store: string): Promise<Uint8Array[]> {
  const bodies: Uint8Array[] = []
  const found = life.store(store)
  if (found) for await (const { message } of found.browse()) bodies.push(message.body)
  return bodies
}
