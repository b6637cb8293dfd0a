import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { peers, root } from '../stage.ts'
import type { Goal } from '../report.ts'
import type { Bench } from './bench.ts'

export const what = "the peers' own benchmark: Apache Synapse and the bare proxy beside Holdfast, driven by wrk"

type Field = 'cpuPer1000' | 'perSecond' | 'p99' | 'ms' | 'idleRssMb' | 'rssMb'
type Record_ = { readonly workload: string; readonly server: string } & Partial<Record<Field, number>>

const FIELDS: Readonly<Record<Field, string>> = {
  cpuPer1000: 'processor time',
  perSecond: 'a second',
  p99: 'p99',
  ms: 'time to the first answer',
  idleRssMb: 'idle memory',
  rssMb: 'loaded memory',
}

const P99: Goal = { atMost: 0.5 }
const MEMORY: Goal = { atMost: 0.35 }
const GOALS: Readonly<Record<string, Partial<Record<Field, Goal>>>> = {
  'pass-500': { cpuPer1000: { atMost: 0.9 }, perSecond: { atLeast: 0.7 }, p99: P99, rssMb: MEMORY },
  'header-500': { cpuPer1000: { atMost: 0.9 }, perSecond: { atLeast: 0.7 }, p99: P99, rssMb: MEMORY },
  'pass-10k': { cpuPer1000: { atMost: 0.7 }, perSecond: { atLeast: 1 }, p99: P99, rssMb: MEMORY },
  'pass-100k': { cpuPer1000: { atMost: 0.5 }, perSecond: { atLeast: 1 }, p99: P99, rssMb: MEMORY },
  'cbr-500': { cpuPer1000: { atMost: 0.7 }, perSecond: { atLeast: 0.7 }, p99: P99, rssMb: MEMORY },
  'cbr-10k': { cpuPer1000: { atMost: 0.25 }, perSecond: { atLeast: 3 }, p99: P99, rssMb: MEMORY },
  'xslt-500': { cpuPer1000: { atMost: 0.5 } },
  'xslt-10k': { cpuPer1000: { atMost: 0.25 } },
  'factory-500': { cpuPer1000: { atMost: 0.6 }, perSecond: { atLeast: 0.7 }, p99: P99, rssMb: MEMORY },
  'keep-500': { cpuPer1000: { atMost: 1 }, p99: P99, rssMb: MEMORY },
  drain: { perSecond: { atLeast: 1.2 } },
}

export async function run(bench: Bench): Promise<void> {
  const { report, work } = bench
  const program = join(peers, 'bench', 'bench.mjs')
  const missing = [
    ...(existsSync(program) ? [] : [`${program} (HOLDFAST_PEERS names its folder)`]),
    ...(process.env['SYNAPSE_HOME'] ? [] : ['SYNAPSE_HOME']),
    ...['wrk', 'nginx', 'java'].filter(name => spawnSync('which', [name]).status !== 0),
  ]
  if (missing.length > 0) return report.line(`left out, not found: ${missing.join(', ')}`)
  const passing = 'start,pass-500,pass-10k,pass-100k,cbr-500,cbr-10k,xslt-500,xslt-10k,factory-500,header-500'
  const bare = join(peers, 'bare', 'http-dispatch.mjs')
  const every = ['--servers', `synapse,holdfast,${bare}`, '--workloads', passing]
  // The bare proxy answers these as well, and has no store that could be emptied.
  const storing = ['--servers', 'synapse,holdfast', '--workloads', 'store-500,keep-500,drain']
  const found = [
    ...measure(bench, program, join(work, 'passing.txt'), every),
    ...measure(bench, program, join(work, 'storing.txt'), storing),
  ]
  show(bench, found)
  const artifacts = unlimitedBatch(work, join(peers, 'bench', 'artifacts', 'bench.xml'))
  const again = ['--servers', 'holdfast', '--workloads', 'drain', '--artifacts', artifacts]
  const unlimited = measure(bench, program, join(work, 'unlimited.txt'), again)
  const theirs = found.filter(({ server, workload }) => server === 'synapse' && workload === 'drain')
  const speed = (records: readonly Record_[]): number[] => records.map(one => one.perSecond!)
  report.ratio('drain with unlimited batch ÷ synapse: a second', speed(unlimited), speed(theirs), { atLeast: 4 })
}

function measure(bench: Bench, program: string, out: string, args: readonly string[]): Record_[] {
  const { repeats, seconds, connections } = bench
  const length = ['--repeats', repeats, '--seconds', seconds, '--connections', connections].map(String)
  const warm = ['--warmup', '15', '--warmup-each', '4', '--project', root, '--out', out]
  const run = spawnSync(process.execPath, [program, ...args, ...length, ...warm], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (run.status !== 0) throw new Error(`${program} failed`)
  const lines = readFileSync(out, 'utf8').split('\n')
  return lines.filter(line => line.startsWith('{')).map(line => JSON.parse(line) as Record_)
}

function show({ report }: Bench, records: readonly Record_[]): void {
  for (const workload of new Set(records.map(record => record.workload))) {
    for (const other of ['synapse', 'http-dispatch']) {
      for (const [field, name] of Object.entries(FIELDS) as [Field, string][]) {
        const of = (server: string): number[] =>
          records
            .filter(r => r.workload === workload && r.server === server && r[field] !== undefined)
            .map(r => r[field]!)
        const [mine, theirs] = [of('holdfast'), of(other)]
        if (mine.length === 0 || theirs.length === 0) continue
        report.ratio(`${workload} ÷ ${other}: ${name}`, mine, theirs, goalOf(workload, other, field))
      }
    }
  }
}

function goalOf(workload: string, other: string, field: Field): Goal | undefined {
  if (other === 'synapse') return GOALS[workload]?.[field]
  return workload === 'pass-500' && field === 'perSecond' ? { atLeast: 0.7 } : undefined
}

/** The same XML, its processor without a limit to what it sends in one interval: ours alone knows the parameter. */
function unlimitedBatch(work: string, artifacts: string): string {
  const file = join(work, 'unlimited.xml')
  const xml = readFileSync(artifacts, 'utf8')
  writeFileSync(
    file,
    xml.replace('<parameter name="interval">1</parameter>', '<parameter name="interval">0</parameter>'),
  )
  return file
}
