import type { Clock } from '../../kernel/clock.ts'
import type { Dice } from './dice.ts'
import type { Chance } from './faults.ts'

/** What the scripted outside asks of the simulation it is part of. */
export interface Surroundings {
  readonly dice: Dice
  /** Of the world: it goes on whoever dies. */
  readonly clock: Clock
  /** Whether the server with this clock still lives: what is left of a dead one reaches nobody. */
  isAlive(clock: Clock): boolean
  /**
   * Something leaves the server that this clock belongs to. Resolves when it has arrived; never, if the server is dead
   * or dies now.
   */
  reach(clock: Clock, ms: number): Promise<void>
  strikes(kind: Chance): boolean
  /** The broker holds these bytes from now on. */
  stored(queue: string, body: Uint8Array): void
}
