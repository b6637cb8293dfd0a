import { randomBytes } from 'node:crypto'
import type { BrokerQueue, Loan } from './queue.ts'
import type { Arrival } from './record.ts'
import { refusals, storeRefusal } from './refusal.ts'
import type { Refusal } from './refusal.ts'

/** Who keeps a transaction's work as one: everything, or nothing. */
export interface Together {
  commit(puts: readonly Enlisted[], removals: readonly Loan[]): Promise<void>
}

/** A message that is put when the transaction is committed. */
export interface Enlisted {
  readonly queue: BrokerQueue
  readonly arrival: Arrival
}

/** What a consumer said of a message inside a transaction; it takes effect with it. */
export type EnlistedOutcome =
  | { readonly kind: 'accepted' | 'released' | 'failed' }
  | { readonly kind: 'rejected'; readonly reason: string }

interface Settling {
  readonly loan: Loan
  readonly outcome: EnlistedOutcome
  /** Called at the end of the transaction, whichever it is. */
  readonly done: () => void
}

/** Open at once on one connection: more is a client that forgets to end them. */
const MOST_OPEN = 1000
/** Bytes of one transaction that wait in memory for its end. */
const LARGEST = 64 * 1024 * 1024

/** One local transaction (OASIS AMQP 1.0, part 4): its work waits here until it is discharged. */
export class Transaction {
  readonly id: Buffer
  readonly #puts: Enlisted[] = []
  readonly #settlings: Settling[] = []
  #size = 0
  /** Why it can only be rolled back. */
  #spoilt: Refusal | null = null

  constructor(id: Buffer) {
    this.id = id
  }

  /** Null, or why the message cannot be part of it; the transaction can then only be rolled back. */
  put(queue: BrokerQueue, arrival: Arrival): Refusal | null {
    for (const chunk of arrival.chunks) this.#size += chunk.length
    if (this.#size > LARGEST) this.#spoilt ??= refusals.transactionTooLarge(LARGEST)
    else this.#puts.push({ queue, arrival })
    return this.#spoilt
  }

  /** A message of it was refused. */
  spoil(why: Refusal): void {
    this.#spoilt ??= why
  }

  settle(loan: Loan, outcome: EnlistedOutcome, done: () => void): void {
    // Nobody else may settle it meanwhile, the end of its link included.
    if (loan.claim()) this.#settlings.push({ loan, outcome, done })
    else this.#spoilt ??= refusals.deliveryGone
  }

  /** Null once everything is kept; else why nothing is. */
  async commit(together: Together): Promise<Refusal | null> {
    if (this.#spoilt) {
      this.rollBack(true)
      return { ...this.#spoilt, condition: 'amqp:transaction:rollback' }
    }
    const accepted = this.#settlings.filter(({ outcome }) => outcome.kind === 'accepted')
    try {
      await together.commit(
        this.#puts,
        accepted.map(({ loan }) => loan),
      )
    } catch (thrown) {
      this.rollBack(true)
      return { ...storeRefusal(thrown), condition: 'amqp:transaction:rollback' }
    }
    for (const { loan, outcome, done } of this.#settlings) {
      if (outcome.kind === 'released') loan.giveBack()
      else if (outcome.kind === 'failed') loan.giveBackFailed()
      else if (outcome.kind === 'rejected') void loan.buryClaimed(outcome.reason)
      done()
    }
    return null
  }

  /** `counted`: whoever had the messages has tried. */
  rollBack(counted: boolean): void {
    for (const { loan, done } of this.#settlings.splice(0)) {
      if (counted) loan.giveBackFailed()
      else loan.giveBack()
      done()
    }
    this.#puts.length = 0
  }
}

/** The open transactions of one connection, by the coordinator link that declared them. */
export class Transactions {
  readonly #together: Together
  readonly #open = new Map<string, { readonly transaction: Transaction; readonly coordinator: object }>()

  constructor(together: Together) {
    this.#together = together
  }

  declare(coordinator: object): Transaction | Refusal {
    if (this.#open.size >= MOST_OPEN) return refusals.tooManyTransactions(MOST_OPEN)
    const transaction = new Transaction(randomBytes(8))
    this.#open.set(transaction.id.toString('hex'), { transaction, coordinator })
    return transaction
  }

  find(id: Buffer): Transaction | undefined {
    return this.#open.get(id.toString('hex'))?.transaction
  }

  /** Null: what was asked for has happened. */
  async discharge(id: Buffer, fail: boolean): Promise<Refusal | null> {
    const transaction = this.find(id)
    if (!transaction) return refusals.transactionUnknown
    this.#open.delete(id.toString('hex'))
    if (!fail) return transaction.commit(this.#together)
    transaction.rollBack(true)
    return null
  }

  /** The control link is gone, and with it everything it had declared and not discharged. */
  abandon(coordinator: object, counted: boolean): void {
    for (const [key, open] of this.#open) {
      if (open.coordinator !== coordinator) continue
      this.#open.delete(key)
      open.transaction.rollBack(counted)
    }
  }
}
