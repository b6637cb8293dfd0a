import { IntegrationError } from '../../kernel/errors.ts'
import type { JournalQueue, JournalRecord, Lease, QueueEntry } from './contracts.ts'
import { type Arena, type Body, encodeRanges, hashOf, Kind } from './format.ts'
import { Class } from './group.ts'
import type { Reader } from './reader.ts'
import { SlotState } from './slots.ts'
import { OwnerType, type JournalState, type OwnerState, type QueueState } from './state.ts'
import type { Writer } from './writer.ts'

/** An entry whose record went bad is listed, and can be removed, under this name and its slot. */
const UNREADABLE = 'unreadable-'

/** What queues, tables and ledgers work with. */
export interface Log {
  readonly state: JournalState
  readonly writer: Writer
  readonly reader: Reader
}

/** Gives an owner its number and says so in the log, once. */
export function ensureDefined(state: JournalState, arena: Arena, owner: OwnerState): void {
  if (owner.defined) return
  if (owner.number === 0) state.assign(owner)
  arena.record(Kind.define, owner.number, 0, owner.name, Buffer.from(OwnerType[owner.type]))
  owner.defined = true
  owner.forgotten = false
}

export class Queue implements JournalQueue {
  readonly name: string
  readonly state: QueueState
  readonly #log: Log

  constructor(log: Log, state: QueueState) {
    this.#log = log
    this.state = state
    this.name = state.name
  }

  get held(): number {
    return this.state.slots.held
  }

  get waiting(): number {
    return this.state.slots.waiting
  }

  put(id: string, body: Body): Promise<void> {
    try {
      const group = this.#log.writer.filling()
      ensureDefined(this.#log.state, group.arena, this.state)
      encodePut(group.arena, this.state, id, body)
      group.puts++
      return group.outcome(Class.body)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  lease(): Lease | null {
    const slot = this.state.slots.lease()
    return slot === 0 ? null : new QueueLease(this.#log, this.state, slot)
  }

  onWaiting(listener: () => void): () => void {
    this.state.listeners.add(listener)
    return () => this.state.listeners.delete(listener)
  }

  async page(after: string | undefined, limit: number): Promise<QueueEntry[]> {
    const start = after === undefined ? undefined : await this.find(after)
    const slots: number[] = []
    for (const slot of this.state.slots.from((start?.slot ?? 0) + 1)) {
      if (slots.length >= limit) break
      slots.push(slot)
    }
    const entries: QueueEntry[] = []
    for (const slot of slots) {
      const entry = await this.#entry(slot)
      if (entry) entries.push(entry)
    }
    return entries
  }

  async find(id: string): Promise<QueueEntry | undefined> {
    const bytes = Buffer.from(id)
    const { low, high } = hashOf(bytes, 0, bytes.length)
    const slots = this.state.slots.withHash(low, high)
    if (id.startsWith(UNREADABLE)) slots.push(Number(id.slice(UNREADABLE.length)))
    for (const slot of slots) {
      const entry = await this.#entry(slot)
      if (entry?.id === id) return entry
    }
    return undefined
  }

  async removeById(id: string): Promise<boolean> {
    const entry = await this.find(id)
    if (!entry || this.state.slots.state(entry.slot) !== SlotState.waiting) return false
    const group = this.#log.writer.filling()
    this.state.slots.setState(entry.slot, SlotState.waitingLeaving)
    group.arena.record(Kind.remove, this.state.number, entry.slot, '', null)
    await group.outcome(Class.removal)
    return true
  }

  async clear(): Promise<number> {
    const group = this.#log.writer.filling()
    const count = encodeClear(group.arena, this.state)
    if (count > 0) await group.outcome(Class.removal)
    return count
  }

  async #entry(slot: number): Promise<QueueEntry | undefined> {
    const { slots, notes } = this.state
    let id: string
    try {
      id = (await this.#log.reader.read(this.state, slot)).id
    } catch (error) {
      if (!(error instanceof IntegrationError)) throw error
      if (error.code === 'MESSAGE_UNREADABLE') return undefined
      if (error.code !== 'JOURNAL_CORRUPT') throw error
      id = `${UNREADABLE}${slot}`
    }
    const state = slots.state(slot)
    if (state === SlotState.absent) return undefined
    return {
      id,
      slot,
      inFlight: state === SlotState.leased || state === SlotState.leasedLeaving,
      note: notes.get(slot)?.note ?? null,
      read: () => this.#log.reader.read(this.state, slot),
    }
  }
}

export function encodePut(arena: Arena, queue: QueueState, id: string, body: Body): void {
  arena.record(Kind.put, queue.number, queue.nextSlot, id, body)
  queue.nextSlot++
}

/** Marks the message as leaving; throws if it is not there to be removed. */
export function encodeRemove(arena: Arena, queue: QueueState, slot: number): void {
  const state = queue.slots.state(slot)
  if (state !== SlotState.leased && state !== SlotState.waiting) {
    throw new IntegrationError('MESSAGE_UNREADABLE', `Message ${slot} of queue ${queue.name} was already removed.`)
  }
  arena.record(Kind.remove, queue.number, slot, '', null)
  queue.slots.setState(slot, state === SlotState.leased ? SlotState.leasedLeaving : SlotState.waitingLeaving)
}

/** One record that removes everything nobody works on; returns how many messages that is. */
export function encodeClear(arena: Arena, queue: QueueState): number {
  const ranges: number[] = []
  let count = 0
  let open = false
  for (const slot of queue.slots.from(1)) {
    if (queue.slots.state(slot) !== SlotState.waiting) {
      open = false
      continue
    }
    queue.slots.setState(slot, SlotState.waitingLeaving)
    count++
    // Slots between two waiting ones that are empty may be covered: nothing will ever be in them.
    if (open) ranges[ranges.length - 1] = slot + 1 - ranges.at(-2)!
    else ranges.push(slot, 1)
    open = true
  }
  if (count > 0) arena.record(Kind.removeRanges, queue.number, 0, '', encodeRanges(ranges))
  return count
}

class QueueLease implements Lease {
  readonly slot: number
  readonly #log: Log
  readonly #queue: QueueState
  #given = false

  constructor(log: Log, queue: QueueState, slot: number) {
    this.#log = log
    this.#queue = queue
    this.slot = slot
  }

  get note(): Uint8Array | null {
    return this.#queue.notes.get(this.slot)?.note ?? null
  }

  read(): JournalRecord | Promise<JournalRecord> {
    return this.#log.reader.read(this.#queue, this.slot)
  }

  ack(): Promise<void> {
    try {
      this.#fence()
      const group = this.#log.writer.filling()
      encodeRemove(group.arena, this.#queue, this.slot)
      return group.outcome(Class.removal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  keep(note: Uint8Array): Promise<void> {
    try {
      this.#fence()
      const group = this.#log.writer.filling()
      group.arena.record(Kind.note, this.#queue.number, this.slot, '', note)
      return group.outcome(Class.value)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  release(): void {
    if (this.#given) return
    const { slots, listeners } = this.#queue
    if (slots.state(this.slot) !== SlotState.leased) return
    this.#given = true
    slots.setState(this.slot, SlotState.waiting)
    for (const listener of listeners) listener()
  }

  /** A loan that was given back may be somebody else's by now. */
  #fence(): void {
    if (this.#given)
      throw new Error(`message ${this.slot} of queue ${this.#queue.name} was given back and cannot be settled`)
  }
}
