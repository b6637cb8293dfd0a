/** What is known of one message from outside of the server. */
import type { Arrival, Plan } from './plan.ts'
import type { ProcessorPlan, RoutePlan } from './routes.ts'

/** One message from its client's point of view, and everything the back end has seen of it. */
export interface Known {
  readonly number: number
  readonly route: RoutePlan
  /** Messages of one lane keep their order. */
  readonly lane: string | undefined
  readonly body: Buffer
  readonly key: string
  readonly isProbe: boolean
  /** Moments of the account's own clock, which counts events; 0: not yet. */
  asked: number
  yes: number
  no: number
  id: string | undefined
  processed: number
  /** Repetitions that a crash or a failing disk has made legitimate. */
  repeats: number
  /** Nobody is owed it any more: its only copy was in memory, or it was given up and thrown away. */
  excused: boolean
  /** By processor. */
  readonly tries: Map<string, Tries>
  last: Send | undefined
}

export interface Tries {
  /** Failed tries a living server has been told of. */
  failures: number
  /** How many of them it may have forgotten. */
  forgotten: number
}

export interface Send {
  readonly message: Known
  readonly processor: ProcessorPlan
  readonly attempt: number
  /** Members of a group that were tried in this try, this one included. */
  readonly tried: readonly string[]
  /** Of the server. */
  readonly life: number
  state: 'open' | 'delivered' | 'failed' | 'cut' | 'abandoned'
}

/** Begins the body of every message; its number follows. */
const MARK = '<order n="'

/** One message of the plan, before anything has happened to it. */
export function known({ route: index, padding }: Arrival, number: number, plan: Plan, isProbe: boolean): Known {
  const route = plan.routes[index]!
  const [first] = route.processors
  const key = String(number % 3)
  const ways = route.processors.filter(({ kind }) => kind === 'move').length
  const byKey = first!.keyed && ways === 0 ? `${route.proxy}:${key}` : undefined
  return {
    number,
    route,
    lane: route.ordered ? route.proxy : byKey,
    body: Buffer.from(`${MARK}${number}">${'x'.repeat(padding)}</order>`),
    key,
    isProbe,
    asked: 0,
    yes: 0,
    no: 0,
    id: undefined,
    processed: 0,
    repeats: 0,
    excused: false,
    tries: new Map(),
    last: undefined,
  }
}

/** What `processor` has tried with it. */
export function triesOf(message: Known, processor: string): Tries {
  let tries = message.tries.get(processor)
  if (!tries) message.tries.set(processor, (tries = { failures: 0, forgotten: 0 }))
  return tries
}

/** The number of the message with these bytes in it, wherever they are kept. */
export function numberIn(record: Uint8Array): number | undefined {
  const bytes = Buffer.from(record.buffer, record.byteOffset, record.byteLength)
  const at = bytes.indexOf(MARK)
  if (at < 0) return undefined
  const from = at + MARK.length
  return Number.parseInt(bytes.toString('latin1', from, from + 6), 10)
}
