import { IntegrationError } from '../kernel/errors.ts'
import type { Database, SqlConnection, SqlParameter, SqlResult } from '../drivers/sql/contracts.ts'

interface Row {
  readonly index: number
  readonly id: string
  readonly text: string
}

/** A database with the one table of a store: it understands the statements a store says, and nothing else. */
export class TableSql implements Database {
  rows: Row[] = []
  /** Rejects everything while it is set. */
  away: IntegrationError | null = null
  /** Rejects this many statements that write, after they have been carried out. */
  loseAnswers = 0
  /** Statements, for tests that count. */
  readonly said: string[] = []
  #last = 0
  #lockedBy: SqlConnection | null = null
  /** What the answers that are lost take with them: it is away from then on. */
  thenAway: IntegrationError | null = null
  /** The table has a key on `msg_id`. */
  keyed = false
  readonly #open = new Set<{ isBroken: boolean }>()

  async use<T>(work: (connection: SqlConnection) => Promise<T>): Promise<T> {
    this.#check()
    const state = { isBroken: false }
    this.#open.add(state)
    const connection: SqlConnection = {
      query: async (sql, parameters) => {
        this.#check()
        await new Promise(resolve => setImmediate(resolve))
        return this.#run(sql, parameters, connection)
      },
      begin: async () => undefined,
      get isBroken() {
        return state.isBroken
      },
      close: async () => undefined,
    }
    try {
      return await work(connection)
    } finally {
      this.#open.delete(state)
      if (this.#lockedBy === connection) this.#lockedBy = null
    }
  }

  /** All connections end; what they had locked is free. */
  breakConnections(): void {
    for (const state of this.#open) state.isBroken = true
    this.#lockedBy = null
  }

  #check(): void {
    if (this.away) throw this.away
  }

  #run(sql: string, parameters: readonly SqlParameter[], connection: SqlConnection): SqlResult {
    this.said.push(sql)
    const given = parameters.map(String)
    if (sql.startsWith('INSERT')) {
      if (this.keyed && this.rows.some(({ id }) => id === given[0])) {
        throw new IntegrationError('DATABASE_FAILED', 'duplicate key', { retryable: false })
      }
      this.rows.push({ index: ++this.#last, id: given[0]!, text: given[1]! })
      return this.#written(1)
    }
    if (sql.startsWith('DELETE')) {
      const isThere = (row: Row): boolean => given.includes(String(row.index)) !== sql.includes('NOT IN')
      const gone = sql.includes('WHERE') ? this.rows.filter(isThere) : this.rows
      this.rows = this.rows.filter(row => !gone.includes(row))
      return this.#written(gone.length)
    }
    if (sql.includes('COUNT')) return answer([String(this.rows.length)])
    if (/try_advisory_lock/.test(sql)) {
      this.#lockedBy ??= connection
      return answer([this.#lockedBy === connection ? '1' : '0'])
    }
    if (/advisory_unlock/.test(sql)) {
      if (this.#lockedBy === connection) this.#lockedBy = null
      return answer(['1'])
    }
    return answer(...this.#select(sql, given).map(({ index, text }) => [String(index), text] as const))
  }

  #select(sql: string, given: readonly string[]): readonly Row[] {
    const left = [...given]
    let found = this.rows
    if (sql.includes('indexId < 0')) return []
    if (sql.includes('msg_id = ?')) found = found.filter(({ id }) => id === left[0])
    if (sql.includes('indexId > ?')) {
      const after = Number(left.shift())
      found = found.filter(({ index }) => index > after)
    }
    if (sql.includes('NOT IN')) found = found.filter(({ index }) => !left.includes(String(index)))
    return found.slice(0, Number(/LIMIT (\d+)/.exec(sql)?.[1] ?? Infinity))
  }

  #written(changed: number): SqlResult {
    if (this.loseAnswers > 0) {
      this.loseAnswers--
      this.away = this.thenAway
      throw new IntegrationError('DATABASE_FAILED', 'the connection ended', { retryable: true, ambiguous: true })
    }
    return { columns: [], rows: [], changed }
  }
}

function answer(...rows: readonly (readonly string[])[]): SqlResult {
  return { columns: [], rows, changed: 0 }
}
