import { IntegrationError } from '../kernel/errors.ts'
import type { SqlAddress } from '../drivers/sql/contracts.ts'

/** Java's drivers for the databases this server can talk to. */
const DRIVERS: ReadonlyMap<string, SqlAddress['engine']> = new Map([
  ['org.postgresql.Driver', 'postgresql'],
  ['com.mysql.jdbc.Driver', 'mysql'],
  ['com.mysql.cj.jdbc.Driver', 'mysql'],
  ['org.mariadb.jdbc.Driver', 'mysql'],
])

const ENGINES: ReadonlyMap<string, { readonly engine: SqlAddress['engine']; readonly port: number }> = new Map([
  ['postgresql', { engine: 'postgresql', port: 5432 }],
  ['mysql', { engine: 'mysql', port: 3306 }],
  ['mariadb', { engine: 'mysql', port: 3306 }],
])

const REMEDY =
  'PostgreSQL, MySQL and MariaDB can be used: org.postgresql.Driver, com.mysql.cj.jdbc.Driver or org.mariadb.jdbc.Driver with their JDBC URLs'

/** Where a JDBC URL leads. Throws NOT_SUPPORTED for databases this server cannot talk to, and for what is no URL. */
export function parseJdbcUrl(
  url: string,
  driver: string | undefined,
  user: string | undefined,
  password: string | undefined,
): SqlAddress {
  if (driver !== undefined && driver !== '' && !DRIVERS.has(driver))
    throw new IntegrationError(
      'NOT_SUPPORTED',
      `the database driver ${driver} is Java and not available here; ${REMEDY}`,
    )
  const [, scheme = '', rest = ''] = /^jdbc:([a-z0-9]+):(.*)$/is.exec(url.trim()) ?? []
  const known = ENGINES.get(scheme.toLowerCase())
  if (!known) {
    const what = scheme === '' ? 'this is no JDBC URL' : `databases of the kind "${scheme}" are not available here`
    throw new IntegrationError('NOT_SUPPORTED', `${what}; ${REMEDY}`)
  }
  const [, authority, database = '', query = ''] = /^\/\/([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(rest) ?? []
  if (authority === undefined || authority.includes(','))
    throw new IntegrationError(
      'NOT_SUPPORTED',
      `a JDBC URL reads jdbc:${scheme}://host:port/database here, with one host`,
    )
  const [, host = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(authority) ?? []
  const options = new URLSearchParams(query)
  return {
    engine: known.engine,
    host: host.replace(/^\[|\]$/g, '') || 'localhost',
    port: port === undefined ? known.port : Number(port),
    database: decodeURIComponent(database),
    user: user ?? options.get('user') ?? undefined,
    password: password ?? options.get('password') ?? undefined,
    tls: tlsOf(options),
  }
}

function tlsOf(options: URLSearchParams): SqlAddress['tls'] {
  const mode = (options.get('sslmode') ?? options.get('sslMode') ?? '').toLowerCase().replaceAll('_', '-')
  if (mode.startsWith('verify-')) return 'verify'
  if (mode === 'require' || mode === 'required' || mode === 'trust') return 'any'
  if (mode !== '') return undefined
  if (options.get('verifyServerCertificate') === 'true') return 'verify'
  return options.get('ssl') === 'true' || options.get('useSSL') === 'true' || options.get('useSsl') === 'true'
    ? 'any'
    : undefined
}
