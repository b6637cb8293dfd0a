import type { Client, QueryArrayResult } from 'pg'
import { optionalPackage } from '../../kernel/optional-package.ts'
import type { Isolation, SqlAddress, SqlConnection, SqlDriver, SqlParameter, SqlResult } from './contracts.ts'
import { databaseFailure } from './failure.ts'
import { numbered } from '../../kernel/sql-placeholders.ts'

/** Everything as the text the server sends. */
const AS_TEXT = { getTypeParser: () => (value: string | null) => value }

export const postgres: SqlDriver = {
  async open(address, limits) {
    const { default: pg } = await optionalPackage('pg', 'a PostgreSQL database', () => import('pg'))
    const client = new pg.Client({
      host: address.host,
      port: address.port,
      database: address.database,
      user: address.user,
      password: address.password,
      ssl: address.tls === undefined ? false : { rejectUnauthorized: address.tls === 'verify' },
      connectionTimeoutMillis: limits.connectMs,
      statement_timeout: limits.statementMs,
      // The server may be gone rather than busy.
      query_timeout: limits.statementMs + 1000,
      application_name: 'holdfast',
    })
    const connection = new PostgresConnection(client, address)
    try {
      await client.connect()
    } catch (thrown) {
      await connection.close()
      throw databaseFailure(address, thrown, 'no connection')
    }
    return connection
  },
}

class PostgresConnection implements SqlConnection {
  isBroken = false
  readonly #client: Client
  readonly #address: SqlAddress

  constructor(client: Client, address: SqlAddress) {
    this.#client = client
    this.#address = address
    client.on('error', () => (this.isBroken = true))
    client.on('end', () => (this.isBroken = true))
  }

  async query(sql: string, parameters: readonly SqlParameter[]): Promise<SqlResult> {
    let result: QueryArrayResult<(string | null)[]>
    const wasBroken = this.isBroken
    try {
      result = await this.#client.query<(string | null)[]>({
        text: numbered(sql),
        values: [...parameters],
        rowMode: 'array',
        types: AS_TEXT,
      })
    } catch (thrown) {
      // A query that was given up leaves the connection in the middle of it.
      if (/timeout/i.test(String((thrown as Error).message))) this.isBroken = true
      const unanswered = this.isBroken && !wasBroken && !isAnswer(thrown)
      throw databaseFailure(this.#address, thrown, 'the statement failed', unanswered)
    }
    return { columns: result.fields.map(({ name }) => name), rows: result.rows, changed: result.rowCount ?? 0 }
  }

  async begin(isolation: Isolation | undefined): Promise<void> {
    await this.query(isolation === undefined ? 'BEGIN' : `BEGIN ISOLATION LEVEL ${isolation}`, [])
  }

  async close(): Promise<void> {
    this.isBroken = true
    // It may have ended by itself, and says so by rejecting.
    await this.#client.end().catch(() => undefined)
  }
}

/** Said by the server, as opposed to the way to it. */
function isAnswer(thrown: unknown): boolean {
  return typeof thrown === 'object' && thrown !== null && 'severity' in thrown && thrown.severity !== undefined
}
