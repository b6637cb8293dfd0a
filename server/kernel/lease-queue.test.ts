import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LeaseQueue } from './lease-queue.ts'

function queueOf(...values: string[]): LeaseQueue<string> {
  const queue = new LeaseQueue<string>()
  for (const value of values) queue.push(value)
  return queue
}

const all = (queue: LeaseQueue<string>): string[] => [...queue.entries()].map(({ value }) => value)

test('what is given back comes first again, in its old place', () => {
  const queue = queueOf('a', 'b', 'c')
  const a = queue.lease()!
  const b = queue.lease()!
  b.release()
  a.release()
  assert.deepEqual(
    [queue.lease()!.value, queue.lease()!.value, queue.lease()!.value, queue.lease()],
    ['a', 'b', 'c', null],
  )
})

test('a loan settled twice settles once', () => {
  const queue = queueOf('a', 'b')
  const loan = queue.lease()!
  loan.remove()
  loan.release()
  loan.remove()
  assert.deepEqual([queue.held, queue.waiting, all(queue)], [1, 1, ['b']])
})

test('values removed from the middle, the ends or while being walked over leave the rest in order', () => {
  const queue = queueOf('a', 'b', 'c', 'd')
  assert.equal(
    queue.removeWhere(value => value === 'b'),
    true,
  )
  assert.equal(
    queue.removeWhere(value => value === 'b'),
    false,
  )
  const seen: string[] = []
  for (const { value } of queue.entries()) {
    seen.push(value)
    queue.removeWhere(other => other === value)
  }
  assert.deepEqual(seen, ['a', 'c', 'd'])
  assert.equal(queue.held, 0)
  queue.push('e')
  assert.equal(queue.lease()!.value, 'e')
})

test('clearing leaves what is on loan', () => {
  const queue = queueOf('a', 'b', 'c')
  const loan = queue.lease()!
  assert.equal(queue.clear(), 2)
  assert.deepEqual([queue.held, queue.waiting], [1, 0])
  loan.release()
  assert.equal(queue.lease()!.value, 'a')
})

test('listeners hear of what arrives and of what is given back', () => {
  const queue = queueOf()
  let heard = 0
  const forget = queue.onWaiting(() => heard++)
  queue.push('a')
  queue.lease()!.release()
  assert.equal(heard, 2)
  forget()
  queue.push('b')
  assert.equal(heard, 2)
})

test('a long queue with loans at its head costs no more than a short one', () => {
  const queue = new LeaseQueue<number>()
  for (let n = 0; n < 200_000; n++) queue.push(n)
  const held = Array.from({ length: 1000 }, () => queue.lease()!)
  // Each of these would walk over the thousand on loan if the queue began at its head: 199 million steps.
  for (let n = 1000; n < 200_000; n++) {
    const loan = queue.lease()!
    assert.equal(loan.value, n)
    loan.remove()
  }
  held[500]!.release()
  assert.equal(queue.lease()!.value, 500)
})
