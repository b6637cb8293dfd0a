import type { Json } from './contracts.ts'
import { decodeRanges, hashHigh, hashInto, hashLow, HEAD, Kind, type RecordView } from './format.ts'
import { SlotIndex, SlotState } from './slots.ts'

export const OwnerType = { queue: 'queue', table: 'table', ledger: 'ledger' } as const
export type OwnerType = (typeof OwnerType)[keyof typeof OwnerType]

/** A record that is still needed: in which segment, and how large, so that the segment's share can be taken back. */
interface Kept {
  segment: number
  bytes: number
}

interface OwnerBase {
  readonly name: string
  /** 0 until the first record: a queue nobody used leaves no trace on disk. */
  number: number
  /** A definition is on disk or on its way there. */
  defined: boolean
  /** Dropped: neither listed nor written into the next segment's directory. */
  forgotten: boolean
}

export interface QueueState extends OwnerBase {
  readonly type: 'queue'
  readonly slots: SlotIndex
  readonly notes: Map<number, Kept & { note: Uint8Array }>
  /** Slots given out, which runs ahead of `slots.next` by what is on its way to the disk. */
  nextSlot: number
  readonly listeners: Set<() => void>
}

export interface TableState extends OwnerBase {
  readonly type: 'table'
  readonly values: Map<string, Kept & { value: Json }>
}

export interface LedgerState extends OwnerBase {
  readonly type: 'ledger'
  /** Oldest first. */
  readonly entries: Map<string, Kept & { done: boolean; at: number; note: Json }>
  count: number
  ageMs: number
}

export type OwnerState = QueueState | TableState | LedgerState

export interface DirectoryEntry {
  readonly number: number
  readonly type: OwnerType
  readonly name: string
  readonly next: number
}

/** How much of a segment is still needed. */
export interface Share {
  live: number
  liveBytes: number
}

/**
 * All the journal knows, and what each record does to it. The same code runs after a sync, after a scan and after a
 * footer, so that an opened journal cannot differ from the one that was closed.
 */
