import type { Timer } from '../../kernel/clock.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import type { JmsMessage, Outgoing, SendingParts } from '../jms/contracts.ts'
import { Lost } from '../jms/lost.ts'
import { BrokerException } from './channel.ts'
import type { Destination } from './commands.ts'
import type { OpenWireLive } from './live.ts'
import { destinationOf } from './message.ts'
import type { Producers, Shipment } from './producers.ts'

/** A way into a destination: every message awaited, many under way. */
export class OpenWireOutgoing implements Outgoing {
  readonly live: OpenWireLive
  readonly #parts: SendingParts
  readonly #producers: Producers
  readonly #destination: Destination
  readonly #pending = new Map<Shipment, { timer: Timer }>()
  #over: IntegrationError | null = null
  readonly #forget: () => void

  constructor(live: OpenWireLive, producers: Producers, parts: SendingParts) {
    this.live = live
    this.#producers = producers
    this.#parts = parts
    this.#destination = destinationOf(parts.destination)
    this.#forget = live.onGone(why => {
      this.#over = why
    })
  }

  get over(): boolean {
    return this.#over !== null
  }

  send(message: JmsMessage, confirmMs: number, creditMs: number): Promise<void> {
    const { duplicateId } = message
    return new Promise((resolve, reject) => {
      if (this.#over) return reject(this.#over)
      const shipment: Shipment = {
        message,
        destination: this.#destination,
        key: duplicateId === undefined ? undefined : `${duplicateId} ${this.#destination.physicalName}`,
        kept: message.kept === true,
        done: outcome => {
          this.#pending.get(shipment)?.timer.cancel()
          this.#pending.delete(shipment)
          if (outcome.kind === 'confirmed') {
            this.#parts.fullness(false)
            resolve()
          } else reject(outcome.kind === 'lost' ? new Lost(outcome.why, outcome.sent) : this.#refused(outcome.why))
        },
      }
      const timer = this.#parts.clock.after(confirmMs, () => this.#late(shipment, creditMs - confirmMs))
      this.#pending.set(shipment, { timer })
      this.#producers.ship(shipment)
    })
  }

  close(): void {
    if (this.#over) return
    const why = this.#failure('the store is closing')
    this.#over = why
    this.#forget()
    for (const shipment of this.#pending.keys())
      shipment.done({ kind: 'lost', why, sent: !this.#producers.withdraw(shipment) })
  }

  #late(shipment: Shipment, creditMs: number): void {
    const pending = this.#pending.get(shipment)
    if (!pending) return
    const why = this.#failure('it did not confirm the message in time')
    // Whoever comes next must not wait for an answer that may be lost with all others on this connection.
    if (!this.#producers.isWaiting(shipment)) return this.#producers.abandon(why)
    if (creditMs > 0) {
      pending.timer = this.#parts.clock.after(creditMs, () => this.#late(shipment, 0))
      return
    }
    this.#producers.withdraw(shipment)
    const full = 'it takes no messages at the moment: earlier ones are not confirmed'
    this.#parts.fullness(true, full)
    shipment.done({ kind: 'refused', why: this.#failure(full) })
  }

  #refused(why: IntegrationError): IntegrationError {
    if (why instanceof BrokerException && why.is('ResourceAllocation')) this.#parts.fullness(true, why.message)
    return why
  }

  #failure(why: string): IntegrationError {
    const { host, port } = this.live.host
    return new IntegrationError(
      'STORE_UNAVAILABLE',
      `the broker at ${host}:${port} did not take a message for queue ${this.#destination.physicalName}: ${why}`,
    )
  }
}
