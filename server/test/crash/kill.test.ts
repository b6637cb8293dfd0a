/** P2, P4, P5 with real kills. A handful here; `npm run test:crash -- --rounds 50` plays more, with other moments. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planRounds } from './plan.ts'
import { POINTS } from './points.ts'
import { playRounds } from './rounds.ts'
import { failoverScenario, journalScenario, type Scenario } from './scenarios.ts'

const SEED = 20
/** Server, broker, both, and both the other way round. */
const ROUNDS: readonly (readonly [Scenario, number, string])[] = [
  [journalScenario, 2, 'kill -9 of the server under load: nothing accepted from the journal is lost or sent twice'],
  [failoverScenario, 4, "kill -9 of server and broker under load in document 000's scenario: all arrives, once"],
]

for (const [scenario, rounds, title] of ROUNDS) {
  test(title, async t => {
    const schedule = planRounds(SEED, rounds * 2, scenario.name)
    const spare = schedule.splice(rounds)
    await playRounds({ scenario, schedule, spare, say: line => t.diagnostic(line) })
  })
}

test('a seed is a schedule: the same again, and another for another', () => {
  const plan = planRounds(SEED, 60, 'failover')
  assert.deepEqual(planRounds(SEED, 60, 'failover'), plan)
  assert.notDeepEqual(planRounds(SEED + 1, 60, 'failover'), plan)
  assert.deepEqual(
    new Set(plan.slice(0, 4).map(({ victims }) => victims.join())),
    new Set(['server', 'broker', 'server,broker', 'broker,server']),
  )
  assert.ok(plan.some(({ again }) => again !== undefined))
  assert.deepEqual(
    new Set(plan.map(({ moment }) => moment.kind)),
    new Set(['time', 'point', 'arrival', 'deploy', 'stop']),
  )
})

test('every point has its turn before any comes again', () => {
  const points = planRounds(SEED, 200, 'journal').flatMap(({ moment }) => (moment.kind === 'point' ? [moment.at] : []))
  const all = POINTS.journal.server
  assert.deepEqual(new Set(points.slice(0, all.length)), new Set(all))
})
