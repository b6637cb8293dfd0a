/** What a seed decides before anything runs: the configuration, and when what happens. */
import type { Dice } from './dice.ts'
import { routeOf, type RoutePlan } from './routes.ts'

/** Something a person or the machine does at a moment. */
export type Act =
  | {
      readonly kind:
        | 'change'
        | 'break'
        | 'remove'
        | 'mend'
        | 'deactivate'
        | 'activate'
        | 'endpoint off'
        | 'restart'
        | 'foreign message'
    }
  | { readonly kind: 'clock step'; readonly ms: number }
  | { readonly kind: 'outage'; readonly of: Outage; readonly ms: number }

export type Outage = 'back end' | 'one back end' | 'broker' | 'disk'

export interface CrashPlan {
  /** How many steps lie between it and the crash before: ways out of the server, and turns of its event loop. */
  readonly after: number
  /** What is lost: nothing the process had handed to the system, what was not synced, or half of a write. */
  readonly how: 'kill' | 'power' | 'torn'
}

export interface Plan {
  readonly routes: readonly RoutePlan[]
  readonly arrivals: readonly Arrival[]
  /** Sent when everything is healed and delivered: each has to be taken at the first try. */
  readonly probes: readonly Arrival[]
  readonly acts: readonly { readonly at: number; readonly act: Act }[]
  readonly crashes: readonly CrashPlan[]
  /** Most milliseconds of one way. */
  readonly latency: { readonly broker: number; readonly backEnd: number; readonly disk: number }
}

export interface Arrival {
  readonly at: number
  /** Index of its route. */
  readonly route: number
  /** Bytes it is longer than its number. */
  readonly padding: number
}

const ARRIVALS = 200

export function planOf(dice: Dice): Plan {
  const routes = Array.from({ length: dice.chance(0.3) ? 2 : 1 }, (_, index) => routeOf(dice, String(index + 1)))
  const horizon = dice.pick([5_000, 20_000, 60_000])
  const acts = Array.from({ length: dice.pick([0, 3, 8]) }, () => ({ at: dice.below(horizon), act: actOf(dice) }))
  acts.sort((a, b) => a.at - b.at)
  const crashes = Array.from({ length: dice.pick([0, 0, 1, 2, 4]) }, () => ({
    after: dice.between(1, dice.pick([30, 300, 3000])),
    how: dice.pick(['kill', 'kill', 'power', 'torn'] as const),
  }))
  return {
    routes,
    arrivals: arrivalsOf(dice, routes.length, horizon),
    probes: routes.map((_, route) => ({ at: 0, route, padding: 0 })),
    acts,
    crashes,
    latency: { broker: dice.pick([0, 0, 3]), backEnd: dice.pick([0, 5, 50]), disk: dice.pick([0, 0, 0, 4]) },
  }
}

/** In bursts: queues have to build up, and run dry. */
function arrivalsOf(dice: Dice, routes: number, horizon: number): Arrival[] {
  const arrivals: Arrival[] = []
  const count = ARRIVALS + dice.below(10)
  const largest = dice.chance(0.5) ? 12 : 50
  while (arrivals.length < count) {
    const at = dice.below(horizon)
    const burst = Math.min(1 + dice.below(largest), count - arrivals.length)
    const route = dice.below(routes)
    for (let i = 0; i < burst; i++) arrivals.push({ at, route, padding: dice.chance(0.05) ? dice.below(3000) : 0 })
  }
  return arrivals.sort((a, b) => a.at - b.at)
}

function actOf(dice: Dice): Act {
  const kind = dice.below(16)
  if (kind < 2) return { kind: 'change' }
  if (kind < 3) return { kind: 'break' }
  if (kind < 4) return { kind: 'remove' }
  if (kind < 6) return { kind: 'mend' }
  if (kind < 8) return { kind: dice.chance(0.5) ? 'deactivate' : 'activate' }
  if (kind < 9) return { kind: 'endpoint off' }
  if (kind < 10) return { kind: 'restart' }
  if (kind < 11) return { kind: 'clock step', ms: dice.pick([-60_000, -500, 500, 60_000]) }
  if (kind < 12) return { kind: 'foreign message' }
  const of = dice.pick(['back end', 'one back end', 'broker', 'disk'] as const)
  return { kind: 'outage', of, ms: dice.pick([50, 2_000, 15_000]) }
}
