import assert from 'node:assert/strict'
import type { Journal, JournalQueue, Lease } from '../drivers/journal/contracts.ts'

/** What the journal answered about a message: nothing yet, or for good. */
interface Known {
  readonly id: string
  readonly body: Buffer
  /** Position in the order of puts. */
  order: number
  /** Where it may be; empty string: nowhere. More than one while an answer is outstanding. */
  places: Set<string>
  /** Notes it may carry. */
  notes: Set<string>
}

/** Where a manual clock begins, so that nothing grows old. */
const STAMP = Date.UTC(2026, 0, 1)

/** Small and fast, and the same on every machine. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * Drives a journal and keeps what it answered, so that after a crash the reopened one can be held to it: what was
 * acknowledged is there, what was removed is not, what was under way is one or the other, and a move is never half.
 */
export class JournalModel {
  readonly messages = new Map<string, Known>()
  readonly values = new Map<string, Set<number | undefined>>()
  readonly done = new Map<string, Set<boolean>>()
  readonly #random: () => number
  /** Values of the sets above that were refused, but not for good. */
  #uncertain = new WeakMap<Set<unknown>, Set<unknown>>()
  #next = 0
  #value = 0
  /** Refusals met; a test that expects none looks here. */
  refused = 0

  constructor(seed: number) {
    this.#random = randomFrom(seed)
  }

