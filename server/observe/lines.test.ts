import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WaitingLines } from './lines.ts'

const filled = (rank: 'debug' | 'info' | 'warn', count: number): WaitingLines => {
  const lines = new WaitingLines(100)
  for (let index = 0; index < count; index++) lines.add(`${rank}${index}\n`.padStart(10), rank)
  return lines
}

test('a serious line pushes out the oldest of the less serious ones', () => {
  const lines = filled('info', 10)
  lines.add('warning..\n', 'warn')

  const { text, dropped } = lines.take(1000)
  assert.equal(dropped, 5)
  assert.match(text, /^ +info5\n.*info9\nwarning\.\.\n$/s)
})

test('a line that is less serious than all that wait is given up itself', () => {
  const lines = filled('warn', 10)
  lines.add('debug\n', 'debug')

  const { text, dropped } = lines.take(1000)
  assert.equal(dropped, 1)
  assert.ok(!text.includes('debug'))
})

test('what was given up is told once', () => {
  const lines = filled('debug', 11)
  assert.equal(lines.take(1000).dropped, 5)
  assert.equal(lines.take(1000).dropped, 0)
  assert.equal(lines.size, 0)
})

test('a batch ends at a line, and one line that is longer than a batch goes alone', () => {
  const lines = filled('info', 3)
  assert.equal(lines.take(25).text.length, 20)
  assert.equal(lines.take(1).text.length, 10)
  assert.equal(lines.take(25).text, '')
})

test('a line that would fill a quarter of the room is cut and says by how much', () => {
  const lines = new WaitingLines(100)
  lines.add(`${'x'.repeat(60)}\n`, 'info')

  assert.equal(lines.take(1000).text, `${'x'.repeat(25)}… (36 characters left out)\n`)
})
