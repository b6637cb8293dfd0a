/** `npm run simulate -- --seeds N [--from K]`: plays seeds on all cores; see server/docs/simulation.md. */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bundle } from '../server/testing/simulation/bundle.ts'
import { play, tell, type Outcome } from '../server/testing/simulation/crew.ts'
import { faultKinds } from '../server/testing/simulation/faults.ts'
import { mutations, type Mutation } from '../server/testing/simulation/mutations.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    story: { type: 'string' },
    mutations: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
})
const root = fileURLToPath(new URL('..', import.meta.url))
const whole = (name: 'seeds' | 'from' | 'jobs'): number => {
  const number = Number(values[name])
  if (Number.isSafeInteger(number) && number > 0) return number
  console.error(`--${name} takes a whole number from 1, not "${values[name]}"`)
  process.exit(2)
}
const seeds = whole('seeds')
const from = whole('from')
const jobs = whole('jobs')

/** Fewer seeds than these need not meet every kind of fault. */
const ENOUGH_FOR_ALL_KINDS = 300
const MOST_FAILURES = 10

const folder = mkdtempSync(join(tmpdir(), 'holdfast-simulation-'))
let isGood = false
try {
  if (values.story !== undefined) {
    console.log(await tell(await bundle(root, folder), Number(values.story)))
    isGood = true
  } else isGood = values.mutations ? await tryMutations() : await run()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit(isGood ? 0 : 1)

async function run(): Promise<boolean> {
  const path = await bundle(root, folder)
  const started = performance.now()
  const outcome = await play({ path, jobs, from, seeds, enough: MOST_FAILURES })
  const seconds = (performance.now() - started) / 1000
  printKinds(outcome)
  const pace = (outcome.seeds / seconds).toFixed(0)
  const { failures } = outcome
  const played = `${outcome.seeds} seeds from ${from}, ${outcome.messages} messages, ${seconds.toFixed(0)} s, ${pace} seeds/s in ${jobs} processes`
  console.log(`${played}: ${failures.length === 0 ? 'every promise was kept' : `${failures.length} failed`}`)
  for (const { seed, what } of failures) console.log(`  seed ${seed}: ${what.split('\n')[0]!.slice(0, 300)}`)
  const [first] = failures
  if (first) console.log(`\n${await story(path, first.seed)}\n\nAgain: npm run simulate -- --story ${first.seed}`)
  return failures.length === 0 && printMissing(outcome)
}

/** A seed that hangs has no story to tell. */
async function story(path: string, seed: number): Promise<string> {
  try {
    return await tell(path, seed)
  } catch (thrown) {
    return String(thrown)
  }
}

function printKinds({ fired }: Outcome): void {
  const rows = faultKinds.map(kind => `${kind} ${fired.get(kind) ?? 0}`)
  for (let at = 0; at < rows.length; at += 4)
    console.log(
      rows
        .slice(at, at + 4)
        .map(row => row.padEnd(34))
        .join(''),
    )
}

/** A fault that never happens proves nothing. */
function printMissing({ fired, seeds: played }: Outcome): boolean {
  const missing = faultKinds.filter(kind => !fired.has(kind))
  if (missing.length === 0 || played < ENOUGH_FOR_ALL_KINDS) return true
  console.log(`FAILED: in ${played} seeds these never happened: ${missing.join(', ')}`)
  return false
}

/** Each mutation has to be found within the seeds a run of CI plays. */
async function tryMutations(): Promise<boolean> {
  let isGood = true
  for (const mutation of mutations) {
    if (values.only !== undefined && !mutation.name.includes(values.only)) continue
    const line = await tryMutation(mutation)
    if (line.startsWith('FAILED')) isGood = false
    console.log(line)
  }
  return isGood
}

async function tryMutation(mutation: Mutation): Promise<string> {
  const { name } = mutation
  const started = performance.now()
  try {
    const path = await bundle(root, folder, mutation)
    const { failures, seeds: played } = await play({ path, jobs, from, seeds, enough: 1 })
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    const [found] = failures
    if (!found) return `FAILED  ${name}: nothing noticed it in ${played} seeds`
    return `found   ${name}: seed ${found.seed}, ${seconds} s: ${found.what.split('\n')[0]!.slice(0, 160)}`
  } catch (thrown) {
    return `FAILED  ${name}: ${(thrown as Error).message}`
  }
}
