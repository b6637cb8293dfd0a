import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatDate } from './date-format.ts'

const at = (year: number, month: number, day: number, hour = 0, minute = 0, second = 0, ms = 0): number =>
  new Date(year, month - 1, day, hour, minute, second, ms).getTime()

for (const [pattern, time, expected] of [
  ['yyyy-MM-dd HH:mm:ss,SSS', at(2025, 3, 9, 14, 5, 7, 8), '2025-03-09 14:05:07,008'],
  ['d.M.yy', at(2025, 3, 9), '9.3.25'],
  ["EEEE, MMMM d 'at' h 'o''clock' a", at(2025, 3, 9, 0), "Sunday, March 9 at 12 o'clock AM"],
  ['EEE MMM', at(2025, 3, 9), 'Sun Mar'],
  ['k K h H', at(2025, 1, 1, 0), '24 0 12 0'],
  ['k K h H', at(2025, 1, 1, 13), '13 1 1 13'],
  ['D DDD F', at(2025, 2, 8), '39 039 2'],
  ['w YYYY u', at(2025, 12, 29), '1 2026 1'],
  ['w', at(2025, 12, 27), '52'],
  ["''yy''", at(2025, 1, 1), "'25'"],
  ['G', at(2025, 1, 1), 'AD'],
] as const) {
  test(`${pattern} prints ${expected}`, () => {
    assert.equal(formatDate(time, pattern), expected)
  })
}

test('the offset from UTC is that of the server', () => {
  const minutes = 0 - new Date(at(2025, 1, 1)).getTimezoneOffset()
  const text = formatDate(at(2025, 1, 1), 'Z')
  assert.match(text, /^[+-]\d{4}$/)
  const size = Number(text.slice(1, 3)) * 60 + Number(text.slice(3))
  assert.equal(text.startsWith('-') ? -size : size, minutes)
})
