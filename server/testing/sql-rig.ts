import { IntegrationError } from '../kernel/errors.ts'
import type {
  Databases,
  SqlAddress,
  SqlConnection,
  SqlDriver,
  SqlParameter,
  SqlResult,
} from '../drivers/sql/contracts.ts'

/** Where a test has no database. */
export const NO_DATABASES: Databases = {
  at: () => {
    throw new TypeError('there are no databases in this rig')
  },
}

export interface Statement {
  readonly sql: string
  readonly parameters: readonly SqlParameter[]
}

/** A database that notes what it is told, and answers what the test says. */
export class ScriptedSql implements SqlDriver {
  readonly opened: { readonly address: SqlAddress; readonly statements: Statement[]; isClosed: boolean }[] = []
  answer: (statement: Statement) => Partial<SqlResult> = () => ({})
  /** What the next opening is rejected with. */
  refusal: Error | undefined

  /** Every statement, of all connections, in order. */
  readonly said: string[] = []

  async open(address: SqlAddress): Promise<SqlConnection> {
    if (this.refusal) throw this.refusal
    const state = { address, statements: [] as Statement[], isClosed: false }
    this.opened.push(state)
    const query = async (sql: string, parameters: readonly SqlParameter[]): Promise<SqlResult> => {
      if (state.isClosed) throw new IntegrationError('DATABASE_FAILED', 'the connection is closed')
      state.statements.push({ sql, parameters })
      this.said.push(sql)
      return { columns: [], rows: [], changed: 0, ...this.answer({ sql, parameters }) }
    }
    return {
      query,
      begin: async isolation => void (await query(isolation === undefined ? 'BEGIN' : `BEGIN ${isolation}`, [])),
      get isBroken() {
        return state.isClosed
      },
      close: async () => void (state.isClosed = true),
    }
  }
}
