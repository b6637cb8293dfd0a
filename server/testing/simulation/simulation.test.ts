import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { mutated } from './bundle.ts'
import { faultKinds, type FaultKind } from './faults.ts'
import { mutations } from './mutations.ts'
import { simulate } from './simulation.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const SEEDS = 50
const fired = new Set<FaultKind>()

for (const from of [1, 51, 101, 151]) {
  test(`seeds ${from} to ${from + SEEDS - 1} keep every promise`, async () => {
    for (let seed = from; seed < from + SEEDS; seed++) {
      const result = await simulate(seed)
      assert.equal(result.violation?.message, undefined, `npm run simulate -- --story ${seed}`)
      assert.ok(result.messages >= 200)
      for (const kind of result.fired.keys()) fired.add(kind)
    }
  })
}

for (const [seed, why] of [
  [
    6795,
    'tries that a full disk does not take are forgotten by a restart, also when the journal opens and closes in between',
  ],
  [12821, 'a dial that nobody answers is under way when the server stops, and ends with it'],
  [14926, 'a processor is activated while it is being replaced'],
  [501971, 'a crash leaves a given-up message in both queues of a broker; it is not sent from the one it was leaving'],
  [19687, 'a command to a processor waits for the one before it, and takes effect as that one is answered'],
] as const)
  test(`seed ${seed}: ${why}`, async () => {
    const { violation } = await simulate(seed)
    assert.equal(violation?.message, undefined, `npm run simulate -- --story ${seed}`)
  })

test('every kind of fault has happened in them', () => {
  assert.deepEqual(
    faultKinds.filter(kind => !fired.has(kind)),
    [],
  )
})

test('a seed replays exactly: the same story to the last line, ids and log lines included', async () => {
  // With crashes, failing disks and brokers, and redeployments among them.
  for (const seed of [3, 10, 62, 165]) {
    const first = await simulate(seed, { told: true })
    const second = await simulate(seed, { told: true })
    assert.equal(second.timeline, first.timeline)
    assert.ok(first.timeline.split('\n').length > 100)
  }
})

test('every mutation still fits the code it is to break, and is in the page', () => {
  assert.equal(new Set(mutations.map(({ name }) => name)).size, mutations.length)
  const page = readFileSync(join(root, 'server/docs/simulation.md'), 'utf8')
  for (const mutation of mutations) {
    assert.notEqual(mutated(root, mutation), '')
    assert.ok(page.includes(`| ${mutation.name} | ${mutation.breaks} |`), `${mutation.name} is in the page`)
  }
})
