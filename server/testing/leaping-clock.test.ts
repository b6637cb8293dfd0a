import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LeapingClock } from './leaping-clock.ts'

test('only pauses of the lengths it was told pass, each at once and whole', async () => {
  const clock = new LeapingClock(1001, 2001)
  let deadline = false
  clock.after(5000, () => (deadline = true))
  await clock.sleep(1001)
  await clock.sleep(2001)
  assert.deepEqual([clock.monotonic(), deadline, clock.leaps], [3002, false, [1001, 2001]])
  await clock.sleep(2001)
  assert.deepEqual([clock.monotonic(), deadline], [5003, true])
})

test('what is cancelled does not move it', async () => {
  const clock = new LeapingClock(1001)
  clock.after(1001, () => assert.fail('it was cancelled')).cancel()
  await clock.sleep(0)
  assert.deepEqual([clock.monotonic(), clock.leaps], [0, []])
})