export class JournalState {
  readonly owners = new Map<number, OwnerState>()
  readonly shares = new Map<number, Share>()
  /** Queues that got messages since the set was last emptied. */
  readonly touched = new Set<QueueState>()
  live = 0
  #nextOwner = 1
  readonly #named = {
    queue: new Map<string, QueueState>(),
    table: new Map<string, TableState>(),
    ledger: new Map<string, LedgerState>(),
  }

  queue(name: string): QueueState {
    return this.#get('queue', name) as QueueState
  }

  table(name: string): TableState {
    return this.#get('table', name) as TableState
  }

  ledger(name: string): LedgerState {
    return this.#get('ledger', name) as LedgerState
  }

  queues(): IterableIterator<QueueState> {
    return this.#named.queue.values()
  }

  findQueue(name: string): QueueState | undefined {
    return this.#named.queue.get(name)
  }

  #get(type: OwnerType, name: string): OwnerState {
    const found = this.#named[type].get(name)
    if (found) return found
    const made = makeOwner(type, name)
    ;(this.#named[type] as Map<string, OwnerState>).set(name, made)
    return made
  }

  /** Gives an owner its number; the caller writes the definition. */
  assign(owner: OwnerState): void {
    owner.number = this.#nextOwner++
    this.owners.set(owner.number, owner)
  }

  define(number: number, type: OwnerType, name: string, next: number): void {
    if (number >= this.#nextOwner) this.#nextOwner = number + 1
    let owner = this.owners.get(number)
    if (!owner) {
      owner = this.#get(type, name)
      // Two numbers under one name happen only in damaged journals: both lead to the same queue.
      if (owner.number === 0) owner.number = number
      this.owners.set(number, owner)
    }
    owner.defined = true
    owner.forgotten = false
    if (owner.type === 'queue') {
      if (next > owner.nextSlot) owner.nextSlot = next
    }
  }

  directory(): DirectoryEntry[] {
    const entries: DirectoryEntry[] = []
    for (const [number, owner] of this.owners) {
      if (owner.forgotten) continue
      entries.push({ number, type: owner.type, name: owner.name, next: owner.type === 'queue' ? owner.nextSlot : 0 })
    }
    return entries
  }

  share(segment: number): Share {
    let share = this.shares.get(segment)
    if (!share) this.shares.set(segment, (share = { live: 0, liveBytes: 0 }))
    return share
  }

  #gain(segment: number, bytes: number): void {
    const share = this.share(segment)
    share.live++
    share.liveBytes += bytes
  }

  #lose(kept: { readonly segment: number; readonly bytes: number }): void {
    const share = this.share(kept.segment)
    share.live--
    share.liveBytes -= kept.bytes
  }

  /** What one record says, now that it is durable. `offset` is where it begins in the segment. */
  apply(record: RecordView, segment: number, offset: number): void {
    switch (record.kind) {
      case Kind.put: {
        const keyAt = record.at + HEAD
        hashInto(record.bytes, keyAt, keyAt + record.keyLength)
        this.placed(this.#queueOf(record.owner), record.slot, segment, offset, record.size, hashLow, hashHigh)
        return
      }
      case Kind.remove: {
        const queue = this.#knownQueue(record.owner)
        if (queue) this.removed(queue, record.slot)
        return
      }
      case Kind.removeRanges: {
        const queue = this.#knownQueue(record.owner)
        if (!queue) return
        for (const { first, count } of decodeRanges(record.body())) this.removedRange(queue, first, count)
        return
      }
      case Kind.note: {
        const queue = this.#knownQueue(record.owner)
        if (!queue || queue.slots.state(record.slot) === SlotState.absent) return
        const before = queue.notes.get(record.slot)
        if (before) this.#lose(before)
        this.#gain(segment, record.size)
        queue.notes.set(record.slot, { segment, bytes: record.size, note: Uint8Array.from(record.body()) })
        return
      }
      case Kind.define: {
        const type = record.body().toString('latin1') as OwnerType
        this.define(record.owner, type, record.key(), 0)
        return
      }
      case Kind.drop: {
        const owner = this.owners.get(record.owner)
        if (owner?.type === 'queue' && owner.slots.held === 0) owner.forgotten = true
        return
      }
      case Kind.set:
      case Kind.unset: {
        if (record.kind === Kind.unset && !this.owners.has(record.owner)) return
        const table = this.#ownerOf(record.owner, 'table') as TableState
        const key = record.key()
        const before = table.values.get(key)
        if (before) this.#lose(before)
        if (record.kind === Kind.unset) table.values.delete(key)
        else {
          this.#gain(segment, record.size)
          table.values.set(key, { segment, bytes: record.size, value: JSON.parse(record.body().toString()) as Json })
        }
        return
      }
      case Kind.done:
      case Kind.remember: {
        const ledger = this.#ownerOf(record.owner, 'ledger') as LedgerState
        const id = record.key()
        const done = record.kind === Kind.done
        const body = record.body()
        const at = body.readDoubleLE(0)
        const note = done ? null : (JSON.parse(body.toString('utf8', 8)) as Json)
        const before = ledger.entries.get(id)
        if (before) {
          this.#lose(before)
          // The same again is a copy forward: it keeps its age and its place.
          if (before.at !== at) ledger.entries.delete(id)
        }
        this.#gain(segment, record.size)
        ledger.entries.set(id, { segment, bytes: record.size, done, at, note })
        this.trim(ledger, at)
        return
      }
    }
  }

  /** Takes back what encoding this record noted in memory, because it was refused. */
  undo(record: RecordView): void {
    const owner = this.owners.get(record.owner)
    if (!owner) return
    if (record.kind === Kind.define) {
      owner.defined = false
      owner.forgotten = false
    } else if (record.kind === Kind.drop) owner.defined = true
    if (owner.type !== 'queue') return
    if (record.kind === Kind.remove) this.#keepAfterAll(owner, record.slot)
    if (record.kind !== Kind.removeRanges) return
    for (const { first, count } of decodeRanges(record.body())) {
      for (const slot of owner.slots.from(first)) {
        if (slot >= first + count) break
        this.#keepAfterAll(owner, slot)
      }
    }
  }

  #keepAfterAll(queue: QueueState, slot: number): void {
    const state = queue.slots.state(slot)
    if (state === SlotState.leasedLeaving) queue.slots.setState(slot, SlotState.leased)
    if (state !== SlotState.waitingLeaving) return
    queue.slots.setState(slot, SlotState.waiting)
    this.touched.add(queue)
  }

  placed(
    queue: QueueState,
    slot: number,
    segment: number,
    offset: number,
    bytes: number,
    hashLow: number,
    hashHigh: number,
  ): void {
    const before = queue.slots.put(slot, segment, offset, bytes, hashLow, hashHigh)
    if (before) this.#lose(before)
    else {
      this.live++
      this.touched.add(queue)
      if (slot >= queue.nextSlot) queue.nextSlot = slot + 1
    }
    this.#gain(segment, bytes)
  }

  /** As {@link placed}, for a row of a footer. */
  placedIn(
    owner: number,
    slot: number,
    segment: number,
    offset: number,
    bytes: number,
    low: number,
    high: number,
  ): void {
    this.placed(this.#queueOf(owner), slot, segment, offset, bytes, low, high)
  }

  removed(queue: QueueState, slot: number): void {
    const place = queue.slots.remove(slot)
    if (slot >= queue.nextSlot) queue.nextSlot = slot + 1
    if (!place) return
    this.live--
    this.#lose(place)
    const note = queue.notes.get(slot)
    if (note) {
      this.#lose(note)
      queue.notes.delete(slot)
    }
  }

  removedRange(queue: QueueState, first: number, count: number): void {
    const end = first + count
    if (end > queue.nextSlot) queue.nextSlot = end
    for (const slot of queue.slots.from(first)) {
      if (slot >= end) break
      this.removed(queue, slot)
    }
  }

  /** Drops what the ledger's bounds no longer cover. Nothing is written: at the next open the same is dropped again. */
  trim(ledger: LedgerState, now: number): void {
    for (const [id, entry] of ledger.entries) {
      if (ledger.entries.size <= ledger.count && now - entry.at <= ledger.ageMs) break
      ledger.entries.delete(id)
      this.#lose(entry)
    }
  }

  /** After an open: copies forward stand in the log behind younger entries. */
  sortLedgers(): void {
    for (const { entries } of this.#named.ledger.values()) {
      const sorted = [...entries].sort(([, a], [, b]) => a.at - b.at)
      entries.clear()
      for (const [id, entry] of sorted) entries.set(id, entry)
    }
  }

  #queueOf(number: number): QueueState {
    return this.#ownerOf(number, 'queue') as QueueState
  }

  /** A removal may outlive the queue it speaks of: then there is nothing left to remove. Its number stays taken. */
  #knownQueue(number: number): QueueState | undefined {
    if (number >= this.#nextOwner) this.#nextOwner = number + 1
    const owner = this.owners.get(number)
    return owner?.type === 'queue' ? owner : undefined
  }

  /** An owner whose definition was lost to damage keeps its messages, under a name that says so. */
  #ownerOf(number: number, type: OwnerType): OwnerState {
    const owner = this.owners.get(number)
    if (owner?.type === type) return owner
    this.define(number, type, `recovered-${number}`, 0)
    return this.owners.get(number)!
  }
}

function makeOwner(type: OwnerType, name: string): OwnerState {
  const base = { name, number: 0, defined: false, forgotten: false }
  switch (type) {
    case 'queue':
      return { ...base, type, slots: new SlotIndex(), notes: new Map(), nextSlot: 1, listeners: new Set() }
    case 'table':
      return { ...base, type, values: new Map() }
    case 'ledger':
      return { ...base, type, entries: new Map(), count: Infinity, ageMs: Infinity }
  }
}
