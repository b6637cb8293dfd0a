import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../../../testing/ports.ts'
import { artifactsOf, BackEnd, root, synapse } from '../stage.ts'
import { load, send } from '../load.ts'
import { Program } from '../processes.ts'
import { alternate, compare, compareAll, openAll, quote, sideBySide, workloadArtifacts, type Bench } from './bench.ts'
import { besideTheJournal } from './store-floor.ts'

export const what = 'accepted and stored, answered 202'

const PATHS = {
  'in the journal': '/services/AcceptInJournal',
  'in memory': '/services/AcceptInMemory',
  'at the embedded broker': '/services/AcceptAtBroker',
  'a pass-through': '/services/Pass',
}

/**
 * Apache Synapse keeps what it stores in memory, 46 kB for each message. With the 512 MB it is given elsewhere it ends at
 * some 11,000: it stays up, and closes connections without an answer.
 */
const HEAP = '-Xms3g -Xmx3g'
/** Messages of one run beside it, six or more of which have to fit into its memory. */
const STORED = 6000

export async function run(bench: Bench): Promise<void> {
  const { report, work, holdfast, repeats, seconds, connections } = bench
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
    const paths = Object.entries(PATHS).map(([name, path]) => ({ name, path }))
    const found = await alternate(paths, repeats, ({ name, path }) =>
      load(server, { path, body, status: name === 'a pass-through' ? 200 : 202 }, { seconds, connections }),
    )
    const journal = found.get('in the journal')!
    const [memory, atBroker, passing] = ['in memory', 'at the embedded broker', 'a pass-through'].map(n =>
      found.get(n)!,
    )
    compare(report, 'in the journal ÷ in memory', journal, memory!)
    compare(report, 'in the journal ÷ a pass-through', journal, passing!)
    compare(report, 'at the embedded broker ÷ in the journal', atBroker!, journal)
  }
  {
    // Another one: what the first one holds in memory is work for its garbage collector.
    await using server = await holdfast.open(workloadArtifacts(backend))
    await server.answers('/services/Pass')
    await besideTheJournal(bench, server, { path: PATHS['in the journal'], body, status: 202 })
  }
  const others = sideBySide({ ...bench, synapse: bench.synapse && synapse(work, HEAP) })
  if (others.length === 1) return
  await using all = await openAll(others, workloadArtifacts(backend), '/services/Pass')
  const cold = new Set(all.subjects)
  const found = await alternate(all.subjects, Math.max(5, repeats), async subject => {
    if (cold.delete(subject)) {
      const warmUp = subject.warmUpSeconds ?? 1
      await load(subject, { path: PATHS['a pass-through'], body, status: 200 }, { seconds: warmUp, connections })
    }
    return send(subject, { path: PATHS['in the journal'], body, status: 202 }, { count: STORED, connections })
  })
  compareAll(report, 'a store without a class', found, { synapse: { processor: { atMost: 1 }, p99: { atMost: 0.5 } } })
}

function brokerOf(work: string, port: number): Program {
  const home = mkdtempSync(join(work, 'broker-'))
  const args = ['broker', '--home', home, '--port', String(port)]
  return new Program('embedded broker', `amqp://127.0.0.1:${port}`, [join(root, 'dist', 'holdfast.js'), ...args])
}
