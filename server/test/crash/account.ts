/** The books of a crash run: what was promised, what arrived, what was killed, and whether that adds up. */
import type { SentOrder } from '../../testing/order-load.ts'

/** One request at the back end. */
export interface Arrival {
  /** 1 for the first of the run. */
  readonly number: number
  readonly at: number
  readonly order: string | undefined
  /** Of its body. */
  readonly digest: string
  /** Its `Idempotency-Key`. */
  readonly key: string | undefined
}

export interface Kill {
  readonly at: number
  readonly victims: readonly ('server' | 'broker')[]
  /** Arrivals when nothing of the killed was under way any more and nothing new had been started. */
  readonly arrivals: number
}

export interface Account {
  readonly orders: readonly SentOrder[]
  readonly arrivals: readonly Arrival[]
  readonly kills: readonly Kill[]
  /** Everything else worth a line in a timeline. */
  readonly events: readonly { readonly at: number; readonly what: string }[]
}

export interface Rules {
  /** Messages one server sends at the same time: what a kill may repeat. */
  readonly workers: number
  /** Orders of one lane arrive in the order in which they were sent. */
  readonly ordered: boolean
}

export interface Problem {
  readonly kind: 'missing' | 'refused' | 'duplicate' | 'changed' | 'key' | 'foreign' | 'disorder'
  readonly order: string
  readonly text: string
}

/**
 * Everything that breaks a promise: an accepted order that never arrived (P1, P2), one that arrived again though it was
 * not the one a killed server was sending (P5), a body that changed (P4), ids that change or are shared (P5), order lost (P6). Killing a broker
 * excuses nothing.
 */
export function problemsOf(account: Account, rules: Rules): Problem[] {
  const { orders, arrivals } = account
  const problems: Problem[] = []
  const byOrder = new Map<string, Arrival[]>()
  for (const arrival of arrivals) {
    const id = arrival.order ?? ''
    const known = byOrder.get(id)
    if (known) known.push(arrival)
    else byOrder.set(id, [arrival])
  }
  const owners = new Map<string, string>()
  const newest = new Map<number, number>()
  for (const order of orders) {
    const { id, outcome, status, lane } = order
    const got = byOrder.get(id) ?? []
    byOrder.delete(id)
    const [first] = got
    if (!first && outcome === 'accepted') {
      problems.push({ kind: 'missing', order: id, text: `order ${id} was answered 202 and never arrived` })
    }
    if (outcome === 'refused') {
      problems.push({ kind: 'refused', order: id, text: `order ${id} was answered ${status}` })
    }
    for (let i = 1; i < got.length; i++) {
      if (excused(got[i - 1]!, got[i]!, account.kills, rules.workers)) continue
      const text = `order ${id} arrived ${got.length} times, and was not in flight at a kill of the server in between`
      problems.push({ kind: 'duplicate', order: id, text })
      break
    }
    if (got.some(({ digest }) => digest !== order.digest)) {
      problems.push({ kind: 'changed', order: id, text: `order ${id} arrived with another body than was sent` })
    }
    for (const key of new Set(got.map(arrival => arrival.key))) {
      const owner = key === undefined ? undefined : owners.get(key)
      if (key !== undefined) owners.set(key, id)
      if (key === undefined || key !== first?.key || owner !== undefined) {
        const why =
          key === undefined ? 'without an id' : owner ? `with the id of ${owner}` : `with the further id ${key}`
        problems.push({ kind: 'key', order: id, text: `order ${id} arrived ${why}` })
      }
    }
    if (rules.ordered && first) {
      const before = newest.get(lane) ?? 0
      if (first.number < before) {
        problems.push({ kind: 'disorder', order: id, text: `order ${id} arrived after a later one of the same client` })
      }
      newest.set(lane, Math.max(before, first.number))
    }
  }
  for (const id of byOrder.keys()) {
    problems.push({ kind: 'foreign', order: id, text: `order ${id || '(no id)'} arrived and nobody had sent it` })
  }
  return problems
}

/** A repetition is excused where the killed server had just sent the message and could not note the answer. */
function excused(earlier: Arrival, later: Arrival, kills: readonly Kill[], workers: number): boolean {
  return kills.some(
    ({ victims, arrivals }) =>
      victims.includes('server') &&
      earlier.number <= arrivals &&
      earlier.number > arrivals - workers &&
      later.number > arrivals,
  )
}

/** How many messages arrived more than once. */
export function repeated({ arrivals }: Account): number {
  return arrivals.length - new Set(arrivals.map(({ order }) => order)).size
}

/** What happened to one order, with the kills and restarts around it, times relative to its sending. */
export function timeline({ orders, arrivals, kills, events }: Account, id: string): string {
  const order = orders.find(candidate => candidate.id === id)
  const own = [
    ...(order
      ? [
          { at: order.sentAt, what: `sent by client ${order.lane}` },
          {
            at: order.endedAt ?? Infinity,
            what: order.status === undefined ? order.outcome : `answered ${order.status}`,
          },
        ]
      : []),
    ...arrivals
      .filter(arrival => arrival.order === id)
      .map(({ at, number, key }) => ({ at, what: `arrival ${number} at the back end, id ${key ?? 'none'}` })),
  ]
  const times = own.map(({ at }) => at).filter(Number.isFinite)
  const [from, to] = [Math.min(...times) - MARGIN, Math.max(...times) + MARGIN]
  const around = [
    ...events,
    ...kills.map(({ at, victims, arrivals }) => ({
      at,
      what: `killed: ${victims.join(', ')}, after arrival ${arrivals}`,
    })),
  ].filter(({ at }) => at >= from && (at <= to || !arrivals.some(arrival => arrival.order === id)))
  const start = order?.sentAt ?? from
  return [...own, ...around]
    .sort((one, other) => one.at - other.at)
    .map(({ at, what }) => `  ${Number.isFinite(at) ? `${at - start} ms`.padStart(10) : 'never'.padStart(10)}  ${what}`)
    .join('\n')
}

const MARGIN = 2_000
const MOST_NAMED = 200

/** The report of a failed run: the count of each kind, and timelines of the first few orders. */
export function report(account: Account, problems: readonly Problem[], most = 5): string {
  const kinds = new Map<string, number>()
  for (const { kind } of problems) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  const counts = [...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ')
  return [
    `${counts}, of ${account.orders.length} orders sent and ${account.arrivals.length} arrivals`,
    `all: ${problems
      .slice(0, MOST_NAMED)
      .map(({ kind, order }) => `${order} ${kind}`)
      .join(', ')}${problems.length > MOST_NAMED ? ' …' : ''}`,
    ...problems.slice(0, most).map(({ text, order }) => `${text}\n${timeline(account, order)}`),
  ].join('\n')
}
