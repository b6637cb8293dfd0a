/**
 * `npm run test:redeploy -- [--times 200] [--seed N]`: changes, breaks, mends, removes and adds artifacts in use, under
 * traffic. No request may fail, no accepted order may be lost or come twice.
 */
import { parseArgs } from 'node:util'
import { randomNumbers } from '../../../axis2-mock/quotes.ts'
import { CHANGES } from './artifacts.ts'
import { RedeployRun, type Summary } from './redeploy-run.ts'

/** The names of so many changes; each has its turn before any comes again. */
export function planChanges(seed: number, times: number): string[] {
  const random = randomNumbers(seed)
  let left: string[] = []
  return Array.from({ length: times }, () => {
    if (left.length === 0) left = Object.keys(CHANGES)
    return left.splice(Math.floor(random() * left.length), 1)[0]!
  })
}

export async function playChanges(seed: number, times: number, say: (line: string) => void): Promise<Summary> {
  await using run = await RedeployRun.open()
  const made = new Map<string, number>()
  for (const name of planChanges(seed, times)) {
    await run.change(name, CHANGES[name]!)
    made.set(name, (made.get(name) ?? 0) + 1)
  }
  const summary = await run.finish()
  for (const [name, count] of made) say(`  ${String(count).padStart(4)} × ${name}`)
  const { deployments, accepted, arrived, answered, slowest } = summary
  say(
    `${deployments} deployments: ${accepted} orders accepted, ${arrived} arrived, 0 lost, 0 twice; ` +
      `${answered} requests answered, 0 failed, the slowest in ${slowest} ms`,
  )
  return summary
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { times: { type: 'string', default: '200' }, seed: { type: 'string' } } })
  const times = Number(values.times)
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed)
  if (!Number.isInteger(times) || times < 1 || !Number.isInteger(seed)) {
    console.error('usage: npm run test:redeploy -- [--times 200] [--seed N]')
    return 2
  }
  console.log(`seed ${seed}: the same changes again with --seed ${seed}`)
  await playChanges(seed, times, line => console.log(line))
  return 0
}

if (import.meta.filename === process.argv[1]) {
  process.exit(
    await main().catch((thrown: unknown) => {
      console.error(thrown instanceof Error ? thrown.message : thrown)
      return 1
    }),
  )
}
