import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock, systemClock, type Clock } from '../../kernel/clock.ts'
import type { DataSources } from '../../kernel/data-sources.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { diagnosticsOf } from '../../testing/rig.ts'
import { storeContract } from '../../testing/store-contract.ts'
import { RigDisk, stored, StoreRig } from '../../testing/store-rig.ts'
import { TableSql } from '../../testing/table-sql.ts'
import type { SqlAddress } from '../../drivers/sql/contracts.ts'
import type { MessageStore } from '../../kernel/contracts.ts'
import jdbc from './jdbc.ts'

const URL = 'jdbc:postgresql://db:5432/shop'

interface Opened {
  readonly rig: StoreRig
  readonly store: MessageStore
  readonly asked: readonly SqlAddress[]
}

function storeAt(
  sql: TableSql,
  disk = new RigDisk(),
  more: { clock?: Clock; dsName?: string; dataSources?: DataSources; url?: string | undefined } = {},
): Opened {
  const rig = new StoreRig({ disk })
  const asked: SqlAddress[] = []
  const services = {
    ...rig.services,
    clock: more.clock ?? systemClock,
    databases: {
      at(address: SqlAddress) {
        asked.push(address)
        return sql
      },
    },
    settings: { ...rig.services.settings, ...(more.dataSources && { dataSources: more.dataSources }) },
  }
  const store = jdbc.create(
    {
      dsName: more.dsName,
      icClass: undefined,
      driver: undefined,
      url: 'url' in more ? more.url : URL,
      username: 'shop',
      password: 'geheim',
      table: 'orders',
    },
    {
      name: 'S',
      at: { file: 'test.xml', line: 1, column: 1 },
      owner: { role: 'message-store', name: 'S' },
      services,
      log: rig.log,
      flow: () => assert.fail(),
      endpoint: () => assert.fail(),
      prepare: () => undefined,
      quarantine: async (record, reason) => void rig.quarantined.push({ store: 'S', record, reason }),
    },
  )
  return { rig, store, asked }
}

function ready(store: MessageStore): Promise<void> {
  return store.status.state === 'ready' ? Promise.resolve() : new Promise(resolve => store.onReady(resolve))
}

async function readyStoreAt(sql: TableSql, disk?: RigDisk, clock?: Clock): Promise<Opened> {
  const opened = storeAt(sql, disk, { ...(clock && { clock }) })
  await ready(opened.store)
  return opened
}

const away = (): IntegrationError => new IntegrationError('DATABASE_FAILED', 'PostgreSQL at db:5432: no connection')

storeContract('jdbc', async () => {
  const sql = new TableSql()
  const disk = new RigDisk()
  const opened = [(await readyStoreAt(sql, disk)).store]
  return {
    store: opened[0]!,
    reopen: async () => {
      // A killed process leaves nothing but what is in the table and in the journal.
      sql.breakConnections()
      opened.push((await readyStoreAt(sql, disk)).store)
      return opened.at(-1)!
    },
    async [Symbol.asyncDispose]() {
      for (const store of opened) await store[Symbol.asyncDispose]()
    },
  }
})

test('a database that is away when the store is deployed holds up nobody, and is used as soon as it is there', async () => {
  const sql = new TableSql()
  sql.away = away()
  const clock = new ManualClock()
  const { store } = storeAt(sql, new RigDisk(), { clock })
  await using _ = store
  await assert.rejects(store.producer.put(stored('<a/>')), { code: 'STORE_UNAVAILABLE', ambiguous: false })
  assert.equal(store.status.state, 'connecting')
  assert.equal(await store.depth(), -1)
  const again = ready(store)
  sql.away = null
  await clock.advance(1000)
  await again
  assert.equal(store.status.state, 'ready')
  await store.producer.put(stored('<a/>'))
  assert.equal(await store.depth(), 1)
})

test('a database that goes away is lost once for all, with the reason, and comes back by itself', async () => {
  const sql = new TableSql()
  const clock = new ManualClock()
  const { store, rig } = await readyStoreAt(sql, new RigDisk(), clock)
  await using _ = store
  sql.away = away()
  await assert.rejects(store.producer.put(stored('<a/>')), { code: 'STORE_UNAVAILABLE', retryable: true })
  assert.equal(store.status.state, 'connecting')
  assert.match(store.status.reason!, /no connection/)
  assert.match(rig.log.texts('warn').join(), /store S has lost its database/)
  const again = ready(store)
  sql.away = null
  await clock.advance(1000)
  await again
  await store.producer.put(stored('<a/>'))
})

test('a commit whose answer got lost is asked after on a fresh connection, and not made twice', async () => {
  const sql = new TableSql()
  const { store } = await readyStoreAt(sql)
  await using _ = store
  sql.loseAnswers = 1
  await store.producer.put(stored('<a/>', {}, 'one'))
  assert.deepEqual(
    sql.rows.map(({ id }) => id),
    ['one'],
  )
})

test('a commit that nobody answers or can be asked about is in doubt; one that could not be sent is not', async () => {
  const sql = new TableSql()
  const { store } = await readyStoreAt(sql)
  await using _ = store
  sql.loseAnswers = 1
  sql.thenAway = away()
  await assert.rejects(store.producer.put(stored('<a/>')), { code: 'STORE_UNAVAILABLE', ambiguous: true })
  const other = new TableSql()
  const { store: unreachable } = await readyStoreAt(other)
  await using __ = unreachable
  other.away = away()
  await assert.rejects(unreachable.producer.put(stored('<a/>')), { code: 'STORE_UNAVAILABLE', ambiguous: false })
})

