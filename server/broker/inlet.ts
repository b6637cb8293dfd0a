import type { EventContext, Receiver } from 'rhea'
import type { Clock } from '../kernel/clock.ts'
import { creditOf } from '../drivers/amqp/rhea.ts'
import type { Incoming } from '../drivers/amqp/rhea.ts'
import { accepted } from '../drivers/amqp/settle-queue.ts'
import type { SettleQueue } from '../drivers/amqp/settle-queue.ts'
import type { BrokerQueue } from './queue.ts'
import { arrivalOf } from './record.ts'
import type { Arrival } from './record.ts'
import { refusals, storeRefusal } from './refusal.ts'
import type { Refusal } from './refusal.ts'

/** Messages a producer may have under way; topped up at half. */
const CREDIT = 500

export interface InletParts {
  readonly link: Receiver
  /** The queue of the link, or of the message on a link without one. */
  readonly queueFor: (arrival: Arrival) => BrokerQueue | Refusal
  readonly settlements: SettleQueue
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
    if (delivery.tooLong || message.length > maxMessageSize)
      return this.#refuse(delivery, refusals.tooLong(maxMessageSize))
    let arrival: Arrival
    try {
      arrival = arrivalOf(message, clock.now())
    } catch (thrown) {
      return this.#refuse(delivery, storeRefusal(thrown))
    }
    const queue = queueFor(arrival)
    if ('condition' in queue) return this.#refuse(delivery, queue)
    queue.put(arrival, failure => {
      if (failure === null) this.#settle(delivery, null)
      else this.#refuse(delivery, storeRefusal(failure))
    })
  }

  #refuse(delivery: Incoming, refusal: Refusal): void {
    this.#settle(delivery, refusal)
  }

  #settle(delivery: Incoming, refusal: Refusal | null): void {
    this.#underway--
    if (this.#over) return
    this.#parts.settlements.settle(delivery, refusal ? { kind: 'rejected', ...refusal } : accepted, () => {})
    const given = creditOf(this.#parts.link) + this.#underway
    if (given < CREDIT / 2) this.#parts.link.add_credit(CREDIT - given)
  }
}
