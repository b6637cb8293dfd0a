import { IntegrationError } from '../../kernel/errors.ts'

/** What an evaluation may still do: nodes visited, texts read. An expression must not stall the whole server. */
export class Work {
  readonly #limit: number
  #left: number

  constructor(limit: number) {
    this.#limit = limit
    this.#left = limit
  }

  spend(steps: number): void {
    this.#left -= steps
    if (this.#left < 0) {
      throw new IntegrationError(
        'EXPRESSION_FAILED',
        `the expression was given up after looking at ${this.#limit} nodes; name the elements on the way instead of using //`,
      )
    }
  }
}
