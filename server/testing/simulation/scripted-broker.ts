import type { Dial, JmsMessage } from '../../drivers/jms/index.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Chance } from './faults.ts'
import { ScriptedLive } from './scripted-connection.ts'
import { bodyOf, unavailable, type Entry } from './scripted-queue.ts'
import type { Surroundings } from './surroundings.ts'

/** A broker that never loses what it confirmed, with every bad habit a broker and a network may have besides. */
export class ScriptedBroker {
  /** Refuses connections. */
  down = false
  readonly connections = new Set<ScriptedLive>()
  readonly around: Surroundings
  /** Something has been refused or lost, so that a failover store may have been needed. */
  hadTrouble = false
  readonly #queues = new Map<string, Entry[]>()
  readonly #foreign = new Map<string, number>()
  readonly #latency: number

  constructor(around: Surroundings, latency: number) {
    this.around = around
    this.#latency = latency
  }

  /** The bodies of what a queue holds, oldest first. */
  contents(queue: string): Uint8Array[] {
    return (this.#queues.get(queue) ?? []).flatMap(({ message, isForeign }) => (isForeign ? [] : [bodyOf(message)]))
  }

  /** Messages of ours in the queue. */
  held(queue: string): number {
    return (this.#queues.get(queue)?.length ?? 0) - this.foreignWaiting(queue)
  }

  /** Messages nobody can read that were ever put into the queue. */
  foreign(queue: string): number {
    return this.#foreign.get(queue) ?? 0
  }

  foreignWaiting(queue: string): number {
    if (this.foreign(queue) === 0) return 0
    return this.#queues.get(queue)!.reduce((sum, { isForeign }) => sum + (isForeign ? 1 : 0), 0)
  }

  /** Somebody else puts something into the queue that is no message. */
  putForeign(queue: string): void {
    this.#foreign.set(queue, this.foreign(queue) + 1)
    const body = { kind: 'unreadable', reason: 'it is a serialised parrot' } as const
    const message: JmsMessage = { body, properties: new Map(), persistent: true, priority: 4 }
    this.queue(queue).push({ message, isForeign: true, holder: null })
    this.announce(queue)
  }

  strikes(kind: Chance): boolean {
    const struck = this.around.strikes(kind)
    if (struck) this.hadTrouble = true
    return struck
  }

  readonly dial: Dial = async (host, _target, clock, deadlineMs, signal) => {
    await this.reached(clock)
    if (this.down) throw unavailable('nothing listens there')
    if (this.strikes('broker stalled')) {
      await clock.sleep(deadlineMs, signal)
      throw unavailable('it did not answer')
    }
    const live = new ScriptedLive(this, clock, host)
    this.connections.add(live)
    return live
  }

  /** Every connection breaks. */
  cut(): void {
    this.hadTrouble = true
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
