import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../kernel/clock.ts'
import { LoginGuard } from './login-guard.ts'

const wrong = (): Promise<boolean> => Promise.resolve(false)
const right = (): Promise<boolean> => Promise.resolve(true)

test('the wait doubles with every wrong password after the fifth, up to a minute', async () => {
  const clock = new ManualClock()
  const guard = new LoginGuard(clock)
  for (let tries = 0; tries < 4; tries++) await guard.attempt('a', wrong)
  const waits: unknown[] = []
  for (let tries = 0; tries < 8; tries++) {
    await guard.attempt('a', wrong)
    const blocked = await guard.attempt('a', right)
    assert.ok(typeof blocked === 'object')
    waits.push(blocked.retryAfter)
    await clock.advance(blocked.retryAfter * 1000)
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60])
})

test('one address that guesses does not lock out another', async () => {
  const guard = new LoginGuard(new ManualClock())
  for (let tries = 0; tries < 5; tries++) await guard.attempt('a', wrong)

  assert.deepEqual(await guard.attempt('a', right), { retryAfter: 1 })
  assert.equal(await guard.attempt('b', right), true)
})

test('passwords are checked one after the other, and only so many may wait', async () => {
  const guard = new LoginGuard(new ManualClock())
  let running = 0
  let most = 0
  const slow = async (): Promise<boolean> => {
    most = Math.max(most, ++running)
    await new Promise(resolve => setImmediate(resolve))
    running--
    return true
  }
  const verdicts = await Promise.all(Array.from({ length: 20 }, (_, index) => guard.attempt(`caller ${index}`, slow)))

  assert.equal(most, 1)
  assert.equal(verdicts.filter(verdict => verdict === true).length, 16)
  assert.equal(verdicts.filter(verdict => typeof verdict === 'object').length, 4)
})

test('those who wait together cannot try more often than one after the other', async () => {
  const guard = new LoginGuard(new ManualClock())
  let checked = 0
  await Promise.all(Array.from({ length: 12 }, () => guard.attempt('a', () => (checked++, wrong()))))
  assert.equal(checked, 5)
})

test('a check that fails does not stop the next', async () => {
  const guard = new LoginGuard(new ManualClock())
  await assert.rejects(guard.attempt('a', () => Promise.reject(new Error('no memory'))))
  assert.equal(await guard.attempt('a', right), true)
})
