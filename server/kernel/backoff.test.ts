import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pauseAfter } from './backoff.ts'

const firstFive = (backoff: Parameters<typeof pauseAfter>[1]): number[] =>
  [1, 2, 3, 4, 5].map(failures => pauseAfter(failures, backoff))

test('pauses stay, or grow by a factor up to the longest', () => {
  const common = { interval: 1000, maxInterval: 5000, factor: 2 }
  assert.deepEqual(firstFive({ ...common, growth: 'fixed' }), [1000, 1000, 1000, 1000, 1000])
  assert.deepEqual(firstFive({ ...common, growth: 'exponential' }), [1000, 2000, 4000, 5000, 5000])
})

test("BI-3: linear pauses are Ballerina's: none before the first retry, then interval + round(n × interval × factor)", () => {
  const seed = { interval: 2000, maxInterval: 15_000, growth: 'linear', factor: 1.5 } as const
  assert.deepEqual(firstFive(seed), [0, 2000, 5000, 8000, 11_000])
  assert.equal(pauseAfter(9, seed), 15_000, 'capped')
})

test('the longest pause is never shorter than the first', () => {
  assert.equal(pauseAfter(3, { interval: 1000, maxInterval: 10, growth: 'exponential', factor: 2 }), 1000)
})
