import { createHash } from 'node:crypto'
import type { Database, SqlAddress, SqlConnection } from '../../drivers/sql/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'

/** A row as it is in the table. */
export interface Row {
  /** Grows with every row; a text, for it may be larger than a number can say. */
  readonly index: string
  readonly record: Uint8Array
}

/** MySQL and MariaDB cut a longer value of a BLOB column, or refuse it, as they are set up. */
const BLOB_MAX = 65_535
/** One name, or a schema and a name: it becomes a part of statements. */
const NAME = /^[A-Za-z_][A-Za-z0-9_$]*(?:\.[A-Za-z_][A-Za-z0-9_$]*)?$/

export function isTableName(name: string): boolean {
  return NAME.test(name)
}

interface Dialect {
  readonly create: string
  readonly write: string
  readonly read: string
  readonly lock: string
  readonly unlock: string
}

const DIALECTS: Readonly<Record<SqlAddress['engine'], Dialect>> = {
  postgresql: {
    create: '(indexId BIGSERIAL PRIMARY KEY, msg_id VARCHAR(200) NOT NULL, message BYTEA NOT NULL)',
    write: "decode(?, 'base64')",
    read: "encode(message, 'base64')",
    lock: 'SELECT CASE WHEN pg_try_advisory_lock(?::bigint) THEN 1 ELSE 0 END',
    unlock: 'SELECT pg_advisory_unlock(?::bigint)',
  },
  mysql: {
    create: '(indexId BIGINT AUTO_INCREMENT PRIMARY KEY, msg_id VARCHAR(200) NOT NULL, message LONGBLOB NOT NULL)',
    write: 'FROM_BASE64(?)',
    read: 'TO_BASE64(message)',
    lock: 'SELECT GET_LOCK(?, 0)',
    unlock: 'SELECT RELEASE_LOCK(?)',
  },
}

/** The statements on the table of a store (store-and-forward 1.7). All reject with an IntegrationError. */
export class MessageTable {
  readonly #database: Database
  readonly #engine: SqlAddress['engine']
  readonly #table: string
  /** Names the lock on the table: a number for PostgreSQL. */
  readonly #lockName: string

  constructor(database: Database, address: Pick<SqlAddress, 'engine' | 'database'>, table: string) {
    this.#database = database
    this.#engine = address.engine
    this.#table = table
    const digest = createHash('sha256').update(`holdfast ${address.database} ${table}`).digest()
    this.#lockName = address.engine === 'mysql' ? digest.toString('hex', 0, 16) : String(digest.readBigInt64BE(0))
  }

  /** Makes it where it does not exist. */
  async prepare(): Promise<void> {
    await this.#database.use(async connection => {
      try {
        await connection.query(`SELECT indexId, msg_id, message FROM ${this.#table} WHERE indexId < 0`, [])
      } catch (thrown) {
        if (connection.isBroken) throw thrown
        await connection.query(`CREATE TABLE IF NOT EXISTS ${this.#table} ${this.#dialect.create}`, [])
      }
    })
  }

  /** Resolves when it is committed. */
  async insert(id: string, record: Uint8Array): Promise<void> {
    const text = Buffer.from(record.buffer, record.byteOffset, record.byteLength).toString('base64')
    const sql = `INSERT INTO ${this.#table} (msg_id, message) VALUES (?, ${this.#dialect.write})`
    if (this.#engine !== 'mysql' || record.byteLength <= BLOB_MAX) {
      await this.#database.use(connection => connection.query(sql, [id, text]))
      return
    }
    // Without strict mode a BLOB column would keep only the beginning, and say yes.
    await this.#database.use(
      async connection => {
        await connection.query(sql, [id, text])
        const kept = `SELECT OCTET_LENGTH(message) FROM ${this.#table} WHERE indexId = LAST_INSERT_ID()`
        if ((await one(connection, kept)) === String(record.byteLength)) return
        throw new IntegrationError(
          'STORE_UNAVAILABLE',
          `the column message of ${this.#table} is too small for ${record.byteLength} bytes: ALTER TABLE ${this.#table} MODIFY message LONGBLOB NOT NULL`,
        )
      },
      { isolation: undefined },
    )
  }

  async has(id: string): Promise<boolean> {
    const sql = `SELECT 1 FROM ${this.#table} WHERE msg_id = ? LIMIT 1`
    return (await this.#database.use(connection => connection.query(sql, [id]))).rows.length > 0
  }

  /** Oldest first, without those on loan. */
  async rows(limit: number, { after, without = [] }: { after?: string; without?: readonly string[] } = {}) {
    const conditions = [
      ...(after === undefined ? [] : ['indexId > ?']),
      ...(without.length === 0 ? [] : [`indexId NOT IN (${without.map(() => '?').join(', ')})`]),
    ]
    const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
    return this.#select(`${where} ORDER BY indexId LIMIT ${limit}`, [
      ...(after === undefined ? [] : [after]),
      ...without,
    ])
  }

  /** The oldest of them. */
  async rowOf(id: string): Promise<Row | undefined> {
    return (await this.#select(' WHERE msg_id = ? ORDER BY indexId LIMIT 1', [id]))[0]
  }

  /** False if it was gone already. */
  async delete(index: string): Promise<boolean> {
    const sql = `DELETE FROM ${this.#table} WHERE indexId = ?`
    return (await this.#database.use(connection => connection.query(sql, [index]))).changed > 0
  }

  /** How many there were. */
  async deleteAll(without: readonly string[]): Promise<number> {
    const where = without.length === 0 ? '' : ` WHERE indexId NOT IN (${without.map(() => '?').join(', ')})`
    const sql = `DELETE FROM ${this.#table}${where}`
    return (await this.#database.use(connection => connection.query(sql, without))).changed
  }

  async count(): Promise<number> {
    return Number(await this.#database.use(connection => one(connection, `SELECT COUNT(*) FROM ${this.#table}`)))
  }

  /** Holds the right to take from the table until `released` resolves; `held` tells whether it could be had. */
  async hold(held: (connection: SqlConnection | null) => void, released: Promise<void>): Promise<void> {
    await this.#database.use(async connection => {
      const mine = (await one(connection, this.#dialect.lock, [this.#lockName])) === '1'
      held(mine ? connection : null)
      if (!mine) return
      await released
      if (!connection.isBroken) await connection.query(this.#dialect.unlock, [this.#lockName])
    })
  }

  get #dialect(): Dialect {
    return DIALECTS[this.#engine]
  }

  async #select(rest: string, parameters: readonly string[]): Promise<Row[]> {
    const sql = `SELECT indexId, ${this.#dialect.read} FROM ${this.#table}${rest}`
    const { rows } = await this.#database.use(connection => connection.query(sql, parameters))
    return rows.map(([index, text]) => ({ index: index!, record: Buffer.from(text ?? '', 'base64') }))
  }
}

async function one(
  connection: SqlConnection,
  sql: string,
  parameters: readonly string[] = [],
): Promise<string | null | undefined> {
  return (await connection.query(sql, parameters)).rows[0]?.[0]
}
