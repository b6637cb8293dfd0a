/**
 * `npm run test:load -- [--only PATTERN] [--full] [--idle 5000] [--active 500] [--waiting 1000] [--artifacts 10000]
 * [--depth 1000000] [--slow MS] [--steady MS]`: more of everything than a server usually meets. Prints what it took, and
 * ends with 1 where memory was not bounded, a health check took longer than a second, or an answer was not the one.
 * `--full` gives the steady parts a minute.
 */
import { parseArgs } from 'node:util'
import { systemClock } from '../../kernel/clock.ts'
import { loads, type Sizes } from './loads.ts'

async function main(): Promise<number> {
  const text = (fallback: string) => ({ type: 'string', default: fallback }) as const
  const { values } = parseArgs({
    options: {
      only: text('.'),
      full: { type: 'boolean', default: false },
      idle: text('5000'),
      active: text('500'),
      waiting: text('1000'),
      artifacts: text('10000'),
      depth: text('1000000'),
      slow: { type: 'string' },
      steady: { type: 'string' },
    },
  })
  const sizes: Sizes = {
    idle: Number(values.idle),
    active: Number(values.active),
    waiting: Number(values.waiting),
    artifacts: Number(values.artifacts),
    depth: Number(values.depth),
    slowMs: Number(values.slow ?? 30_000),
    steadyMs: Number(values.steady ?? (values.full ? 60_000 : 6_000)),
  }
  const chosen = loads.filter(({ name }) => new RegExp(values.only, 'i').test(name))
  if (Object.values(sizes).some(size => !Number.isInteger(size) || size < 1) || chosen.length === 0) {
    console.error(`sizes are whole numbers; loads: ${loads.map(({ name }) => name).join(', ')}`)
    return 2
  }
  const failed: string[] = []
  for (const { name, play } of chosen) {
    console.log(`\n${name}`)
    const since = systemClock.monotonic()
    try {
      await play(sizes, line => console.log(`  ${line}`))
      console.log(`  ${Math.round((systemClock.monotonic() - since) / 1000)} s`)
    } catch (thrown) {
      console.log(`  FAILED  ${thrown instanceof Error ? thrown.stack : String(thrown)}`)
      failed.push(name)
    }
  }
  console.log(`\n${chosen.length - failed.length} loads borne, ${failed.length} not`)
  for (const name of failed) console.log(`  FAILED: ${name}`)
  return failed.length === 0 ? 0 : 1
}

process.exit(await main())
