import { BackEnd, bareProxies } from '../stage.ts'
import { atRate } from '../load.ts'
import { alternate, openAll, quote, sideBySide, workloadArtifacts, type Bench } from './bench.ts'

export const what = 'p50 and p99 at fixed rates, counted from when a request was due'

const RATES = [500, 2000]
const PATHS = {
  'pass-through': ['/services/Pass', 200],
  'stored in the journal': ['/services/AcceptInJournal', 202],
} as const

export async function run(bench: Bench): Promise<void> {
  const { report, work, repeats, seconds } = bench
  await using backend = await BackEnd.start()
  const proxies = bareProxies(work).slice(0, 1)
  const kinds = [...sideBySide(bench), ...proxies]
  await using all = await openAll(kinds, workloadArtifacts(backend), '/services/Pass')
  for (const [name, [path, status]] of Object.entries(PATHS)) {
    const subjects = all.subjects.filter(
      subject => status === 200 || !proxies.some(proxy => proxy.name === subject.name),
    )
    for (const perSecond of RATES) {
      const found = await alternate(subjects, repeats, subject =>
        atRate(subject, { path, body: quote(500), status }, { seconds, perSecond, connections: 256 }),
      )
      const mine = found.get('holdfast')!
      for (const [other, theirs] of found) {
        if (other === 'holdfast') continue
        for (const field of ['p50', 'p99'] as const) {
          report.ratio(
            `${name} at ${perSecond}/s ÷ ${other}: ${field}`,
            mine.map(one => one[field]),
            theirs.map(one => one[field]),
          )
        }
      }
    }
  }
}
