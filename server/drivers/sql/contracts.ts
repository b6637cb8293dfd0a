/** What goes to a database as the value of a `?`. */
export type SqlParameter = string | number | boolean | null

/** Values as text, as JDBC's getString gives them. */
export interface SqlResult {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly (string | null)[])[]
  /** Rows changed, for what is no query. */
  readonly changed: number
}

/** Where a database is and who comes. */
export interface SqlAddress {
  readonly engine: 'postgresql' | 'mysql'
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string | undefined
  readonly password: string | undefined
  /** Absent: without; `verify`: the certificate has to be one that is trusted. */
  readonly tls: 'verify' | 'any' | undefined
}

export type Isolation = 'READ UNCOMMITTED' | 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE'

/** One connection, used by one at a time. */
export interface SqlConnection {
  /**
   * Rejects with an IntegrationError, `ambiguous` where the connection was lost before the answer came; `?` stand for the
   * parameters.
   */
  query(sql: string, parameters: readonly SqlParameter[]): Promise<SqlResult>
  begin(isolation: Isolation | undefined): Promise<void>
  /** Nobody can use it any more: it broke, or a statement did not end in time. */
  readonly isBroken: boolean
  close(): Promise<void>
}

/** Opens connections to one kind of database. */
export interface SqlDriver {
  open(address: SqlAddress, limits: SqlLimits): Promise<SqlConnection>
}

export interface SqlLimits {
  readonly connectMs: number
  readonly statementMs: number
}

export interface PoolLimits {
  /** Most connections at once. */
  readonly most: number
  /** Milliseconds to wait for one of them. */
  readonly waitMs: number
  /** Milliseconds an unused one is kept. */
  readonly idleMs: number
}

/** A database, for whoever needs a connection for a moment. */
export interface Database {
  /**
   * Runs `work` with a connection; in a transaction all of it happens or nothing, and the failure is `ambiguous` where
   * nobody knows which.
   */
  use<T>(
    work: (connection: SqlConnection) => Promise<T>,
    transaction?: { isolation: Isolation | undefined },
  ): Promise<T>
}

/** All databases of the server: the same address and limits mean the same connections. */
export interface Databases {
  at(address: SqlAddress, limits: PoolLimits): Database
}
