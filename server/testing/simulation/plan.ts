/** What a seed decides before anything runs: the configuration, and when what happens. */
import type { Dice } from './dice.ts'

export interface StorePlan {
  readonly name: string
  readonly kind: 'journal' | 'memory' | 'jms'
  readonly failover?: string
  /** Most messages of a memory store. */
  readonly limit?: number
}

export interface ProcessorPlan {
  readonly name: string
  readonly store: string
  readonly workers: number
  /** Messages of one key stay in order with several workers. */
  readonly keyed: boolean
  readonly interval: number
  readonly retryInterval: number
  /** 0: no end. */
  readonly maxAttempts: number
  /** Of one that forwards. */
  readonly endpoint?: string
  readonly failStore?: string
  /** Of one that moves. */
  readonly target?: string
}

export interface EndpointPlan {
  readonly name: string
  readonly timeout: number
  readonly suspend: number | 'never'
}

export interface RoutePlan {
  readonly proxy: string
  /** Where its messages are stored first. */
  readonly entry: string
  readonly stores: readonly StorePlan[]
  readonly endpoint: EndpointPlan
  readonly processors: readonly ProcessorPlan[]
  /** Nothing may overtake: one worker, no other way. */
  readonly ordered: boolean
}

/** Something a person or the machine does at a moment. */
export type Act =
  | { readonly kind: 'change' | 'break' | 'mend' | 'deactivate' | 'activate' | 'endpoint off' | 'restart' }
  | { readonly kind: 'clock step'; readonly ms: number }
  | { readonly kind: 'outage'; readonly of: 'back end' | 'broker' | 'disk'; readonly ms: number }

export interface Plan {
  readonly routes: readonly RoutePlan[]
  readonly arrivals: readonly { readonly at: number; readonly route: number; readonly padding: number }[]
  readonly acts: readonly { readonly at: number; readonly act: Act }[]
  /** How many reaches out of the server (disk, broker, back end, answer) lie between two crashes. */
  readonly crashes: readonly { readonly after: number; readonly how: 'kill' | 'power' | 'torn' }[]
  readonly latency: { readonly broker: number; readonly backEnd: number }
}

const ARRIVALS = 200

export function planOf(dice: Dice): Plan {
  const routes = Array.from({ length: dice.chance(0.3) ? 2 : 1 }, (_, index) => routeOf(dice, String(index + 1)))
  const horizon = dice.pick([5_000, 20_000, 60_000])
  const arrivals = []
  const count = ARRIVALS + dice.below(20)
  const calm = dice.chance(0.5)
  for (let made = 0; made < count;) {
    const at = dice.below(horizon)
    const burst = Math.min(calm ? 1 + dice.below(12) : 1 + dice.below(50), count - made)
    const route = dice.below(routes.length)
    for (let i = 0; i < burst; i++) arrivals.push({ at, route, padding: dice.chance(0.05) ? dice.below(3000) : 0 })
    made += burst
  }
  arrivals.sort((a, b) => a.at - b.at)
  const acts = Array.from({ length: dice.pick([0, 3, 8]) }, () => ({ at: dice.below(horizon), act: actOf(dice) }))
  acts.sort((a, b) => a.at - b.at)
  const crashes = Array.from({ length: dice.pick([0, 0, 1, 2, 4]) }, () => ({
    after: dice.between(1, dice.pick([30, 300, 2000])),
    how: dice.pick(['kill', 'kill', 'power', 'torn'] as const),
  }))
  return { routes, arrivals, acts, crashes, latency: { broker: dice.pick([0, 0, 3]), backEnd: dice.pick([0, 5, 50]) } }
}

function actOf(dice: Dice): Act {
  const kind = dice.below(13)
  if (kind < 2) return { kind: 'change' }
  if (kind < 3) return { kind: 'break' }
  if (kind < 4) return { kind: 'mend' }
  if (kind < 6) return { kind: dice.chance(0.5) ? 'deactivate' : 'activate' }
  if (kind < 7) return { kind: 'endpoint off' }
  if (kind < 8) return { kind: 'restart' }
  if (kind < 9) return { kind: 'clock step', ms: dice.pick([-60_000, -500, 500, 60_000]) }
  return { kind: 'outage', of: dice.pick(['back end', 'broker', 'disk'] as const), ms: dice.pick([50, 2_000, 15_000]) }
}

function routeOf(dice: Dice, number: string): RoutePlan {
  const name = (what: string): string => `${what}${number}`
  const endpoint: EndpointPlan = {
    name: name('backEnd'),
    timeout: dice.pick([1_000, 10_000]),
    suspend: dice.pick(['never', 'never', 500, 5_000]),
  }
  const workers = dice.pick([1, 1, 1, 2, 3])
  const keyed = workers > 1 && dice.chance(0.5)
  const failStore = dice.chance(0.4) ? name('failed') : undefined
  const maxAttempts = dice.pick([0, 4, 4, 2])
  const pace = (): { interval: number; retryInterval: number } => ({
    interval: dice.pick([0, 0, 1, 20, 100]),
    retryInterval: dice.pick([10, 200, 1_000]),
  })
  const forward = (store: string): ProcessorPlan => ({
    name: name('forward'),
    store,
    workers,
    keyed,
    ...pace(),
    maxAttempts,
    endpoint: endpoint.name,
    ...(failStore !== undefined && maxAttempts > 0 && { failStore }),
  })
  const mover = (store: string, target: string): ProcessorPlan => ({
    name: `${store}To${target}`,
    store,
    target,
    workers: dice.pick([1, 1, 2]),
    keyed: false,
    ...pace(),
    retryInterval: dice.pick([200, 1_000, 60_000]),
    maxAttempts: dice.pick([0, 0, 1000]),
  })
  const entry = name('orders')
  const spare = name('spare')
  const last = name('last')
  const failed: StorePlan[] =
    failStore === undefined ? [] : [{ name: failStore, kind: dice.pick(['journal', 'journal', 'jms'] as const) }]
  const route = (stores: StorePlan[], movers: ProcessorPlan[]): RoutePlan => ({
    proxy: name('Orders'),
    entry,
    stores: [...stores, ...failed],
    endpoint,
    processors: [forward(entry), ...movers],
    ordered: workers === 1 && movers.length === 0,
  })
  switch (dice.below(8)) {
    case 0:
    case 1:
      return route([{ name: entry, kind: 'journal' }], [])
    case 2:
      return route([{ name: entry, kind: 'memory' }], [])
    case 3:
      return route([{ name: entry, kind: 'jms' }], [])
    case 4:
    case 5:
      // The documents' scenario: a broker, and the journal while it is away.
      return route(
        [
          { name: entry, kind: 'jms', failover: spare },
          { name: spare, kind: 'journal' },
        ],
        [mover(spare, entry)],
      )
    case 6:
      return route(
        [
          { name: entry, kind: 'memory', limit: dice.between(3, 40), failover: spare },
          { name: spare, kind: 'journal' },
        ],
        [mover(spare, entry)],
      )
    default:
      return route(
        [
          { name: entry, kind: 'jms', failover: spare },
          { name: spare, kind: 'memory', limit: dice.between(3, 40), failover: last },
          { name: last, kind: 'journal' },
        ],
        [mover(spare, entry), mover(last, dice.chance(0.5) ? entry : spare)],
      )
  }
}
