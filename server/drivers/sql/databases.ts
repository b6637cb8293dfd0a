import { createHash } from 'node:crypto'
import type { Clock } from '../../kernel/clock.ts'
import type { Database, Databases, PoolLimits, SqlAddress, SqlDriver, SqlLimits } from './contracts.ts'
import { mysql } from './mysql.ts'
import { SqlPool } from './pool.ts'
import { postgres } from './postgres.ts'

const DRIVERS: Readonly<Record<SqlAddress['engine'], SqlDriver>> = { postgresql: postgres, mysql }

/** The pools of a server. They are opened when they are first used, and empty while nobody uses them. */
export class SqlDatabases implements Databases, AsyncDisposable {
  readonly #clock: Clock
  readonly #limits: SqlLimits
  readonly #drivers: Readonly<Record<SqlAddress['engine'], SqlDriver>>
  readonly #pools = new Map<string, SqlPool>()

  constructor(clock: Clock, limits: SqlLimits, drivers = DRIVERS) {
    this.#clock = clock
    this.#limits = limits
    this.#drivers = drivers
  }

  at(address: SqlAddress, limits: PoolLimits): Database {
    // A digest: passwords are kept in as few places as can be.
    const key = createHash('sha256')
      .update(JSON.stringify([address, limits]))
      .digest('base64')
    let pool = this.#pools.get(key)
    if (!pool) {
      const open = (): ReturnType<SqlDriver['open']> => this.#drivers[address.engine].open(address, this.#limits)
      this.#pools.set(key, (pool = new SqlPool(open, limits, this.#clock)))
    }
    return pool
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#pools.values()].map(pool => pool[Symbol.asyncDispose]()))
  }
}
