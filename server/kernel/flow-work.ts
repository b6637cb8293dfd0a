import type { Transaction } from './transaction.ts'

/**
 * What one flow and all its branches have in common, for those who must know when the last of them has come to its end:
 * who takes messages from a queue acknowledges only then (P1).
 */
export class FlowWork {
  /** What sends and stores take part in; null outside of every transaction. */
  transaction: Transaction | null = null
  /** Set aside by `<transaction action="suspend"/>`. */
  suspended: Transaction | null = null
  readonly #running = new Set<Promise<unknown>>()
  readonly #outer: FlowWork | null

  constructor(outer: FlowWork | null = null) {
    this.#outer = outer
  }

  /** For a branch: it has part in a transaction that is open; one that it begins itself is its own. */
  branch(): FlowWork {
    return this.transaction || this.suspended ? this : new FlowWork(this)
  }

  /** A branch goes on although its parent is done. */
  join(branch: Promise<unknown>): void {
    this.#outer?.join(branch)
    const settled = branch.catch(() => undefined).finally(() => this.#running.delete(settled))
    this.#running.add(settled)
  }

  /** Resolves when no branch runs any more, those included that branches have started. */
  async over(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }
}

/**
 * Names every send of a delivered message so that the same send after a redelivery has the same name: by the message, and
 * by its place in the order of sends. Branches count on their own, for they run in no order.
 */
export class DeliveryKeys {
  /** Deliveries of the message, this one included. */
  readonly attempt: number
  readonly #prefix: string
  #sends = 0
  #branches = 0

  constructor(prefix: string, attempt: number) {
    this.#prefix = prefix
    this.attempt = attempt
  }

  next(): string {
    return `${this.#prefix}.${++this.#sends}`
  }

  branch(): DeliveryKeys {
    return new DeliveryKeys(`${this.#prefix}-${++this.#branches}`, this.attempt)
  }
}