test('where the table has a key on msg_id, a message that is there already counts as stored', async () => {
  const sql = new TableSql()
  sql.keyed = true
  const { store } = await readyStoreAt(sql)
  await using _ = store
  await store.producer.put(stored('<a/>', {}, 'one'))
  await store.producer.put(stored('<a/>', {}, 'one'))
  assert.equal(sql.rows.length, 1)
})

test('a message that is put in twice under one id is delivered once', async () => {
  const sql = new TableSql()
  const { store } = await readyStoreAt(sql)
  await using _ = store
  await store.producer.put(stored('<a/>', {}, 'one'))
  await store.producer.put(stored('<a/>', {}, 'one'))
  assert.equal(sql.rows.length, 2)
  await using consumer = await store.consumer()
  await (await consumer.take(10_000))!.ack()
  assert.equal(await consumer.take(0), null)
  assert.equal(sql.rows.length, 0)
})

test('an acknowledgement that got lost does not deliver the message again', async () => {
  const sql = new TableSql()
  const clock = new ManualClock()
  const { store } = await readyStoreAt(sql, new RigDisk(), clock)
  await using _ = store
  await store.producer.put(stored('<a/>', {}, 'one'))
  await using consumer = await store.consumer()
  const delivery = (await consumer.take(10_000))!
  sql.away = away()
  await delivery.ack()
  assert.equal(sql.rows.length, 1)
  const again = ready(store)
  sql.away = null
  await clock.advance(1000)
  await again
  assert.equal(await consumer.take(0), null)
  assert.equal(sql.rows.length, 0)
})

test('servers that share a table take turns, and both put messages in', async () => {
  const sql = new TableSql()
  const first = await readyStoreAt(sql)
  const second = await readyStoreAt(sql)
  await using closingSecond = second.store
  await second.store.producer.put(stored('<a/>', {}, 'a'))
  await second.store.producer.put(stored('<b/>', {}, 'b'))
  await using one = await first.store.consumer()
  await using other = await closingSecond.consumer()
  const delivery = (await one.take(10_000))!
  assert.equal(delivery.message.id, 'a')
  assert.equal(await other.take(0), null)
  assert.match(second.store.status.reason!, /another server takes messages from this table/)
  await delivery.ack()
  await first.store[Symbol.asyncDispose]()
  assert.equal((await other.take(10_000))!.message.id, 'b')
  assert.equal(second.store.status.reason, undefined)
})

test('a row that others have written is set aside, and those behind it get on', async () => {
  const sql = new TableSql()
  sql.rows.push({ index: 0, id: 'java', text: Buffer.from([0xac, 0xed, 0, 5]).toString('base64') })
  const { store, rig } = await readyStoreAt(sql)
  await using _ = store
  await store.producer.put(stored('<a/>', {}, 'a'))
  const shown: string[] = []
  for await (const { message } of store.browse()) shown.push(message.id)
  assert.deepEqual(shown, ['a'])
  await using consumer = await store.consumer()
  assert.equal((await consumer.take(10_000))!.message.id, 'a')
  assert.deepEqual([...rig.quarantined[0]!.record], [0xac, 0xed, 0, 5])
  assert.match(rig.quarantined[0]!.reason, /^row 0: /)
  assert.equal(sql.rows.length, 1)
})

test('a data source of the settings tells where the database is; one that nobody knows refuses the store', async () => {
  const dataSources = new Map([['shop', { url: URL, user: 'u', password: 'p' }]])
  const { store, asked } = storeAt(new TableSql(), new RigDisk(), { dsName: 'shop', dataSources, url: undefined })
  await using _ = store
  const { host, database, user, password } = asked[0]!
  assert.deepEqual({ host, database, user, password }, { host: 'db', database: 'shop', user: 'u', password: 'p' })
  assert.throws(() => storeAt(new TableSql(), new RigDisk(), { dsName: 'none', dataSources }), {
    code: 'NOT_SUPPORTED',
    message: /there is no data source "none" here; add a \[\[datasource\]\]/,
  })
})

test('a table needs a name and a database that can be used', () => {
  const said = (parameters: string): string[] =>
    diagnosticsOf(
      `<messageStore name="s" class="org.apache.synapse.message.store.impl.jdbc.JDBCMessageStore">${parameters}</messageStore>`,
    ).map(({ code }) => code)
  const parameter = (name: string, value: string): string => `<parameter name="store.jdbc.${name}">${value}</parameter>`
  const url = parameter('connection.url', URL)
  assert.deepEqual(said(url), [])
  assert.deepEqual(said(''), ['missing'])
  assert.deepEqual(said(parameter('dsName', 'x')), [])
  assert.deepEqual(said(url + parameter('table', 'shop.orders')), [])
  assert.deepEqual(said(url + parameter('table', 'orders; DROP TABLE x')), ['invalid-value'])
  assert.deepEqual(said(parameter('connection.url', 'jdbc:h2:mem:x')), ['not-supported'])
  assert.deepEqual(said(url + parameter('driver', 'oracle.jdbc.OracleDriver')), ['not-supported'])
})
