import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Changes } from './changes.ts'
import { ManualClock } from './clock.ts'

test('waiting ends with the change that makes the condition true, and leaves no timer behind', async () => {
  const clock = new ManualClock()
  const changes = new Changes(clock)
  let count = 0
  const waited = changes.until(
    () => count === 2,
    1000,
    () => `count ${count}`,
  )
  for (count = 1; count < 3; count++) changes.tell()
  count = 7
  await waited
  assert.equal(clock.armed, 0)
})

test('a condition that already holds needs no change', async () => {
  const clock = new ManualClock()
  await new Changes(clock).until(
    () => true,
    1000,
    () => '',
  )
  assert.equal(clock.armed, 0)
})

test('waiting in vain ends with how things stand', async () => {
  const clock = new ManualClock()
  const waited = new Changes(clock).until(
    () => false,
    1000,
    () => 'three came',
  )
  const refused = assert.rejects(waited, /not come about within 1000 ms: three came/)
  await clock.advance(1000)
  await refused
})

test('a condition that throws ends the wait with its error', async () => {
  const clock = new ManualClock()
  const changes = new Changes(clock)
  let broken = false
  const waited = changes.until(
    () => {
      if (broken) throw new Error('wrong question')
      return false
    },
    1000,
    () => '',
  )
  broken = true
  changes.tell()
  await assert.rejects(waited, /wrong question/)
  assert.equal(clock.armed, 0)
})

test('a listener is called until it is stopped', () => {
  const changes = new Changes(new ManualClock())
  let calls = 0
  const stop = changes.on(() => calls++)
  changes.tell()
  stop()
  changes.tell()
  assert.equal(calls, 1)
})
