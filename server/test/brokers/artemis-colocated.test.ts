/** The shape of seed 003: two Artemis brokers, each live and host of the other's backup, killed again and again. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { stored } from '../../testing/store-rig.ts'
import { orderService, OrderDesk, SteadyOrders } from './orders.ts'
import { addressed, ARTEMIS_FACTORY, ready, realStore } from './real-store.ts'
import { missingOurOwn, startColocatedPair } from './servers/index.ts'
import type { ColocatedPair } from './servers/index.ts'

/** Of the live under load. */
const KILLS = Number(process.env['HOLDFAST_TEST_KILLS'] ?? 20)
const PER_SECOND = 200
const WORKERS = 4
const DRAIN_MS = 300_000

/** A second more of orders. */
async function accepted({ load }: SteadyOrders): Promise<void> {
  await load.until(load.accepted + PER_SECOND, DRAIN_MS)
}

async function delivered(desk: OrderDesk): Promise<void> {
  await desk.until(desk.seen.size + PER_SECOND, DRAIN_MS)
}

/** No more orders: each was answered 202 and came once. */
async function settled(orders: SteadyOrders, desk: OrderDesk): Promise<void> {
  await orders.end()
  const { load } = orders
  await desk.until(load.accepted, DRAIN_MS)
  assert.deepEqual(new Set(load.orders.map(({ status }) => status)), new Set([202]))
  assert.deepEqual(
    [...desk.seen].filter(([, times]) => times > 1),
    [],
  )
  assert.equal(desk.seen.size, load.accepted)
}

describe('a colocated pair of Artemis', { skip: await missingOurOwn('artemis-2.56.0') }, () => {
  let pair: ColocatedPair
  before(async () => {
    pair = await startColocatedPair('2.56.0')
  })
  after(() => pair[Symbol.asyncDispose]())

  const at = (node: 0 | 1, queue: string): Record<string, string> =>
    addressed(pair, pair.url(node), queue, ARTEMIS_FACTORY)

  test('AR-1: the address with live and backup deploys and connects', async () => {
    const { store } = realStore({ parameters: at(0, 'ar1') })
    await ready(store)
    await store.producer.put(stored('<a/>'))
    await store[Symbol.asyncDispose]()
  })

  for (const count of [30, 10_000]) {
    test(`AR-2: ${count} messages to each, one killed: what comes out is what was taken in`, async () => {
      const stores = [0, 1].map(
        node => realStore({ confirmMs: 30_000, parameters: at(node as 0 | 1, `ar2.${count}`) }).store,
      )
      await Promise.all(stores.map(ready))
      const put = async (node: number): Promise<string[]> => {
        const ids: string[] = []
        for (let index = 0; index < count; index += 100) {
          const batch = Array.from({ length: Math.min(100, count - index) }, (_, n) => `${node}.${index + n}`)
          await Promise.all(batch.map(id => stores[node]!.producer.put(stored(`<order/>`, {}, id))))
          ids.push(...batch)
        }
        return ids
      }
      const accepted = (await Promise.all([put(0), put(1)])).flat()
      await pair.kill(0)
      const came: string[] = []
      for (const store of stores) {
        // Its queue at the backup may be a moment away.
        if (store.status.state !== 'ready') await new Promise<void>(resolve => store.onReady(resolve))
        const consumer = await store.consumer({ window: 100 })
        for (let taken = 0; taken < count;) {
          const delivery = await consumer.take(10_000).catch(() => null)
          if (!delivery) continue
          came.push(delivery.message.id)
          await delivery.ack()
          taken++
        }
        assert.equal(await consumer.take(0), null)
        await consumer[Symbol.asyncDispose]()
      }
      assert.deepEqual(came.sort(), accepted.sort())
      for (const store of stores) await store[Symbol.asyncDispose]()
      await pair.exchange(0)
    })
  }

  test(`AR-4: ${KILLS} kills of the live under ${PER_SECOND} requests a second: only 202, nothing lost, nothing twice`, async () => {
    await using desk = await OrderDesk.open()
    await using app = await orderService(desk, at(0, 'ar4'), { workers: WORKERS })
    await using orders = new SteadyOrders(app.port, 'o', PER_SECOND, desk)
    for (let kills = 0; kills < KILLS; kills += 2) {
      await accepted(orders)
      await pair.kill(0)
      // Not only the spare takes orders then: they also reach the desk, through the backup.
      await delivered(desk)
      // The backup is the live now: killed as soon as its messages are waited for, before it could give them back.
      await accepted(orders)
      await pair.relaunch(0)
      await pair.kill(1)
      await delivered(desk)
      await pair.complete(1)
    }
    await settled(orders, desk)
    assert.deepEqual(await app.depth('Spare'), 0)
  })

  test('AR-6: stopped, taken over, started and given back: nothing lost, the processors go on by themselves', async () => {
    await using desk = await OrderDesk.open()
    await using app = await orderService(desk, at(0, 'ar6'), { workers: WORKERS })
    await using orders = new SteadyOrders(app.port, 'o', PER_SECOND, desk)
    await accepted(orders)
    await pair.nodes[0].stop()
    await accepted(orders)
    await delivered(desk)
    await pair.restart(0)
    await accepted(orders)
    await delivered(desk)
    await settled(orders, desk)
  })

  test('AR-6: killed while it gives back what it had taken over: nothing lost, nothing twice', async () => {
    await using desk = await OrderDesk.open()
    await using app = await orderService(desk, at(0, 'ar6b'), { workers: WORKERS })
    await using orders = new SteadyOrders(app.port, 'o', PER_SECOND, desk)
    await accepted(orders)
    await pair.kill(0)
    await delivered(desk)
    await pair.relaunch(0)
    await pair.givingBack(0)
    await pair.kill(1)
    await delivered(desk)
    await pair.complete(1)
    await settled(orders, desk)
  })

  test('AR-10: an address that names only the live reaches the backup, too', async () => {
    const url = `tcp://127.0.0.1:${pair.ports(0)[0]}`
    const { store, rig } = realStore({ confirmMs: 30_000, parameters: addressed(pair, url, 'ar10', ARTEMIS_FACTORY) })
    await ready(store)
    await store.producer.put(stored('<a/>', {}, 'a'))
    assert.ok(rig.log.texts('info').some(text => text.includes('names a backup')))
    await pair.kill(0)
    const consumer = await store.consumer()
    for (;;) {
      const delivery = await consumer.take(10_000).catch(() => null)
      if (!delivery) continue
      assert.equal(delivery.message.id, 'a')
      await delivery.ack()
      break
    }
    await store[Symbol.asyncDispose]()
  })
})
