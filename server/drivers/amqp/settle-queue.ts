import type { Delivery } from 'rhea'
import type { Settlement } from '../jms/settlement.ts'

export { accepted } from '../jms/settlement.ts'

/** An outcome in the form rhea holds it, such as one that belongs to a transaction. */
export interface RawSettlement {
  readonly kind: 'state'
  readonly state: unknown
}

interface Waiting {
  readonly delivery: Delivery
  readonly settlement: Settlement | RawSettlement
  readonly done: () => void
}

/**
 * Settles deliveries of one session, one a turn, except that equal `accepted`s share a turn. rhea 3.0.5 writes two
 * neighbouring deliveries settled in the same turn as one range with the outcome of the first, so that a reject after
 * an accept would reach the peer as an accept (messaging-peers §6.3).
 */
export class SettleQueue {
  #turn: (Settlement | RawSettlement)['kind'] | null = null
  #waiting: Waiting[] = []

  /** `done` is called when the settlement has been handed to the connection. */
  settle(delivery: Delivery, settlement: Settlement | RawSettlement, done: () => void): void {
    if (this.#waiting.length === 0 && this.#fits(settlement)) return this.#apply(delivery, settlement, done)
    this.#waiting.push({ delivery, settlement, done })
  }

  #fits({ kind }: Settlement | RawSettlement): boolean {
    return this.#turn === null || (this.#turn === 'accepted' && kind === 'accepted')
  }

  #apply(delivery: Delivery, settlement: Settlement | RawSettlement, done: () => void): void {
    if (this.#turn === null) setImmediate(this.#nextTurn)
    this.#turn = settlement.kind
    write(delivery, settlement)
    // rhea writes in process.nextTick; what runs after that can say that the frame is on its way.
    process.nextTick(done)
  }

  readonly #nextTurn = (): void => {
    this.#turn = null
    const waiting = this.#waiting
    let taken = 0
    while (taken < waiting.length && this.#fits(waiting[taken]!.settlement)) {
      const { delivery, settlement, done } = waiting[taken++]!
      this.#apply(delivery, settlement, done)
    }
    this.#waiting = taken === waiting.length ? [] : waiting.slice(taken)
  }
}

function write(delivery: Delivery, settlement: Settlement | RawSettlement): void {
  switch (settlement.kind) {
    case 'state':
      return delivery.update(true, settlement.state as never)
    case 'accepted':
      return delivery.accept()
    case 'released':
      return delivery.release()
    case 'modified':
      return delivery.modified({
        delivery_failed: settlement.deliveryFailed,
        undeliverable_here: settlement.undeliverableHere,
      })
    case 'rejected':
      return delivery.reject({ condition: settlement.condition, description: settlement.description })
  }
}
