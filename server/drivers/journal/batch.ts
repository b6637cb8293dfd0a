import type { Batch, Json, JournalLedger, JournalQueue, JournalTable } from './contracts.ts'
import { Arena, type Body, HEAD, Kind, RecordView, walk } from './format.ts'
import { encodeDone, encodeRemember, type Ledger } from './ledger.ts'
import { encodePut, encodeRemove, ensureDefined, type Log, type Queue } from './queue.ts'
import { SlotState } from './slots.ts'
import type { OwnerState } from './state.ts'
import { encodeSet, type Table } from './table.ts'
import { Class } from './group.ts'

/**
 * Encodes a batch beside the group, because definitions of new queues must stand before it and outside of it: a batch
 * that is refused must not take with it what later records rely on.
 */
export class BatchEncoder implements Batch {
  readonly #log: Log
  readonly #arena = new Arena(4 << 10)
  readonly #used = new Set<OwnerState>()
  #class: Class = Class.removal
  #puts = 0

  constructor(log: Log) {
    this.#log = log
  }

  commit(write: (batch: Batch) => void): Promise<void> {
    const arena = this.#arena
    const { writer, state } = this.#log
    // Asked first: a closed journal refuses before anything is noted.
    writer.filling()
    arena.used = 0
    this.#used.clear()
    this.#class = Class.removal
    this.#puts = 0
    const start = arena.beginBatch()
    try {
      write(this)
    } catch (error) {
      walk(arena.bytes, HEAD, arena.used, new RecordView(), record => state.undo(record))
      throw error
    }
    if (arena.used === HEAD) return Promise.resolve()
    arena.endBatch(start)
    const group = writer.filling()
    for (const owner of this.#used) ensureDefined(state, group.arena, owner)
    group.arena.append(arena.bytes.subarray(0, arena.used))
    group.puts += this.#puts
    return group.outcome(this.#class)
  }

  put(queue: JournalQueue, id: string, body: Body): void {
    const { state } = queue as Queue
    this.#use(state, Class.body)
    encodePut(this.#arena, state, id, body)
    this.#puts++
  }

  remove(queue: JournalQueue, slot: number): void {
    encodeRemove(this.#arena, (queue as Queue).state, slot)
  }

  note(queue: JournalQueue, slot: number, note: Uint8Array): void {
    const { state } = queue as Queue
    if (state.slots.state(slot) === SlotState.absent) throw new Error(`no message ${slot} in queue ${queue.name}`)
    this.#use(state, Class.value)
    this.#arena.record(Kind.note, state.number, slot, '', note)
  }

  set(table: JournalTable, key: string, value: Json): void {
    const { state } = table as Table
    this.#use(state, Class.value)
    encodeSet(this.#arena, state, key, value)
  }

  delete(table: JournalTable, key: string): void {
    const { state } = table as Table
    this.#use(state, Class.value)
    this.#arena.record(Kind.unset, state.number, 0, key, null)
  }

  done(ledger: JournalLedger, id: string, at: number): void {
    const { state } = ledger as Ledger
    this.#use(state, Class.value)
    encodeDone(this.#arena, state.number, id, at)
  }

  remember(ledger: JournalLedger, id: string, note: Json, at: number): void {
    const { state } = ledger as Ledger
    this.#use(state, Class.value)
    encodeRemember(this.#arena, state.number, id, at, note)
  }

  #use(owner: OwnerState, of: Class): void {
    if (owner.number === 0) this.#log.state.assign(owner)
    this.#used.add(owner)
    if (of > this.#class) this.#class = of
  }
}
