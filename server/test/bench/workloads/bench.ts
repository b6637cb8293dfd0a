import type { BackEnd, Holdfast, Kind, Subject } from '../stage.ts'
import { artifactsOf } from '../stage.ts'
import { load, type Load, type Request } from '../load.ts'
import type { Goal, Report } from '../report.ts'

/** What a workload measures with. */
export interface Bench {
  readonly report: Report
  /** A folder for everything that is written. */
  readonly work: string
  readonly holdfast: Holdfast
  /** Another revision, if it is compared with one. */
  readonly reference: Holdfast | undefined
  readonly synapse: Kind | undefined
  /** Why there is none. */
  readonly withoutSynapse: string | undefined
  readonly bare: readonly Kind[]
  readonly repeats: number
  readonly seconds: number
  readonly connections: number
  readonly backlog: number
}

export interface Workload {
  readonly what: string
  run(bench: Bench): Promise<void>
}

/** Ours, and the other revision and Apache Synapse where there are; says in its own section when Synapse is left out. */
export function sideBySide({ report, holdfast, reference, synapse, withoutSynapse }: Bench): Kind[] {
  if (withoutSynapse !== undefined) report.line(`Apache Synapse is left out: ${withoutSynapse}`)
  return [holdfast, ...(reference ? [reference] : []), ...(synapse ? [synapse] : [])]
}

/** Everything to be measured on the same artifacts, up at the same time. */
export async function openAll(
  kinds: readonly Kind[],
  artifacts: string,
  ready: string,
): Promise<AsyncDisposable & { readonly subjects: readonly Subject[] }> {
  const subjects: Subject[] = []
  const close = async (): Promise<void> => {
    for (const subject of subjects) await subject[Symbol.asyncDispose]()
  }
  try {
    for (const kind of kinds) {
      const subject = await kind.open(artifacts)
      subjects.push(subject)
      await subject.answers(ready)
    }
  } catch (thrown) {
    await close()
    throw thrown
  }
  return { subjects, [Symbol.asyncDispose]: close }
}

/** Runs of all of them in turn, the order turned round each time; the first round warms them up and is not counted. */
export async function alternate<T extends { readonly name: string }>(
  items: readonly T[],
  repeats: number,
  run: (item: T) => Promise<Load>,
): Promise<Map<string, Load[]>> {
  const found = new Map(items.map(({ name }) => [name, [] as Load[]]))
  for (let round = -1; round < repeats; round++) {
    for (const item of round % 2 === 0 ? items : [...items].reverse()) {
      const result = await run(item)
      if (round >= 0) found.get(item.name)!.push(result)
    }
  }
  return found
}

/** The same request to all of them. */
export function measureAll(
  { repeats, seconds, connections }: Bench,
  subjects: readonly Subject[],
  request: Request,
): Promise<Map<string, Load[]>> {
  const first = new Set(subjects)
  return alternate(subjects, repeats, subject => {
    const warmUp = first.delete(subject) ? (subject.warmUpSeconds ?? 0) : 0
    return load(subject, request, { seconds: seconds + warmUp, connections })
  })
}

export interface LoadGoals {
  readonly processor?: Goal
  readonly rate?: Goal
  readonly p99?: Goal
}

export function compare(
  report: Report,
  what: string,
  mine: readonly Load[],
  theirs: readonly Load[],
  goals: LoadGoals = {},
): void {
  const of = (loads: readonly Load[], field: keyof Load): number[] => loads.map(one => one[field])
  report.ratio(`${what}: processor time a request`, of(mine, 'cpuMicros'), of(theirs, 'cpuMicros'), goals.processor)
  report.ratio(`${what}: requests a second`, of(mine, 'perSecond'), of(theirs, 'perSecond'), goals.rate)
  report.ratio(`${what}: p99`, of(mine, 'p99'), of(theirs, 'p99'), goals.p99)
}

/** Ours, and what was measured beside it: each in a line of its own. */
export function compareAll(report: Report, what: string, found: ReadonlyMap<string, Load[]>, goals: Goals = {}): void {
  const mine = found.get('holdfast')!
  for (const [name, theirs] of found) {
    if (name !== 'holdfast') compare(report, `${what} ÷ ${name}`, mine, theirs, goals[name])
  }
}

export type Goals = Readonly<Record<string, LoadGoals>>

export function workloadArtifacts(backend: BackEnd): string {
  return artifactsOf('workloads.xml', backend.url)
}

/** A SOAP message of about `bytes`, the one interesting element at its end. */
export function quote(bytes: number): Buffer {
  const open =
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Header/><soapenv:Body>'
  const head = '<m0:getQuote xmlns:m0="http://services.samples"><m0:request>'
  const tail = '<m0:symbol>IBM</m0:symbol></m0:request></m0:getQuote></soapenv:Body></soapenv:Envelope>'
  let items = ''
  for (let n = 0; open.length + head.length + items.length + tail.length + 53 < bytes; n++) {
    items += `<m0:item id="${String(n).padStart(5, '0')}"><m0:v>${String(n * 7919).padStart(10, '0')}</m0:v></m0:item>`
  }
  return Buffer.from(open + head + items + tail)
}

/** The same as JSON. */
export function jsonQuote(bytes: number): Buffer {
  const items = []
  for (let n = 0; n * 40 + 80 < bytes; n++)
    items.push({ id: String(n).padStart(5, '0'), v: String(n * 7919).padStart(10, '0') })
  return Buffer.from(JSON.stringify({ getQuote: { request: { item: items, symbol: 'IBM' } } }))
}
