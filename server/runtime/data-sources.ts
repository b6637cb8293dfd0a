import type { SqlAddress } from '../drivers/sql/contracts.ts'
import type { DataSource, DataSources } from '../kernel/data-sources.ts'
import { IntegrationError } from '../kernel/errors.ts'
import { parseJdbcUrl } from './jdbc-url.ts'

/** A database as an artifact names it. */
export interface DatabaseWish extends Omit<DataSource, 'url'> {
  readonly url?: string | undefined
  /** Beats the address. */
  readonly dsName?: string | undefined
}

const REMEDY =
  'add a [[datasource]] with id, url, username and password to deployment.toml, or write driver, url, user and password here'

/** Where a database is. Throws NOT_SUPPORTED where it is none this server can talk to, or nobody knows the name. */
export function sqlAddress({ dsName, ...own }: DatabaseWish, known: DataSources = new Map()): SqlAddress {
  const found = dsName === undefined ? own : known.get(dsName)
  if (found?.url === undefined) {
    const said = dsName === undefined ? 'no database is named' : `there is no data source "${dsName}" here`
    throw new IntegrationError('NOT_SUPPORTED', `${said}; ${REMEDY}`)
  }
  return parseJdbcUrl(found.url, found.driver, found.user, found.password)
}
