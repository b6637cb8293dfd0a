import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Identity } from './identity.ts'

test('a producer has one message under way, and numbers only grow', () => {
  const identity = new Identity()
  const one = identity.take('a')!
  const two = identity.take('b')!
  assert.notEqual(one.producer, two.producer)
  identity.give(one, true, 'a')
  const again = identity.take('c')!
  assert.deepEqual([again.producer, again.sequence], [one.producer, 2])
})

test('a message that was not answered keeps its producer and number, and nothing else goes over it before', () => {
  const identity = new Identity()
  const first = identity.take('a')!
  identity.give(first, false, 'a')
  const other = identity.take('b')!
  assert.notEqual(other.producer, first.producer)
  const again = identity.take('a')!
  assert.deepEqual([again.producer, again.sequence], [first.producer, 1])
  identity.give(again, true, 'a')
  assert.equal(identity.take('c')!.sequence, 2)
})

test('after an error answer the same message gets a fresh number: under the old one it would be thrown away as done', () => {
  const identity = new Identity()
  const first = identity.take('a')!
  identity.give(first, true, 'a')
  assert.deepEqual([identity.take('a')!.producer, identity.take('a') !== undefined], [first.producer, true])
  assert.equal(first.sequence, 2)
})

test('a message that nobody will send again frees its producer', () => {
  const identity = new Identity()
  const slot = identity.take(undefined)!
  identity.give(slot, false, undefined)
  assert.equal(identity.take('a')!.producer, slot.producer)
})

test('there are sixteen producers; when all wait for an answer that never came, the oldest makes room for a new one', () => {
  const identity = new Identity()
  const slots = Array.from({ length: 16 }, (_, index) => identity.take(`m${index}`)!)
  assert.equal(identity.take('more'), undefined)
  slots.forEach((slot, index) => identity.give(slot, false, `m${index}`))
  const fresh = identity.take('more')!
  assert.equal(fresh.producer, 17)
  // The first one is forgotten and counts as new; the second one is still known.
  assert.equal(identity.take('m1')!.producer, slots[1]!.producer)
  assert.notEqual(identity.take('m0')!.producer, slots[0]!.producer)
})
