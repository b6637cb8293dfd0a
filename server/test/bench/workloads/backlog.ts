import { setTimeout as sleep } from 'node:timers/promises'
import { BackEnd, type RunningHoldfast } from '../stage.ts'
import { load, send } from '../load.ts'
import { quote, workloadArtifacts, type Bench } from './bench.ts'

export const what = 'memory, cost of a message and start with a backlog in the journal'

const DEPTHS = [0, 10_000, 100_000, 1_000_000]
const MOST_MEMORY = 200
/** Messages forwarded to see what one costs. */
const TAKEN = 2000

export async function run({ report, holdfast, seconds, connections, repeats }: Bench): Promise<void> {
  await using backend = await BackEnd.start()
  const body = quote(500)
  const accept = { path: '/services/AcceptInJournal', body, status: 202 }
  const costs: { depth: number; cpu: number[]; forwarded: number[]; starts: number[]; peak: number }[] = []
  const first = await holdfast.open(workloadArtifacts(backend))
  const { folder } = first
  let server = first
  try {
    await server.answers('/services/Pass')
    let held = 0
    for (const depth of DEPTHS) {
      if (depth > held) await send(server, accept, { count: depth - held, connections })
      const row = { depth, cpu: [] as number[], forwarded: [] as number[], starts: [] as number[], peak: server.peakMb }
      for (let round = 0; round < repeats; round++) {
        await server[Symbol.asyncDispose]()
        server = await holdfast.reopen(folder)
        row.starts.push(await server.answers('/services/Pass'))
        await load(server, accept, { seconds: 1, connections })
        row.cpu.push((await load(server, accept, { seconds, connections })).cpuMicros)
        row.forwarded.push(await forward(server, backend))
        row.peak = Math.max(row.peak, server.peakMb)
      }
      held = await server.waiting('Journal')
      costs.push(row)
    }
  } finally {
    await server[Symbol.asyncDispose]()
  }
  const [none] = costs
  for (const { depth, cpu, forwarded, starts, peak } of costs) {
    report.figure(`${depth}: highest resident memory`, peak, 'MB', { atMost: MOST_MEMORY })
    if (depth === 0) continue
    report.ratio(`${depth}: processor time to accept one ÷ at 0`, cpu, none!.cpu, { atMost: 1.5 })
    report.ratio(`${depth}: processor time to forward one ÷ at 0`, forwarded, none!.forwarded, { atMost: 1.5 })
    report.ratio(`${depth}: start ÷ at 0`, starts, none!.starts, { atMost: 2 })
  }
}

/** Processor microseconds a message. */
async function forward(server: RunningHoldfast, backend: BackEnd): Promise<number> {
  const before = await backend.counted()
  const { cpuSeconds } = server.usage
  await server.processor('FromJournal', 'active')
  while ((await backend.counted()) < before + TAKEN) await sleep(10)
  const spent = server.usage.cpuSeconds - cpuSeconds
  const taken = (await backend.counted()) - before
  await server.processor('FromJournal', 'inactive')
  return (spent / taken) * 1e6
}
