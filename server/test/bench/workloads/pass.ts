import { BackEnd, peers } from '../stage.ts'
import { compareAll, measureAll, openAll, quote, sideBySide, workloadArtifacts, type Bench } from './bench.ts'

export const what = 'a proxy with an endpoint and nothing else'

const SIZES = { '0.5 kB': 500, '10 kB': 10_000, '100 kB': 100_000 }

export async function run(bench: Bench): Promise<void> {
  const { report, bare } = bench
  if (bare.length === 0) report.line(`no bare proxies at ${peers}; HOLDFAST_PEERS names their folder`)
  await using backend = await BackEnd.start()
  const kinds = [...sideBySide(bench), ...bare]
  await using all = await openAll(kinds, workloadArtifacts(backend), '/services/Pass')
  for (const [size, bytes] of Object.entries(SIZES)) {
    const found = await measureAll(bench, all.subjects, { path: '/services/Pass', body: quote(bytes), status: 200 })
    compareAll(report, size, found)
  }
}
