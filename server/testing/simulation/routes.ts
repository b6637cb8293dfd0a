/** The ways a message can take through the server of a seed: a proxy service, stores, processors, endpoints. */
import type { Dice } from './dice.ts'

export interface StorePlan {
  readonly name: string
  readonly kind: 'journal' | 'memory' | 'jms'
  readonly failover?: string
  /** Most messages of a memory store. */
  readonly limit?: number
  /** Messages a worker takes from the broker at once. */
  readonly prefetch?: number
}

export interface ProcessorPlan {
  readonly name: string
  readonly kind: 'forward' | 'move' | 'sample'
  readonly store: string
  readonly workers: number
  /** Messages of one key stay in order with several workers. */
  readonly keyed: boolean
  readonly interval: number
  /** Messages in one interval. */
  readonly batch: number
  readonly retryInterval: number
  /** Each pause is longer than the one before. */
  readonly growing: boolean
  /** 0: no end. */
  readonly maxAttempts: number
  /** What is given up is thrown away. */
  readonly drop: boolean
  readonly failStore?: string
  /** Endpoint, store or sequence it hands messages to. */
  readonly target: string
}

export interface EndpointPlan {
  readonly name: string
  readonly timeout: number
  readonly suspend: number | 'never'
}

export interface GroupPlan {
  readonly name: string
  readonly kind: 'failover' | 'loadbalance'
  /** Of failover: every message begins with the first member that is ready. */
  readonly dynamic: boolean
  /** Of loadbalance: the next member is tried when one fails. */
  readonly failover: boolean
}

export interface RoutePlan {
  readonly proxy: string
  /** Where its messages are stored first. */
  readonly entry: string
  readonly stores: readonly StorePlan[]
  readonly endpoints: readonly EndpointPlan[]
  readonly group?: GroupPlan
  /** A sequence that sends to the endpoint; for sampling. */
  readonly sequence?: string
  /** The endpoint or group messages are for. */
  readonly target: string
  /** The first one delivers. */
  readonly processors: readonly ProcessorPlan[]
  /** Nothing may overtake: one worker, one way. */
  readonly ordered: boolean
}

export function routeOf(dice: Dice, number: string): RoutePlan {
  const name = (what: string): string => `${what}${number}`
  const sampled = dice.chance(0.08)
  const { endpoints, group } = targetsOf(dice, name, sampled)
  const target = group?.name ?? endpoints[0]!.name
  const common = { proxy: name('Orders'), endpoints, target, ...(group && { group }) }
  if (sampled) return { ...common, ...sampledRoute(dice, name) }
  const failStore = dice.chance(0.4) ? name('failed') : undefined
  const forwarder = forwarderOf(dice, name('forward'), target, failStore)
  const { stores, movers, source, ordered } = storesOf(dice, name)
  const failed: StorePlan[] = []
  const again: ProcessorPlan[] = []
  if (failStore !== undefined) {
    failed.push({ name: failStore, kind: dice.pick(['journal', 'journal', 'jms'] as const) })
    // Somebody who tries once more what was given up.
    const second = { ...forwarderOf(dice, name('again'), target, undefined), maxAttempts: 0, drop: false }
    if (forwarder.failStore !== undefined && dice.chance(0.5)) again.push({ ...second, store: failStore })
  }
  return {
    ...common,
    entry: stores[0]!.name,
    stores: [...stores, ...failed],
    processors: [{ ...forwarder, store: source }, ...movers, ...again],
    ordered: forwarder.workers === 1 && ordered,
  }
}

function targetsOf(
  dice: Dice,
  name: (what: string) => string,
  sampled: boolean,
): { endpoints: EndpointPlan[]; group?: GroupPlan } {
  const count = dice.chance(0.35) ? dice.between(2, 3) : 1
  const endpoints = Array.from({ length: count }, (_, index) => ({
    name: name('backEnd') + (count === 1 ? '' : 'abc'[index]!),
    timeout: dice.pick([1_000, 10_000]),
    // A sequence that meets a suspended endpoint has failed: there is nobody to wait for it.
    suspend: sampled ? ('never' as const) : dice.pick(['never', 'never', 500, 5_000] as const),
  }))
  if (count === 1) return { endpoints }
  const kind = dice.pick(['failover', 'failover', 'loadbalance'] as const)
  return { endpoints, group: { name: name('group'), kind, dynamic: dice.chance(0.7), failover: dice.chance(0.7) } }
}

