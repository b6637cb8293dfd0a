import type { SqlResult } from '../../drivers/sql/contracts.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { Outcome } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import {
  bound,
  checkDatabase,
  connectionField,
  databaseOf,
  parameterField,
  parametersNeedBody,
  sqlField,
} from '../../runtime/database-fields.ts'
import { attr, children, defineMediator, text, type ConfigOf } from '../../schema/index.ts'

const resultFields = {
  name: attr(text(), { required: true, doc: 'Property that takes the value.' }),
  column: attr(text(), { required: true, doc: 'Name of the column, or its number from 1.' }),
}

export default defineMediator({
  tag: 'dblookup',
  summary: 'Asks a database, and puts the values of the first row into properties.',
  details: `
    Values are text. NULL sets nothing, so that an old value stays; without a row the flow goes on all the same.
    PostgreSQL (package \`pg\`), MySQL and MariaDB (package \`mysql2\`) can be asked; the artifact is deployed with a warning
    if it names another database. Pools with the same settings share their connections. A database that cannot be
    reached, and a statement that fails or takes longer than \`database.statement_timeout\`, are faults.`,
  fields: {
    connection: connectionField,
    statements: children(
      'statement',
      {
        sql: sqlField,
        parameters: parameterField,
        results: children('result', resultFields, { doc: 'What is taken from the first row.' }),
      },
      { min: 1, doc: 'What is asked, one after another.' },
    ),
  },
  examples: [
    {
      title: 'The price of a product',
      xml: `<dblookup>
  <connection><pool><driver>org.postgresql.Driver</driver><url>jdbc:postgresql://localhost:5432/shop</url><user>shop</user><password>secret</password><property name="maxactive" value="5"/></pool></connection>
  <statement><sql>SELECT name, price FROM product WHERE id = ?</sql><parameter expression="json-eval($.id)" type="INTEGER"/><result name="name" column="name"/><result name="price" column="2"/></statement>
</dblookup>`,
    },
  ],
  check({ connection, statements }, site) {
    checkDatabase(connection, statements, site)
  },
  create({ connection, statements }, env) {
    const database = databaseOf(connection, env)
    return {
      needsBody: parametersNeedBody(statements),
      async mediate(ctx): Promise<Outcome> {
        const asked = statements.map(statement => ({ ...statement, given: bound(statement.parameters, ctx) }))
        ctx.waiting()
        await database().use(async connection => {
          for (const { sql, given, results } of asked) take(await connection.query(sql.text, given), results, ctx)
        })
        return 'next'
      },
    }
  },
})

function take(
  { columns, rows }: SqlResult,
  results: readonly ConfigOf<typeof resultFields>[],
  ctx: MessageContext,
): void {
  const [row] = rows
  if (!row) return
  for (const { name, column } of results) {
    const place = placeOf(column, columns)
    if (place < 0) {
      const there = columns.length === 0 ? 'it has none' : `it has ${columns.join(', ')}`
      throw new IntegrationError('MEDIATION_FAILED', `the result has no column "${column}"; ${there}`)
    }
    const value = row[place]
    if (value !== null && value !== undefined) ctx.properties.set(name, value)
  }
}

function placeOf(column: string, columns: readonly string[]): number {
  if (/^\d+$/.test(column)) return Number(column) >= 1 && Number(column) <= columns.length ? Number(column) - 1 : -1
  const exact = columns.indexOf(column)
  return exact >= 0 ? exact : columns.findIndex(name => name.toLowerCase() === column.toLowerCase())
}
