import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SqlDatabases } from '../../drivers/sql/databases.ts'
import { ManualClock } from '../../kernel/clock.ts'
import { fakeServices, faultOf, mark, marks, mediate } from '../../testing/rig.ts'
import { ScriptedSql } from '../../testing/sql-rig.ts'

function report(statements: string, properties = ''): string {
  return `<dbreport><connection><pool><driver>com.mysql.jdbc.Driver</driver><url>jdbc:mysql://h/d</url>${properties}</pool></connection>${statements}</dbreport>${mark('after')}`
}

const one = '<statement><sql>INSERT INTO t VALUES (?)</sql><parameter value="1" type="INTEGER"/></statement>'
const two = '<statement><sql>UPDATE t SET n = n + 1</sql></statement>'

function rig() {
  const sql = new ScriptedSql()
  const databases = new SqlDatabases(
    new ManualClock(),
    { connectMs: 1, statementMs: 1 },
    { postgresql: sql, mysql: sql },
  )
  const services = fakeServices({ databases })
  return { sql, run: async (xml: string) => (await mediate(xml, {}, services)).ctx }
}

test('one statement is written as it is, several are one transaction', async () => {
  const { sql, run } = rig()
  assert.deepEqual(marks(await run(report(one))), ['mark = after'])
  await run(report(one + two))
  assert.deepEqual(sql.said, [
    'INSERT INTO t VALUES (?)',
    'BEGIN',
    'INSERT INTO t VALUES (?)',
    'UPDATE t SET n = n + 1',
    'COMMIT',
  ])
  assert.deepEqual(sql.opened[0]!.statements[0]!.parameters, ['1'])
  assert.equal(sql.opened[0]!.address.engine, 'mysql')
})

test('if one of them fails nothing is written, and the message is a fault', async () => {
  const { sql, run } = rig()
  sql.answer = ({ sql: said }) => {
    if (said.startsWith('UPDATE')) throw new Error('deadlock')
    return {}
  }
  assert.match((await faultOf(run(report(one + two)))).message, /deadlock/)
  assert.deepEqual(sql.said.at(-1), 'ROLLBACK')
})

test('an isolation level of the pool holds for the transaction', async () => {
  const { sql, run } = rig()
  await run(report(two, '<property name="isolation" value="Connection.TRANSACTION_SERIALIZABLE"/>'))
  assert.deepEqual(sql.said, ['BEGIN SERIALIZABLE', 'UPDATE t SET n = n + 1', 'COMMIT'])
})
