import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LeaseQueue } from './lease-queue.ts'

const values = <T>(queue: LeaseQueue<T>): T[] => [...queue.entries()].map(({ value }) => value)

test('values are lent in order, and one given back is the next', () => {
  const queue = new LeaseQueue<number>()
  for (const value of [1, 2, 3]) queue.push(value)
  const first = queue.lease()!
  const second = queue.lease()!
  assert.deepEqual([first.value, second.value, queue.held, queue.waiting], [1, 2, 3, 1])
  first.release()
  assert.equal(queue.lease()!.value, 1)
  assert.equal(queue.lease()!.value, 3)
  assert.equal(queue.lease(), null)
})

test('a loan that ended can do nothing to the loan after it', () => {
  const queue = new LeaseQueue<number>()
  queue.push(1)
  const loan = queue.lease()!
  loan.remove()
  loan.release()
  assert.deepEqual([queue.held, queue.waiting, queue.lease()], [0, 0, null])
})

test('a loan given back cannot remove what somebody else has on loan', () => {
  const queue = new LeaseQueue<number>()
  queue.push(1)
  const stale = queue.lease()!
  stale.release()
  const fresh = queue.lease()!
  stale.remove()
  stale.release()
  assert.deepEqual([queue.held, queue.waiting], [1, 0])
  fresh.remove()
  assert.equal(queue.held, 0)
})

test('removing and clearing leave what is on loan', () => {
  const queue = new LeaseQueue<number>()
  for (const value of [1, 2, 3, 4]) queue.push(value)
  const loan = queue.lease()!
  assert.equal(
    queue.removeWhere(value => value === 1),
    false,
  )
  assert.equal(
    queue.removeWhere(value => value === 3),
    true,
  )
  assert.equal(queue.clear(), 2)
  assert.deepEqual(values(queue), [1])
  loan.release()
  queue.push(5)
  assert.deepEqual([queue.lease()!.value, queue.lease()!.value], [1, 5])
})

test('listeners hear of every push and of every value given back', () => {
  const queue = new LeaseQueue<number>()
  let heard = 0
  const stop = queue.onWaiting(() => heard++)
  queue.push(1)
  queue.lease()!.release()
  assert.equal(heard, 2)
  stop()
  queue.push(2)
  assert.equal(heard, 2)
})
