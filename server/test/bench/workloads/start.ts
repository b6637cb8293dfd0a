import { setTimeout as sleep } from 'node:timers/promises'
import { BackEnd, bareProgram } from '../stage.ts'
import { sideBySide, workloadArtifacts, type Bench } from './bench.ts'

export const what = 'from exec to the first answer, and memory two seconds later'

export async function run(bench: Bench): Promise<void> {
  const { report, repeats } = bench
  await using backend = await BackEnd.start()
  const artifacts = workloadArtifacts(backend)
  const empty = { name: 'an empty Node', open: () => bareProgram('empty') }
  const fastify = { name: 'a bare fastify', open: () => bareProgram('fastify') }
  const kinds = [...sideBySide(bench), empty, fastify]
  const found = new Map(
    kinds.map(({ name }) => [name, { ms: [] as number[], mb: [] as number[], cpu: [] as number[] }]),
  )
  for (let round = 0; round < repeats; round++) {
    for (const kind of round % 2 === 0 ? kinds : [...kinds].reverse()) {
      await using program = await kind.open(artifacts)
      const ms =
        kind === empty
          ? await (program as Awaited<ReturnType<typeof bareProgram>>).prints()
          : await program.answers('/services/Pass')
      await sleep(2000)
      const { residentMb, cpuSeconds } = program.usage
      const rows = found.get(kind.name)!
      rows.ms.push(ms)
      rows.mb.push(residentMb)
      rows.cpu.push(cpuSeconds)
    }
  }
  const mine = found.get('holdfast')!
  for (const [name, { ms, mb, cpu }] of found) {
    if (name === 'holdfast') continue
    report.ratio(`÷ ${name}: time to the first answer`, mine.ms, ms)
    report.ratio(`÷ ${name}: idle memory`, mine.mb, mb)
    report.ratio(`÷ ${name}: processor time`, mine.cpu, cpu)
  }
}
