import {
  Lost,
  type Dial,
  type Incoming,
  type Live,
  type Outgoing,
  type Received,
  type ReceivingParts,
  type SendingParts,
} from '../../drivers/amqp/index.ts'
import type { Clock, Timer } from '../../kernel/clock.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import type { Surroundings } from './surroundings.ts'

interface Entry {
  readonly bytes: Buffer
  /** The link that has it on loan. */
  holder: ScriptedIncoming | null
}

/** A broker that never loses what it confirmed, with every bad habit a broker and a network may have besides. */
export class ScriptedBroker {
  /** Refuses connections. */
  down = false
  readonly connections = new Set<ScriptedLive>()
  readonly around: Surroundings
  readonly #queues = new Map<string, Entry[]>()
  readonly #latency: number

  constructor(around: Surroundings, latency: number) {
    this.around = around
    this.#latency = latency
  }

  /** What a queue holds, oldest first. */
  contents(queue: string): readonly Buffer[] {
    return (this.#queues.get(queue) ?? []).map(({ bytes }) => bytes)
  }

  held(queue: string): number {
    return this.#queues.get(queue)?.length ?? 0
  }

  readonly dial: Dial = async (host, _target, clock, deadlineMs) => {
    await this.reached(clock)
    if (this.down) throw unavailable('nothing listens there')
    if (this.around.strikes('broker stalled')) {
      await clock.sleep(deadlineMs)
      throw unavailable('it did not answer')
    }
    const live = new ScriptedLive(this, clock, host)
    this.connections.add(live)
    return live
  }

  /** Every connection breaks. */
  cut(): void {
    for (const live of Array.from(this.connections)) live.lose(unavailable('the connection broke'))
  }

  /** The server is gone without a word. */
  forget(clock: Clock): void {
    for (const live of Array.from(this.connections))
      if (live.clock === clock) live.lose(unavailable('the server is gone'))
  }

  queue(name: string): Entry[] {
    let entries = this.#queues.get(name)
    if (!entries) this.#queues.set(name, (entries = []))
    return entries
  }

  /** The way to the broker: it takes time, and the server may die on it. */
  reached(clock: Clock): Promise<void> {
    return this.around.reach(clock, this.#latency)
  }

  /** Messages came, or came back: whoever waits for them gets them. */
  announce(queue: string): void {
    for (const live of this.connections) for (const link of live.receivers) if (link.queue === queue) link.pump()
  }
}

class ScriptedLive implements Live {
  readonly host: Live['host']
  readonly peer = { product: 'scripted', version: '1' }
  readonly clock: Clock
  readonly broker: ScriptedBroker
  readonly receivers = new Set<ScriptedIncoming>()
  gone: IntegrationError | null = null
  #listeners = new Set<(why: IntegrationError) => void>()

  constructor(broker: ScriptedBroker, clock: Clock, host: Live['host']) {
    this.broker = broker
    this.clock = clock
    this.host = host
  }

  onGone(listener: (why: IntegrationError) => void): () => void {
    if (this.gone) listener(this.gone)
    else this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  abandon(why: IntegrationError): void {
    this.lose(why)
  }

  close(): void {
    this.lose(unavailable('the connection was closed by us'))
  }

  lose(why: IntegrationError): void {
    if (this.gone) return
    this.gone = why
    this.broker.connections.delete(this)
    const listeners = this.#listeners
    this.#listeners = new Set()
    for (const listener of listeners) listener(why)
    for (const link of Array.from(this.receivers)) link.end(why)
  }

  openSender(parts: SendingParts): Outgoing {
    return new ScriptedOutgoing(this, parts)
  }

  openReceiver(parts: ReceivingParts): Incoming {
    return new ScriptedIncoming(this, parts)
  }
}

class ScriptedOutgoing implements Outgoing {
  readonly live: ScriptedLive
  readonly #parts: SendingParts
  #closed = false

  constructor(live: ScriptedLive, parts: SendingParts) {
    this.live = live
    this.#parts = parts
  }

  get over(): boolean {
    return this.#closed || this.live.gone !== null
  }

  send(bytes: Buffer, confirmMs: number): Promise<void> {
    const { live } = this
    const { queue, clock, fullness } = this.#parts
    return new Promise((resolve, reject) => {
      if (live.gone) return reject(live.gone)
      const timer = clock.after(confirmMs, () => {
        const why = unavailable('it did not confirm the message in time')
        end(() => reject(new Lost(why, true)))
        live.abandon(why)
      })
      const forget = live.onGone(why => end(() => reject(new Lost(why, true))))
      let over = false
      const end = (how: () => void): void => {
        if (over) return
        over = true
        timer.cancel()
        forget()
        how()
      }
      void this.#transmit(bytes, queue).then(outcome => {
        if (outcome === 'silence') return
        if (outcome === 'confirmed') {
          fullness(false)
          return end(resolve)
        }
        end(() => reject(unavailable('it rejected the message')))
      })
    })
  }

  close(): void {
    this.#closed = true
  }

  async #transmit(bytes: Buffer, queue: string): Promise<'confirmed' | 'rejected' | 'silence'> {
    const { live } = this
    const { broker } = live
    const { around } = broker
    await broker.reached(live.clock)
    if (live.gone) return 'silence'
    if (around.strikes('broker refused')) return 'rejected'
    if (around.strikes('broker stalled')) return 'silence'
    broker.queue(queue).push({ bytes, holder: null })
    around.stored(queue, bytes)
    broker.announce(queue)
    if (around.strikes('broker confirm lost')) {
      if (around.dice.chance(0.5)) live.lose(unavailable('the connection broke'))
      return 'silence'
    }
    await broker.reached(live.clock)
    return live.gone ? 'silence' : 'confirmed'
  }
}

