import { setTimeout as sleep } from 'node:timers/promises'
import { BackEnd, type RunningHoldfast } from '../stage.ts'
import { load, send } from '../load.ts'
import { quote, workloadArtifacts, type Bench } from './bench.ts'

export const what = 'a backlog in the journal, forwarded by one worker'

export async function run({
  report,
  holdfast,
  reference,
  repeats,
  seconds,
  connections,
  backlog,
}: Bench): Promise<void> {
  await using backend = await BackEnd.start()
  const kinds = [holdfast, ...(reference ? [reference] : [])]
  const found = new Map(kinds.map(({ name }) => [name, { cpu: [] as number[], speed: [] as number[] }]))
  const passing: number[] = []
  const inMemory: number[] = []
  const body = quote(500)
  for (let round = 0; round < repeats; round++) {
    for (const kind of round % 2 === 0 ? kinds : [...kinds].reverse()) {
      await using server = await kind.open(workloadArtifacts(backend))
      await server.answers('/services/Pass')
      const pass = await load(server, { path: '/services/Pass', body, status: 200 }, { seconds, connections })
      const drained = await drain(server, backend, 'Queue', 'Forwarder', backlog)
      found.get(kind.name)!.cpu.push(drained.cpuMicros)
      found.get(kind.name)!.speed.push(drained.perSecond)
      if (kind !== holdfast) continue
      passing.push(pass.cpuMicros)
      inMemory.push((await drain(server, backend, 'QueueInMemory', 'ForwarderFromMemory', backlog)).perSecond)
    }
  }
  const mine = found.get('holdfast')!
  report.line(`${backlog} messages`)
  report.ratio('processor time a message ÷ a pass-through request', mine.cpu, passing)
  report.ratio('messages a second ÷ out of memory', mine.speed, inMemory)
  for (const [name, { cpu, speed }] of found) {
    if (name === 'holdfast') continue
    report.ratio(`÷ ${name}: processor time a message`, mine.cpu, cpu)
    report.ratio(`÷ ${name}: messages a second`, mine.speed, speed)
  }
}

async function drain(
  server: RunningHoldfast,
  backend: BackEnd,
  proxy: string,
  processor: string,
  count: number,
): Promise<{ readonly cpuMicros: number; readonly perSecond: number }> {
  await server.processor(processor, 'inactive')
  const before = await backend.counted()
  await send(server, { path: `/services/${proxy}`, body: quote(500), status: 202 }, { count, connections: 32 })
  const { cpuSeconds } = server.usage
  const began = performance.now()
  await server.processor(processor, 'active')
  while ((await backend.counted()) < before + count) await sleep(20)
  const took = (performance.now() - began) / 1000
  return { cpuMicros: ((server.usage.cpuSeconds - cpuSeconds) / count) * 1e6, perSecond: count / took }
}
