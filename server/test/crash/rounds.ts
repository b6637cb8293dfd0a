/**
 * `npm run test:crash -- [--rounds 50] [--seed N] [--scenario journal|failover] [--jobs N]`: kills the server, the broker
 * and both under load, at scripted points and at any moment, again and again, and settles the account after every round.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { CrashRun } from './crash-run.ts'
import { planRounds, sayRound, type Round } from './plan.ts'
import { POINTS, pointName } from './points.ts'
import { failoverScenario, journalScenario, type Scenario } from './scenarios.ts'

export interface PlayOptions {
  readonly scenario: Scenario
  readonly schedule: readonly Round[]
  /** Played in place of rounds that do not count; shared with other runs. */
  readonly spare: Round[]
  readonly say: (line: string) => void
}

/** How often each moment of {@link Round} was met. */
export type Met = Map<string, number>

/** Plays until as many rounds have counted as are scheduled. Rejects with a report at the first broken promise. */
export async function playRounds({ scenario, schedule, spare, say }: PlayOptions): Promise<Met> {
  await using run = await CrashRun.open(scenario)
  const moments: Met = new Map()
  const rounds = schedule.length
  const left = [...schedule]
  const misses = new Map<Round, number>()
  let counted = 0
  while (counted < rounds) {
    const round = left.shift() ?? spare.shift()
    if (!round) throw new Error(`only ${counted} of ${rounds} rounds counted; the machine is too slow for them`)
    const { counts, accepted, inFlight, milliseconds, met } = await run.play(round)
    if (counts) counted++
    // A point that was not passed in time, on a machine with much else to do, gets another chance.
    if (met === undefined && (misses.get(round) ?? 0) < MOST_MISSES) {
      misses.set(round, (misses.get(round) ?? 0) + 1)
      left.unshift(round)
      if (counts) counted--
    }
    if (met !== undefined) {
      const name = `${round.victims[0]}: ${met}`
      moments.set(name, (moments.get(name) ?? 0) + 1)
    }
    const verdict = `${accepted} accepted, ${inFlight} in flight, ${milliseconds} ms`
    say(
      `${scenario.name} ${sayRound(round)}: ${verdict}${met === undefined ? ', not met' : ''}${counts ? '' : ', does not count'}`,
    )
  }
  const { sent, accepted, unanswered, arrived, repeated, kills } = await run.finish()
  say(
    `${scenario.name}: ${rounds} rounds, ${kills} kills; ${sent} orders sent, ${accepted} accepted, ` +
      `${unanswered} without an answer; ${arrived} arrived, 0 lost, ${repeated} repeated as allowed`,
  )
  return moments
}

const MOST_MISSES = 2

const USAGE = 'usage: npm run test:crash -- [--rounds 50] [--seed N] [--scenario journal|failover] [--jobs N]'
/** Rounds played in one folder: afterwards everything is drained, stopped in good order and settled as a whole. */
const RUN = 20
/** With fewer rounds a point may have had no turn. */
const ENOUGH_FOR_ALL = 150

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '50' },
      seed: { type: 'string' },
      scenario: { type: 'string' },
      jobs: { type: 'string' },
    },
  })
  const rounds = Number(values.rounds)
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed)
  const jobs = Number(values.jobs ?? availableParallelism() + 1)
  const scenarios = [failoverScenario, journalScenario].filter(({ name }) => (values.scenario ?? name) === name)
  if (![rounds, seed, jobs].every(Number.isInteger) || rounds < 1 || jobs < 1 || scenarios.length === 0) {
    console.error(USAGE)
    return 2
  }
  console.log(`seed ${seed}: the same kills again with --seed ${seed}`)
  // The documents' scenario has more ways to be killed.
  const share = scenarios.length === 1 ? [rounds] : [Math.ceil((rounds * 3) / 5), Math.floor((rounds * 2) / 5)]
  const runs = scenarios.flatMap((scenario, index) => runsOf(scenario, share[index]!, seed))
  const met: Met = new Map()
  const worker = async (): Promise<void> => {
    for (let run = runs.shift(); run; run = runs.shift()) {
      for (const [name, times] of await playRounds(run)) met.set(name, (met.get(name) ?? 0) + times)
    }
  }
  await Promise.all(Array.from({ length: jobs }, worker))
  console.log(
    [...met]
      .sort()
      .map(([name, times]) => `  ${String(times).padStart(4)} ${name}`)
      .join('\n'),
  )
  const unmet = scenarios.flatMap(({ name }) => unmetOf(POINTS[name], met))
  if (rounds >= ENOUGH_FOR_ALL && unmet.length > 0) {
    console.error(`never met: ${unmet.join(', ')}`)
    return 1
  }
  return 0
}

/** One schedule, so that every point has its turn, played in runs that end with a stop in good order. */
function runsOf(scenario: Scenario, rounds: number, seed: number): PlayOptions[] {
  const plan = planRounds(seed, rounds * 2, scenario.name)
  const spare = plan.splice(rounds)
  const runs: PlayOptions[] = []
  for (let first = 0; first < rounds; first += RUN) {
    const say = (line: string): void => console.log(line)
    runs.push({ scenario, schedule: plan.slice(first, first + RUN), spare, say })
  }
  return runs
}

function unmetOf(points: (typeof POINTS)[keyof typeof POINTS], met: Met): string[] {
  return (['server', 'broker'] as const).flatMap(victim =>
    points[victim].map(point => `${victim}: ${pointName(point)}`).filter(name => !met.has(name)),
  )
}

if (import.meta.filename === process.argv[1]) {
  // At the first broken promise the other runs are not waited for; their processes end with this one.
  process.exit(
    await main().catch((thrown: unknown) => {
      console.error(thrown instanceof Error ? thrown.message : thrown)
      return 1
    }),
  )
}
