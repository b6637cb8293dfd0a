import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  initialState,
  nextState,
  readyAt,
  type BreakerEvent,
  type BreakerPolicy,
  type BreakerState,
} from './breaker.ts'

const DEFAULTS: BreakerPolicy = {
  suspend: { errorCodes: [], progressionFactor: 1, maximumDuration: Number.MAX_SAFE_INTEGER },
  mark: { errorCodes: [101504, 101505], retriesBeforeSuspension: 0, retryDelay: 0 },
}
const failure = (errorCode: number): BreakerEvent => ({ kind: 'failure', errorCode })

function run(policy: BreakerPolicy, ...events: [now: number, event: BreakerEvent][]): BreakerState {
  return events.reduce((state, [now, event]) => nextState(state, event, now, policy), initialState(0))
}

test('without settings any failure suspends for thirty seconds', () => {
  const state = run(DEFAULTS, [1_000, failure(101503)])
  assert.equal(state.state, 'suspended')
  assert.equal(readyAt(state), 31_000)
})

test('without settings the first timeout suspends at once', () => {
  assert.equal(run(DEFAULTS, [0, failure(101504)]).state, 'suspended')
})

test('three retries before suspension let the fourth consecutive timeout suspend', () => {
  const policy = { ...DEFAULTS, mark: { errorCodes: [101504], retriesBeforeSuspension: 3, retryDelay: 50 } }
  const timeout = failure(101504)
  const third = run(policy, [0, timeout], [100, timeout], [200, timeout])
  assert.deepEqual(third, { state: 'timeout', since: 200, retriesLeft: 1, readyAt: 250 })
  assert.equal(nextState(third, timeout, 300, policy).state, 'suspended')
})

test('a success between timeouts starts the count anew', () => {
  const policy = { ...DEFAULTS, mark: { errorCodes: [101504], retriesBeforeSuspension: 1, retryDelay: 0 } }
  const state = run(policy, [0, failure(101504)], [1, { kind: 'success' }], [2, failure(101504)])
  assert.equal(state.state, 'timeout')
})

test('each further suspension lasts longer, up to the maximum', () => {
  const policy = {
    ...DEFAULTS,
    suspend: { errorCodes: [], initialDuration: 1_000, progressionFactor: 2, maximumDuration: 3_000 },
  }
  const durations: number[] = []
  let state = initialState(0)
  for (let now = 0; now < 4; now++) {
    state = nextState(state, failure(101500), now, policy)
    if (state.state === 'suspended') durations.push(state.duration)
  }
  assert.deepEqual(durations, [1_000, 2_000, 3_000, 3_000])
})

test('a code that is on neither list changes nothing, and -1 alone disables suspension', () => {
  const policy = {
    suspend: { ...DEFAULTS.suspend, errorCodes: [-1] },
    mark: { ...DEFAULTS.mark, errorCodes: [-1] },
  }
  assert.equal(run(policy, [0, failure(101503)], [1, failure(101504)]).state, 'active')
})

test('an initial duration of -1 means the default, not "never"', () => {
  const policy = { ...DEFAULTS, suspend: { ...DEFAULTS.suspend, initialDuration: -1 } }
  assert.equal(readyAt(run(policy, [0, failure(101503)])), 30_000)
})

test('switched off it stays off whatever happens, until it is switched on', () => {
  const off = run(DEFAULTS, [0, { kind: 'switch-off' }], [1, { kind: 'success' }], [2, failure(101503)])
  assert.equal(readyAt(off), Number.POSITIVE_INFINITY)
  assert.equal(nextState(off, { kind: 'switch-on' }, 3, DEFAULTS).state, 'active')
})
