import type { Connection, FieldPacket, ResultSetHeader, RowDataPacket } from 'mysql2/promise'
import { optionalPackage } from '../../kernel/optional-package.ts'
import { systemCode } from '../../kernel/errors.ts'
import type { Isolation, SqlAddress, SqlConnection, SqlDriver, SqlParameter, SqlResult } from './contracts.ts'
import { databaseFailure } from './failure.ts'

export const mysql: SqlDriver = {
  async open(address, limits) {
    const { createConnection } = await optionalPackage(
      'mysql2',
      'a MySQL or MariaDB database',
      () => import('mysql2/promise'),
    )
    try {
      const connection = await createConnection({
        host: address.host,
        port: address.port,
        database: address.database,
        ...(address.user !== undefined && { user: address.user }),
        ...(address.password !== undefined && { password: address.password }),
        ...(address.tls !== undefined && { ssl: { rejectUnauthorized: address.tls === 'verify' } }),
        connectTimeout: limits.connectMs,
        dateStrings: true,
        supportBigNumbers: true,
        bigNumberStrings: true,
      })
      return new MysqlConnection(connection, address, limits.statementMs)
    } catch (thrown) {
      throw databaseFailure(address, thrown, 'no connection')
    }
  },
}

class MysqlConnection implements SqlConnection {
  isBroken = false
  readonly #connection: Connection
  readonly #address: SqlAddress
  readonly #timeout: number

  constructor(connection: Connection, address: SqlAddress, timeout: number) {
    this.#connection = connection
    this.#address = address
    this.#timeout = timeout
    connection.on('error', () => (this.isBroken = true))
    connection.on('end', () => (this.isBroken = true))
  }

  async query(sql: string, parameters: readonly SqlParameter[]): Promise<SqlResult> {
    const wasBroken = this.isBroken
    try {
      const options = { sql, rowsAsArray: true, timeout: this.#timeout }
      // Statements that begin and end transactions cannot be prepared by old servers.
      const [result, fields] =
        parameters.length === 0
          ? await this.#connection.query<RowDataPacket[][] | ResultSetHeader>(options)
          : await this.#connection.execute<RowDataPacket[][] | ResultSetHeader>(options, [...parameters])
      return resultOf(result, fields)
    } catch (thrown) {
      const code = systemCode(thrown) ?? ''
      const isAnswer = code.startsWith('ER_')
      if (!isAnswer) this.isBroken = true
      throw databaseFailure(this.#address, thrown, 'the statement failed', !isAnswer && !wasBroken)
    }
  }

  async begin(isolation: Isolation | undefined): Promise<void> {
    if (isolation !== undefined) await this.query(`SET TRANSACTION ISOLATION LEVEL ${isolation}`, [])
    await this.query('START TRANSACTION', [])
  }

  async close(): Promise<void> {
    this.isBroken = true
    this.#connection.destroy()
  }
}

function resultOf(result: RowDataPacket[][] | ResultSetHeader, fields: FieldPacket[] | undefined): SqlResult {
  if (!Array.isArray(result)) return { columns: [], rows: [], changed: result.affectedRows }
  const rows = (result as unknown as unknown[][]).map(row => row.map(textOfValue))
  return { columns: (fields ?? []).map(({ name }) => name), rows, changed: 0 }
}

function textOfValue(value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (Buffer.isBuffer(value)) return value.toString('utf8')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
