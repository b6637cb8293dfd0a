/** What a store owes at Artemis when a confirm is lost or an address is full (rows AR-3, AR-5, AR-7; messaging-peers §6.4). */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Delivery } from '../../kernel/contracts.ts'
import { TestClient } from '../../testing/amqp-rig.ts'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import { stored } from '../../testing/store-rig.ts'
import { addressed, ARTEMIS_FACTORY, realStore } from './real-store.ts'
import { missingOurOwn, startArtemis } from './servers/index.ts'
import type { RealServer } from './servers/index.ts'

const FULL = `<address-setting match="full.#"><max-size-bytes>20000</max-size-bytes><address-full-policy>FAIL</address-full-policy></address-setting>`
const BLOCKED = `<address-setting match="blocked.#"><max-size-bytes>20000</max-size-bytes><address-full-policy>BLOCK</address-full-policy></address-setting>`

describe('a store at Artemis', { skip: await missingOurOwn('artemis-2.56.0') }, () => {
  let server: RealServer
  before(async () => {
    server = await startArtemis('2.56.0', { addressSettings: FULL + BLOCKED })
  })
  after(() => server[Symbol.asyncDispose]())

  const at = (queue: string, url = server.url('openwire'), confirmMs = 5000) =>
    realStore({ confirmMs, parameters: addressed(server, url, queue, ARTEMIS_FACTORY) }).store

  test('AR-3: each message is acknowledged by itself: of ten on loan the one acknowledged is gone, the others come again', async () => {
    const store = at('ar3')
    for (let index = 0; index < 10; index++) await store.producer.put(stored('<a/>', {}, String(index)))
    const consumer = await store.consumer({ window: 10 })
    const loans: Delivery[] = []
    for (let index = 0; index < 10; index++) loans.push((await consumer.take(5000))!)
    await loans[9]!.ack()
    await consumer[Symbol.asyncDispose]()
    const next = await store.consumer()
    const again: string[] = []
    for (let index = 0; index < 9; index++) {
      const delivery = await next.take(5000)
      again.push(delivery!.message.id)
      await delivery!.ack()
    }
    assert.deepEqual(again.sort(), ['0', '1', '2', '3', '4', '5', '6', '7', '8'])
    assert.equal(await next.take(0), null)
    await store[Symbol.asyncDispose]()
  })

  test('AR-5: with the confirm swallowed the message is sent again, and there once', async () => {
    await using proxy = await startFaultProxy({ targetPort: server.port('amqp') })
    const store = at('ar5', `tcp://127.0.0.1:${proxy.port}`)
    await store.producer.put(stored('<warm/>', {}, 'warm'))
    const before = proxy.swallowed.down
    proxy.swallow('down')
    const put = store.producer.put(stored('<a/>', {}, 'a'))
    await proxy.waitFor(({ swallowed }) => swallowed.down > before)
    proxy.forward()
    proxy.cut()
    await put
    const consumer = await store.consumer()
    const ids: string[] = []
    for (let delivery = await consumer.take(5000); delivery; delivery = await consumer.take(0)) {
      ids.push(delivery.message.id)
      await delivery.ack()
    }
    assert.deepEqual(ids, ['warm', 'a'])
    await store[Symbol.asyncDispose]()
  })

  test('AR-7: what is stored is durable in the eyes of the broker', async () => {
    const store = at('ar7')
    await store.producer.put(stored('<a/>', { JMS_PROD_DELIVERY_MODE: '1' }))
    await using client = await TestClient.open(server.port('amqp'), {
      username: server.user,
      password: server.password,
    })
    const receiver = await client.receiver('ar7')
    receiver.link.add_credit(1)
    assert.equal((await receiver.next()).message.durable, true)
    await store[Symbol.asyncDispose]()
  })

  test('a full address refuses, the store says full, and takes again once there is room', async () => {
    const store = at('full.q')
    const body = `<a>${'x'.repeat(4000)}</a>`
    let kept = 0
    await assert.rejects(
      async () => {
        for (; kept < 100; kept++) await store.producer.put(stored(body))
      },
      { code: 'STORE_UNAVAILABLE', ambiguous: false },
    )
    assert.ok(kept > 0)
    assert.equal(store.status.state, 'full')
    const consumer = await store.consumer()
    for (let taken = 0; taken < kept; taken++) await (await consumer.take(5000))!.ack()
    assert.equal(await consumer.take(0), null)
    await assert.doesNotReject(async () => {
      // Room is noticed by the broker in its own time.
      for (let tries = 0; ; tries++) {
        try {
          return await store.producer.put(stored(body))
        } catch (thrown) {
          if (tries === 20) throw thrown
        }
      }
    })
    assert.equal(store.status.state, 'ready')
    await store[Symbol.asyncDispose]()
  })

  test('an address that gives no credit is given up after the deadline, without doubt about the message', async () => {
    const body = `<a>${'x'.repeat(4000)}</a>`
    const filling = at('blocked.q')
    // Credit that was given already is honoured far beyond the limit; who comes later gets none.
    for (let index = 0; index < 10; index++) await filling.producer.put(stored(body))
    await filling[Symbol.asyncDispose]()
    const late = at('blocked.q', server.url('openwire'), 1000)
    await assert.rejects(late.producer.put(stored(body)), (why: Error & { ambiguous?: boolean }) => {
      assert.match(why.message, /lets nothing be sent/)
      return why.ambiguous === false
    })
    assert.equal(late.status.state, 'full')
    await late[Symbol.asyncDispose]()
  })
})
