import type {
  Batch,
  Journal,
  JournalLedger,
  JournalQueue,
  JournalStatus,
  JournalTable,
  Json,
  Lease,
  QueueEntry,
} from '../drivers/journal/contracts.ts'
import { IntegrationError } from '../kernel/errors.ts'

interface Kept {
  readonly slot: number
  readonly id: string
  readonly body: Uint8Array
  note: Uint8Array | null
  leased: boolean
}

/** What a journal's disk holds: hand it to the next {@link MemoryJournal} to play a restart. */
export class MemoryDisk {
  readonly queues = new Map<string, Kept[]>()
  readonly ledgers = new Map<string, Map<string, number>>()
  next = 0

  /** What a crash at this moment would leave. */
  copy(): MemoryDisk {
    const copy = new MemoryDisk()
    for (const [name, kept] of this.queues) copy.queues.set(name, structuredClone(kept))
    for (const [name, ids] of this.ledgers) copy.ledgers.set(name, new Map(ids))
    copy.next = this.next
    return copy
  }
}

/**
 * A journal without a disk for tests of what sits on one: same contract, commits take a turn, and it fails or stalls
 * when told to. Nothing that was not committed is in `disk`.
 */
export class MemoryJournal implements Journal {
  readonly disk: MemoryDisk
  readonly damage = []
  status: JournalStatus = { state: 'open', since: 0 }
  commits = 0
  /** What the next commits with a message in them fail with; removals go on, as on a full disk. */
  failPuts: IntegrationError | null = null
  /** While set, commits wait for it. */
  stall: Promise<void> | null = null
  readonly #queues = new Map<string, MemoryQueue>()

  constructor(disk = new MemoryDisk()) {
    this.disk = disk
    // A new owner of the disk: no loan outlives its process.
    for (const kept of disk.queues.values()) for (const entry of kept) entry.leased = false
    for (const name of disk.queues.keys()) this.queue(name)
  }

  queue(name: string): MemoryQueue {
    let queue = this.#queues.get(name)
    if (!queue) this.#queues.set(name, (queue = new MemoryQueue(name, this)))
    return queue
  }

  table(_name: string): JournalTable {
    throw new TypeError('this journal keeps no tables')
  }

  ledger(name: string): JournalLedger {
    const ids = this.disk.ledgers.get(name) ?? new Map<string, number>()
    this.disk.ledgers.set(name, ids)
    return {
      name,
      get size() {
        return ids.size
      },
      get: id => (ids.has(id) ? { done: true, at: ids.get(id)!, note: null } : undefined),
      isDone: id => ids.has(id),
      done: async (id, at) => void ids.set(id, at),
      remember: () => Promise.reject(new TypeError('this journal remembers only what is done')),
    }
  }

  async commit(write: (batch: Batch) => void): Promise<void> {
    const changes: (() => void)[] = []
    const touched = new Set<MemoryQueue>()
    let puts = 0
    write({
      put: (queue, id, body) => {
        puts++
        const bytes = body instanceof Uint8Array ? Buffer.from(body) : Buffer.concat([...body])
        touched.add(queue as MemoryQueue)
        changes.push(() =>
          (queue as MemoryQueue).add({ slot: this.disk.next++, id, body: bytes, note: null, leased: false }),
        )
      },
      remove: (queue, slot) => {
        if (!(queue as MemoryQueue).has(slot)) throw new IntegrationError('JOURNAL_FAILED', `slot ${slot} is gone`)
        changes.push(() => (queue as MemoryQueue).drop(slot))
      },
      note: (queue, slot, note) => changes.push(() => (queue as MemoryQueue).setNote(slot, note)),
      done: (ledger, id, at) => changes.push(() => void this.disk.ledgers.get(ledger.name)!.set(id, at)),
      set: unsupported,
      delete: unsupported,
      remember: unsupported,
    })
    await (this.stall ?? Promise.resolve())
    if (this.status.state === 'closed') throw new IntegrationError('JOURNAL_CLOSED', 'the journal is closed')
    if (puts > 0 && this.failPuts) throw this.failPuts
    this.commits++
    for (const change of changes) change()
    for (const queue of touched) queue.announce()
  }

  onStatus(): () => void {
    return () => {}
  }

  queueNames(): readonly string[] {
    return [...this.disk.queues].filter(([, kept]) => kept.length > 0).map(([name]) => name)
  }

  drop(queue: string): Promise<boolean> {
    return Promise.resolve(this.disk.queues.delete(queue))
  }

  stats(): never {
    throw new TypeError('this journal counts nothing')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.status = { state: 'closed', since: 0 }
  }
}

class MemoryQueue implements JournalQueue {
  readonly name: string
  readonly #journal: MemoryJournal
  readonly #listeners = new Set<() => void>()

  constructor(name: string, journal: MemoryJournal) {
    this.name = name
    this.#journal = journal
  }

  get held(): number {
    return this.#kept.length
  }

  get waiting(): number {
    return this.#kept.filter(({ leased }) => !leased).length
  }

  put(id: string, body: Uint8Array | readonly Uint8Array[]): Promise<void> {
    return this.#journal.commit(batch => batch.put(this, id, body))
  }

  lease(): Lease | null {
    const entry = this.#kept.find(({ leased }) => !leased)
    if (!entry) return null
    entry.leased = true
    return {
      slot: entry.slot,
      get note() {
        return entry.note
      },
      read: () => Promise.resolve(entry),
      ack: () => this.#journal.commit(batch => batch.remove(this, entry.slot)),
      keep: note => this.#journal.commit(batch => batch.note(this, entry.slot, note)),
      release: () => {
        if (!entry.leased) return
        entry.leased = false
        this.announce()
      },
    }
  }

  onWaiting(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async page(after: string | undefined, limit: number): Promise<QueueEntry[]> {
    const start = after === undefined ? 0 : this.#kept.findIndex(({ id }) => id === after) + 1
    return this.#kept.slice(start, start + limit).map(entry => this.#entry(entry))
  }

  async find(id: string): Promise<QueueEntry | undefined> {
    const found = this.#kept.find(entry => entry.id === id)
    return found && this.#entry(found)
  }

  async removeById(id: string): Promise<boolean> {
    const found = this.#kept.find(entry => entry.id === id && !entry.leased)
    if (found) this.drop(found.slot)
    return found !== undefined
  }

  async clear(): Promise<number> {
    const free = this.#kept.filter(({ leased }) => !leased)
    for (const { slot } of free) this.drop(slot)
    return free.length
  }

  add(entry: Kept): void {
    this.#journal.disk.queues.set(this.name, [...this.#kept, entry])
  }

  has(slot: number): boolean {
    return this.#kept.some(entry => entry.slot === slot)
  }

  drop(slot: number): void {
    this.#journal.disk.queues.set(
      this.name,
      this.#kept.filter(entry => entry.slot !== slot),
    )
  }

  setNote(slot: number, note: Uint8Array): void {
    const entry = this.#kept.find(kept => kept.slot === slot)
    if (entry) entry.note = note
  }

  announce(): void {
    for (const listener of this.#listeners) listener()
  }

  get #kept(): readonly Kept[] {
    return this.#journal.disk.queues.get(this.name) ?? []
  }

  #entry(entry: Kept): QueueEntry {
    return { id: entry.id, slot: entry.slot, inFlight: entry.leased, note: entry.note, read: () => entry }
  }
}

function unsupported(..._: readonly (Json | object)[]): void {
  throw new TypeError('this journal knows only messages and what is done')
}
