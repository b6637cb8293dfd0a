import type { PoolLimits } from '../../drivers/sql/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { sqlAddress } from '../../runtime/data-sources.ts'
import { isTableName, MessageTable } from '../../runtime/jdbc/message-table.ts'
import { JDBC_TRAITS, TableStore } from '../../runtime/jdbc/table-store.ts'
import { DELIVERED_WINDOW, triesIn } from '../../runtime/queue-store.ts'
import { SeenWindow } from '../../runtime/seen-window.ts'
import { address, defineStore, param, secret, text, type ConfigOf, type StoreEnv } from '../../schema/index.ts'

const TYPE = 'jdbc-message-store'
/** Of its own, not those of mediators: one connection holds the right to take, the others serve those who put. */
const LIMITS: PoolLimits = { most: 10, waitMs: 10_000, idleMs: 60_000 }

const fields = {
  dsName: param('store.jdbc.dsName', text(), {
    doc: 'Name of a data source: a `[[datasource]]` of deployment.toml. Takes precedence over the address.',
  }),
  icClass: param('store.jdbc.icClass', text(), {
    doc: 'Java class for data sources.',
    ignored: 'Data sources are those of deployment.toml.',
  }),
  driver: param('store.jdbc.driver', address(), { doc: 'Java class of the driver; absent: by the URL.' }),
  url: param('store.jdbc.connection.url', address(), { doc: 'JDBC URL of the database.' }),
  username: param('store.jdbc.username', address(), { doc: 'User at the database.' }),
  password: param('store.jdbc.password', secret(), { doc: 'Password of the user.' }),
  table: param('store.jdbc.table', text(), {
    fallback: 'jdbc_message_store',
    doc: 'Table of the messages, made where it does not exist.',
  }),
}

type Config = ConfigOf<typeof fields>

export default defineStore({
  name: 'jdbc',
  classes: ['org.apache.synapse.message.store.impl.jdbc.JDBCMessageStore'],
  type: TYPE,
  summary: 'A table of a database: PostgreSQL (package pg), MySQL or MariaDB (package mysql2).',
  details: `
    A message counts as stored when the database has committed it. Where the connection is lost before the commit is
    answered, the table is asked for the message before it is put in again. The table has the columns \`indexId\`, \`msg_id\` and
    \`message\`, as Synapse wants them; a message in it is a record of ours. Rows that others have written, such as Java
    objects, go to the quarantine of the store. While the database is away the store is \`connecting\` and tries again by
    itself, nobody waits for it, and its failover store takes the messages.

    Servers that share a table take turns: one takes messages until it stops or loses its connection, all put them in. Failed tries, and
    what was delivered although the row could not be deleted, are noted in the journal of the server.`,
  traits: JDBC_TRAITS,
  fields,
  examples: [
    {
      title: 'Orders in a table',
      xml: `<messageStore name="orders" class="org.apache.synapse.message.store.impl.jdbc.JDBCMessageStore">
  <parameter name="store.jdbc.driver">org.postgresql.Driver</parameter>
  <parameter name="store.jdbc.connection.url">jdbc:postgresql://localhost:5432/shop</parameter>
  <parameter name="store.jdbc.username">shop</parameter>
  <parameter name="store.jdbc.password">secret</parameter>
  <parameter name="store.jdbc.table">orders</parameter>
</messageStore>`,
    },
  ],
  check({ dsName, driver, url, table }, site) {
    const place = (name: string): number => site.parameter(name)?.offset ?? site.element.offset
    if (!isTableName(table)) {
      site.error(
        'invalid-value',
        `"${table}" is no name for a table`,
        place('store.jdbc.table'),
        'Write letters, digits and _, with the schema before a dot if need be.',
      )
    }
    if (dsName !== undefined) return
    if (url === undefined) {
      site.missing('parameter "store.jdbc.connection.url"', 'or store.jdbc.dsName')
      return
    }
    try {
      sqlAddress({ url, driver })
    } catch (thrown) {
      if (!(thrown instanceof IntegrationError)) throw thrown
      site.error('not-supported', thrown.message, place('store.jdbc.connection.url'), 'Name one of these databases.')
    }
  },
  create: (config, env) => open(config, env),
})

function open(config: Config, { name, services, log, quarantine }: StoreEnv): TableStore {
  const address = sqlAddress(
    { dsName: config.dsName, driver: config.driver, url: config.url, user: config.username, password: config.password },
    services.settings.dataSources,
  )
  const ledger = services.journal.ledger(`jdbc:${name}`, DELIVERED_WINDOW)
  log.info(`Store [${name}]. Initialized... `)
  return new TableStore({
    name,
    type: TYPE,
    table: new MessageTable(services.databases.at(address, LIMITS), address, config.table),
    window: new SeenWindow(ledger, services.clock, log),
    tries: triesIn(ledger, services),
    clock: services.clock,
    log,
    quarantine,
  })
}
