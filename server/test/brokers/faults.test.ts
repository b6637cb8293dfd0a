/**
 * Random faults between a store and its broker (messaging-peers §8.4): cut, stalled, half open, answers swallowed, refused,
 * frozen, killed. Nothing accepted is lost, and what comes twice is recognised by its id.
 *
 *   HOLDFAST_TEST_FAULTS        rounds of each driver (default 40: 200 in all)
 *   HOLDFAST_TEST_SEED          repeats a run
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Consumer, MessageStore } from '../../kernel/contracts.ts'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import type { FaultProxy } from '../../testing/fault-proxy.ts'
import { stored } from '../../testing/store-rig.ts'
import { realStore } from './real-store.ts'
import { missingOurOwn, startBroker } from './servers/index.ts'
import type { RealServer } from './servers/index.ts'
import { storeBy } from './ways.ts'
import type { Way } from './ways.ts'

const ROUNDS = Number(process.env['HOLDFAST_TEST_FAULTS'] ?? 40)
const SEED = Number(process.env['HOLDFAST_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const PER_ROUND = 25
const PATIENCE_MS = 180_000

interface Scene {
  readonly proxy: FaultProxy
  readonly server: RealServer
  readonly random: () => number
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** What goes wrong, each mended at its end. */
const FAULTS: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  cut: async ({ proxy }) => proxy.cut(),
  'cut from the side of the broker': async ({ proxy }) => proxy.cut('server'),
  'cut after some bytes up': async ({ proxy, random }) => proxy.cutAfter(1 + Math.floor(random() * 5000), 'up'),
  'cut after some bytes down': async ({ proxy, random }) => proxy.cutAfter(1 + Math.floor(random() * 500), 'down'),
  'answers swallowed': async ({ proxy, random }) => {
    proxy.swallow('down')
    await pause(50 + random() * 200)
    proxy.cut()
    proxy.forward()
  },
  'requests swallowed': async ({ proxy, random }) => {
    proxy.swallow('up')
    await pause(50 + random() * 200)
    proxy.cut()
    proxy.forward()
  },
  stalled: async ({ proxy, random }) => {
    proxy.stall()
    await pause(100 + random() * 400)
    proxy.forward()
  },
  'half open': async ({ proxy, random }) => {
    proxy.halfOpen()
    proxy.cut('server')
    await pause(100 + random() * 400)
    proxy.forward()
  },
  refused: async ({ proxy, random }) => {
    await proxy.refuse()
    proxy.cut()
    await pause(100 + random() * 400)
    await proxy.accept()
  },
  frozen: async ({ server, random }) => {
    server.pause()
    await pause(100 + random() * 400)
    server.resume()
  },
  killed: async ({ server, random }) => {
    await pause(random() * 100)
    await server.kill()
    await server.start()
  },
}

/** Numbers between 0 and 1 that a seed repeats. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** As a failover processor does it: the same message until it is taken. */
async function putAll(store: MessageStore, ids: readonly string[], until: number): Promise<void> {
  for (const id of ids) {
    for (;;) {
      try {
        await store.producer.put(stored(`<order>${id}</order>`, {}, id))
        break
      } catch (thrown) {
        if (Date.now() > until) throw thrown
        await pause(20)
      }
    }
  }
}

/** As a worker does it: a broken connection is no answer. */
async function takeAll(consumer: Consumer, count: number, seen: Map<string, number>, until: number): Promise<void> {
  while (seen.size < count) {
    if (Date.now() > until) throw new Error(`${seen.size} of ${count} came`)
    try {
      const delivery = await consumer.take(500)
      if (!delivery) continue
      seen.set(delivery.message.id, (seen.get(delivery.message.id) ?? 0) + 1)
      await delivery.ack()
    } catch (thrown) {
      if ((thrown as { retryable?: boolean }).retryable !== true) throw thrown
      await pause(20)
    }
  }
}

const WAYS: readonly Way[] = [
  ['artemis-2.56.0', 'amqp'],
  ['classic-6.3.1', 'amqp'],
  ['classic-5.18.3', 'openwire'],
  ['rabbitmq', 'amqp'],
  ['rabbitmq', 'rabbitmq'],
]

for (const [name, driver] of WAYS) {
  describe(`faults at ${name}, driver ${driver}`, { skip: await missingOurOwn(name) }, () => {
    test(`${ROUNDS} rounds: nothing lost, nothing delivered twice`, async t => {
      const random = randomOf(SEED)
      await using server = await startBroker(name)
      await using proxy = await startFaultProxy({ targetPort: server.port(driver) })
      const { store } = realStore({ confirmMs: 2000, ...storeBy(driver, server, 'faults', proxy.port) })
      const consumer = await store.consumer()
      const seen = new Map<string, number>()
      const names = Object.keys(FAULTS)
      const history: string[] = []
      try {
        for (let round = 0; round < ROUNDS; round++) {
          // Every fault has its turn; beyond that chance decides.
          const fault =
            round < names.length && ROUNDS >= names.length ? names[round]! : names[Math.floor(random() * names.length)]!
          history.push(fault)
          const ids = Array.from({ length: PER_ROUND }, (_, index) => `${round}.${index}`)
          const until = Date.now() + PATIENCE_MS
          const [even, odd] = [0, 1].map(rest => ids.filter((_, index) => index % 2 === rest)) as [string[], string[]]
          const taking = takeAll(consumer, (round + 1) * PER_ROUND, seen, until)
          const work = Promise.all([putAll(store, even, until), putAll(store, odd, until), taking])
          const broken = pause(random() * 30).then(() => FAULTS[fault]!({ proxy, server, random }))
          await Promise.all([work, broken])
        }
        assert.equal(seen.size, ROUNDS * PER_ROUND)
        assert.deepEqual(
          [...seen].filter(([, times]) => times > 1),
          [],
        )
      } catch (thrown) {
        t.diagnostic(`seed ${SEED}, rounds: ${history.join(', ')}`)
        throw thrown
      } finally {
        await consumer[Symbol.asyncDispose]()
        await store[Symbol.asyncDispose]()
      }
    })
  })
}
