import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../kernel/clock.ts'
import { Pace } from './pace.ts'

const never = new AbortController().signal

/** Works off one message that begins `lateMs` after it was its turn; returns how long the next one has to wait. */
async function waitAfter(lateMs: number): Promise<number> {
  const clock = new ManualClock()
  const pace = new Pace({ kind: 'interval', interval: 10, size: 1, pause: 0 }, clock)
  pace.began()
  pace.ended()
  const turn = pace.turn(never)
  await clock.advance(10)
  await turn
  await clock.advance(lateMs)
  pace.began()
  pace.ended()
  void pace.turn(never)
  return clock.nextDue! - clock.monotonic()
}

test('what a timer is late by is not added to the interval', async () => {
  assert.equal(await waitAfter(2), 8)
})

test('a message that came late for other reasons keeps its distance to the next', async () => {
  assert.equal(await waitAfter(3), 10)
})

test('the first message goes at once, the second an interval after it', async () => {
  const clock = new ManualClock()
  await clock.advance(1)
  const pace = new Pace({ kind: 'interval', interval: 10, size: 1, pause: 0 }, clock)
  await pace.turn(never)
  pace.began()
  pace.ended()
  void pace.turn(never)
  assert.equal(clock.nextDue! - clock.monotonic(), 10)
})
