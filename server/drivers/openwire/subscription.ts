import type { Clock } from '../../kernel/clock.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import type { JmsDestination } from '../jms/contracts.ts'
import { unusable } from '../jms/socket.ts'
import type { Channel } from './channel.ts'
import type { Destination, Message, Structure } from './commands.ts'
import { destinationOf } from './message.ts'

const STANDARD = 2
const POISON = 1
const INDIVIDUAL = 4

/** For `RemoveInfo`: nothing that was dispatched counts as delivered. */
const NONE_DELIVERED = -1

/** How long the broker may take to let go of a consumer. Where silence is no fault, nothing else would end the wait. */
const CLOSE_DEADLINE = 10_000

/** A pull that is answered at once. */
const AT_ONCE = -1

export interface SubscriptionParts {
  readonly channel: Channel
  readonly clock: Clock
  readonly session: number
  readonly from: JmsDestination
  readonly selector: string | undefined
  readonly browse: boolean
  /** 0: every message is asked for. */
  readonly prefetch: number
  /** Null: there is nothing, or no more to look at. */
  readonly came: (message: Message | null, redeliveries: number) => void
  /** By the broker, or with its connection. */
  readonly ended: (why: IntegrationError) => void
}

/** A consumer at the broker while it is there: what came over it is acknowledged over it, and nowhere else. */
export class Subscription {
  readonly #parts: SubscriptionParts
  readonly #consumerId: Structure<'ConsumerId'>
  readonly #destination: Destination
  #forget: () => void = () => {}
  /** Resolves when the broker has it. */
  readonly opened: Promise<void>
  #over: IntegrationError | null = null
  #isOpen = false

  constructor(parts: SubscriptionParts) {
    this.#parts = parts
    const { channel, session, from, selector, browse, prefetch } = parts
    const value = channel.newId()
    this.#consumerId = { name: 'ConsumerId', connectionId: channel.connectionId, sessionId: session, value }
    this.#destination = destinationOf(from)
    channel.listen(value, dispatch => {
      if (dispatch) parts.came(dispatch.message, dispatch.redeliveryCounter)
      else this.#end(this.#failure('the broker ended it'))
    })
    const options = optionsOf(from.name)
    this.opened = channel.ask({
      name: 'ConsumerInfo',
      consumerId: this.#consumerId,
      destination: this.#destination,
      browser: browse,
      prefetchSize: prefetch,
      dispatchAsync: true,
      selector: selector ?? options.get('consumer.selector') ?? null,
      ...(from.subscription !== undefined && { subscriptionName: from.subscription }),
      exclusive: options.get('consumer.exclusive') === 'true',
      priority: Number(options.get('consumer.priority') ?? 0),
    })
    this.opened.then(
      () => (this.#isOpen = true),
      (why: IntegrationError) => this.#end(channel.gone ?? this.#refusal(why)),
    )
    this.#forget = channel.onGone(why => this.#end(why))
  }

  get over(): IntegrationError | null {
    return this.#over
  }

  /** Asks for one message. Without `waitMs` the broker answers at once, and else with nothing when they are over. */
  pull(waitMs: number): void {
    if (this.#over) return
    // To ask a consumer that was refused would be a mistake that costs the whole connection; `ended` tells of the refusal.
    if (!this.#isOpen) return void this.opened.then(() => this.pull(waitMs)).catch(() => {})
    this.#parts.channel.tell({
      name: 'MessagePull',
      consumerId: this.#consumerId,
      destination: this.#destination,
      timeout: waitMs === 0 ? AT_ONCE : waitMs,
    })
  }

  accept(id: Structure<'MessageId'>, transactionId: Structure<'LocalTransactionId'> | null): void {
    this.#acknowledge(id, this.#parts.browse ? STANDARD : INDIVIDUAL, transactionId)
  }

  /** To the dead-letter queue, with the reason. */
  poison(id: Structure<'MessageId'>, reason: string): void {
    this.#acknowledge(id, POISON, null, { className: 'java.lang.Throwable', message: reason.slice(0, 8000) })
  }

  /**
   * Resolves when the broker has taken it away: all that is not acknowledged is for everybody again, counted as
   * delivered up to `lastDelivered`, the broker's number of a message.
   */
  async close(why: string, lastDelivered = NONE_DELIVERED): Promise<void> {
    if (this.#over) return
    const { channel, clock } = this.#parts
    this.#over = this.#failure(why)
    this.#forget()
    channel.forget(this.#consumerId.value)
    const timer = clock.after(CLOSE_DEADLINE, () =>
      channel.lose(unusable(channel.place, `it did not let go of a consumer within ${CLOSE_DEADLINE} ms`)),
    )
    await channel
      .ask({ name: 'RemoveInfo', objectId: this.#consumerId, lastDeliveredSequenceId: lastDelivered })
      // With its connection it is gone all the same.
      .catch(() => {})
    timer.cancel()
  }

  #acknowledge(
    id: Structure<'MessageId'>,
    ackType: number,
    transactionId: Structure<'LocalTransactionId'> | null,
    poisonCause: { className: string; message: string } | null = null,
  ): void {
    this.#parts.channel.tell({
      name: 'MessageAck',
      destination: this.#destination,
      transactionId,
      consumerId: this.#consumerId,
      ackType,
      firstMessageId: id,
      lastMessageId: id,
      messageCount: 1,
      poisonCause,
    })
  }

  #end(why: IntegrationError): void {
    if (this.#over) return
    this.#over = why
    this.#forget()
    this.#parts.channel.forget(this.#consumerId.value)
    this.#parts.ended(why)
  }

  get #place(): string {
    return `queue ${this.#destination.physicalName} at ${this.#parts.channel.place}`
  }

  #failure(why: string): IntegrationError {
    return new IntegrationError('STORE_UNAVAILABLE', `${this.#place} cannot be read: ${why}`)
  }

  #refusal(why: IntegrationError): IntegrationError {
    return new IntegrationError('BROKER_REFUSED', `${this.#place} cannot be read: ${why.message}`, { cause: why })
  }
}

/** Destination options of ActiveMQ: `orders?consumer.exclusive=true&consumer.priority=5`. */
function optionsOf(name: string): URLSearchParams {
  return new URLSearchParams(name.includes('?') ? name.slice(name.indexOf('?') + 1) : '')
}
