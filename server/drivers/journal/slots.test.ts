import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlotIndex, SlotState } from './slots.ts'

function filled(count: number): SlotIndex {
  const slots = new SlotIndex()
  for (let slot = 1; slot <= count; slot++) slots.put(slot, 1, slot * 100, 50, slot, slot)
  return slots
}

test('slots are leased in order whatever is removed, given back or moved in between', () => {
  const slots = filled(3000)
  const model = new Map(Array.from({ length: 3000 }, (_, i) => [i + 1, 'waiting']))
  let seed = 1
  const pick = (limit: number): number => (seed = (Math.imul(seed, 48271) >>> 0) % 2147483647) % limit
  for (let step = 0; step < 20_000; step++) {
    const slot = 1 + pick(3000)
    const action = pick(4)
    if (action === 0) {
      const expected = [...model].find(([, state]) => state === 'waiting')?.[0] ?? 0
      const leased = slots.lease()
      assert.equal(leased, expected)
      if (leased) model.set(leased, 'leased')
    } else if (action === 1 && model.get(slot) === 'leased') {
      slots.setState(slot, SlotState.waiting)
      model.set(slot, 'waiting')
    } else if (action === 2 && pick(3) === 0) {
      assert.equal(slots.remove(slot) !== null, model.delete(slot))
      // A Map keeps the order of insertion, which must stay the order of slots.
    } else if (action === 3 && model.has(slot)) slots.put(slot, 2, 7, 50, slot, slot)
  }
  assert.equal(slots.held, model.size)
  assert.equal(slots.waiting, [...model.values()].filter(state => state === 'waiting').length)
  assert.deepEqual([...slots.from(1)], [...model.keys()])
})

test('slots are found by hash and by segment, a part at a time', () => {
  const slots = filled(2000)
  slots.put(1500, 9, 0, 50, 1500, 1500)
  slots.put(20, 9, 0, 50, 20, 20)
  assert.deepEqual(slots.withHash(77, 77), [77])
  assert.deepEqual(slots.withHash(77, 78), [])
  const found: number[] = []
  let parts = 0
  for (let from = 0; from < Infinity; parts++) {
    const { slots: some, next } = slots.inSegment(9, from, 1)
    found.push(...some)
    from = next
  }
  assert.deepEqual(found, [20, 1500])
  assert.ok(parts >= 4)
})

test('one message far behind the others costs one chunk, not the distance', () => {
  const slots = new SlotIndex()
  slots.put(1, 1, 0, 10, 1, 1)
  slots.put(5_000_000_000, 1, 10, 10, 2, 2)
  assert.equal(slots.lease(), 1)
  assert.equal(slots.lease(), 5_000_000_000)
  assert.equal(slots.lease(), 0)
  slots.setState(1, SlotState.waiting)
  assert.equal(slots.lease(), 1)
  assert.deepEqual([...slots.from(2)], [5_000_000_000])
})
