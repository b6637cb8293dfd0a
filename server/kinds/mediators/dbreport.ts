import type { Outcome } from '../../kernel/contracts.ts'
import {
  bound,
  checkDatabase,
  connectionField,
  databaseOf,
  isolationIn,
  parameterField,
  parametersNeedBody,
  sqlField,
} from '../../runtime/database-fields.ts'
import { attr, children, defineMediator, flag } from '../../schema/index.ts'

export default defineMediator({
  tag: 'dbreport',
  summary: 'Writes to a database.',
  details: `
    All statements of one element are one transaction: if one fails nothing is written, and the message is a fault. What
    is written is durable when the flow goes on. PostgreSQL (package \`pg\`), MySQL and MariaDB (package \`mysql2\`) can be
    written to; the artifact is deployed with a warning if it names another database. Pools with the same settings share
    their connections.`,
  fields: {
    useTransaction: attr(flag(), {
      fallback: false,
      doc: 'Joins the transaction of the flow.',
      ignored: 'Its statements are one transaction of their own.',
    }),
    connection: connectionField,
    statements: children(
      'statement',
      { sql: sqlField, parameters: parameterField },
      { min: 1, doc: 'What is written, in order.' },
    ),
  },
  examples: [
    {
      title: 'Note an order',
      xml: `<dbreport>
  <connection><pool><driver>com.mysql.cj.jdbc.Driver</driver><url>jdbc:mysql://localhost:3306/shop</url><user>shop</user><password>secret</password></pool></connection>
  <statement><sql>INSERT INTO orders (id, total) VALUES (?, ?)</sql><parameter expression="//m:id" xmlns:m="urn:m" type="VARCHAR"/><parameter expression="get-property('total')" type="DECIMAL"/></statement>
</dbreport>`,
    },
  ],
  check({ connection, statements }, site) {
    checkDatabase(connection, statements, site)
  },
  manager: ({ useTransaction }) =>
    useTransaction
      ? { key: 'database', label: 'a database (useTransaction="true" of <dbreport>)', alone: true }
      : undefined,
  create({ connection, statements }, env) {
    const database = databaseOf(connection, env)
    const isolation = isolationIn(connection)
    // A single statement is a transaction by itself.
    const transaction = statements.length > 1 || isolation !== undefined ? { isolation } : undefined
    return {
      needsBody: parametersNeedBody(statements),
      async mediate(ctx): Promise<Outcome> {
        const told = statements.map(({ sql, parameters }) => ({ sql: sql.text, given: bound(parameters, ctx) }))
        ctx.waiting()
        await database().use(async connection => {
          for (const { sql, given } of told) await connection.query(sql, given)
        }, transaction)
        return 'next'
      },
    }
  },
})