interface Waiter {
  readonly resolve: (received: Received | null) => void
  readonly reject: (why: IntegrationError) => void
  readonly finish: () => void
}

class ScriptedIncoming implements Incoming {
  over: IntegrationError | null = null
  readonly queue: string
  readonly live: ScriptedLive
  readonly #parts: ReceivingParts
  readonly #waiters: Waiter[] = []
  /** Of a look: how far it has come. */
  #seen = 0

  constructor(live: ScriptedLive, parts: ReceivingParts) {
    this.live = live
    this.queue = parts.queue
    this.#parts = parts
    live.receivers.add(this)
    this.over = live.gone
  }

  properties(): Promise<Readonly<Record<string, unknown>>> {
    return this.over ? Promise.reject(this.over) : Promise.resolve({})
  }

  async take(waitMs: number, signal?: AbortSignal): Promise<Received | null> {
    if (this.over) throw this.over
    if (signal?.aborted) return null
    await this.live.broker.reached(this.live.clock)
    if (this.over) throw this.over
    if (signal?.aborted) return null
    const ready = this.#next()
    if (ready || waitMs === 0) return ready
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1)
        waiter.finish()
        resolve(null)
      }
      const timer: Timer | null = waitMs === Infinity ? null : this.#parts.clock.after(waitMs, giveUp)
      const finish = (): void => {
        timer?.cancel()
        signal?.removeEventListener('abort', giveUp)
      }
      const waiter: Waiter = { resolve, reject, finish }
      this.#waiters.push(waiter)
      signal?.addEventListener('abort', giveUp, { once: true })
    })
  }

  pump(): void {
    while (this.#waiters.length > 0) {
      const received = this.#next()
      if (!received) return
      const waiter = this.#waiters.shift()!
      waiter.finish()
      waiter.resolve(received)
    }
  }

  async close(): Promise<void> {
    this.end(unavailable('the store is closing'))
  }

  /** The broker has everything back that this link had on loan, each in its place. */
  end(why: IntegrationError): void {
    if (this.over) return
    this.over = why
    this.live.receivers.delete(this)
    for (const entry of this.live.broker.queue(this.queue)) if (entry.holder === this) entry.holder = null
    for (const waiter of this.#waiters.splice(0)) {
      waiter.finish()
      waiter.reject(why)
    }
    this.live.broker.announce(this.queue)
  }

  #next(): Received | null {
    const entries = this.live.broker.queue(this.queue)
    if (this.#parts.browse) {
      const entry = entries[this.#seen++]
      return entry ? { bytes: entry.bytes, lost: null, settle: () => Promise.resolve() } : null
    }
    let onLoan = 0
    let free: Entry | undefined
    for (const entry of entries) {
      if (entry.holder === this) onLoan++
      else if (entry.holder === null) free ??= entry
    }
    if (!free || onLoan >= this.#parts.window) return null
    free.holder = this
    return this.#received(free)
  }

  #received(entry: Entry): Received {
    let settled = false
    const lost = (): IntegrationError | null => (settled ? null : this.over)
    return {
      bytes: entry.bytes,
      get lost() {
        return lost()
      },
      settle: async ({ kind }) => {
        if (settled) return
        const why = lost()
        if (why) {
          throw new IntegrationError('STORE_UNAVAILABLE', `the message cannot be settled: ${why.message}`, {
            cause: why,
            ambiguous: true,
          })
        }
        settled = true
        void this.#settle(entry, kind === 'accepted')
      },
    }
  }

  /** Nobody waits for it: a broker does not answer a settlement. */
  async #settle(entry: Entry, accepted: boolean): Promise<void> {
    const { broker, clock } = this.live
    await broker.reached(clock)
    if (entry.holder !== this) return
    if (!accepted) {
      entry.holder = null
      return broker.announce(this.queue)
    }
    const { around } = broker
    if (around.strikes('broker acknowledgement lost')) return this.live.lose(unavailable('the connection broke'))
    const entries = broker.queue(this.queue)
    const at = entries.indexOf(entry)
    if (around.strikes('broker delivery duplicated')) entries.splice(at, 1, { bytes: entry.bytes, holder: null })
    else entries.splice(at, 1)
    broker.announce(this.queue)
    this.pump()
  }
}

function unavailable(why: string): IntegrationError {
  return new IntegrationError('STORE_UNAVAILABLE', `the scripted broker cannot be used: ${why}`)
}
