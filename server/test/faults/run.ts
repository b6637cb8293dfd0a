/**
 * `npm run test:faults -- [--only PATTERN] [--times N]`: everything that can go wrong around a server, one thing after the
 * other. Prints what the client, the log, the health check and the API say of each, and ends with 1 where a promise was
 * broken or something did not heal by itself. As root it works in namespaces of its own: mounts and names stay inside.
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { systemClock } from '../../kernel/clock.ts'
import { backEndFaults } from './back-end.ts'
import { brokerFaults } from './broker.ts'
import { clientFaults } from './clients.ts'
import { diskFaults } from './disk.ts'
import { nameFaults } from './names.ts'
import type { Fault } from './play.ts'

const INSIDE = 'FAULTS_INSIDE'
const faults: readonly Fault[] = [...diskFaults, ...brokerFaults, ...backEndFaults, ...clientFaults, ...nameFaults]

/** Why what is needed is not there, or undefined. */
function lacking(needs: Fault['needs']): string | undefined {
  if (needs === undefined || process.env[INSIDE] === 'yes') return undefined
  if (needs === 'another user' && process.getuid?.() !== 0) return undefined
  return `it needs ${needs}, which only root with unshare can have`
}

/** Runs all this again in namespaces of its own, if that is possible; the exit code. */
function enter(): number | undefined {
  if (process.env[INSIDE] !== undefined || process.getuid?.() !== 0) return undefined
  const apart = ['--mount', '--net', '--propagation', 'private']
  if (spawnSync('unshare', [...apart, 'true']).status !== 0) return undefined
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const run = spawnSync('unshare', [...apart, 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...again], {
    env: { ...process.env, [INSIDE]: 'yes' },
    stdio: 'inherit',
  })
  return run.status ?? 1
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { only: { type: 'string', default: '.' }, times: { type: 'string', default: '1' } },
  })
  const times = Number(values.times)
  const chosen = faults.filter(({ name }) => new RegExp(values.only, 'i').test(name))
  if (!Number.isInteger(times) || times < 1 || chosen.length === 0) {
    console.error(
      `usage: npm run test:faults -- [--only PATTERN] [--times N]\nfaults:\n  ${faults.map(({ name }) => name).join('\n  ')}`,
    )
    return 2
  }
  const failed: string[] = []
  const left: string[] = []
  for (let time = 0; time < times; time++) {
    for (const { name, needs, play } of chosen) {
      const why = lacking(needs)
      if (why !== undefined) {
        left.push(`${name}: ${why}`)
        continue
      }
      console.log(`\n${name}`)
      const since = systemClock.monotonic()
      try {
        await play((who, text) => console.log(`  ${who.padEnd(7)} ${text.trim()}`))
        console.log(`  ${Math.round(systemClock.monotonic() - since)} ms`)
      } catch (thrown) {
        console.log(`  FAILED  ${thrown instanceof Error ? thrown.stack : String(thrown)}`)
        failed.push(name)
      }
    }
  }
  for (const line of left) console.log(`left out: ${line}`)
  console.log(`\n${chosen.length * times - failed.length - left.length} faults healed, ${failed.length} did not`)
  for (const name of failed) console.log(`  FAILED: ${name}`)
  return failed.length === 0 ? 0 : 1
}

process.exit(enter() ?? (await main()))