function forwarderOf(dice: Dice, name: string, target: string, failStore: string | undefined): ProcessorPlan {
  const workers = dice.pick([1, 1, 1, 2, 3])
  const maxAttempts = dice.pick([0, 4, 4, 2])
  return {
    name,
    kind: 'forward',
    store: '',
    target,
    workers,
    keyed: workers > 1 && dice.chance(0.5),
    ...paceOf(dice),
    maxAttempts,
    drop: maxAttempts > 0 && failStore === undefined && dice.chance(0.2),
    ...(failStore !== undefined && maxAttempts > 0 && { failStore }),
  }
}

function moverOf(dice: Dice, store: string, target: string): ProcessorPlan {
  return {
    name: `${store}To${target}`,
    kind: 'move',
    store,
    target,
    workers: dice.pick([1, 1, 2]),
    keyed: false,
    ...paceOf(dice),
    retryInterval: dice.pick([200, 1_000, 60_000]),
    maxAttempts: dice.pick([0, 0, 1000]),
    drop: false,
  }
}

function paceOf(dice: Dice): { interval: number; batch: number; retryInterval: number; growing: boolean } {
  return {
    interval: dice.pick([0, 0, 1, 20, 100]),
    batch: dice.pick([1, 1, 1, 5]),
    retryInterval: dice.pick([10, 200, 1_000]),
    growing: dice.chance(0.2),
  }
}

function sampledRoute(
  dice: Dice,
  name: (what: string) => string,
): Pick<RoutePlan, 'entry' | 'stores' | 'sequence' | 'processors' | 'ordered'> {
  const entry = name('orders')
  const sequence = name('work')
  const kind = dice.pick(['journal', 'jms'] as const)
  const sampler: ProcessorPlan = {
    name: name('sample'),
    kind: 'sample',
    store: entry,
    target: sequence,
    workers: dice.between(2, 5),
    keyed: false,
    interval: 1000,
    batch: dice.pick([1, 5]),
    retryInterval: 1000,
    growing: false,
    maxAttempts: 0,
    drop: false,
  }
  return { entry, sequence, stores: [{ name: entry, kind }], processors: [sampler], ordered: false }
}

interface Stores {
  /** The first one is where messages come in. */
  readonly stores: StorePlan[]
  readonly movers: ProcessorPlan[]
  /** What the forwarder takes from. */
  readonly source: string
  /** Nothing can overtake on the way to the forwarder. */
  readonly ordered: boolean
}

function storesOf(dice: Dice, name: (what: string) => string): Stores {
  const entry = name('orders')
  const spare = name('spare')
  const last = name('last')
  const one = (store: StorePlan): Stores => ({ stores: [store], movers: [], source: entry, ordered: true })
  const prefetch = dice.pick([1, 1, 5])
  const jms = { name: entry, kind: 'jms', prefetch } as const
  const several = (stores: StorePlan[], movers: ProcessorPlan[]): Stores => ({
    stores,
    movers,
    source: entry,
    ordered: false,
  })
  switch (dice.below(10)) {
    case 0:
    case 1:
      return one({ name: entry, kind: 'journal' })
    case 2:
      return one({ name: entry, kind: 'memory' })
    case 3:
      return one(jms)
    case 4:
    case 5:
      // The documents' scenario: a broker, and the journal while it is away.
      return several(
        [
          { ...jms, failover: spare },
          { name: spare, kind: 'journal' },
        ],
        [moverOf(dice, spare, entry)],
      )
    case 6:
      return several(
        [
          { name: entry, kind: 'memory', limit: dice.between(3, 40), failover: spare },
          { name: spare, kind: 'journal' },
        ],
        [moverOf(dice, spare, entry)],
      )
    case 7:
      return several(
        [
          { ...jms, failover: spare },
          { name: spare, kind: 'memory', limit: dice.between(3, 40), failover: last },
          { name: last, kind: 'journal' },
        ],
        [moverOf(dice, spare, entry), moverOf(dice, last, dice.chance(0.5) ? entry : spare)],
      )
    default: {
      // An outbox: what is answered for is on our disk, then goes on to the broker, or to another store of ours.
      const out = name('outbox')
      const mover = moverOf(dice, out, entry)
      const stores: StorePlan[] = [
        { name: out, kind: 'journal' },
        dice.chance(0.6) ? jms : { name: entry, kind: 'journal' },
      ]
      return { stores, movers: [mover], source: entry, ordered: mover.workers === 1 }
    }
  }
}
