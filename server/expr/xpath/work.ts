import { IntegrationError } from '../../kernel/errors.ts'

/** What an evaluation may still do: nodes visited, texts read. An expression must not stall the whole server. */
export class Work {
  readonly #limit: number
  readonly #exhausted: (limit: number) => IntegrationError
  #left: number

  /** `exhausted` makes the fault for whoever asks for more. */
  constructor(limit: number, exhausted: (limit: number) => IntegrationError = expressionGivenUp) {
    this.#limit = limit
    this.#exhausted = exhausted
    this.#left = limit
  }

  spend(steps: number): void {
    this.#left -= steps
    if (this.#left < 0) throw this.#exhausted(this.#limit)
  }
}

function expressionGivenUp(limit: number): IntegrationError {
  return new IntegrationError(
    'EXPRESSION_FAILED',
    `the expression was given up after looking at ${limit} nodes; name the elements on the way instead of using //`,
  )
}
