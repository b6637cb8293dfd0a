/** dblookup, dbreport and the store in a table against real databases. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { SqlDatabases } from '../../drivers/sql/databases.ts'
import { systemClock } from '../../kernel/clock.ts'
import { fakeServices, faultOf, mediate, type Given } from '../../testing/rig.ts'
import { storeContract } from '../../testing/store-contract.ts'
import { RigDisk, stored, StoreRig } from '../../testing/store-rig.ts'
import type { MessageStore } from '../../kernel/contracts.ts'
import jdbc from '../../kinds/stores/jdbc.ts'
import { missingDatabase, startDatabase, type RealDatabase } from './servers/databases.ts'

function rig(database: RealDatabase, statementMs = 10_000) {
  const databases = new SqlDatabases(systemClock, { connectMs: 5000, statementMs })
  const services = fakeServices({ databases })
  const pool = `<connection><pool><driver>${database.driver}</driver><url>${database.url}</url><user>${database.user}</user><password></password><property name="maxactive" value="2"/></pool></connection>`
  const run = async (element: string, statements: string, given: Given = {}) =>
    (await mediate(`<${element}>${pool}${statements}</${element}>`, given, services)).ctx
  return { databases, run }
}

function statement(sql: string, parameters = '', results = ''): string {
  return `<statement><sql><![CDATA[${sql}]]></sql>${parameters}${results}</statement>`
}

const parameter = (value: string, type: string): string => `<parameter value="${value}" type="${type}"/>`
const result = (name: string, column = name): string => `<result name="${name}" column="${column}"/>`

for (const name of ['postgresql', 'mariadb'] as const) {
  const skip = await missingDatabase(name)

  test(`${name}: what is written is found again, whatever its type; a report is all or nothing`, { skip }, async () => {
    await using database = await startDatabase(name)
    const { databases, run } = rig(database)
    await using closing = databases
    assert.ok(closing)
    const unicode = name === 'mariadb' ? ' CHARACTER SET utf8mb4' : ''
    const columns = `id INTEGER PRIMARY KEY, name VARCHAR(40)${unicode}, price DECIMAL(20,4), big BIGINT, at TIMESTAMP NULL, day DATE, ok BOOLEAN, note VARCHAR(10)`
    await run('dbreport', statement(`CREATE TABLE stock (${columns})`))
    const values = [
      parameter('7', 'INTEGER'),
      parameter('Gr\u00fcn & \u2603', 'VARCHAR').replace('& ', '&amp; '),
      parameter('12345678901234.5670', 'DECIMAL'),
      parameter('9007199254740993', 'BIGINT'),
      parameter('2026-11-21 13:14:15', 'TIMESTAMP'),
      parameter('2026-11-21', 'DATE'),
      parameter('true', 'BIT'),
      parameter('', 'INTEGER'),
    ].join('')
    await run('dbreport', statement('INSERT INTO stock VALUES (?, ?, ?, ?, ?, ?, ?, ?)', values))
    const found = await run(
      'dblookup',
      statement(
        'SELECT name, price, big, at, day, ok, note FROM stock WHERE id = ?',
        `<parameter expression="//*[local-name()='id']" type="INTEGER"/>`,
        ['NAME', 'price', 'big', 'at', 'day', 'ok', 'note'].map(one => result(one)).join('') + result('second', '2'),
      ),
      { properties: { note: 'old' } },
    )
    const text = (property: string): unknown => found.properties.get(property)
    assert.deepEqual(['NAME', 'price', 'second', 'big', 'day', 'note'].map(text), [
      'Gr\u00fcn & \u2603',
      '12345678901234.5670',
      '12345678901234.5670',
      '9007199254740993',
      '2026-11-21',
      'old',
    ])
    assert.match(String(text('at')), /^2026-11-21 13:14:15/)
    assert.match(String(text('ok')), /^(?:t|1)$/)

    const twice = statement('UPDATE stock SET big = 1 WHERE id = 7') + statement('INSERT INTO stock (id) VALUES (7)')
    const fault = await faultOf(run('dbreport', twice))
    assert.deepEqual([fault.code, fault.retryable], ['DATABASE_FAILED', false])
    assert.match(fault.message, /the statement failed: .*[Dd]uplicate/)
    const after = await run('dblookup', statement('SELECT big FROM stock', '', result('big')))
    assert.equal(after.properties.get('big'), '9007199254740993')
  })

  test(`${name}: many at once share the connections there may be, and none is lost`, { skip }, async () => {
    await using database = await startDatabase(name)
    const { databases, run } = rig(database)
    await using closing = databases
    assert.ok(closing)
    await run('dbreport', statement('CREATE TABLE n (i INTEGER)'))
    const writes = Array.from({ length: 50 }, (_, index) =>
      run('dbreport', statement('INSERT INTO n VALUES (?)', parameter(String(index), 'INTEGER'))),
    )
    await Promise.all(writes)
    const ctx = await run(
      'dblookup',
      statement('SELECT COUNT(*), SUM(i) FROM n', '', result('count', '1') + result('sum', '2')),
    )
    assert.deepEqual([ctx.properties.get('count'), ctx.properties.get('sum')], ['50', '1225'])
  })

  test(
    `${name}: after kill -9 and a restart the next message finds its way again, and what was written is there`,
    { skip },
    async () => {
      await using database = await startDatabase(name)
      const { databases, run } = rig(database)
      await using closing = databases
      assert.ok(closing)
      await run('dbreport', statement('CREATE TABLE kept (i INTEGER)') + statement('INSERT INTO kept VALUES (1)'))
      await database.kill()
      const fault = await faultOf(run('dblookup', statement('SELECT i FROM kept', '', result('i'))))
      assert.deepEqual([fault.code, fault.retryable], ['DATABASE_FAILED', true])
      await database.start()
      const ctx = await run('dblookup', statement('SELECT i FROM kept', '', result('i')))
      assert.equal(ctx.properties.get('i'), '1')
    },
  )

  test(`${name}: a statement that takes too long is given up, and the next one works`, { skip }, async () => {
    await using database = await startDatabase(name)
    const { databases, run } = rig(database, 300)
    await using closing = databases
    assert.ok(closing)
    const sleep = name === 'mariadb' ? 'SELECT SLEEP(20)' : 'SELECT pg_sleep(20)'
    const fault = await faultOf(run('dblookup', statement(sleep)))
    assert.equal(fault.code, 'DATABASE_FAILED')
    assert.match(fault.message, /timeout/i)
    const ctx = await run('dblookup', statement('SELECT 5', '', result('five', '1')))
    assert.equal(ctx.properties.get('five'), '5')
  })
}

/** The store's own half, on a table of a real database. */
function storeAt(database: RealDatabase, table: string, disk = new RigDisk()) {
  const rig = new StoreRig({ disk })
  const databases = new SqlDatabases(systemClock, { connectMs: 5000, statementMs: 10_000 })
  const store = jdbc.create(
    {
      dsName: undefined,
      icClass: undefined,
      driver: database.driver,
      url: database.url,
      username: database.user,
      password: undefined,
      table,
    },
    {
      name: 'S',
      at: { file: 'test.xml', line: 1, column: 1 },
      owner: { role: 'message-store', name: 'S' },
      services: { ...rig.services, clock: systemClock, databases },
      log: rig.log,
      flow: () => assert.fail(),
      endpoint: () => assert.fail(),
      prepare: () => undefined,
      quarantine: async (record, reason) => void rig.quarantined.push({ store: 'S', record, reason }),
    },
  )
  return {
    store,
    rig,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]()
      await databases[Symbol.asyncDispose]()
    },
  }
}

