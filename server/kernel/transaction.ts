import { asIntegrationError, IntegrationError } from './errors.ts'

/** Who makes work take effect together: one broker for one user, one database. */
export interface ResourceManager {
  /** The same for the same. */
  readonly key: string
  /** For people. */
  readonly label: string
  /** Its work is a transaction of its own and can be part of no other. */
  readonly alone?: true
}

/** What was done at a resource manager and waits for its end. */
export interface TransactionWork {
  commit(): Promise<void>
  rollback(): Promise<void>
  /** Lets go of what it holds; what is still open is rolled back. */
  close(): Promise<void>
}

/** What to do where one transaction cannot do: said by everything that refuses to mix managers. */
export const OUTBOX =
  'Do everything at one of them, and let it be the outbox: <store> the message for the other one in a message store at the same broker, and let a message processor forward it. With OUT_ONLY before <store> it waits for no reply, which a queue gives none of'

/**
 * Work of one flow that takes effect together or not at all, at one resource manager: the first one that takes part. Two
 * would need a coordinator with a log of its own, and a crash between their commits would leave half (IP-10).
 */
export class Transaction {
  /** `inbound endpoint orders`, or where a mediator began it. */
  readonly owner: string
  /** Work at another manager is refused; otherwise it is done outside, at once. */
  readonly strict: boolean
  #manager: ResourceManager | null = null
  #work: Promise<TransactionWork> | null = null
  #rollbackOnly: string | null = null
  #ended = false

  constructor(owner: string, { strict }: { strict: boolean }) {
    this.owner = owner
    this.strict = strict
  }

  get manager(): ResourceManager | null {
    return this.#manager
  }

  /** Why it can only be rolled back. */
  get rollbackOnly(): string | null {
    return this.#rollbackOnly
  }

  get ended(): boolean {
    return this.#ended
  }

  /** True if work at this manager belongs to it, were it only to be refused. */
  concerns({ key }: ResourceManager): boolean {
    return this.strict || this.#manager === null || this.#manager.key === key
  }

  /** The work at this manager, begun if it is the first. The type is the manager's: the same key, the same type. */
  async enlist<W extends TransactionWork>(manager: ResourceManager, begin: () => Promise<W>): Promise<W> {
    if (this.#ended) {
      throw new IntegrationError(
        'TRANSACTION_FAILED',
        `the transaction of ${this.owner} is over${this.#rollbackOnly === null ? '' : `: ${this.#rollbackOnly}`}`,
      )
    }
    if (this.#manager !== null && this.#manager.key !== manager.key) {
      throw new IntegrationError(
        'TRANSACTION_FAILED',
        `the transaction of ${this.owner} is at ${this.#manager.label}, and ${manager.label} cannot be part of it. ${OUTBOX}`,
      )
    }
    this.#manager = manager
    this.#work ??= begin()
    try {
      return (await this.#work) as W
    } catch (thrown) {
      this.#rollbackOnly ??= asIntegrationError(thrown).message
      throw thrown
    }
  }

  /** From now on it can only be rolled back. */
  spoil(why: string): void {
    this.#rollbackOnly ??= why
  }

  /** Resolves when everything holds. Rejects when nothing does, or as `ambiguous` where nobody knows. */
  async commit(): Promise<void> {
    const work = await this.#end()
    if (this.#rollbackOnly !== null) {
      await work?.rollback()
      throw new IntegrationError('TRANSACTION_FAILED', `the transaction was rolled back: ${this.#rollbackOnly}`)
    }
    await work?.commit()
  }

  async rollback(why: string): Promise<void> {
    this.spoil(why)
    const work = await this.#end()
    await work?.rollback()
  }

  async #end(): Promise<TransactionWork | null> {
    this.#ended = true
    // What could not begin has nothing to end.
    return this.#work === null ? null : this.#work.catch(() => null)
  }

  /** Nothing more takes part: who has lent the work ends it. */
  close(): void {
    this.#ended = true
  }

  /** Lets go of the work; called once by whoever began it, after the end. */
  async release(): Promise<void> {
    const work = await this.#end()
    await work?.close()
  }
}
