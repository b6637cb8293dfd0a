import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/contracts.ts'
import type { Journal, JournalLedger, JournalQueue, LedgerBounds } from '../drivers/journal/contracts.ts'
import type { Arrival } from './record.ts'

/** Called with what was thrown, or null once the message is on the device. */
export type Stored = (failure: unknown) => void

/** A message and the queue it goes to. */
export interface Placed {
  readonly queue: JournalQueue
  readonly arrival: Arrival
}

interface Put extends Placed {
  readonly stored: Stored[]
}

export interface Removal {
  readonly queue: JournalQueue
  readonly slot: number
}

/** More than this in one commit would only hold up the first of them. */
const LARGEST_COMMIT = 8 * 1024 * 1024

/** How long to wait before removing again what a failing disk would not let go. */
const REMOVAL_PAUSE = 1000

/**
 * Puts and removals of one turn share a journal commit: the journal syncs once for all of them, and nobody makes a
 * promise per message. Also recognises resends, in the same commit, so that a message and the memory of it are both
 * kept or neither is (P5).
 */
export class Commits {
  readonly #journal: Journal
  readonly #clock: Clock
  readonly #log: Log
  readonly #window: LedgerBounds
  /** Resends of a message that is being stored right now wait for the outcome of the first. */
  readonly #underway = new Map<string, Put>()
  #puts: Put[] = []
  #size = 0
  #removals: Removal[] = []
  #armed = false
  #running = 0
  #idle: (() => void)[] = []
  /** Resends that were accepted without storing them again. */
  duplicates = 0

  constructor(journal: Journal, clock: Clock, log: Log, window: LedgerBounds) {
    this.#journal = journal
    this.#clock = clock
    this.#log = log
    this.#window = window
  }

  put(queue: JournalQueue, arrival: Arrival, stored: Stored): void {
    const { duplicateId } = arrival
    if (duplicateId === undefined) return this.#add({ queue, arrival, stored: [stored] })
    const key = keyOf({ queue, arrival })!
    const first = this.#underway.get(key)
    if (first) {
      this.duplicates++
      first.stored.push(stored)
      return
    }
    if (this.#ledger(queue).isDone(duplicateId)) {
      this.duplicates++
      return stored(null)
    }
    const put: Put = { queue, arrival, stored: [stored, () => this.#underway.delete(key)] }
    this.#underway.set(key, put)
    this.#add(put)
  }

  /** For good: when the disk does not take the removal it is tried again, for the consumer has the message. */
  remove(queue: JournalQueue, slot: number): void {
    this.#removals.push({ queue, slot })
    this.#arm()
  }

  /**
   * All of it in one commit, or nothing: a transaction. A message that is recognised as a resend is not put again, and
   * one whose first is being stored right now waits for what becomes of that.
   */
  async together(puts: readonly Placed[], removals: readonly Removal[]): Promise<void> {
    this.#flush()
    await this.#undecided(puts)
    const mine = new Map<string, Put>()
    const placed = puts.filter(put => {
      const key = keyOf(put)
      if (key === undefined) return true
      const known = mine.has(key) || this.#ledger(put.queue).isDone(put.arrival.duplicateId!)
      if (known) this.duplicates++
      else mine.set(key, { ...put, stored: [] })
      return !known
    })
    for (const [key, put] of mine) this.#underway.set(key, put)
    const tell = (failure: unknown): void => {
      for (const [key, { stored }] of mine) {
        this.#underway.delete(key)
        for (const waiting of stored) waiting(failure)
      }
    }
    const commit = this.#together(placed, removals)
    this.#run(commit, () => tell(null), tell)
    await commit
  }

  /** Async, so that what the journal throws at once, such as for a message that is gone, is a rejection like any other. */
  async #together(puts: readonly Placed[], removals: readonly Removal[]): Promise<void> {
    const now = this.#clock.now()
    await this.#journal.commit(batch => {
      for (const { queue, arrival } of puts) {
        batch.put(queue, arrival.id, arrival.chunks)
        if (arrival.duplicateId !== undefined) batch.done(this.#ledger(queue), arrival.duplicateId, now)
      }
      for (const { queue, slot } of removals) batch.remove(queue, slot)
    })
  }

  /** Waits until nothing is being stored that one of these may be a resend of. Holds nothing itself meanwhile. */
  async #undecided(puts: readonly Placed[]): Promise<void> {
    for (;;) {
      const first = puts.map(keyOf).flatMap(key => (key === undefined ? [] : (this.#underway.get(key) ?? [])))[0]
      if (!first) return
      await new Promise(resolve => first.stored.push(resolve))
    }
  }

  /** Resolves when everything handed in so far has been written or refused. */
  async settled(): Promise<void> {
    this.#flush()
    if (this.#running > 0) await new Promise<void>(resolve => this.#idle.push(resolve))
  }

  #add(put: Put): void {
    this.#puts.push(put)
    for (const chunk of put.arrival.chunks) this.#size += chunk.length
    if (this.#size >= LARGEST_COMMIT) this.#flushPuts()
    else this.#arm()
  }

  #arm(): void {
    if (this.#armed) return
    this.#armed = true
    process.nextTick(this.#flush)
  }

  readonly #flush = (): void => {
    this.#armed = false
    this.#flushPuts()
    this.#flushRemovals()
  }

  #flushPuts(): void {
    const puts = this.#puts
    if (puts.length === 0) return
    this.#puts = []
    this.#size = 0
    const now = this.#clock.now()
    const answer = (failure: unknown): void => {
      for (const { stored } of puts) for (const tell of stored) tell(failure)
    }
    this.#run(
      this.#journal.commit(batch => {
        for (const { queue, arrival } of puts) {
          batch.put(queue, arrival.id, arrival.chunks)
          if (arrival.duplicateId !== undefined) batch.done(this.#ledger(queue), arrival.duplicateId, now)
        }
      }),
      () => answer(null),
      answer,
    )
  }

  #flushRemovals(): void {
    const removals = this.#removals
    if (removals.length === 0) return
    this.#removals = []
    this.#run(
      this.#journal.commit(batch => {
        for (const { queue, slot } of removals) batch.remove(queue, slot)
      }),
      () => {},
      thrown => {
        if (this.#journal.status.state === 'closed') return
        this.#log.error('delivered messages could not be removed; trying again', {
          count: removals.length,
          error: thrown,
        })
        this.#clock.after(REMOVAL_PAUSE, () => {
          this.#removals.unshift(...removals)
          this.#arm()
        })
      },
    )
  }

  #run(commit: Promise<void>, kept: () => void, failed: (thrown: unknown) => void): void {
    this.#running++
    commit.then(kept, failed).finally(() => {
      if (--this.#running > 0) return
      const idle = this.#idle
      this.#idle = []
      for (const resolve of idle) resolve()
    })
  }

  #ledger(queue: JournalQueue): JournalLedger {
    return this.#journal.ledger(`duplicates:${queue.name}`, this.#window)
  }
}

/** By queue and id; undefined for a message that nothing recognises. */
function keyOf({ queue, arrival: { duplicateId } }: Placed): string | undefined {
  return duplicateId === undefined ? undefined : `${queue.name}\0${duplicateId}`
}
