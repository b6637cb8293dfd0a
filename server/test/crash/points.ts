/** Where the program can be made to kill itself: see `server/testing/kill-points.mjs`. */
export interface Point {
  readonly point: string
  /** Just before it, when half of it is done, or when it is done and nobody has been told. */
  readonly when: 'before' | 'half' | 'after'
}

const both = (point: string): Point[] => [
  { point, when: 'before' },
  { point, when: 'after' },
]

/** A group of records is written to a segment and synced. */
const COMMIT: readonly Point[] = [...both('append'), { point: 'append', when: 'half' }, ...both('sync')]
/** A segment is claimed, begun, and deleted once it is empty. */
const SEGMENTS: readonly Point[] = [...both('claim'), ...both('claimed'), ...both('roll'), ...both('delete')]
/** A sealed segment that still holds messages gets its footer. */
const SEALED: readonly Point[] = both('footer')
/** A 202 leaves; an order goes to the back end, and its answer is there but not yet noted. */
const REQUESTS: readonly Point[] = [
  ...both('answer'),
  { point: 'send', when: 'before' },
  { point: 'sent', when: 'after' },
  { point: 'settle', when: 'before' },
]

/** By scenario and victim; which of them pass at all depends on what is kept where. */
export const POINTS = {
  journal: { server: [...COMMIT, ...SEGMENTS, ...SEALED, ...REQUESTS], broker: [] },
  failover: {
    server: [...COMMIT, ...REQUESTS],
    // Confirms and deliveries leave as frames.
    broker: [...COMMIT, ...SEGMENTS, ...both('frame')],
  },
} as const satisfies Record<string, Record<'server' | 'broker', readonly Point[]>>

export const pointName = ({ point, when }: Point): string => `${when} ${point}`
