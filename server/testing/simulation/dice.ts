import { randomFrom } from '../journal-model.ts'

/** The one source of chance of a simulation: the same seed throws the same numbers on every machine. */
export class Dice {
  readonly #next: () => number

  constructor(seed: number) {
    this.#next = randomFrom(seed)
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.#next() < probability
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.#next() * limit)
  }

  /** A whole number, both ends included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }
}
