import { Overrun } from '../../kernel/deadline.ts'
import { IntegrationError } from '../../kernel/errors.ts'

/** An evaluation came to one of its limits: unlike a value that is missing, nobody may go on as if it were empty. */
export class GivenUp extends IntegrationError {}

/** A count of steps was spent, or a regular expression did not end in time. */
export function isGivenUp(thrown: unknown): boolean {
  return thrown instanceof GivenUp || (thrown instanceof IntegrationError && thrown.cause instanceof Overrun)
}

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

  get left(): number {
    return this.#left
  }

  spend(steps: number): void {
    this.#left -= steps
    if (this.#left < 0) throw this.#exhausted(this.#limit)
  }
}

function expressionGivenUp(limit: number): IntegrationError {
  return new GivenUp(
    'EXPRESSION_FAILED',
    `the expression was given up after looking at ${limit} nodes; name the elements on the way instead of using //`,
  )
}
