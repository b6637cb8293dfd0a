import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Backoff } from '../kernel/backoff.ts'
import { ManualClock } from '../kernel/clock.ts'
import type { Producer } from '../kernel/contracts.ts'
import { IntegrationError } from '../kernel/errors.ts'
import { stored } from '../testing/store-rig.ts'
import { isPatient, patientProducer } from './patient-producer.ts'

/** What the seed of reliable delivery says. */
const BALLERINA: Backoff = { interval: 2000, maxInterval: 15_000, growth: 'linear', factor: 1.5 }

function away(ambiguous = false): IntegrationError {
  return new IntegrationError('STORE_UNAVAILABLE', 'the broker is away', { ambiguous })
}

/** A broker that is away until `backAt`, and when it was tried, in elapsed seconds. */
function rig(retries: number, backoff: Backoff, { backAt = Infinity, failure = away } = {}) {
  const clock = new ManualClock()
  const triedAt: number[] = []
  const inner: Producer = {
    put: async () => {
      triedAt.push(clock.monotonic() / 1000)
      if (clock.monotonic() < backAt) throw failure()
    },
  }
  const producer = patientProducer('myStore', inner, { deadlineMs: 10_000, retries, backoff }, clock)
  return { clock, triedAt, producer }
}

test('BI-3: linear retries come when those of Ballerina come, and the secondary store is reached right after the last', async () => {
  const { clock, triedAt, producer } = rig(4, BALLERINA)
  let failedAt = Infinity
  const outcome = producer.put(stored('<a/>')).catch((error: IntegrationError) => {
    failedAt = clock.monotonic() / 1000
    return error.code
  })
  await clock.advance(14_999)
  assert.equal(failedAt, Infinity)
  await clock.advance(1)
  assert.equal(await outcome, 'STORE_UNAVAILABLE')
  assert.deepEqual(triedAt, [0, 0, 2, 7, 15])
  assert.equal(failedAt, 15, 'the peer waits until 26 s for nothing')
})

test('BI-3: without a count nothing is waited for', async () => {
  const { clock, triedAt, producer } = rig(0, BALLERINA)
  await assert.rejects(producer.put(stored('<a/>')), { code: 'STORE_UNAVAILABLE' })
  assert.deepEqual(triedAt, [0])
  assert.equal(clock.monotonic(), 0)
  assert.equal(isPatient(producer), false)
})

test('BI-4: a count of -1 means as long as the caller is there', async () => {
  const { clock, triedAt, producer } = rig(-1, { ...BALLERINA, growth: 'fixed' }, { backAt: 3_600_000 })
  const pending = producer.put(stored('<a/>'), new AbortController().signal)
  await clock.advance(3_600_000)
  await pending
  assert.equal(triedAt.length, 1801)

  const caller = new AbortController()
  const impatient = rig(-1, { ...BALLERINA, growth: 'fixed' })
  const given = assert.rejects(impatient.producer.put(stored('<a/>'), caller.signal), { code: 'STORE_UNAVAILABLE' })
  await impatient.clock.advance(5000)
  caller.abort()
  await given
  assert.deepEqual(impatient.triedAt, [0, 2, 4, 5], 'one last try, then the failover store')
})

test('BI-3: no pause goes on beyond the caller', async () => {
  const caller = new AbortController()
  const { clock, triedAt, producer } = rig(4, BALLERINA)
  const given = assert.rejects(producer.put(stored('<a/>'), caller.signal))
  await clock.advance(3000)
  caller.abort()
  await given
  assert.deepEqual(triedAt, [0, 0, 2, 3])
})

test('a failure that no retry can change ends the tries at once', async () => {
  const { triedAt, producer } = rig(4, BALLERINA, {
    failure: () => new IntegrationError('MESSAGE_UNREADABLE', 'it cannot be encoded'),
  })
  await assert.rejects(producer.put(stored('<a/>')), { code: 'MESSAGE_UNREADABLE' })
  assert.deepEqual(triedAt, [0])
})

test('P5: if any of the tries may have worked, the failure says so', async () => {
  let tries = 0
  const { clock, producer } = rig(1, BALLERINA, { failure: () => away(tries++ === 0) })
  const given = assert.rejects(producer.put(stored('<a/>')), { ambiguous: true })
  await clock.advance(0)
  await given
})

test('every message has its own deadline, whenever the others are confirmed, and no timer outlives them', async () => {
  const clock = new ManualClock()
  const confirm: (() => void)[] = []
  const inner: Producer = { put: () => new Promise(resolve => confirm.push(resolve)) }
  const producer = patientProducer('s', inner, { deadlineMs: 10_000, retries: 0, backoff: BALLERINA }, clock)
  const lateAt: (number | null)[] = []
  const put = (index: number): void => {
    lateAt[index] = null
    producer.put(stored('<a/>')).catch(({ ambiguous }: IntegrationError) => {
      assert.equal(ambiguous, true)
      lateAt[index] = clock.monotonic()
    })
  }
  put(0)
  await clock.advance(4000)
  put(1)
  put(2)
  confirm[0]!()
  await clock.advance(1000)
  put(3)
  confirm[2]!()
  await clock.advance(60_000)
  assert.deepEqual(lateAt, [null, 14_000, null, 15_000])
  assert.equal(clock.armed, 0)
  put(4)
  confirm[4]!()
  await clock.advance(0)
  assert.equal(clock.armed, 0)
})
