import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from './clock.ts'
import { Exchange } from './context.ts'
import { WaitingCallers } from './waiting-callers.ts'

function caller(): { exchange: Exchange; statuses: number[] } {
  const statuses: number[] = []
  return {
    exchange: new Exchange({ reply: () => statuses.push(200), acknowledge: status => statuses.push(status) }),
    statuses,
  }
}

test('a caller waits only while a processor with a reply sequence works on the store', () => {
  const callers = new WaitingCallers(new ManualClock())
  const { exchange } = caller()
  callers.hold('orders', 'm1', exchange)
  assert.equal(exchange.expected, false)
  let active = false
  const end = callers.answerFor('orders', () => active)
  callers.hold('orders', 'm1', exchange)
  assert.equal(exchange.expected, false)
  active = true
  callers.hold('orders', 'm1', exchange)
  assert.equal(exchange.expected, true)
  assert.equal(callers.take('m1'), exchange)
  assert.equal(callers.take('m1'), undefined)
  end()
  const late = caller()
  callers.hold('orders', 'm2', late.exchange)
  assert.equal(late.exchange.expected, false)
})

test('a caller who would wait in vain learns that the message is kept', async () => {
  const clock = new ManualClock()
  const callers = new WaitingCallers(clock)
  callers.answerFor('orders', () => true)
  const failed = caller()
  const patient = caller()
  callers.hold('orders', 'm1', failed.exchange)
  callers.hold('orders', 'm2', patient.exchange)
  callers.release('m1')
  assert.deepEqual(failed.statuses, [202])
  assert.deepEqual(patient.statuses, [])
  await clock.advance(30_000)
  assert.deepEqual(patient.statuses, [202])
  assert.equal(callers.size, 0)
  assert.equal(clock.armed, 0)
})
