/** What dblookup and dbreport have in common: a connection pool, and statements with parameters (synapse-language C.22). */
import type { Database, Isolation, PoolLimits, SqlAddress, SqlParameter } from '../drivers/sql/contracts.ts'
import type { MessageContext } from '../kernel/context.ts'
import type { DataSources } from '../kernel/data-sources.ts'
import { IntegrationError } from '../kernel/errors.ts'
import { placeholders } from '../kernel/sql-placeholders.ts'
import type { ElementSite } from '../schema/element-site.ts'
import type { ValueType } from '../schema/types.ts'
import {
  address,
  attr,
  child,
  children,
  choice,
  content,
  expression,
  oneOf,
  text,
  type ConfigOf,
  type KindEnv,
} from '../schema/index.ts'
import { sqlAddress } from './data-sources.ts'

const TYPES = [
  'CHAR',
  'VARCHAR',
  'LONGVARCHAR',
  'NUMERIC',
  'DECIMAL',
  'BIT',
  'TINYINT',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'REAL',
  'DOUBLE',
  'FLOAT',
  'DATE',
  'TIME',
  'TIMESTAMP',
] as const
type SqlType = (typeof TYPES)[number]

/** Never printed; may begin with `$SYSTEM:X`, `$FILE:x` or `${configs.x}`. */
const password: ValueType<string> = { ...address(), name: 'secret', expected: 'a password', secret: true }

const poolFields = {
  dsName: child(
    'dsName',
    { name: content(text(), { doc: 'Its name.' }) },
    { doc: 'Name of a data source: a `[[datasource]]` of deployment.toml. Beats the URL.' },
  ),
  icClass: child(
    'icClass',
    { name: content(text(), { doc: 'Its name.' }) },
    { doc: 'Without effect: data sources are those of deployment.toml.' },
  ),
  driver: child(
    'driver',
    { name: content(address(), { doc: 'Class name.' }) },
    {
      doc: '`org.postgresql.Driver`, `com.mysql.jdbc.Driver`, `com.mysql.cj.jdbc.Driver` or `org.mariadb.jdbc.Driver`.',
    },
  ),
  url: child(
    'url',
    { text: content(address(), { doc: 'The URL.' }) },
    { doc: '`jdbc:postgresql://host:5432/database`, `jdbc:mysql://…` or `jdbc:mariadb://…`.' },
  ),
  user: child('user', { name: content(address(), { doc: 'Name.' }) }, { doc: 'Who connects.' }),
  password: child('password', { text: content(password, { doc: 'Password.' }) }, { doc: 'The password.' }),
  properties: children(
    'property',
    {
      name: attr(text(), {
        required: true,
        doc: '`maxactive` (8), `maxwait` (10000 ms), `isolation`; others have no effect.',
      }),
      value: attr(address(), { required: true, doc: 'Its value.' }),
    },
    { doc: 'Settings of the pool.' },
  ),
}
type Pool = ConfigOf<typeof poolFields>

export const connectionField = child(
  'connection',
  { pool: child('pool', poolFields, { required: true, doc: 'Which database, and how many connections.' }) },
  { required: true, doc: 'Where the database is.' },
)

export const parameterField = children(
  'parameter',
  {
    source: choice(
      {
        value: attr(text(), { doc: 'The value.' }),
        expression: attr(expression(), { doc: 'Gives the value for each message.' }),
      },
      { required: true, doc: 'What stands for the `?`.' },
    ),
    type: attr(oneOf(...TYPES), { required: true, doc: 'What the database takes it for.' }),
  },
  { doc: 'The values of the `?`, in order.' },
)
export type Parameter = ConfigOf<{ all: typeof parameterField }>['all'][number]

export const sqlField = child(
  'sql',
  { text: content(text(), { required: true, doc: 'The statement.' }) },
  { required: true, doc: 'The statement, with `?` for parameters.' },
)

interface Connection {
  readonly pool: Pool
}

