import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../kernel/clock.ts'
import type { Delivery } from '../kernel/contracts.ts'
import { memoryLog } from '../testing/memory-log.ts'
import { stored } from '../testing/store-rig.ts'
import { QueueStore, type BrokerQueue } from './queue-store.ts'
import { SeenWindow } from './seen-window.ts'

/** A store at a broker that hands out these, each of which does with `release` as it is told. */
function storeOf(ids: readonly string[], release: (id: string) => Promise<void>) {
  const settled: string[] = []
  const delivery = (id: string): Delivery => ({
    message: stored('<order/>', {}, id),
    attempts: 0,
    ack: async () => void settled.push(`ack ${id}`),
    fail: async () => undefined,
    release: async () => {
      settled.push(`release ${id}`)
      await release(id)
    },
  })
  const left = [...ids]
  const queue: BrokerQueue = {
    state: { state: 'ready', since: 0 },
    browsable: true,
    put: async () => undefined,
    consumer: () => ({
      take: async () => {
        const id = left.shift()
        return id === undefined ? null : delivery(id)
      },
      [Symbol.asyncDispose]: async () => void settled.push('closed'),
    }),
    async *browse() {},
    depth: async () => 0,
    onReady: () => () => undefined,
    close: async () => undefined,
  }
  const window = new SeenWindow(null, new ManualClock(), memoryLog())
  return { settled, store: new QueueStore({ name: 'S', type: 'test', queue, window, prefetch: 1 }) }
}

test('to remove one message those before it are taken and given back', async () => {
  const { settled, store } = storeOf(['a', 'b', 'c'], async () => undefined)
  assert.equal(await store.remove('b'), true)
  assert.deepEqual(settled, ['ack b', 'release a', 'closed'])
})

test('a message that cannot be given back keeps no other one: all are let go of, and the failure is told', async () => {
  const { settled, store } = storeOf(['a', 'b', 'c'], id =>
    id === 'a' ? Promise.reject(new Error('the connection is gone')) : Promise.resolve(),
  )
  await assert.rejects(store.remove('d'), /connection is gone/)
  assert.equal(settled.at(-1), 'closed')
})
