import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { memoryLog } from '../testing/memory-log.ts'
import { parseQuartz } from './quartz.ts'
import { cronTicks, nextTimes } from './scheduler.ts'

/** Quartz's own next three times after 2026-11-20T10:11:12.345Z, in UTC (measurements/cron.mjs). */
const VECTORS: readonly (readonly [expression: string, times: readonly string[]])[] = [
  ['0/2 * * * * ?', ['2026-11-20T10:11:14', '2026-11-20T10:11:16', '2026-11-20T10:11:18']],
  ['0 0/5 * * * ?', ['2026-11-20T10:15:00', '2026-11-20T10:20:00', '2026-11-20T10:25:00']],
  ['0 0 12 * * ?', ['2026-11-20T12:00:00', '2026-11-21T12:00:00', '2026-11-22T12:00:00']],
  ['0 15 10 ? * *', ['2026-11-20T10:15:00', '2026-11-21T10:15:00', '2026-11-22T10:15:00']],
  ['0 15 10 * * ? *', ['2026-11-20T10:15:00', '2026-11-21T10:15:00', '2026-11-22T10:15:00']],
  ['0 15 10 * * ? 2027', ['2027-01-01T10:15:00', '2027-01-02T10:15:00', '2027-01-03T10:15:00']],
  ['0 * 14 * * ?', ['2026-11-20T14:00:00', '2026-11-20T14:01:00', '2026-11-20T14:02:00']],
  ['0 0/5 14,18 * * ?', ['2026-11-20T14:00:00', '2026-11-20T14:05:00', '2026-11-20T14:10:00']],
  ['0 0-5 14 * * ?', ['2026-11-20T14:00:00', '2026-11-20T14:01:00', '2026-11-20T14:02:00']],
  ['0 10,44 14 ? 3 WED', ['2027-03-03T14:10:00', '2027-03-03T14:44:00', '2027-03-10T14:10:00']],
  ['0 15 10 ? * MON-FRI', ['2026-11-20T10:15:00', '2026-11-23T10:15:00', '2026-11-24T10:15:00']],
  ['0 15 10 ? * 2-6', ['2026-11-20T10:15:00', '2026-11-23T10:15:00', '2026-11-24T10:15:00']],
  ['0 15 10 ? * 1', ['2026-11-22T10:15:00', '2026-11-29T10:15:00', '2026-12-06T10:15:00']],
  ['0 15 10 ? * 7', ['2026-11-21T10:15:00', '2026-11-28T10:15:00', '2026-12-05T10:15:00']],
  ['0 15 10 15 * ?', ['2026-12-15T10:15:00', '2027-01-15T10:15:00', '2027-02-15T10:15:00']],
  ['0 15 10 L * ?', ['2026-11-30T10:15:00', '2026-12-31T10:15:00', '2027-01-31T10:15:00']],
  ['0 15 10 L-2 * ?', ['2026-11-28T10:15:00', '2026-12-29T10:15:00', '2027-01-29T10:15:00']],
  ['0 15 10 ? * 6L', ['2026-11-27T10:15:00', '2026-12-25T10:15:00', '2027-01-29T10:15:00']],
  ['0 15 10 ? * FRIL', ['2026-11-27T10:15:00', '2026-12-25T10:15:00', '2027-01-29T10:15:00']],
  ['0 15 10 ? * L', ['2026-11-21T10:15:00', '2026-11-28T10:15:00', '2026-12-05T10:15:00']],
  ['0 15 10 ? * 6#3', ['2026-11-20T10:15:00', '2026-12-18T10:15:00', '2027-01-15T10:15:00']],
  ['0 15 10 ? * FRI#3', ['2026-11-20T10:15:00', '2026-12-18T10:15:00', '2027-01-15T10:15:00']],
  ['0 0 12 1/5 * ?', ['2026-11-21T12:00:00', '2026-11-26T12:00:00', '2026-12-01T12:00:00']],
  ['0 11 11 11 11 ?', ['2027-11-11T11:11:00', '2028-11-11T11:11:00', '2029-11-11T11:11:00']],
  ['0 0 8 1W * ?', ['2026-12-01T08:00:00', '2027-01-01T08:00:00', '2027-02-01T08:00:00']],
  ['0 0 8 15W * ?', ['2026-12-15T08:00:00', '2027-01-15T08:00:00', '2027-02-15T08:00:00']],
  ['0 0 8 LW * ?', ['2026-11-30T08:00:00', '2026-12-31T08:00:00', '2027-01-29T08:00:00']],
  ['0 0 0 ? * FRI-MON', ['2026-11-21T00:00:00', '2026-11-22T00:00:00', '2026-11-23T00:00:00']],
  ['0 0 22-2 * * ?', ['2026-11-20T22:00:00', '2026-11-20T23:00:00', '2026-11-21T00:00:00']],
  ['0 0 0 1 1/3 ?', ['2027-01-01T00:00:00', '2027-04-01T00:00:00', '2027-07-01T00:00:00']],
  ['*/10 * * * * ?', ['2026-11-20T10:11:20', '2026-11-20T10:11:30', '2026-11-20T10:11:40']],
  ['0 0 9 ? * 2/2', ['2026-11-23T09:00:00', '2026-11-25T09:00:00', '2026-11-27T09:00:00']],
  ['0 0 9 29 2 ?', ['2028-02-29T09:00:00', '2032-02-29T09:00:00', '2036-02-29T09:00:00']],
  ['0 0 9 31 * ?', ['2026-12-31T09:00:00', '2027-01-31T09:00:00', '2027-03-31T09:00:00']],
  ['5 0/1 * * * ?', ['2026-11-20T10:12:05', '2026-11-20T10:13:05', '2026-11-20T10:14:05']],
  ['0 0/90 * * * ?', ['2026-11-20T11:00:00', '2026-11-20T12:00:00', '2026-11-20T13:00:00']],
]

