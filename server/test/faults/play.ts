import type { Say } from './stand.ts'

/** One thing that goes wrong, what is said about it, and how it heals. */
export interface Fault {
  readonly name: string
  /** What of the machine it needs; where that is not there it is left out, and said to be. */
  readonly needs?: 'a mount namespace' | 'a network namespace' | 'another user'
  /** Rejects where a promise is broken, nothing is said, or it does not heal by itself. */
  play(say: Say): Promise<void>
}
