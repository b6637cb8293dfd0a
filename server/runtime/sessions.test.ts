import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../kernel/clock.ts'
import { fakeEndpoint } from '../testing/fake-registry.ts'
import { Sessions } from './sessions.ts'

const member = fakeEndpoint('a')

test('a session ends when it is not used for its time; every use prolongs it', async () => {
  const clock = new ManualClock()
  const sessions = new Sessions(clock, 1_000)
  sessions.keep('s', member)
  await clock.advance(900)
  assert.equal(sessions.find('s'), member)
  await clock.advance(900)
  assert.equal(sessions.find('s'), member)
  await clock.advance(1_000)
  assert.equal(sessions.find('s'), undefined)
})

test('clients cannot fill the memory with ids: the session unused for longest is forgotten first', () => {
  const sessions = new Sessions(new ManualClock(), 60_000)
  for (let count = 0; count <= 100_000; count++) {
    sessions.keep(`s${count}`, member)
    if (count === 99_999) sessions.find('s0')
  }
  assert.equal(sessions.find('s0'), member)
  assert.equal(sessions.find('s1'), undefined)
})