  #pick(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  /** `steps` random actions, most of them not waited for, so that groups of all sizes form. */
  async run(journal: Journal, steps: number): Promise<void> {
    const queues = ['a', 'b'] as const
    const open: Promise<unknown>[] = []
    const parked: Lease[] = []
    for (let step = 0; step < steps; step++) {
      const queue = journal.queue(queues[this.#pick(5) === 0 ? 1 : 0])
      const action = this.#pick(100)
      if (action < 40) open.push(this.put(queue, this.#pick(12) === 0 ? 3000 + this.#pick(9000) : this.#pick(300)))
      else if (action < 70) {
        const lease = queue.lease()
        // The second message of all is parked for good: everything behind it must be freed all the same.
        if (lease && queue.name === 'a' && lease.slot === 2) parked.push(lease)
        else if (lease) open.push(this.ack(queue, lease))
      } else if (action < 78) {
        const lease = queue.lease()
        if (lease) open.push(this.note(queue, lease).then(() => lease.release()))
      } else if (action < 86) open.push(this.move(journal, queue, journal.queue(queue.name === 'a' ? 'b' : 'a')))
      else if (action < 92) open.push(this.set(journal, `key${this.#pick(4)}`, ++this.#value))
      else if (action < 97) open.push(this.finish(journal, `done${this.done.size}`))
      else if (action < 98) {
        // Alone: which messages a clear meets must be known here, too.
        await Promise.all(open.splice(0))
        await this.clear(queue)
      } else await Promise.all(open.splice(0))
      if (this.#pick(3) === 0) await Promise.all(open.splice(0))
    }
    await Promise.all(open)
    for (const lease of parked) lease.release()
    for (const name of queues) {
      const { held, waiting } = journal.queue(name)
      assert.equal(waiting, held, `everything in ${name} can be leased again`)
    }
  }

  async put(queue: JournalQueue, size: number): Promise<void> {
    const order = this.#next++
    const id = `m${this.messages.size}`
    const body = Buffer.alloc(size, id)
    const known: Known = { id, body, order, places: new Set(['', queue.name]), notes: new Set(['']) }
    this.messages.set(id, known)
    await this.#settle(queue.put(id, body), known.places, queue.name, '')
  }

  async ack(queue: JournalQueue, lease: Lease): Promise<void> {
    const known = await this.#leased(lease)
    known.places.add('')
    if (!(await this.#settle(lease.ack(), known.places, '', queue.name))) lease.release()
  }

  async note(_queue: JournalQueue, lease: Lease): Promise<void> {
    const known = await this.#leased(lease)
    const text = `n${this.#pick(1000)}`
    const before = lease.note ? Buffer.from(lease.note).toString() : ''
    known.notes.add(text)
    await this.#settle(lease.keep(Buffer.from(text)), known.notes, text, before)
  }

  /** Takes from one queue and puts into the other, under the same id, as one step. */
  async move(journal: Journal, from: JournalQueue, to: JournalQueue): Promise<void> {
    const lease = from.lease()
    if (!lease) return
    const { id, body } = await lease.read()
    const known = this.messages.get(id)!
    const { order, places, notes } = known
    const before = new Set(notes)
    // It goes to the end of the other queue, without its notes.
    known.order = this.#next++
    places.add(to.name)
    notes.add('')
    const commit = journal.commit(batch => {
      batch.put(to, id, body)
      batch.remove(from, lease.slot)
    })
    if (await this.#settle(commit, places, to.name, from.name)) {
      for (const note of before) if (note !== '') notes.delete(note)
    } else {
      known.order = order
      if (!before.has('') && !this.#uncertain.has(places)) notes.delete('')
      lease.release()
    }
  }

  async set(journal: Journal, key: string, value: number): Promise<void> {
    const values = this.values.get(key) ?? new Set([undefined])
    this.values.set(key, values)
    values.add(value)
    const before = new Set(values)
    try {
      await journal.table('t').set(key, value)
      // Older ones than this are over; newer ones may be under way.
      for (const old of before) if (old !== value) values.delete(old)
    } catch (error) {
      this.#refuse(error)
      if (!(error as { ambiguous?: boolean }).ambiguous) values.delete(value)
    }
  }

  async finish(journal: Journal, id: string): Promise<void> {
    const known = new Set([true, false])
    this.done.set(id, known)
    await this.#settle(journal.ledger('seen').done(id, STAMP), known, true, false)
  }

  async clear(queue: JournalQueue): Promise<void> {
    const { name } = queue
    const before = await this.#listed(queue)
    for (const { places } of before) places.add('')
    let refusal: { ambiguous?: boolean } | undefined
    await queue.clear().catch((error: unknown) => {
      this.#refuse(error)
      refusal = error as { ambiguous?: boolean }
    })
    // Those in flight stay, and if it was refused all of them.
    const left = new Set(await this.#listed(queue))
    for (const known of before) {
      const { places } = known
      if (!left.has(known)) places.delete(name)
      else if (refusal?.ambiguous) this.#mayStill(places, '')
      else if (!this.#uncertain.get(places)?.has('')) places.delete('')
    }
  }

  async #listed(queue: JournalQueue): Promise<Known[]> {
    return (await queue.page(undefined, 1e6)).map(({ id }) => this.messages.get(id)!)
  }

  /** Compares a journal, opened after whatever happened, with what was answered before; then believes the journal. */
  async verify(journal: Journal): Promise<void> {
    this.#uncertain = new WeakMap()
    const found = new Map<string, string>()
    for (const name of ['a', 'b']) {
      let last = -1
      const queue = journal.queue(name)
      const entries = await queue.page(undefined, 1e6)
      assert.equal(queue.held, entries.length, `queue ${name} counts what it lists`)
      assert.equal(queue.waiting, entries.length, `nothing in ${name} is on lease`)
      for (const entry of entries) {
        const known = this.messages.get(entry.id)
        assert.ok(known, `${entry.id} was never put`)
        assert.ok(!found.has(entry.id), `${entry.id} is there twice, in ${found.get(entry.id)} and ${name}`)
        assert.ok(known.places.has(name), `${entry.id} is in ${name}, expected in ${[...known.places].join(' or ')}`)
        const { body } = await entry.read()
        assert.ok(known.body.equals(body), `${entry.id} has other bytes`)
        const note = entry.note ? Buffer.from(entry.note).toString() : ''
        assert.ok(known.notes.has(note), `${entry.id} carries note ${note}, expected ${[...known.notes].join(' or ')}`)
        // A move that did not happen leaves the message at its old place in the order.
        if (known.places.size === 1) {
          assert.ok(known.order > last, `${entry.id} is out of order in ${name}`)
          last = known.order
        }
        found.set(entry.id, name)
        known.notes = new Set([note])
      }
    }
    for (const { id, places } of this.messages.values()) {
      const place = found.get(id) ?? ''
      assert.ok(places.has(place), `${id} is lost: expected in ${[...places].join(' or ')}`)
      places.clear()
      places.add(place)
    }
    this.#next = 0
    for (const id of found.keys()) this.messages.get(id)!.order = this.#next++
    for (const [key, values] of this.values) {
      const value = journal.table('t').get(key) as number | undefined
      assert.ok(values.has(value), `${key} is ${value}, expected ${[...values].join(' or ')}`)
      this.values.set(key, new Set([value]))
    }
    for (const [id, known] of this.done) {
      const done = journal.ledger('seen').isDone(id)
      assert.ok(known.has(done), `${id} ${done ? 'is' : 'is not'} done`)
      this.done.set(id, new Set([done]))
    }
    assert.deepEqual(journal.damage, [], 'a crash leaves no damage')
  }

  async #leased(lease: Lease): Promise<Known> {
    return this.messages.get((await lease.read()).id)!
  }

  /** Waits for an answer and narrows what may be; true if it was a yes. */
  async #settle<T>(answer: Promise<void>, may: Set<T>, yes: T, no: T): Promise<boolean> {
    try {
      await answer
      if (yes !== no && !this.#uncertain.get(may)?.has(no)) may.delete(no)
      may.add(yes)
      return true
    } catch (error) {
      this.#refuse(error)
      if ((error as { ambiguous?: boolean }).ambiguous) this.#mayStill(may, yes)
      else if (yes !== no && !this.#uncertain.get(may)?.has(yes)) may.delete(yes)
      return false
    }
  }

  /** A refusal that may have happened all the same: open until the journal is opened again. */
  #mayStill(set: Set<unknown>, value: unknown): void {
    const uncertain = this.#uncertain.get(set)
    if (uncertain) uncertain.add(value)
    else this.#uncertain.set(set, new Set([value]))
  }

  #refuse(error: unknown): void {
    const { code } = error as { code?: string }
    assert.ok(code === 'DISK_FULL' || code === 'JOURNAL_FAILED', `unexpected refusal: ${String(error)}`)
    this.refused++
  }
}
