import { IntegrationError } from '../../kernel/errors.ts'
import { Work } from '../xpath/work.ts'

/** What one transformation may use: a stylesheet from an artifact must not stall or exhaust the server. */
export interface Limits {
  /** Nodes looked at and instructions run, together. */
  readonly steps: number
  /** Nodes made, those of variables included. */
  readonly nodes: number
  /** Characters of text made. */
  readonly characters: number
  /** Templates inside one another; the call stack may end before. */
  readonly depth: number
}

export const DEFAULT_LIMITS: Limits = { steps: 20_000_000, nodes: 2_000_000, characters: 50_000_000, depth: 1500 }

/** Counts what a transformation uses. */
export class Budget {
  readonly limits: Limits
  readonly work: Work
  #nodes: number
  #characters: number

  constructor(limits: Limits) {
    this.limits = limits
    this.work = new Work(limits.steps, limit =>
      spent(
        `it was given up after ${limit} steps; look for a template that calls itself without end, or for // in a loop`,
      ),
    )
    this.#nodes = limits.nodes
    this.#characters = limits.characters
  }

  spendNode(): void {
    if (--this.#nodes < 0) throw spent(`it made more than ${this.limits.nodes} nodes; look for an endless loop`)
  }

  spendText(length: number): void {
    this.#characters -= length
    if (this.#characters < 0)
      throw spent(`it made more than ${this.limits.characters} characters of text; look for an endless loop`)
  }
}

function spent(reason: string): IntegrationError {
  return new IntegrationError('TRANSFORM_FAILED', reason)
}
