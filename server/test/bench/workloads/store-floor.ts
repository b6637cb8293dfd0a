/** Accept-and-store beside what the journal does alone, with as many records a commit, and beside the least that could stand between. */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../../../testing/ports.ts'
import type { Alone } from '../journal-floor.ts'
import { load, type Load, type Request, type Target } from '../load.ts'
import { Program } from '../processes.ts'
import { median } from '../report.ts'
import type { RunningHoldfast } from '../stage.ts'
import { alternate, type Bench } from './bench.ts'

interface Commits {
  readonly commits: number
  readonly records: number
}

const OURS = 'in the journal'
/** The floor: what stands between the wire and the disk with nothing of ours but the journal. */
const STORE = 'bare node:http + journal'
const ACCEPT = 'bare node:http, no journal'
const ALONE = 'the journal alone'

/** Short slices, and more of them: the disk of a shared machine is another one every few seconds. */
const LONGEST_SLICE_SECONDS = 1
const ROUNDS = 5

/**
 * Each runs in a process of its own, in turn. The journal alone has as many records waiting as a commit of the server held
 * in its run before, which all come and go together, and records of the size the server has stored.
 */
export async function besideTheJournal(bench: Bench, server: RunningHoldfast, request: Request): Promise<void> {
  const { work, connections } = bench
  const [port] = await freePorts(1)
  const source = join(import.meta.dirname, '..', 'journal-floor.ts')
  const args = ['--import', import.meta.resolve('tsx'), source, String(port), mkdtempSync(join(work, 'floor-'))]
  await using floor = new Program('floor', `http://127.0.0.1:${port}`, args)
  await floor.answers('/journal')
  const bytes = await recordBytes(server, request)
  for (const inFlight of new Set([1, 8, connections, 128])) await at(inFlight, bench, server, floor, request, bytes)
}

async function at(
  inFlight: number,
  { report, repeats, seconds: longest, connections }: Bench,
  server: RunningHoldfast,
  floor: Program,
  request: Request,
  bytes: number,
): Promise<void> {
  const seconds = Math.min(longest, LONGEST_SLICE_SECONDS)
  const sizes: Record<string, number[]> = { [OURS]: [], [STORE]: [], [ALONE]: [] }
  const watched = async <T>(
    name: string,
    target: { journal(): Promise<Commits> },
    run: () => Promise<T>,
  ): Promise<T> => {
    const before = await target.journal()
    const result = await run()
    const after = await target.journal()
    sizes[name]!.push((after.records - before.records) / Math.max(1, after.commits - before.commits))
    return result
  }
  const floorJournal = { journal: () => asked<Commits>(floor, '/journal') }
  const posts = (target: Target, path: string): Promise<Load> =>
    load(target, { ...request, path }, { seconds, connections: inFlight })
  const runs: Record<string, () => Promise<Load>> = {
    [OURS]: () => watched(OURS, server, () => posts(server, request.path)),
    [STORE]: () => watched(STORE, floorJournal, () => posts(floor, `/store?bytes=${bytes - request.body.length}`)),
    [ACCEPT]: () => posts(floor, '/accept'),
    [ALONE]: () =>
      watched(ALONE, floorJournal, async () => {
        const waiting = Math.max(1, Math.round(sizes[OURS]!.at(-1) ?? inFlight / 2))
        const query = `bytes=${bytes}&seconds=${seconds}&waiting=${waiting}`
        const found = await asked<Alone>(floor, `/alone?${query}`)
        return { ...found, p50: 0, p99: 0, residentMb: 0 }
      }),
  }
  const found = await alternate(
    Object.keys(runs).map(name => ({ name })),
    Math.max(ROUNDS, repeats),
    ({ name }) => runs[name]!(),
  )
  const field = (name: string, of: 'perSecond' | 'cpuMicros'): number[] => found.get(name)!.map(one => one[of])
  const size = (name: string): string => median(sizes[name]!.slice(1)).toFixed(1)
  report.line(
    `${inFlight} in flight, records of ${bytes} bytes in a commit: ${size(OURS)}, bare ${size(STORE)}, alone ${size(ALONE)}`,
  )
  const goal = inFlight === connections ? { atLeast: 0.5 } : undefined
  for (const name of [OURS, STORE, ACCEPT]) {
    report.ratio(
      `${inFlight} in flight, ${name} ÷ ${ALONE}: a second`,
      field(name, 'perSecond'),
      field(ALONE, 'perSecond'),
      name === OURS ? goal : undefined,
    )
  }
  report.ratio(
    `${inFlight} in flight, ${OURS} ÷ ${STORE}: a second`,
    field(OURS, 'perSecond'),
    field(STORE, 'perSecond'),
  )
  // Where the disk is fast enough a second is what the processor makes of it: then this is the most there can be.
  for (const name of [OURS, STORE, ACCEPT]) {
    report.ratio(
      `${inFlight} in flight, ${ALONE} ÷ ${name}: processor time`,
      field(ALONE, 'cpuMicros'),
      field(name, 'cpuMicros'),
    )
  }
  if (goal && median(field(STORE, 'perSecond')) / median(field(ALONE, 'perSecond')) < goal.atLeast)
    report.line(
      'out of reach in this run: bare node:http with the journal right behind it does not meet the goal either',
    )
}

/** What one of these requests takes in the journal, without the head and the id every record has. */
async function recordBytes(server: RunningHoldfast, request: Request): Promise<number> {
  const HEAD_AND_ID = 20 + 36
  const before = await server.journal()
  await load(server, request, { seconds: 0.2, connections: 1 })
  const after = await server.journal()
  return Math.round((after.liveBytes - before.liveBytes) / (after.messages - before.messages)) - HEAD_AND_ID
}

async function asked<T>(program: Program, path: string): Promise<T> {
  const response = await fetch(`${program.url}${path}`)
  return (await response.json()) as T
}
