/**
 * `npm run bench [-- WORKLOAD… --repeats N --seconds N --compare REF]`: what Holdfast takes beside what it is measured against,
 * in alternating runs on this machine. It prints ratios of medians, processor time first: absolute figures belong to the
 * machine. With SYNAPSE_HOME set and Java at hand, Apache Synapse runs beside it; with `wrk` and `nginx` as well, the
 * benchmark of the peers is run. `--compare REF` measures another revision of Holdfast beside this one.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { checkoutOf } from '../server/test/bench/checkout.ts'
import { Report } from '../server/test/bench/report.ts'
import { bareProxies, Holdfast, root, synapse, withoutSynapse } from '../server/test/bench/stage.ts'
import * as backlog from '../server/test/bench/workloads/backlog.ts'
import type { Workload } from '../server/test/bench/workloads/bench.ts'
import * as brokers from '../server/test/bench/workloads/brokers.ts'
import * as drain from '../server/test/bench/workloads/drain.ts'
import * as latency from '../server/test/bench/workloads/latency.ts'
import * as mediation from '../server/test/bench/workloads/mediation.ts'
import * as pass from '../server/test/bench/workloads/pass.ts'
import * as peers from '../server/test/bench/workloads/peers.ts'
import * as start from '../server/test/bench/workloads/start.ts'
import * as store from '../server/test/bench/workloads/store.ts'

const workloads: Readonly<Record<string, Workload>> = {
  start,
  pass,
  mediation,
  store,
  drain,
  latency,
  backlog,
  peers,
  brokers,
}

const HELP = `npm run bench -- [WORKLOAD…] [options]

${Object.entries(workloads)
  .map(([name, { what }]) => `  ${name.padEnd(12)} ${what}`)
  .join('\n')}

  --repeats N       runs of each, at least 3 (default 3)
  --seconds N       of one run (default 3)
  --connections N   (default 32)
  --backlog N       messages of the workload drain (default 100000)
  --compare REF     another revision of this repository beside it`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    repeats: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '32' },
    backlog: { type: 'string', default: '100000' },
    compare: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(HELP)
  process.exit(0)
}
const chosen = positionals.length > 0 ? positionals : Object.keys(workloads)
const unknown = chosen.find(name => !Object.hasOwn(workloads, name))
const numbers = (['repeats', 'seconds', 'connections', 'backlog'] as const).map(
  name => [name, Number(values[name])] as const,
)
const wrong = numbers.find(([, value]) => !(value > 0))
if (unknown !== undefined || wrong) {
  console.error(unknown === undefined ? `--${wrong![0]} wants a number above 0` : `there is no workload "${unknown}"`)
  console.error(`\n${HELP}`)
  process.exit(2)
}
const { repeats, seconds, connections, backlog: depth } = Object.fromEntries(numbers) as Record<string, number>

const work = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
const report = new Report()
let reference: Awaited<ReturnType<typeof checkoutOf>> | undefined
try {
  if (values.compare !== undefined) reference = checkoutOf(values.compare, work)
  console.log(
    `${cpus().length} × ${cpus()[0]?.model ?? 'processor'}, Node ${process.version}, medians of ${Math.max(3, repeats!)} runs`,
  )
  const missing = withoutSynapse()
  const bench = {
    report,
    work,
    holdfast: new Holdfast('holdfast', root, work),
    reference: reference && new Holdfast(values.compare!, reference.folder, work),
    synapse: missing === undefined ? synapse(work) : undefined,
    withoutSynapse: missing,
    bare: bareProxies(work),
    repeats: Math.max(3, repeats!),
    seconds: seconds!,
    connections: connections!,
    backlog: depth!,
  }
  for (const name of chosen) {
    report.heading(name, workloads[name]!.what)
    try {
      await workloads[name]!.run(bench)
    } catch (thrown) {
      // What was measured so far, and the other workloads, are worth having all the same.
      report.line(`broken off: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
      process.exitCode = 1
    }
  }
  report.summary()
} finally {
  reference?.remove()
  rmSync(work, { recursive: true, force: true })
}
