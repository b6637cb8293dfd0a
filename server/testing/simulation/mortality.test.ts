import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Dice } from './dice.ts'
import { Mortality } from './mortality.ts'
import type { CrashPlan } from './plan.ts'

function mortality(crashes: readonly CrashPlan[]): {
  mortality: Mortality
  deaths: string[]
  steps(count: number): void
} {
  const deaths: string[] = []
  const made = new Mortality(crashes, { dice: new Dice(1), note() {}, die: how => deaths.push(how) })
  return {
    mortality: made,
    deaths,
    steps(count) {
      for (let step = 0; step < count; step++) made.step()
    },
  }
}

test('the server dies after as many steps as were planned, then after as many again as the next crash says', () => {
  const { deaths, steps } = mortality([
    { after: 3, how: 'kill' },
    { after: 2, how: 'power' },
  ])
  steps(2)
  assert.deepEqual(deaths, [])
  steps(1)
  assert.deepEqual(deaths, ['kill'])
  steps(2)
  assert.deepEqual(deaths, ['kill', 'power'])
  steps(100)
  assert.equal(deaths.length, 2)
})

test('a death that comes soon comes before the planned one, which keeps the steps it had left', () => {
  const { mortality: fate, deaths, steps } = mortality([{ after: 10, how: 'kill' }])
  steps(4)
  fate.soon('power', 2)
  steps(2)
  assert.deepEqual(deaths, ['power'])
  steps(5)
  assert.deepEqual(deaths, ['power'])
  steps(1)
  assert.deepEqual(deaths, ['power', 'kill'])
})

test('a torn write waits for a write of more than one byte, leaves a part of it, and is the end with the next operation', () => {
  const { mortality: fate, deaths } = mortality([{ after: 1, how: 'torn' }])
  const operation = { index: 1, path: '/data/1', bytes: 0 }
  assert.equal(fate.onDisk({ ...operation, kind: 'syncData' }), undefined)
  const cut = fate.onDisk({ ...operation, kind: 'write', bytes: 100 })
  assert.ok(typeof cut === 'number' && cut >= 1 && cut < 100)
  assert.deepEqual(deaths, [])
  assert.equal(fate.onDisk({ ...operation, kind: 'syncData' }), 'crash')
  assert.deepEqual(deaths, ['torn'])
})

test('once everything is healed nobody dies', () => {
  const { mortality: fate, deaths, steps } = mortality([{ after: 3, how: 'kill' }])
  fate.heal()
  steps(10)
  assert.deepEqual(deaths, [])
})
