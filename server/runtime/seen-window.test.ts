import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../kernel/clock.ts'
import type { Consumer, Delivery } from '../kernel/contracts.ts'
import { memoryLog } from '../testing/memory-log.ts'
import { RigDisk, stored, StoreRig } from '../testing/store-rig.ts'
import { SeenWindow, WindowConsumer } from './seen-window.ts'

/** Two workers of a broker that holds two copies of a message, as after a confirm that got lost. */
function twoCopies({ close = (): Promise<void> => Promise.resolve() } = {}) {
  const ledger = new StoreRig({ disk: new RigDisk() }).journal.ledger('S')
  const window = new SeenWindow(ledger, new ManualClock(), memoryLog())
  const settled: string[] = []
  const state = { isLost: false }
  const copy = (name: string): Delivery => ({
    message: stored('<order/>', {}, 'one'),
    attempts: 0,
    get lost() {
      return name === 'first' && state.isLost
    },
    ack: async () => void settled.push(`ack ${name}`),
    fail: async () => undefined,
    release: async () => void settled.push(`release ${name}`),
  })
  const queue = [copy('first'), copy('second')]
  const consumer = (): WindowConsumer => {
    const inner: Consumer = {
      take: async (_wait, signal) => (signal?.aborted ? null : (queue.shift() ?? null)),
      [Symbol.asyncDispose]: close,
    }
    return new WindowConsumer(inner, window)
  }
  return { settled, state, one: consumer(), two: consumer() }
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

test('a second copy waits for the first and is dropped when that is delivered; the first is not asked to let go', async () => {
  const { settled, one, two } = twoCopies()
  const first = await one.take(Infinity)
  const second = two.take(0)
  await turn()
  assert.equal(first!.ended!.aborted, false)
  await first!.ack()
  assert.equal(await second, null)
  assert.deepEqual(settled, ['ack first', 'ack second'])
})

test('a second copy gets its turn when the first was given back', async () => {
  const { settled, one, two } = twoCopies()
  const first = await one.take(Infinity)
  const second = two.take(0)
  await first!.release()
  assert.equal((await second)!.message.id, 'one')
  assert.deepEqual(settled, ['release first'])
})

test('a message that the store has taken back and delivers again is asked for', async () => {
  const { state, one, two } = twoCopies()
  const first = await one.take(Infinity)
  state.isLost = true
  const again = two.take(0)
  await turn()
  assert.equal(first!.ended!.aborted, true)
  await first!.release()
  assert.equal((await again)!.message.id, 'one')
})

test('a worker that is stopped while it waits for the other copy gives its own back', async () => {
  const { settled, one, two } = twoCopies()
  const first = await one.take(Infinity)
  const stop = new AbortController()
  const second = two.take(Infinity, stop.signal)
  await turn()
  stop.abort()
  assert.equal(await second, null)
  assert.deepEqual(settled, ['release second'])
  await first!.ack()
})

test('a consumer that does not close cleanly has let go of its messages all the same', async () => {
  const { settled, one, two } = twoCopies({ close: () => Promise.reject(new Error('the connection is gone')) })
  await one.take(Infinity)
  const second = two.take(0)
  await turn()
  await assert.rejects(one[Symbol.asyncDispose](), /connection is gone/)
  assert.equal((await second)!.message.id, 'one')
  assert.deepEqual(settled, [])
})
