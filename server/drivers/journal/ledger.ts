import type { Clock } from '../../kernel/clock.ts'
import type { Json, JournalLedger, LedgerEntry } from './contracts.ts'
import { type Arena, Kind } from './format.ts'
import { ensureDefined, type Log } from './queue.ts'
import type { LedgerState } from './state.ts'
import { Class } from './group.ts'

export class Ledger implements JournalLedger {
  readonly name: string
  readonly state: LedgerState
  readonly #log: Log
  readonly #clock: Clock

  constructor(log: Log, state: LedgerState, clock: Clock) {
    this.#log = log
    this.#clock = clock
    this.state = state
    this.name = state.name
  }

  get size(): number {
    return this.state.entries.size
  }

  get(id: string): LedgerEntry | undefined {
    const entry = this.state.entries.get(id)
    return entry && this.#clock.now() - entry.at <= this.state.ageMs ? entry : undefined
  }

  isDone(id: string): boolean {
    return this.get(id)?.done === true
  }

  async done(id: string, at: number): Promise<void> {
    await this.#write(arena => encodeDone(arena, this.state.number, id, at))
  }

  async remember(id: string, note: Json, at: number): Promise<void> {
    await this.#write(arena => encodeRemember(arena, this.state.number, id, at, note))
  }

  #write(encode: (arena: Arena) => void): Promise<void> {
    const group = this.#log.writer.filling()
    ensureDefined(this.#log.state, group.arena, this.state)
    encode(group.arena)
    return group.outcome(Class.value)
  }
}

export function encodeDone(arena: Arena, ledger: number, id: string, at: number): void {
  arena.record(Kind.done, ledger, 0, id, stamp(at))
}

export function encodeRemember(arena: Arena, ledger: number, id: string, at: number, note: Json): void {
  arena.record(Kind.remember, ledger, 0, id, [stamp(at), Buffer.from(JSON.stringify(note))])
}

function stamp(at: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeDoubleLE(at)
  return bytes
}
