import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../kernel/clock.ts'
import type { Consumer, Delivery } from '../kernel/contracts.ts'
import { IntegrationError } from '../kernel/errors.ts'
import { memoryLog } from '../testing/memory-log.ts'
import { stored } from '../testing/store-rig.ts'
import type { Rate } from './pace.ts'
import { Worker, type Observed, type Tried } from './worker.ts'

const everySecond: Rate = { kind: 'interval', interval: 1000, size: 1, pause: 0 }
const away = (): IntegrationError => new IntegrationError('STORE_UNAVAILABLE', 'the broker is away')

/** A worker over a store that is there or away, with everything it says and does noted. */
function rigWith(options: { rate?: Rate; reconnectAttempts?: number; attempt?: (n: number) => Tried } = {}) {
  const clock = new ManualClock()
  const log = memoryLog()
  const waiting: Delivery[] = []
  const readyListeners = new Set<() => void>()
  const arrivals = new Set<() => void>()
  const sent: { text: string; at: number }[] = []
  const observed: Observed[] = []
  const gaveUp: string[] = []
  const opened: number[] = []
  const settled: string[] = []
  let failure: IntegrationError | null = null
  const breakers = new Set<(why: Error) => void>()

  const consumer: Consumer = {
    take(waitMs, signal) {
      if (failure) return Promise.reject(failure)
      const ready = waiting.shift()
      if (ready || waitMs === 0) return Promise.resolve(ready ?? null)
      return new Promise((resolve, reject) => {
        const end = (): void => {
          arrivals.delete(look)
          breakers.delete(reject)
        }
        const look = (): void => {
          const next = waiting.shift()
          if (!next) return
          end()
          resolve(next)
        }
        arrivals.add(look)
        breakers.add(reject)
        signal?.addEventListener('abort', () => (end(), resolve(null)), { once: true })
      })
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
  const worker = new Worker({
    clock,
    log,
    handler: {
      async attempt(delivery) {
        sent.push({ text: Buffer.from(delivery.message.body).toString(), at: clock.monotonic() })
        return options.attempt?.(sent.length) ?? { outcome: 'delivered' }
      },
      exhausted: () => Promise.resolve({ stuck: 'no more attempts' }),
    },
    open: async () => {
      opened.push(clock.monotonic())
      if (failure) throw failure
      return consumer
    },
    storeReady: again => {
      readyListeners.add(again)
      return () => readyListeners.delete(again)
    },
    deployed: () => () => {},
    rate: options.rate ?? everySecond,
    retry: { interval: 1000, maxInterval: 1000, growth: 'fixed', factor: 1 },
    maxAttempts: 2,
    reconnect: {
      attempts: options.reconnectAttempts ?? 0,
      backoff: { interval: 1000, maxInterval: 8000, growth: 'exponential', factor: 2 },
    },
    report: state => observed.push(state),
    giveUp: async reason => gaveUp.push(reason) > 0,
  })
  return {
    clock,
    log,
    worker,
    sent,
    observed,
    gaveUp,
    opened,
    settled,
    put(text: string, ended?: AbortSignal, ack?: () => Promise<void>) {
      waiting.push({
        message: stored(text),
        attempts: 0,
        ...(ended && { ended }),
        ack: async () => {
          await ack?.()
          settled.push(`ack ${text}`)
        },
        fail: async () => {},
        release: async () => void settled.push(`release ${text}`),
      })
      for (const look of arrivals) look()
    },
    goAway() {
      failure = away()
      for (const reject of breakers) reject(failure)
    },
    comeBack(tell = true) {
      failure = null
      if (tell) for (const again of readyListeners) again()
    },
  }
}

test('a store that is away at the start is tried with growing pauses, never given up, and used when it is there', async () => {
  const rig = rigWith({ reconnectAttempts: 3 })
  rig.goAway()
  rig.worker.start()
  await rig.clock.advance(40_000)
  assert.deepEqual(rig.opened, [0, 1000, 3000, 7000, 15_000, 23_000, 31_000, 39_000])
  assert.deepEqual(rig.gaveUp, [])
  const { observed, reason, nextTry } = rig.observed.at(-1)!
  assert.deepEqual(
    { observed, reason, nextTry },
    { observed: 'waiting', reason: 'the broker is away', nextTry: rig.clock.now() + 7000 },
  )
  assert.equal(rig.log.texts('warn').length, 1)
  rig.put('<order/>')
  rig.comeBack(false)
  await rig.clock.advance(7000)
  assert.equal(rig.sent.length, 1)
  await rig.worker.stop(0)
})

test('a store that says it is ready ends the pause', async () => {
  const rig = rigWith()
  rig.goAway()
  rig.worker.start()
  await rig.clock.advance(7500)
  rig.put('<order/>')
  rig.comeBack()
  await rig.clock.advance(0)
  assert.equal(rig.sent.length, 1)
  await rig.worker.stop(0)
})

test('max.store.connection.attempts counts failures in a row once the store has been reached', async () => {
  const rig = rigWith({ reconnectAttempts: 3 })
  rig.worker.start()
  rig.put('<order/>')
  await rig.clock.advance(2000)
  rig.goAway()
  await rig.clock.advance(60_000)
  assert.equal(rig.gaveUp.length, 1)
  assert.match(rig.gaveUp[0]!, /could not be reached in 3 attempts: the broker is away/)
})

test('cron: a firing drains what is there, with the pause in between, and nothing is sent before it (V11)', async () => {
  let fire: () => void = () => {}
  const rig = rigWith({
    rate: {
      kind: 'cron',
      size: Infinity,
      pause: 1000,
      ticks: { onTick: listener => ((fire = listener), () => (fire = () => {})) },
    },
  })
  rig.worker.start()
  for (let n = 1; n <= 5; n++) rig.put(`<m${n}/>`)
  await rig.clock.advance(60_000)
  assert.equal(rig.sent.length, 0)
  fire()
  await rig.clock.advance(30_000)
  assert.deepEqual(
    rig.sent.map(({ at }) => at),
    [60_000, 61_000, 62_000, 63_000, 64_000],
  )
  rig.put('<late/>')
  await rig.clock.advance(30_000)
  assert.equal(rig.sent.length, 5)
  fire()
  await rig.clock.advance(0)
  assert.equal(rig.sent.length, 6)
  await rig.worker.stop(0)
})

test('cron: a batch size bounds one firing', async () => {
  let fire: () => void = () => {}
  const rig = rigWith({
    rate: { kind: 'cron', size: 2, pause: 10, ticks: { onTick: listener => ((fire = listener), () => {}) } },
  })
  rig.worker.start()
  for (let n = 1; n <= 5; n++) rig.put(`<m${n}/>`)
  await rig.clock.advance(0)
  for (const expected of [2, 4, 5]) {
    fire()
    await rig.clock.advance(1000)
    assert.equal(rig.sent.length, expected)
  }
  await rig.worker.stop(0)
})

test('a message its store takes back is let go between two tries', async () => {
  const rig = rigWith({ attempt: () => ({ outcome: 'failed', error: away() }) })
  const ended = new AbortController()
  rig.worker.start()
  rig.put('<order/>', ended.signal)
  await rig.clock.advance(500)
  ended.abort()
  await rig.clock.advance(5000)
  assert.equal(rig.sent.length, 1)
  assert.deepEqual(rig.settled, ['release <order/>'])
  await rig.worker.stop(0)
})

test('what nobody foresaw neither loses the message nor ends the worker', async () => {
  const rig = rigWith({
    attempt: n => {
      if (n === 1) throw new TypeError('a defect')
      return { outcome: 'delivered' }
    },
  })
  rig.worker.start()
  rig.put('<one/>')
  rig.put('<two/>')
  await rig.clock.advance(5000)
  assert.deepEqual(
    rig.sent.map(({ text }) => text),
    ['<one/>', '<two/>'],
  )
  assert.deepEqual(rig.settled, ['ack <two/>'])
  assert.deepEqual(rig.gaveUp, [])
  assert.ok(rig.log.texts('error').some(text => text.includes('goes back to its store')))
  await rig.worker.stop(0)
})

test('stopping an idle worker leaves no timer and no listener behind', async () => {
  const rig = rigWith()
  rig.worker.start()
  await rig.clock.advance(0)
  await rig.worker.stop(5000)
  assert.equal(rig.clock.armed, 0)
})

test('a delivery that its store takes back before it could be noted is noted all the same: it must not be sent again', async () => {
  const rig = rigWith()
  const ended = new AbortController()
  let failures = 3
  rig.worker.start()
  rig.put('<order/>', ended.signal, async () => {
    ended.abort()
    if (failures-- > 0) throw new IntegrationError('JOURNAL_FAILED', 'no sync')
  })
  await rig.clock.advance(30_000)
  assert.equal(rig.sent.length, 1)
  assert.deepEqual(rig.settled, ['ack <order/>'])
  await rig.worker.stop(0)
})

test('a worker that is stopped lets go of a message whose delivery could not be noted', async () => {
  const rig = rigWith()
  rig.worker.start()
  rig.put('<order/>', undefined, () => Promise.reject(new IntegrationError('JOURNAL_FAILED', 'no sync')))
  await rig.clock.advance(1000)
  const stopped = rig.worker.stop(0)
  await rig.clock.advance(0)
  await stopped
  assert.deepEqual(rig.settled, ['release <order/>'])
})

test('a store that was away and has nothing to give is shown as reached', async () => {
  const rig = rigWith()
  rig.worker.start()
  await rig.clock.advance(0)
  rig.goAway()
  await rig.clock.advance(0)
  assert.equal(rig.observed.at(-1)!.observed, 'waiting')
  rig.comeBack(false)
  await rig.clock.advance(8000)
  assert.deepEqual(rig.observed.at(-1), { observed: 'idle' })
  await rig.worker.stop(0)
})