/** Tells what cannot work before a message finds out. A database that is not available is a warning: the artifact loads. */
export function checkDatabase(
  connection: Connection | undefined,
  statements: readonly {
    readonly sql: { readonly text: string } | undefined
    readonly parameters: readonly Parameter[]
  }[],
  site: ElementSite,
): void {
  const { offset } = site.element
  if (connection?.pool) {
    // What a data source names only the server knows.
    if (connection.pool.dsName === undefined) checkAddress(connection.pool, site)
    for (const { name, value } of connection.pool.properties) {
      if (name?.toLowerCase() === 'isolation' && value !== undefined && isolationOf(value) === undefined)
        site.error(
          'invalid-value',
          `"${value}" is no isolation level`,
          offset,
          'Write one such as Connection.TRANSACTION_READ_COMMITTED.',
        )
    }
  }
  const elements = site.element.childElements.filter(({ local }) => local === 'statement')
  statements.forEach(({ sql, parameters }, index) => {
    const wanted = sql?.text === undefined ? parameters.length : placeholders(sql.text)
    if (wanted === parameters.length) return
    const said = `the statement has ${wanted} ${wanted === 1 ? '?' : 'times ?'} and ${parameters.length} parameters`
    site.error('invalid-value', said, elements[index]?.offset ?? offset, 'Give each ? a parameter.')
  })
}

function checkAddress(pool: Pool, site: ElementSite): void {
  try {
    addressOf(pool)
  } catch (thrown) {
    if (!(thrown instanceof IntegrationError)) throw thrown
    site.warn(
      'database-missing',
      thrown.message,
      site.element.offset,
      'A message that gets here is a fault until then.',
    )
  }
}

function addressOf({ dsName, driver, url, user, password }: Pool, known?: DataSources): SqlAddress {
  const own = { driver: driver?.name, user: user?.name, password: password?.text }
  return sqlAddress({ ...own, url: url?.text, dsName: dsName?.name }, known)
}

/** The database of a pool, found when it is first needed: where it is not available, every message is told. */
export function databaseOf({ pool }: Connection, { services, log, at }: KindEnv): () => Database {
  const known = services.settings.dataSources
  if (pool.dsName && !known?.has(pool.dsName.name ?? '')) {
    log.warn(`there is no data source "${pool.dsName.name}" in deployment.toml; a message that gets here is a fault`, {
      at,
    })
  }
  const setting = (name: string): string | undefined =>
    pool.properties.find(property => property.name.toLowerCase() === name)?.value
  const number = (name: string, fallback: number): number => {
    const value = Number(setting(name) ?? fallback)
    return Number.isInteger(value) && value > 0 ? value : fallback
  }
  const limits: PoolLimits = { most: number('maxactive', 8), waitMs: number('maxwait', 10_000), idleMs: 60_000 }
  let found: Database | undefined
  return () => {
    try {
      return (found ??= services.databases.at(addressOf(pool, known), limits))
    } catch (thrown) {
      if (thrown instanceof IntegrationError) thrown.at ??= at
      throw thrown
    }
  }
}

export function isolationIn({ pool }: Connection): Isolation | undefined {
  const value = pool.properties.find(({ name }) => name.toLowerCase() === 'isolation')?.value
  return value === undefined ? undefined : isolationOf(value)
}

/** As Java calls the levels: `Connection.TRANSACTION_READ_COMMITTED`. */
function isolationOf(value: string): Isolation | undefined {
  const name = value
    .replace(/^.*TRANSACTION_/, '')
    .replaceAll('_', ' ')
    .toUpperCase()
  return (['READ UNCOMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'] as const).find(one => one === name)
}

export function parametersNeedBody(statements: readonly { readonly parameters: readonly Parameter[] }[]): boolean {
  return statements.some(({ parameters }) =>
    parameters.some(({ source }) => source?.kind === 'expression' && source.value.needsBody),
  )
}

export function bound(parameters: readonly Parameter[], ctx: MessageContext): readonly SqlParameter[] {
  return parameters.map(({ source, type }, index) => {
    const value = source.kind === 'expression' ? source.value.string(ctx) : source.value
    return parameterOf(value, type, index + 1)
  })
}

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/
const WHOLE = /^[+-]?\d+$/

/** As text wherever the database understands it, so that no digit is lost. An empty text of another type is NULL. */
function parameterOf(value: string, type: SqlType, place: number): SqlParameter {
  if (type.endsWith('CHAR')) return value
  const given = value.trim()
  if (given === '') return null
  const wrong = (): IntegrationError =>
    new IntegrationError('MEDIATION_FAILED', `parameter ${place} is to be ${type}, and its value is none`)
  switch (type) {
    case 'BIT':
      if (!/^(?:true|false|0|1)$/i.test(given)) throw wrong()
      return /^(?:true|1)$/i.test(given)
    case 'TINYINT':
    case 'SMALLINT':
    case 'INTEGER':
    case 'BIGINT':
      if (!WHOLE.test(given)) throw wrong()
      return given
    case 'NUMERIC':
    case 'DECIMAL':
    case 'REAL':
    case 'DOUBLE':
    case 'FLOAT':
      if (!NUMBER.test(given)) throw wrong()
      return given
    default:
      return given
  }
}