function ready(store: MessageStore): Promise<void> {
  return store.status.state === 'ready' ? Promise.resolve() : new Promise(resolve => store.onReady(resolve))
}

for (const name of ['postgresql', 'mariadb'] as const) {
  describe(`a store in a table of ${name}`, { skip: await missingDatabase(name) }, () => {
    let database: RealDatabase
    let tables = 0
    before(async () => {
      database = await startDatabase(name)
    })
    after(() => database[Symbol.asyncDispose]())

    storeContract(name, async () => {
      const table = `messages_${++tables}`
      const disk = new RigDisk()
      const opened = [storeAt(database, table, disk)]
      await ready(opened[0]!.store)
      return {
        store: opened[0]!.store,
        reopen: async () => {
          // To the database a killed server is a connection that went away.
          await opened[0]![Symbol.asyncDispose]()
          opened.push(storeAt(database, table, disk))
          await ready(opened.at(-1)!.store)
          return opened.at(-1)!.store
        },
        async [Symbol.asyncDispose]() {
          for (const one of opened) await one[Symbol.asyncDispose]()
        },
      }
    })

    test(`${name}: bytes of every value, and messages larger than a BLOB, come back whole`, async () => {
      await using opened = storeAt(database, 'whole')
      const { store } = opened
      await ready(store)
      const body = Buffer.alloc(300_000, Buffer.from(Array.from({ length: 256 }, (_, value) => value)))
      await store.producer.put({ ...stored('', {}, 'large'), body })
      await using consumer = await store.consumer()
      const delivery = (await consumer.take(10_000))!
      assert.equal(Buffer.compare(Buffer.from(delivery.message.body), body), 0)
      await delivery.ack()
      assert.equal(await store.depth(), 0)
    })

    test(`${name}: two servers at one table take turns, and each message is delivered once`, async () => {
      await using first = storeAt(database, 'shared')
      await using second = storeAt(database, 'shared')
      for (const { store } of [first, second]) await ready(store)
      for (let i = 0; i < 10; i++) await [first, second][i % 2]!.store.producer.put(stored(`<n/>`, {}, `id-${i}`))
      const other = await second.store.consumer()
      await using one = await first.store.consumer()
      const ids: string[] = []
      for (let delivery = await one.take(0); delivery; delivery = await one.take(0)) {
        assert.equal(await other.take(0), null)
        ids.push(delivery.message.id)
        await delivery.ack()
        if (ids.length === 5) break
      }
      await first[Symbol.asyncDispose]()
      for (let delivery = await other.take(10_000); delivery; delivery = await other.take(0)) {
        ids.push(delivery.message.id)
        await delivery.ack()
      }
      assert.deepEqual(
        ids,
        Array.from({ length: 10 }, (_, index) => `id-${index}`),
      )
    })

    test(`${name}: a database that is killed and started again has what was accepted, and the store finds it`, async () => {
      await using opened = storeAt(database, 'killed')
      const { store } = opened
      await ready(store)
      await store.producer.put(stored('<a/>', {}, 'a'))
      await database.kill()
      await assert.rejects(store.producer.put(stored('<b/>', {}, 'b')), { code: 'STORE_UNAVAILABLE' })
      assert.equal(store.status.state, 'connecting')
      await database.start()
      await ready(store)
      await store.producer.put(stored('<c/>', {}, 'c'))
      await using consumer = await store.consumer()
      assert.equal((await consumer.take(10_000))!.message.id, 'a')
    })
  })
}
