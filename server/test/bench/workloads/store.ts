import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../../../testing/ports.ts'
import { artifactsOf, BackEnd, root, type RunningHoldfast } from '../stage.ts'
import { load, type Load } from '../load.ts'
import { Program } from '../processes.ts'
import { journalAlone } from '../journal-alone.ts'
import { alternate, compare, compareAll, measureAll, openAll, quote, workloadArtifacts, type Bench } from './bench.ts'

export const what = 'accepted and stored, answered 202'

const PATHS = {
  'in the journal': '/services/AcceptInJournal',
  'in memory': '/services/AcceptInMemory',
  'at the embedded broker': '/services/AcceptAtBroker',
  'a pass-through': '/services/Pass',
}

export async function run(bench: Bench): Promise<void> {
  const { report, work, holdfast, reference, synapse, repeats, seconds, connections } = bench
  await using backend = await BackEnd.start()
  const [port] = await freePorts(1)
  await using broker = brokerOf(work, port!)
  await broker.prints()
  const xml = workloadArtifacts(backend).replace(
    '</definitions>',
    `${artifactsOf('at-broker.xml', backend.url, { BROKER: `amqp://127.0.0.1:${port}` })}</definitions>`,
  )
  const body = quote(500)
  {
    await using server = await holdfast.open(xml)
    await server.answers('/services/Pass')
    const alone: number[] = []
    const paths = Object.entries(PATHS).map(([name, path]) => ({ name, path }))
    const found = await alternate(paths, repeats, async ({ name, path }) => {
      const status = name === 'a pass-through' ? 200 : 202
      if (name !== 'in the journal') return load(server, { path, body, status }, { seconds, connections })
      const { result, group } = await grouped(server, () =>
        load(server, { path, body, status }, { seconds, connections }),
      )
      alone.push(await journalAlone(work, { bytes: body.length + 300, group, seconds: Math.min(seconds, 2) }))
      return result
    })
    const journal = found.get('in the journal')!
    const [memory, atBroker, passing] = ['in memory', 'at the embedded broker', 'a pass-through'].map(n =>
      found.get(n)!,
    )
    compare(report, 'in the journal ÷ in memory', journal, memory!)
    compare(report, 'in the journal ÷ a pass-through', journal, passing!)
    compare(report, 'at the embedded broker ÷ in the journal', atBroker!, journal)
    report.ratio(
      'in the journal ÷ the journal alone, commits of the same size: a second',
      journal.map(one => one.perSecond),
      alone.slice(1),
      { atLeast: 0.5 },
    )
  }
  const others = [holdfast, ...(reference ? [reference] : []), ...(synapse ? [synapse] : [])]
  if (others.length === 1) return
  await using all = await openAll(others, workloadArtifacts(backend), '/services/Pass')
  const found = await measureAll({ ...bench, seconds: 1 }, all.subjects, {
    path: PATHS['in the journal'],
    body,
    status: 202,
  })
  compareAll(report, 'a store without a class', found, { synapse: { processor: { atMost: 1 }, p99: { atMost: 0.5 } } })
}

/** A load, and how many records a commit of the journal held meanwhile. */
async function grouped(
  server: RunningHoldfast,
  run: () => Promise<Load>,
): Promise<{ readonly result: Load; readonly group: number }> {
  const before = await server.journal()
  const result = await run()
  const after = await server.journal()
  const group = (after.records - before.records) / Math.max(1, after.commits - before.commits)
  return { result, group: Math.max(1, Math.round(group)) }
}

function brokerOf(work: string, port: number): Program {
  const home = mkdtempSync(join(work, 'broker-'))
  const args = ['broker', '--home', home, '--port', String(port)]
  return new Program('embedded broker', `amqp://127.0.0.1:${port}`, [join(root, 'dist', 'holdfast.js'), ...args])
}
