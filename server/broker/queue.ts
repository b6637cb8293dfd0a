import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/contracts.ts'
import { textOf } from '../kernel/errors.ts'
import type { Journal, JournalQueue, Lease } from '../drivers/journal/contracts.ts'
import { MemoryBacking } from './backing.ts'
import type { Backing } from './backing.ts'
import type { Commits, Stored } from './commits.ts'
import { deadLetter, failuresOf, heldOf, noteOf } from './record.ts'
import type { Arrival, Held } from './record.ts'

/** One who takes messages from a queue. */
export interface Taker {
  /** Messages it can take now. */
  readonly room: number
  take(loan: Loan): void
}

export interface QueueParts {
  readonly journal: Journal
  readonly commits: Commits
  readonly clock: Clock
  readonly log: Log
  readonly maxDeliveries: number
  /** Where dead letters go; undefined for that queue itself, and for temporary queues. */
  readonly deadLetters: (() => BrokerQueue) | undefined
}

/** A queue of the broker: who waits for messages, and what happens to a message that was not accepted. */
export class BrokerQueue {
  readonly name: string
  /** Dies with the connection that made it. */
  readonly temporary: boolean
  readonly #backing: Backing
  readonly #memory: MemoryBacking | null
  readonly #durable: JournalQueue | null
  readonly #parts: QueueParts
  readonly #takers: Taker[] = []
  readonly #forget: () => void
  #turn = 0
  #dispatching = false

  constructor(name: string, temporary: boolean, parts: QueueParts) {
    this.name = name
    this.temporary = temporary
    this.#parts = parts
    this.#memory = temporary ? new MemoryBacking(name) : null
    this.#durable = temporary ? null : parts.journal.queue(name)
    this.#backing = this.#memory ?? this.#durable!
    this.#forget = this.#backing.onWaiting(() => this.dispatch())
  }

  /** Messages in the queue, those being worked on included. */
  get depth(): number {
    return this.#backing.held
  }

  get consumers(): number {
    return this.#takers.length
  }

  /** What holds its messages over a restart; null for a temporary queue. */
  get durable(): JournalQueue | null {
    return this.#durable
  }

  put(arrival: Arrival, stored: Stored): void {
    if (this.#durable) return this.#parts.commits.put(this.#durable, arrival, stored)
    this.#memory!.add(arrival.id, arrival.chunks)
    stored(null)
  }

  page(after: string | undefined, limit: number): ReturnType<Backing['page']> {
    return this.#backing.page(after, limit)
  }

  join(taker: Taker): void {
    this.#takers.push(taker)
    this.dispatch()
  }

  leave(taker: Taker): void {
    const index = this.#takers.indexOf(taker)
    if (index >= 0) this.#takers.splice(index, 1)
  }

  close(): void {
    this.#forget()
  }

  /** Hands waiting messages to whoever has room, one each in turn. */
  dispatch(): void {
    // A taker may give room back or a message be released while we are at it: the loop below sees that.
    if (this.#dispatching) return
    this.#dispatching = true
    try {
      while (this.#backing.waiting > 0) {
        const taker = this.#nextTaker()
        const lease = taker && this.#backing.lease()
        if (!lease) return
        taker.take(new Loan(this, lease))
      }
    } finally {
      this.#dispatching = false
    }
  }

  /** Delivered for good. */
  remove(lease: Lease): void {
    if (this.#durable) this.#parts.commits.remove(this.#durable, lease.slot)
    else this.#memory!.remove(lease.slot)
  }

  /** Gives a message back after a delivery that failed, or buries it once there were too many. */
  async failed(lease: Lease): Promise<void> {
    const failures = failuresOf(lease.note) + 1
    if (failures >= this.#parts.maxDeliveries && this.#parts.deadLetters) {
      await this.bury(lease, `delivered ${failures} times without success`)
      return
    }
    try {
      await lease.keep(noteOf(failures))
    } catch (thrown) {
      this.#parts.log.warn('a failed delivery could not be counted', { queue: this.name, error: thrown })
    }
    lease.release()
  }

  /** To the dead-letter queue, as one step. In that queue itself it stays on loan until the consumer goes. */
  async bury(lease: Lease, reason: string): Promise<boolean> {
    const { deadLetters, journal, log } = this.#parts
    if (!deadLetters || !this.#durable) return false
    const source = this.#durable
    const target = deadLetters()
    try {
      const record = await lease.read()
      const letter = deadLetter(heldOf(record.body), this.name, reason)
      await journal.commit(batch => {
        batch.put(target.#durable!, record.id, letter)
        batch.remove(source, lease.slot)
      })
      log.warn('a message went to the dead-letter queue', { queue: this.name, to: target.name, id: record.id, reason })
      return true
    } catch (thrown) {
      log.error('a message could not be moved to the dead-letter queue', { queue: this.name, error: textOf(thrown) })
      lease.release()
      return true
    }
  }

  /** True for a message nobody may see any more; it has been moved away. */
  expired(held: Held, lease: Lease): boolean {
    if (held.expiresAt === 0 || held.expiresAt > this.#parts.clock.now()) return false
    if (!this.#parts.deadLetters) this.remove(lease)
    else void this.bury(lease, 'it expired before anybody took it')
    return true
  }

  #nextTaker(): Taker | undefined {
    const takers = this.#takers
    for (let tried = 0; tried < takers.length; tried++) {
      const taker = takers[this.#turn++ % takers.length]!
      if (taker.room > 0) return taker
    }
    return undefined
  }
}

/** One message on loan to one consumer. */
export class Loan {
  readonly queue: BrokerQueue
  readonly lease: Lease
  #over = false

  constructor(queue: BrokerQueue, lease: Lease) {
    this.queue = queue
    this.lease = lease
  }

  get failures(): number {
    return failuresOf(this.lease.note)
  }

  accept(): void {
    if (this.#end()) this.queue.remove(this.lease)
  }

  release(): void {
    if (this.#end()) this.lease.release()
  }

  fail(): void {
    if (this.#end()) void this.queue.failed(this.lease)
  }

  /** False: there is nowhere to put it, and it stays with the consumer that refused it. */
  async reject(reason: string): Promise<boolean> {
    if (!this.#end()) return true
    if (await this.queue.bury(this.lease, reason)) return true
    this.#over = false
    return false
  }

  /** Makes sure that nobody else settles it: what becomes of it is said by one of the next three. False: too late. */
  claim(): boolean {
    return this.#end()
  }

  giveBack(): void {
    this.lease.release()
  }

  giveBackFailed(): void {
    void this.queue.failed(this.lease)
  }

  async buryClaimed(reason: string): Promise<void> {
    if (!(await this.queue.bury(this.lease, reason))) this.lease.release()
  }

  #end(): boolean {
    if (this.#over) return false
    this.#over = true
    return true
  }
}
