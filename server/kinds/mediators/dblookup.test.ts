import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SqlDatabases } from '../../drivers/sql/databases.ts'
import { ManualClock } from '../../kernel/clock.ts'
import type { DataSources } from '../../kernel/data-sources.ts'
import { diagnosticsOf, fakeServices, faultOf, mark, marks, mediate, type Given } from '../../testing/rig.ts'
import { ScriptedSql } from '../../testing/sql-rig.ts'

const POOL = `<driver>org.postgresql.Driver</driver><url>jdbc:postgresql://h:1/d</url><user>u</user><password>p</password>`

function lookup(statement: string, pool = POOL): string {
  return `<dblookup><connection><pool>${pool}</pool></connection>${statement}</dblookup>`
}

function statement(sql: string, parameters = '', results = '<result name="n" column="name"/>'): string {
  return `<statement><sql>${sql}</sql>${parameters}${results}</statement>`
}

function rig(dataSources?: DataSources) {
  const sql = new ScriptedSql()
  const databases = new SqlDatabases(
    new ManualClock(),
    { connectMs: 1, statementMs: 1 },
    { postgresql: sql, mysql: sql },
  )
  const services = fakeServices({ databases })
  const settings = { ...services.settings, ...(dataSources && { dataSources }) }
  const run = async (xml: string, given: Given = {}) =>
    (await mediate(`${xml}${mark('after')}`, given, { ...services, settings })).ctx
  return { sql, run }
}

test('the values of the first row become properties, by name in any letter case or by number', async () => {
  const { sql, run } = rig()
  sql.answer = () => ({
    columns: ['Name', 'price'],
    rows: [
      ['IBM', '7.50'],
      ['MSFT', '1'],
    ],
  })
  const results = '<result name="n" column="name"/><result name="p" column="2"/>'
  const ctx = await run(lookup(statement('SELECT name, price FROM c', '', results)))
  assert.deepEqual([ctx.properties.get('n'), ctx.properties.get('p')], ['IBM', '7.50'])
  assert.deepEqual(marks(ctx), ['mark = after'])
})

test('NULL and no row set nothing: an old value stays, and the flow goes on', async () => {
  const { sql, run } = rig()
  sql.answer = () => ({ columns: ['name'], rows: [[null]] })
  assert.equal((await run(lookup(statement('SELECT name')), { properties: { n: 'old' } })).properties.get('n'), 'old')
  sql.answer = () => ({ columns: ['name'], rows: [] })
  assert.deepEqual(marks(await run(lookup(statement('SELECT name')))), ['mark = after'])
})

test('parameters are values or expressions of the message, as their type says; an empty one is NULL unless it is text', async () => {
  const { sql, run } = rig()
  const parameters = [
    `<parameter expression="//*[local-name()='id']" type="INTEGER"/>`,
    '<parameter value="" type="DOUBLE"/>',
    '<parameter value="" type="VARCHAR"/>',
    '<parameter value="true" type="BIT"/>',
    '<parameter value="12345678901234567890.10" type="DECIMAL"/>',
    '<parameter value="2026-11-21 13:00:00" type="TIMESTAMP"/>',
  ].join('')
  await run(lookup(statement('SELECT ?, ?, ?, ?, ?, ?', parameters)))
  assert.deepEqual(sql.opened[0]!.statements[0]!.parameters, [
    '7',
    null,
    '',
    true,
    '12345678901234567890.10',
    '2026-11-21 13:00:00',
  ])
})

test('a value that is none of its type is a fault that names the parameter and not the value, before anybody is asked', async () => {
  const { sql, run } = rig()
  for (const type of ['INTEGER', 'DOUBLE', 'BIT']) {
    const fault = await faultOf(run(lookup(statement('SELECT ?', `<parameter value="secret" type="${type}"/>`))))
    assert.equal(fault.message, `parameter 1 is to be ${type}, and its value is none`)
  }
  assert.equal(sql.opened.length, 0)
})

test('statements run one after another on one connection, and see what those before have set only in the next element', async () => {
  const { sql, run } = rig()
  await run(lookup(statement('one', '', '') + statement('two', '', '')))
  await run(lookup(statement('three', '', '')))
  assert.deepEqual(sql.said, ['one', 'two', 'three'])
  assert.equal(sql.opened.length, 1)
})

