/** P9 and hot deployment under load. A handful of changes here; `npm run test:redeploy` makes 200. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CHANGES } from './artifacts.ts'
import { planChanges, playChanges } from './rounds.ts'

const SEED = 3

test('every kind of change to what is in use, under traffic: no request fails, no order is lost or comes twice', async t => {
  const kinds = Object.keys(CHANGES).length
  const { accepted, answered } = await playChanges(SEED, kinds, line => t.diagnostic(line))
  assert.ok(accepted > 0 && answered > 0)
})

test('a seed is a schedule of changes: the same again, and another for another', () => {
  assert.deepEqual(planChanges(SEED, 30), planChanges(SEED, 30))
  assert.notDeepEqual(planChanges(SEED, 30), planChanges(SEED + 1, 30))
  assert.deepEqual(new Set(planChanges(SEED, Object.keys(CHANGES).length)), new Set(Object.keys(CHANGES)))
})
