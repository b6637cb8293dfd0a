import type { Dice } from './dice.ts'

/** Everything that can go wrong outside of our code, and how often each chance for it is taken in a rough seed. */
const RATES = {
  'back end refused': 0.02,
  'back end error status': 0.02,
  'back end stalled': 0.01,
  'back end answer lost': 0.01,
  'back end answer late': 0.01,
  'broker refused': 0.02,
  'broker stalled': 0.004,
  'broker confirm lost': 0.01,
  'broker acknowledgement lost': 0.02,
  'broker delivery duplicated': 0.03,
  'disk error': 0.002,
} as const

/** Things that are planned for a moment instead: see `plan.ts`. */
const PLANNED = [
  'crash',
  'power loss',
  'torn write',
  'disk full',
  'disk slow',
  'back end outage',
  'broker outage',
  'clock step',
  'deploy change',
  'deploy break',
  'deploy remove',
  'deploy mend',
  'deactivate',
  'activate',
  'endpoint off',
  'foreign message',
  'restart',
] as const

export type Chance = keyof typeof RATES
export type FaultKind = Chance | (typeof PLANNED)[number]
export const faultKinds: readonly FaultKind[] = [...(Object.keys(RATES) as Chance[]), ...PLANNED]

/** Which faults this seed has, and how often each has happened. */
export class Faults {
  readonly fired = new Map<FaultKind, number>()
  /** False once everything is healed. */
  on = true
  readonly #dice: Dice
  readonly #rates = new Map<Chance, number>()

  constructor(dice: Dice) {
    this.#dice = dice
    // A calm seed lets the order and the counts be checked closely; a rough one brings several troubles at once.
    const roughness = dice.pick([0, 0.3, 1, 3])
    for (const kind of Object.keys(RATES) as Chance[]) {
      if (dice.chance(0.5)) this.#rates.set(kind, RATES[kind] * roughness)
    }
  }

  /** Whether it happens now. */
  strikes(kind: Chance): boolean {
    const rate = this.#rates.get(kind)
    if (!this.on || rate === undefined || rate === 0 || !this.#dice.chance(rate)) return false
    this.note(kind)
    return true
  }

  note(kind: FaultKind): void {
    this.fired.set(kind, (this.fired.get(kind) ?? 0) + 1)
  }
}
