import type { EventContext, Receiver } from 'rhea'
import type { Clock } from '../kernel/clock.ts'
import { creditOf } from '../drivers/amqp/rhea.ts'
import type { Incoming } from '../drivers/amqp/rhea.ts'
import { accepted } from '../drivers/amqp/settle-queue.ts'
import type { SettleQueue } from '../drivers/amqp/settle-queue.ts'
import { acceptedWithin, transactionOf } from './coordinator.ts'
import type { BrokerQueue } from './queue.ts'
import { arrivalOf } from './record.ts'
import type { Arrival } from './record.ts'
import { refusals, storeRefusal } from './refusal.ts'
import type { Refusal } from './refusal.ts'
import type { Transaction } from './transactions.ts'

/** Messages a producer may have under way; topped up at half. */
const CREDIT = 500

export interface InletParts {
  readonly link: Receiver
  /** The queue of the link, or of the message on a link without one. */
  readonly queueFor: (arrival: Arrival) => BrokerQueue | Refusal
  readonly settlements: SettleQueue
  /** An open one, by its id. */
  readonly transaction: (id: Buffer) => Transaction | undefined
  readonly clock: Clock
  readonly maxMessageSize: number
}

/** A producer's link: a message is accepted once the journal holds it, and not before (P1). */
export class Inlet {
  readonly #parts: InletParts
  #underway = 0
  #over = false

  constructor(parts: InletParts) {
    this.#parts = parts
    parts.link.on('message', ({ message, delivery }: EventContext) =>
      this.#came(message as unknown as Buffer, delivery as Incoming),
    )
    parts.link.add_credit(CREDIT)
  }

  end(): void {
    this.#over = true
  }

  #came(message: Buffer, delivery: Incoming): void {
    const { clock, maxMessageSize, queueFor } = this.#parts
    this.#underway++
    const id = transactionOf(delivery)
    const transaction = id && this.#parts.transaction(id)
    if (id && !transaction) return this.#refuse(delivery, refusals.transactionUnknown)
    const refuse = (why: Refusal): void => {
      transaction?.spoil(why)
      this.#refuse(delivery, why)
    }
    if (delivery.tooLong || message.length > maxMessageSize) return refuse(refusals.tooLong(maxMessageSize))
    let arrival: Arrival
    try {
      arrival = arrivalOf(message, clock.now())
    } catch (thrown) {
      return refuse(storeRefusal(thrown))
    }
    const queue = queueFor(arrival)
    if ('condition' in queue) return refuse(queue)
    if (transaction) return this.#enlist(delivery, transaction, queue, arrival)
    queue.put(arrival, failure => {
      if (failure === null) this.#settle(delivery, null)
      else this.#refuse(delivery, storeRefusal(failure))
    })
  }

  /** Kept when the transaction is; until then the sender knows only that it is part of it. */
  #enlist(delivery: Incoming, transaction: Transaction, queue: BrokerQueue, arrival: Arrival): void {
    const refusal = transaction.put(queue, arrival)
    if (refusal) return this.#refuse(delivery, refusal)
    this.#answer(delivery, { kind: 'state', state: acceptedWithin(transaction) })
  }

  #refuse(delivery: Incoming, refusal: Refusal): void {
    this.#settle(delivery, refusal)
  }

  #settle(delivery: Incoming, refusal: Refusal | null): void {
    this.#answer(delivery, refusal ? { kind: 'rejected', ...refusal } : accepted)
  }

  #answer(delivery: Incoming, settlement: Parameters<SettleQueue['settle']>[1]): void {
    this.#underway--
    if (this.#over) return
    this.#parts.settlements.settle(delivery, settlement, () => {})
    const given = creditOf(this.#parts.link) + this.#underway
    if (given < CREDIT / 2) this.#parts.link.add_credit(CREDIT - given)
  }
}