test('a column that is not there is a fault that names those that are', async () => {
  const { sql, run } = rig()
  sql.answer = () => ({ columns: ['a', 'b'], rows: [['1', '2']] })
  assert.match((await faultOf(run(lookup(statement('SELECT'))))).message, /no column "name"; it has a, b/)
  const third = '<result name="n" column="3"/>'
  assert.match((await faultOf(run(lookup(statement('SELECT', '', third))))).message, /no column "3"/)
})

test('what the database says is the fault', async () => {
  const { sql, run } = rig()
  sql.answer = () => {
    throw new Error('relation "c" does not exist')
  }
  assert.match((await faultOf(run(lookup(statement('SELECT'))))).message, /relation "c" does not exist/)
})

test('a database that is not available is a warning with what to use, and a fault that says the same', async () => {
  const { run } = rig()
  const h2 = '<driver>org.h2.Driver</driver><url>jdbc:h2:mem:x</url>'
  for (const [pool, said] of [
    [
      h2,
      /the database driver org\.h2\.Driver is Java and not available here; PostgreSQL, MySQL and MariaDB can be used/,
    ],
    [
      '<driver>org.apache.derby.jdbc.ClientDriver</driver><url>jdbc:derby://h/x</url>',
      /org\.apache\.derby\.jdbc\.ClientDriver is Java/,
    ],
  ] as const) {
    const xml = lookup(statement('SELECT 1'), pool)
    const [warning] = diagnosticsOf(`<sequence name="s">${xml}</sequence>`)
    assert.deepEqual([warning!.severity, warning!.code], ['warning', 'database-missing'])
    assert.match(warning!.message, said)
    const fault = await faultOf(run(xml))
    assert.deepEqual([fault.code, fault.at?.line], ['NOT_SUPPORTED', 1])
    assert.match(fault.message, said)
  }
})

test('a data source of the settings tells where the database is; one that nobody knows is a fault that says so', async () => {
  const shop = { url: 'jdbc:postgresql://db:5/shop', user: 'joe', password: 'p' }
  const { sql, run } = rig(new Map([['jdbc/shop', shop]]))
  const xml = (name: string): string => lookup(statement('SELECT 1'), `<dsName>${name}</dsName>`)
  assert.deepEqual(diagnosticsOf(`<sequence name="s">${xml('jdbc/shop')}</sequence>`), [])
  await run(xml('jdbc/shop'))
  const { host, port, database, user } = sql.opened[0]!.address
  assert.deepEqual({ host, port, database, user }, { host: 'db', port: 5, database: 'shop', user: 'joe' })
  const fault = await faultOf(run(xml('jdbc/none')))
  assert.equal(fault.code, 'NOT_SUPPORTED')
  assert.match(fault.message, /there is no data source "jdbc\/none" here; add a \[\[datasource\]\] with id, url/)
})

test('a ? without a parameter, a parameter without a ?, and an isolation level nobody knows are told when deployed', () => {
  const codes = (xml: string): string[] => diagnosticsOf(`<sequence name="s">${xml}</sequence>`).map(({ code }) => code)
  assert.deepEqual(codes(lookup(statement(`SELECT '?' WHERE a = ?`))), ['invalid-value'])
  assert.deepEqual(codes(lookup(statement('SELECT 1', '<parameter value="1" type="BIT"/>'))), ['invalid-value'])
  assert.deepEqual(codes(lookup(statement('SELECT 1'), `${POOL}<property name="isolation" value="STRICT"/>`)), [
    'invalid-value',
  ])
  assert.deepEqual(codes(lookup(statement('SELECT 1'))), [])
})

test('a password is in no diagnostic, and none of the faults', async () => {
  const { sql, run } = rig()
  sql.refusal = new Error('no connection')
  const xml = lookup(statement('SELECT 1'), POOL.replace('>p<', '>hunter2<'))
  const fault = await faultOf(run(xml))
  assert.ok(!JSON.stringify([fault.message, diagnosticsOf(`<sequence name="s">${xml}</sequence>`)]).includes('hunter2'))
})
