/**
 * `npm run test:crash -- [--rounds 50] [--seed N] [--scenario journal|failover]`: kills the server, the broker and both
 * under load, again and again, and settles the account after every round.
 */
import { parseArgs } from 'node:util'
import { CrashRun } from './crash-run.ts'
import { planRounds, sayRound } from './plan.ts'
import { failoverScenario, journalScenario, type Scenario } from './scenarios.ts'

export interface PlayOptions {
  readonly scenario: Scenario
  readonly seed: number
  readonly rounds: number
  readonly say: (line: string) => void
}

/** Plays until so many rounds have counted. Rejects with a report at the first broken promise. */
export async function playRounds({ scenario, seed, rounds, say }: PlayOptions): Promise<void> {
  await using run = await CrashRun.open(scenario)
  let counted = 0
  // A schedule has spare rounds for those that do not count.
  for (const round of planRounds(seed, rounds * 2, scenario.broker)) {
    const { counts, accepted, inFlight, milliseconds } = await run.play(round)
    if (counts) counted++
    const verdict = `${accepted} accepted, ${inFlight} in flight, ${milliseconds} ms${counts ? '' : ', does not count'}`
    say(`${scenario.name} ${sayRound(round)}: ${verdict}`)
    if (counted === rounds) break
  }
  if (counted < rounds) throw new Error(`only ${counted} of ${rounds} rounds counted; the machine is too slow for them`)
  const { sent, accepted, unanswered, arrived, repeated, kills } = await run.finish()
  say(
    `${scenario.name}: ${rounds} rounds, ${kills} kills; ${sent} orders sent, ${accepted} accepted, ` +
      `${unanswered} without an answer; ${arrived} arrived, 0 lost, ${repeated} repeated as allowed`,
  )
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '50' },
      seed: { type: 'string' },
      scenario: { type: 'string' },
    },
  })
  const rounds = Number(values.rounds)
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed)
  const scenarios = [failoverScenario, journalScenario].filter(({ name }) => (values.scenario ?? name) === name)
  if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(seed) || scenarios.length === 0) {
    console.error('usage: npm run test:crash -- [--rounds 50] [--seed N] [--scenario journal|failover]')
    return 2
  }
  // The documents' scenario has three ways to be killed, the journal one.
  const share = scenarios.length === 1 ? [rounds] : [Math.ceil((rounds * 4) / 5), Math.floor(rounds / 5)]
  console.log(`seed ${seed}: the same kills again with --seed ${seed}`)
  for (const [index, scenario] of scenarios.entries()) {
    if (share[index]! > 0) await playRounds({ scenario, seed, rounds: share[index]!, say: line => console.log(line) })
  }
  return 0
}

if (import.meta.filename === process.argv[1]) {
  try {
    process.exitCode = await main()
  } catch (thrown) {
    console.error(thrown instanceof Error ? thrown.message : thrown)
    process.exitCode = 1
  }
}
