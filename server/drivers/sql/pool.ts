import type { Clock, Timer } from '../../kernel/clock.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import type { Database, Isolation, PoolLimits, SqlConnection } from './contracts.ts'

interface Idle {
  readonly connection: SqlConnection
  readonly timer: Timer
}

interface Waiter {
  readonly give: (connection: SqlConnection | null) => void
  readonly timer: Timer
}

/** Connections to one database for whoever needs one for a moment. */
export class SqlPool implements Database, AsyncDisposable {
  readonly #open: () => Promise<SqlConnection>
  readonly #limits: PoolLimits
  readonly #clock: Clock
  /** The one used last is used next, so that those that are too many can go. */
  readonly #idle: Idle[] = []
  readonly #waiting: Waiter[] = []
  #count = 0
  #closed = false

  constructor(open: () => Promise<SqlConnection>, limits: PoolLimits, clock: Clock) {
    this.#open = open
    this.#limits = limits
    this.#clock = clock
  }

  /** Open connections, those in use included. */
  get size(): number {
    return this.#count
  }

  async use<T>(
    work: (connection: SqlConnection) => Promise<T>,
    transaction?: { isolation: Isolation | undefined },
  ): Promise<T> {
    const connection = await this.#take()
    try {
      return transaction ? await inTransaction(connection, transaction.isolation, work) : await work(connection)
    } finally {
      await this.#giveBack(connection)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    for (const { give, timer } of this.#waiting.splice(0)) {
      timer.cancel()
      give(null)
    }
    await Promise.all(this.#idle.splice(0).map(idle => this.#end(idle)))
  }

  async #take(): Promise<SqlConnection> {
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      idle.timer.cancel()
      if (!idle.connection.isBroken) return idle.connection
      await this.#drop(idle.connection)
    }
    if (this.#count < this.#limits.most) return this.#another()
    const given = await this.#wait()
    return given ?? this.#another()
  }

  async #another(): Promise<SqlConnection> {
    if (this.#closed) {
      throw new IntegrationError('DATABASE_FAILED', 'the connections are closed because the server is stopping')
    }
    this.#count++
    try {
      return await this.#open()
    } catch (thrown) {
      this.#count--
      this.#next(null)
      throw thrown
    }
  }

  /** Null: there is room for another one. */
  #wait(): Promise<SqlConnection | null> {
    const { most, waitMs } = this.#limits
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        give: resolve,
        timer: this.#clock.after(waitMs, () => {
          this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
          const said = `all ${most} connections are in use, and none was free within ${waitMs} ms; raise maxactive or maxwait`
          reject(new IntegrationError('DATABASE_FAILED', said))
        }),
      }
      this.#waiting.push(waiter)
    })
  }

  async #giveBack(connection: SqlConnection): Promise<void> {
    if (connection.isBroken || this.#closed) {
      await this.#drop(connection)
      this.#next(null)
      return
    }
    if (this.#next(connection)) return
    const idle: Idle = {
      connection,
      timer: this.#clock.after(this.#limits.idleMs, () => {
        this.#idle.splice(this.#idle.indexOf(idle), 1)
        void this.#drop(connection)
      }),
    }
    this.#idle.push(idle)
  }

  #next(connection: SqlConnection | null): boolean {
    const waiter = this.#waiting.shift()
    if (!waiter) return false
    waiter.timer.cancel()
    waiter.give(connection)
    return true
  }

  async #end({ connection, timer }: Idle): Promise<void> {
    timer.cancel()
    await this.#drop(connection)
  }

  async #drop(connection: SqlConnection): Promise<void> {
    this.#count--
    await connection.close()
  }
}

async function inTransaction<T>(
  connection: SqlConnection,
  isolation: Isolation | undefined,
  work: (connection: SqlConnection) => Promise<T>,
): Promise<T> {
  let committing = false
  try {
    await connection.begin(isolation)
    const result = await work(connection)
    committing = true
    await connection.query('COMMIT', [])
    return result
  } catch (thrown) {
    if (connection.isBroken) throw committing ? inDoubt(thrown) : undone(thrown)
    // A connection that cannot even roll back is of no use to the next one; what failed first is what is told.
    await connection.query('ROLLBACK', []).catch(() => connection.close())
    throw thrown
  }
}

/** The COMMIT went out, and no answer came. */
function inDoubt(thrown: unknown): unknown {
  if (!(thrown instanceof IntegrationError) || !thrown.ambiguous) return thrown
  const { code, message, retryable } = thrown
  const text = `${message}; whether the transaction was committed nobody knows`
  return new IntegrationError(code, text, { cause: thrown, retryable, ambiguous: true })
}

/** The database rolls back what was not committed when its connection broke. */
function undone(thrown: unknown): unknown {
  if (!(thrown instanceof IntegrationError) || !thrown.ambiguous) return thrown
  const { code, message, retryable } = thrown
  return new IntegrationError(code, message, { cause: thrown, retryable })
}
