import assert from 'node:assert/strict'
import { test } from 'node:test'
import { growth, type Vitals } from './leaks.ts'

const MB = 1 << 20
const steady: Vitals = {
  heapUsed: 40 * MB,
  external: 5 * MB,
  arrayBuffers: 2 * MB,
  rss: 150 * MB,
  timers: 10,
  handles: 12,
  descriptors: 30,
}
const samples = (change: (at: number) => Partial<Vitals>): Vitals[] =>
  Array.from({ length: 24 }, (_, at) => ({ ...steady, ...change(at) }))
const leaking = (change: (at: number) => Partial<Vitals>): string[] =>
  growth(samples(change))
    .filter(({ leaks }) => leaks)
    .map(({ what }) => what)

test('what goes up and down, or grows only while it warms up, is no leak', () => {
  assert.deepEqual(
    leaking(at => ({ heapUsed: (40 + (at % 3) * 2) * MB, timers: 10 + (at % 4) })),
    [],
  )
  assert.deepEqual(
    leaking(at => ({ heapUsed: Math.min(20 + at * 6, 56) * MB })),
    [],
  )
})

test('a heap, timers, handles or descriptors that grow all the time are found, each by its name', () => {
  assert.deepEqual(
    leaking(at => ({ heapUsed: (40 + at) * MB })),
    ['heapUsed'],
  )
  assert.deepEqual(
    leaking(at => ({ timers: 10 + at })),
    ['timers'],
  )
  assert.deepEqual(
    leaking(at => ({ handles: 12 + at, descriptors: 30 + 2 * at })),
    ['handles', 'descriptors'],
  )
})