/** node-cron asks the machine for the time, so the machine's clock is what has to stand still. */
function at<T>(time: string, run: () => T): T {
  mock.timers.enable({ apis: ['Date'], now: new Date(time) })
  try {
    return run()
  } finally {
    mock.timers.reset()
  }
}

function timesOf(expression: string, zone: string, count: number): string[] {
  return nextTimes(parseQuartz(expression), zone, count).map(date => date.toISOString().replace('.000Z', ''))
}

for (const [expression, times] of VECTORS) {
  test(`"${expression}" fires when Quartz fires it`, () => {
    assert.deepEqual(
      at('2026-11-20T10:11:12.345Z', () => timesOf(expression, 'UTC', 3)),
      times,
    )
  })
}

test('what Quartz refuses is refused, with the reason', () => {
  for (const [expression, reason] of [
    ['* * * * *', /5 fields/],
    ['0 0 12 * * ? 2027 x', /8 fields/],
    ['0 0 12 * * *', /one of day of month and day of week must be "\?"/],
    ['0 0 12 15 * MON', /one of day of month and day of week must be "\?"/],
    ['0 0 12 ? * ?', /only one of/],
    ['0 0 24 * * ?', /hours "24": it must be from 0 to 23/],
    ['60 * * * * ?', /seconds "60"/],
    ['0 0 12 32 * ?', /day of month "32"/],
    ['0 0 12 ? * 0', /day of week "0": it must be from 1 to 7/],
    ['0 0 12 ? * FUNDAY', /"FUNDAY" is not a number/],
    ['0 0 12 ? * FRI#6', /FRI#6/],
    ['0 0 12 L,15 * ?', /stand alone/],
    ['0 0/0 * * * ?', /the step must be at least 1/],
    ['0 1-2-3 * * * ?', /two dashes/],
    ['0 1/2/3 * * * ?', /two slashes/],
  ] as const) {
    assert.throws(() => parseQuartz(expression), reason, expression)
  }
})

test('names may be written in any letter case', () => {
  assert.equal(parseQuartz('0 0 12 ? jan mon-fri').expression, '0 0 12 * 1 1,2,3,4,5')
})

test('it fires in local time: in spring the hour that is missing is left out, in autumn the second of the doubled ones counts', () => {
  const berlin = (from: string) => at(from, () => timesOf('0 30 2 * * ?', 'Europe/Berlin', 3))
  assert.deepEqual(berlin('2027-03-26T12:00:00Z'), [
    '2027-03-27T01:30:00',
    '2027-03-29T00:30:00',
    '2027-03-30T00:30:00',
  ])
  assert.deepEqual(berlin('2027-10-29T12:00:00Z'), [
    '2027-10-30T00:30:00',
    '2027-10-31T01:30:00',
    '2027-11-01T01:30:00',
  ])
})

test('a schedule fires while somebody listens, prints nothing, and holds nothing afterwards', async () => {
  const said: unknown[] = []
  const console_ = mock.method(console, 'log', (text: unknown) => said.push(text))
  mock.timers.enable({ apis: ['Date', 'setTimeout'], now: new Date('2026-11-20T10:11:12.345Z') })
  try {
    let fired = 0
    const stop = cronTicks(parseQuartz('0/2 * * * * ?'), 'UTC', memoryLog()).onTick(() => fired++)
    for (let step = 0; step < 50; step++) {
      mock.timers.tick(100)
      await new Promise(resolve => setImmediate(resolve))
    }
    assert.equal(fired, 2)
    stop()
    mock.timers.tick(10_000)
    await new Promise(resolve => setImmediate(resolve))
    assert.equal(fired, 2)
  } finally {
    mock.timers.reset()
    console_.mock.restore()
  }
  assert.deepEqual(said, [])
})

test('in a year that is not wanted it stays silent', async () => {
  mock.timers.enable({ apis: ['Date', 'setTimeout'], now: new Date('2026-12-31T23:59:57.500Z') })
  try {
    const fired: string[] = []
    const stop = cronTicks(parseQuartz('* * * * * ? 2027'), 'UTC', memoryLog()).onTick(() =>
      fired.push(new Date().toISOString()),
    )
    for (let step = 0; step < 40; step++) {
      mock.timers.tick(100)
      await new Promise(resolve => setImmediate(resolve))
    }
    stop()
    assert.ok(fired.length >= 1)
    assert.ok(fired.every(time => time.startsWith('2027')))
  } finally {
    mock.timers.reset()
  }
})
