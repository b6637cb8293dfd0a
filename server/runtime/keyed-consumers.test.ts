import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer, Delivery } from '../kernel/contracts.ts'
import { stored } from '../testing/rig.ts'
import { KeyedConsumers } from './keyed-consumers.ts'

/** A store of texts like `a1`: the letter is the key. Counts what is on loan. */
function source(texts: readonly string[]): {
  queue: string[]
  open: () => Promise<Consumer>
  opened: number
  closed: number
  put(text: string): void
} {
  const wakers: (() => void)[] = []
  const state = {
    queue: [...texts],
    opened: 0,
    closed: 0,
    put(text: string) {
      state.queue.push(text)
      for (const wake of wakers.splice(0)) wake()
    },
    open: async (): Promise<Consumer> => {
      state.opened++
      return {
        async take(waitMs, signal) {
          for (;;) {
            if (signal?.aborted) return null
            const text = state.queue.shift()
            if (text !== undefined) return loan(text)
            if (waitMs === 0) return null
            await new Promise<void>(resolve => {
              wakers.push(resolve)
              signal?.addEventListener('abort', () => resolve(), { once: true })
            })
          }
        },
        [Symbol.asyncDispose]: async () => void state.closed++,
      }
    },
  }
  const loan = (text: string): Delivery => ({
    message: stored(text),
    attempts: 0,
    ack: async () => undefined,
    fail: async () => undefined,
    // Every store of ours gives a message back its place.
    release: async () => {
      state.queue.push(text)
      state.queue.sort()
    },
  })
  return state
}

const textOf = (delivery: Delivery | null): string => Buffer.from(delivery!.message.body).toString()
const keyed = (from: { open: () => Promise<Consumer> }, workers: number): KeyedConsumers =>
  new KeyedConsumers({ workers, open: from.open, keyOf: message => Buffer.from(message.body).toString()[0]! })

test('messages of one key are worked on one after the other, those of others meanwhile', async () => {
  const from = source(['a1', 'a2', 'b1'])
  const shared = keyed(from, 2)
  const [one, two] = [await shared.consumer(), await shared.consumer()]
  const first = await one.take(Infinity)
  assert.equal(textOf(first), 'a1')
  const second = await two.take(Infinity)
  assert.equal(textOf(second), 'b1')
  await second!.ack()
  const stop = new AbortController()
  const waiting = two.take(Infinity, stop.signal)
  await first!.ack()
  assert.equal(textOf(await one.take(Infinity)), 'a2')
  stop.abort()
  assert.equal(await waiting, null)
})

test('a message given back is the next of its key', async () => {
  const from = source(['a1', 'a2'])
  const shared = keyed(from, 2)
  const consumer = await shared.consumer()
  const first = await consumer.take(Infinity)
  await first!.release()
  assert.equal(textOf(await consumer.take(Infinity)), 'a1')
})

test('no more are held than there are workers, and closing the last of them gives them back in order', async () => {
  const from = source(['a1', 'a2', 'a3', 'a4'])
  const shared = keyed(from, 2)
  const [one, two] = [await shared.consumer(), await shared.consumer()]
  await one.take(Infinity)
  const stop = new AbortController()
  const waiting = two.take(Infinity, stop.signal)
  await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(from.queue, ['a4'])
  stop.abort()
  assert.equal(await waiting, null)
  await one[Symbol.asyncDispose]()
  await two[Symbol.asyncDispose]()
  assert.deepEqual(from.queue, ['a1', 'a2', 'a3', 'a4'])
  assert.deepEqual([from.opened, from.closed], [1, 1])
})

test('a worker that waits for its key is woken by a new message of another', async () => {
  const from = source(['a1'])
  const shared = keyed(from, 3)
  const [one, two, three] = [await shared.consumer(), await shared.consumer(), await shared.consumer()]
  await one.take(Infinity)
  const waiting = [two.take(Infinity), three.take(Infinity)]
  from.put('a2')
  from.put('b1')
  assert.equal(textOf(await Promise.race(waiting)), 'b1')
})

test('a consumer that fails is closed only when the other workers have let go of its messages', async () => {
  const from = source(['a1'])
  let failing = false
  const open = async (): Promise<Consumer> => {
    const consumer = await from.open()
    return {
      ...consumer,
      take: (waitMs, signal) => (failing ? Promise.reject(new Error('cut')) : consumer.take(waitMs, signal)),
    }
  }
  const shared = keyed({ open }, 2)
  const [one, two] = [await shared.consumer(), await shared.consumer()]
  const inWork = await one.take(Infinity)
  failing = true
  await assert.rejects(two.take(Infinity), { message: 'cut' })
  assert.equal(from.closed, 0)
  await inWork!.ack()
  assert.equal(from.closed, 1)
})

test('what a worker leaves behind when it closes is given back, and its key is free', async () => {
  const from = source(['a1'])
  const shared = keyed(from, 2)
  const [one, two] = [await shared.consumer(), await shared.consumer()]
  assert.equal(textOf(await one.take(Infinity)), 'a1')
  await one[Symbol.asyncDispose]()
  assert.equal(textOf(await two.take(Infinity)), 'a1')
})

test('after a failure whoever comes next opens the store anew, the other workers included', async () => {
  const from = source(['a1'])
  let failing = true
  const open = async (): Promise<Consumer> => {
    const consumer = await from.open()
    return {
      ...consumer,
      take: (waitMs, signal) => (failing ? Promise.reject(new Error('cut')) : consumer.take(waitMs, signal)),
    }
  }
  const shared = keyed({ open }, 2)
  const [one, two] = [await shared.consumer(), await shared.consumer()]
  await assert.rejects(one.take(Infinity), { message: 'cut' })
  failing = false
  assert.equal(textOf(await two.take(Infinity)), 'a1')
  assert.equal(from.opened, 2)
})

test('what the store has taken back while it waited for its key does not overtake what comes again', async () => {
  let isLost = false
  const released: string[] = []
  const loan = (text: string, old: boolean): Delivery => ({
    message: stored(text),
    attempts: 0,
    get lost() {
      return old && isLost
    },
    ack: async () => undefined,
    fail: async () => undefined,
    release: async () => void released.push(text),
  })
  const queue = [loan('a1', true), loan('a2', true)]
  const open = async (): Promise<Consumer> => ({
    take: async () => queue.shift() ?? new Promise<null>(() => {}),
    [Symbol.asyncDispose]: async () => undefined,
  })
  const shared = keyed({ open }, 2)
  const [one, two] = [await shared.consumer(), await shared.consumer()]
  const first = await one.take(Infinity)
  void two.take(Infinity)
  await new Promise(resolve => setImmediate(resolve))
  // The connection breaks: both messages come again, in order.
  isLost = true
  await first!.release()
  queue.push(loan('a1', false), loan('a2', false))
  const waiting = one.take(Infinity)
  await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(released, ['a1', 'a2'])
  void waiting
})

test('who may not wait does not wait for somebody who does', async () => {
  const shared = keyed(source([]), 2)
  const [one, two] = [await shared.consumer(), await shared.consumer()]
  const stop = new AbortController()
  const waiting = one.take(Infinity, stop.signal)
  assert.equal(await two.take(0), null)
  stop.abort()
  assert.equal(await waiting, null)
})
