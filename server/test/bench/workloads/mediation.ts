import { artifactsOf, BackEnd } from '../stage.ts'
import type { Request } from '../load.ts'
import { compareAll, jsonQuote, measureAll, openAll, quote, type Bench, type LoadGoals } from './bench.ts'

export const what = 'what mediators cost, by size of the message'

const SIZES = { '0.5 kB': 500, '1 kB': 1000, '10 kB': 10_000, '100 kB': 100_000 }

interface Flow {
  readonly proxy: string
  readonly json?: boolean
  readonly headers?: Readonly<Record<string, string>>
  /** Apache Synapse as it is assembled cannot run it: it has no JSON builder and no engine for scripts. */
  readonly onlyOurs?: boolean
  readonly goals: Partial<Record<keyof typeof SIZES | 'all', number>>
}

const FLOWS: Readonly<Record<string, Flow>> = {
  'by a header': { proxy: 'Header', headers: { 'X-Customer': 'gold 1' }, goals: { all: 0.7 } },
  'by XPath': { proxy: 'Route', goals: { all: 0.7, '10 kB': 0.25 } },
  'by JSONPath': { proxy: 'RouteJson', json: true, onlyOurs: true, goals: {} },
  xslt: { proxy: 'Transform', goals: { '0.5 kB': 0.5, '10 kB': 0.25, all: 0.5 } },
  payloadFactory: { proxy: 'Factory', goals: { all: 0.7, '0.5 kB': 0.6 } },
  enrich: { proxy: 'Enrich', goals: { all: 0.7 } },
  'iterate and aggregate': { proxy: 'Split', goals: { all: 0.7 } },
  script: { proxy: 'Script', onlyOurs: true, goals: {} },
}

export async function run(bench: Bench): Promise<void> {
  const { report, holdfast, reference, synapse, withoutSynapse } = bench
  if (withoutSynapse !== undefined) report.line(`Apache Synapse is left out: ${withoutSynapse}`)
  await using backend = await BackEnd.start()
  const shared = artifactsOf('mediation.xml', backend.url)
  const ours = shared.replace('</definitions>', `${artifactsOf('mediation-ours.xml', backend.url)}</definitions>`)
  const kinds = [holdfast, ...(reference ? [reference] : [])]
  await using mine = await openAll(kinds, ours, '/services/Pass')
  await using theirs = await openAll(synapse ? [synapse] : [], shared, '/services/Pass')
  for (const [size, bytes] of Object.entries(SIZES)) {
    for (const [name, { proxy, json, headers, onlyOurs, goals }] of Object.entries(FLOWS)) {
      const request: Request = {
        path: `/services/${proxy}`,
        body: json ? jsonQuote(bytes) : quote(bytes),
        status: 200,
        headers: { ...(json && { 'content-type': 'application/json' }), ...headers },
      }
      const subjects = [...mine.subjects, ...(onlyOurs ? [] : theirs.subjects)]
      const atMost = goals[size as keyof typeof SIZES] ?? goals.all
      const synapseGoals: LoadGoals = atMost === undefined ? {} : { processor: { atMost } }
      const found = await measureAll(bench, subjects, request)
      compareAll(report, `${name}, ${size}`, found, { synapse: synapseGoals })
      if (subjects.length === 1) {
        const passing = await measureAll(bench, mine.subjects.slice(0, 1), { ...request, path: '/services/Pass' })
        compareAll(report, `${name}, ${size}`, new Map([...found, ['a pass-through', passing.get('holdfast')!]]))
      }
    }
  }
}
