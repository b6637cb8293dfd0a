/** Whether what a process holds grows with time. */

export interface Vitals {
  readonly heapUsed: number
  readonly external: number
  readonly arrayBuffers: number
  readonly rss: number
  readonly timers: number
  readonly handles: number
  readonly descriptors: number
}

export const WATCHED = ['heapUsed', 'external', 'arrayBuffers', 'timers', 'handles', 'descriptors'] as const
export type Watched = (typeof WATCHED)[number]

/** Growth that is no leak: caches fill, and a collection is never quite the same. Counts, and bytes. */
const SLACK: Record<Watched, number> = {
  heapUsed: 4 << 20,
  external: 4 << 20,
  arrayBuffers: 4 << 20,
  timers: 4,
  handles: 4,
  descriptors: 8,
}
const RATIO = 1.1

export interface Growth {
  readonly what: Watched
  /** Medians of the first and the last third after the warm-up. */
  readonly before: number
  readonly after: number
  readonly leaks: boolean
}

/** The first quarter is warm-up. Needs a dozen samples to say anything. */
export function growth(samples: readonly Vitals[]): Growth[] {
  const warm = samples.slice(Math.floor(samples.length / 4))
  const third = Math.max(1, Math.floor(warm.length / 3))
  return WATCHED.map(what => {
    const before = median(warm.slice(0, third).map(sample => sample[what]))
    const after = median(warm.slice(-third).map(sample => sample[what]))
    return { what, before, after, leaks: after > before * RATIO + SLACK[what] }
  })
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1]!
}
