/**
 * `npm run fuzz -- [--minutes 5] [--seed S] [--target NAME] [--case N]`: nonsense of every kind, grown from grammars and
 * then damaged. Nothing may be thrown that is not an error of the catalogue, no case may take longer than its limit or
 * more than its memory. A finding is named by target, seed and case, and played again with `--target`, `--seed`, `--case`.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { systemClock } from '../../kernel/clock.ts'
import { targets } from './targets.ts'
import type { Finding, Work } from './worker.ts'

/** On a machine with much else to do; a case takes a millisecond or two. */
const LONGEST_MS = 15_000
const MEMORY_MB = 512
const LOOK_MS = 200
/** Of one target: the same thing is found again and again. */
const MOST_FINDINGS = 5

interface Result {
  readonly cases: number
  readonly findings: readonly Finding[]
}

/** Runs a target until its time is over; what kills the thread is a finding, and the next thread goes on behind it. */
async function fuzz(target: string, seed: number, ms: number, only: number | undefined): Promise<Result> {
  const findings: Finding[] = []
  const end = systemClock.monotonic() + ms
  let from = only ?? 0
  for (;;) {
    const left = end - systemClock.monotonic()
    if ((left <= 0 && from !== only) || findings.length >= MOST_FINDINGS) break
    const last = await thread({ target, seed, from, only: only !== undefined, ms: left }, findings)
    from = last + 1
    if (only !== undefined) break
  }
  return { cases: from, findings }
}

/** Resolves with the number of the last case it began. */
function thread(work: Omit<Work, 'progress'>, findings: Finding[]): Promise<number> {
  const progress = new SharedArrayBuffer(8)
  const view = new Int32Array(progress)
  view[0] = work.from
  view[1] = -1
  const worker = new Worker(new URL('./thread.mjs', import.meta.url), {
    workerData: { ...work, progress } satisfies Work,
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    execArgv: [],
  })
  return new Promise(resolve => {
    const watch = setInterval(() => {
      const since = Atomics.load(view, 1)
      if (since >= 0 && (systemClock.now() & 0x7fff_ffff) - since > LONGEST_MS) {
        findings.push({ number: Atomics.load(view, 0), text: `it takes longer than ${LONGEST_MS} ms` })
        void worker.terminate()
      }
    }, LOOK_MS)
    worker.on('message', (finding: Finding) => {
      findings.push(finding)
      if (findings.length >= MOST_FINDINGS) void worker.terminate()
    })
    worker.on('error', error => {
      findings.push({ number: Atomics.load(view, 0), text: `it ended the thread: ${error.stack ?? String(error)}` })
    })
    worker.on('exit', () => {
      clearInterval(watch)
      resolve(Atomics.load(view, 0))
    })
  })
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '5' },
      seed: { type: 'string' },
      target: { type: 'string' },
      case: { type: 'string' },
    },
  })
  const minutes = Number(values.minutes)
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed)
  const only = values.case === undefined ? undefined : Number(values.case)
  const names = Object.keys(targets).filter(name => (values.target ?? name) === name)
  if (
    !(minutes > 0) ||
    !Number.isInteger(seed) ||
    names.length === 0 ||
    (only !== undefined && !Number.isInteger(only))
  ) {
    console.error(
      `usage: npm run fuzz -- [--minutes 5] [--seed S] [--target NAME] [--case N]\ntargets: ${Object.keys(targets).join(', ')}`,
    )
    return 2
  }
  console.log(`seed ${seed}`)
  const lanes = Math.min(availableParallelism(), names.length)
  const ms = (minutes * 60_000 * lanes) / names.length
  const waiting = [...names]
  let failed = 0
  const lane = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const { cases, findings } = await fuzz(name, seed, ms, only)
      console.log(`${name.padEnd(12)} ${only === undefined ? `${cases} cases, ` : ''}${findings.length} findings`)
      for (const { number, text } of findings) {
        console.log(
          `  again with: npm run fuzz -- --target ${name} --seed ${seed} --case ${number}\n    ${text.split('\n').slice(0, 12).join('\n    ')}`,
        )
      }
      failed += findings.length
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return failed === 0 ? 0 : 1
}

process.exit(await main())
