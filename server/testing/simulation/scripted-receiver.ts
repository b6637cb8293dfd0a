import type { Incoming, JmsDestination, Received, ReceivingParts } from '../../drivers/jms/index.ts'
import type { Timer } from '../../kernel/clock.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import type { ScriptedLive } from './scripted-connection.ts'
import { unavailable, type Entry } from './scripted-queue.ts'

interface Waiter {
  readonly resolve: (received: Received | null) => void
  readonly reject: (why: IntegrationError) => void
  readonly finish: () => void
}

/** Takes messages on loan from a queue of the scripted broker. */
export class ScriptedIncoming implements Incoming {
  over: IntegrationError | null = null
  readonly queue: string
  readonly live: ScriptedLive
  readonly #parts: ReceivingParts
  readonly #from: JmsDestination
  readonly #waiters: Waiter[] = []
  /** Of a look: how far it has come. */
  #seen = 0

  constructor(live: ScriptedLive, parts: ReceivingParts) {
    this.live = live
    if (parts.from === 'temporary') throw unavailable('it has no temporary queues')
    this.#from = parts.from
    this.queue = parts.from.name
    this.#parts = parts
    live.receivers.add(this)
    this.over = live.gone
  }

  destination(): Promise<JmsDestination> {
    return this.over ? Promise.reject(this.over) : Promise.resolve(this.#from)
  }

  depth(): Promise<number> {
    return this.over ? Promise.reject(this.over) : Promise.resolve(-1)
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
      return entry ? { message: entry.message, lost: null, settle: () => Promise.resolve() } : null
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
      message: entry.message,
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
    if (broker.strikes('broker acknowledgement lost')) return this.live.lose(unavailable('the connection broke'))
    const entries = broker.queue(this.queue)
    const at = entries.indexOf(entry)
    if (broker.strikes('broker delivery duplicated')) entries.splice(at, 1, { ...entry, holder: null })
    else entries.splice(at, 1)
    broker.announce(this.queue)
    this.pump()
  }
}
