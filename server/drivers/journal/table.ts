import type { Json, JournalTable } from './contracts.ts'
import { type Arena, Kind } from './format.ts'
import { ensureDefined, type Log } from './queue.ts'
import type { TableState } from './state.ts'
import { Class } from './group.ts'

export class Table implements JournalTable {
  readonly name: string
  readonly state: TableState
  readonly #log: Log

  constructor(log: Log, state: TableState) {
    this.#log = log
    this.state = state
    this.name = state.name
  }

  get(key: string): Json | undefined {
    return this.state.values.get(key)?.value
  }

  keys(): readonly string[] {
    return [...this.state.values.keys()]
  }

  async set(key: string, value: Json): Promise<void> {
    const group = this.#log.writer.filling()
    ensureDefined(this.#log.state, group.arena, this.state)
    encodeSet(group.arena, this.state, key, value)
    await group.outcome(Class.value)
  }

  async delete(key: string): Promise<void> {
    const group = this.#log.writer.filling()
    ensureDefined(this.#log.state, group.arena, this.state)
    group.arena.record(Kind.unset, this.state.number, 0, key, null)
    await group.outcome(Class.value)
  }
}

export function encodeSet(arena: Arena, table: TableState, key: string, value: Json): void {
  arena.record(Kind.set, table.number, 0, key, Buffer.from(JSON.stringify(value)))
}
