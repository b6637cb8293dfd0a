import {
  accepted,
  JmsWork,
  released,
  type Incoming,
  type JmsDestination,
  type Live,
  type Received,
  type Session,
} from '../../drivers/jms/index.ts'
import { asIntegrationError, IntegrationError, textOf } from '../../kernel/errors.ts'
import { deadLetter, FlowRun, identityOf, quarantine, type DeliveryParts, type Verdict } from './delivery.ts'
import { delayAfter, isExhausted, type FailureLedger, type RedeliveryPolicy } from './redelivery.ts'

export interface ConsumerRules {
  readonly from: JmsDestination
  readonly selector: string | undefined
  readonly transacted: boolean
  readonly prefetch: number
  readonly redelivery: RedeliveryPolicy
  readonly deadLetter: string | undefined
}

export interface ConsumerParts extends DeliveryParts {
  readonly consumer: ConsumerRules
  readonly failures: FailureLedger
  /** Where what cannot be read is kept. */
  readonly quarantineName: string
}

/** Of answers to commit and rollback. */
const ANSWER_DEADLINE = 10_000

/**
 * One consumer of a queue: one message at a time, in a session of its own where that is transacted. A message is
 * acknowledged when its flow has come to its end, and in one step with what the flow has sent there (IP-1).
 */
export class QueueConsumer {
  readonly #parts: ConsumerParts
  #live: Live | null = null
  #session: Session | null = null
  /** In the session, with one message after the other. */
  #work: JmsWork | null = null
  #incoming: Incoming | null = null

  constructor(parts: ConsumerParts) {
    this.#parts = parts
  }

  get isOpen(): boolean {
    return this.#incoming !== null && this.#incoming.over === null && this.#live?.gone === null
  }

  /** Rejects while the broker cannot be used. */
  async open(): Promise<void> {
    if (this.isOpen) return
    await this.close()
    const { place, services, consumer } = this.#parts
    const { clock } = services
    const live = await place.connection.open(place.deadlineMs)
    const receiving = {
      from: consumer.from,
      clock,
      window: consumer.prefetch,
      ...(consumer.selector !== undefined && { selector: consumer.selector }),
    } as const
    // A durable subscription is read by who it belongs to, and that is a session.
    const inSession = consumer.transacted || consumer.from.subscription !== undefined
    this.#session = inSession ? await live.openSession({ clock, deadlineMs: ANSWER_DEADLINE }) : null
    this.#work = this.#session && new JmsWork(this.#session, { clock, deadlineMs: place.deadlineMs, lent: true })
    this.#incoming = (this.#session ?? live).openReceiver(receiving)
    this.#live = live
    await this.#incoming.destination()
  }

  take(waitMs: number, signal: AbortSignal): Promise<Received | null> {
    return this.#incoming!.take(waitMs, signal)
  }

  /** Lets go of the queue: what is on loan, or done and not committed, goes back. */
  async close(): Promise<void> {
    const [session, incoming] = [this.#session, this.#incoming]
    this.#session = null
    this.#work = null
    this.#incoming = null
    this.#live = null
    try {
      await incoming?.close()
      await session?.close()
    } catch (thrown) {
      this.#parts.log.debug('a consumer did not close cleanly; the broker takes its messages back', {
        reason: textOf(thrown),
      })
    }
  }

  /** Handles a message to its end. Resolves with why it was rolled back, or null. Rejects when the broker fails. */
  async handle(received: Received, stopping: AbortSignal): Promise<Verdict> {
    const { services, log, failures, rules } = this.#parts
    const given = received.message
    const id = identityOf(given)
    if (given.expiration !== undefined && given.expiration > 0 && given.expiration <= services.clock.now()) {
      log.debug(`${rules.called}: a message had expired and is left out`, { messageId: id })
      await this.#done(received)
      return null
    }
    for (;;) {
      const before = id === undefined ? undefined : failures.of(id)
      if (before?.next === 'drop') return await this.#wasDone(received, id!)
      if (before?.next === 'bury') return await this.#bury(received, before.reason)
      const wait = (before?.notBefore ?? 0) - services.clock.now()
      if (wait > 0) await services.clock.sleep(wait, stopping)
      if (stopping.aborted) {
        await this.#giveBack(received)
        return null
      }
      const attempt = Math.max(before?.count ?? 0, given.deliveryCount ?? 0) + 1
      const verdict = await this.#run(received, attempt, stopping)
      if (verdict === null) return null
      this.#throwIfGone(received)
      const again = await this.#failed(received, verdict, before?.count ?? countOf(given, id), stopping)
      if (!again) return verdict
    }
  }

  /** What fails because the broker has gone is no failure of the message: it comes again, uncounted. */
  #throwIfGone(received: Received): void {
    const gone = this.#session?.gone ?? this.#live?.gone ?? received.lost
    if (gone) throw gone
  }

  async #run(received: Received, attempt: number, stopping: AbortSignal): Promise<Verdict> {
    const { services, quarantineName, log, rules, consumer } = this.#parts
    const run = new FlowRun(this.#parts, received.message, consumer.transacted ? this.#work : null)
    try {
      const verdict = await run.run(attempt, stopping)
      run.close()
      if (verdict !== null) return verdict
    } catch (thrown) {
      run.close()
      const { code } = asIntegrationError(thrown)
      if (code !== 'MESSAGE_UNREADABLE') throw thrown
      await quarantine(received.message, quarantineName, thrown, services)
      log.warn(`${rules.called}: a message cannot be read and was put aside`, { reason: textOf(thrown) })
    }
    return this.#commit(received)
  }

  /** Null when it is done. A commit that the broker refused is a failure of the message; one without an answer is not. */
  async #commit(received: Received): Promise<Verdict> {
    const { failures, services, log, rules } = this.#parts
    const id = identityOf(received.message)
    try {
      await this.#done(received)
    } catch (thrown) {
      const failure = asIntegrationError(thrown)
      if (failure.code !== 'TRANSACTION_FAILED') throw thrown
      // The broker has seen what this flow sends before: all of it is there (messaging-peers §7.1).
      if (/duplicate message detected/i.test(failure.message) && id !== undefined) {
        await failures.note(id, { count: 0, notBefore: 0, reason: failure.message, next: 'drop' }, services.clock.now())
        return null
      }
      return failure.message
    }
    if (id !== undefined) {
      await failures
        .forget(id, services.clock.now())
        .catch((thrown: unknown) =>
          log.debug(`${rules.called}: failures could not be forgotten`, { reason: textOf(thrown) }),
        )
    }
    return null
  }

  /** Everything of the flow, and the acknowledgement, which is the last thing before the commit. */
  async #done(received: Received): Promise<void> {
    await received.settle(accepted)
    await this.#session?.commit()
  }

  /** True: the message is still in hand and is tried again here. False: it comes again, or nevermore. */
  async #failed(received: Received, reason: string, countedBefore: number, stopping: AbortSignal): Promise<boolean> {
    const { services, failures, consumer, log, rules } = this.#parts
    const id = identityOf(received.message)
    const now = services.clock.now()
    const count = countedBefore + 1
    if (isExhausted(count, consumer.redelivery)) {
      log.error(`${rules.called}: a message is not delivered again after ${count} failure(s)`, {
        messageId: id,
        reason,
      })
      await this.#lastRites(received, reason, count)
      return false
    }
    const delay = delayAfter(count, consumer.redelivery)
    log.warn(`${rules.called}: the flow of a message failed and is rolled back`, {
      messageId: id,
      reason,
      failures: count,
      nextTry: new Date(now + delay).toISOString(),
    })
    if (id !== undefined) await failures.note(id, { count, notBefore: now + delay, reason }, now)
    // Nothing would recognise it when it comes again.
    else await services.clock.sleep(delay, stopping)
    if (this.#session) {
      await this.#rollback()
      return false
    }
    if (received.lost !== null) return false
    if (id === undefined) await received.settle({ kind: 'modified', deliveryFailed: true, undeliverableHere: false })
    return id !== undefined
  }

  /** To the dead letters: to a queue that is named, in one step with the acknowledgement; else as the broker does it. */
  async #lastRites(received: Received, reason: string, count: number): Promise<void> {
    const { consumer, failures, services } = this.#parts
    const id = identityOf(received.message)
    if (consumer.deadLetter !== undefined && this.#session && id !== undefined) {
      await failures.note(id, { count, notBefore: 0, reason, next: 'bury' }, services.clock.now())
      await this.#rollback()
      return
    }
    if (consumer.deadLetter !== undefined) {
      if (this.#session) await this.#rollback()
      else await this.#bury(received, reason)
      return
    }
    await received.settle({ kind: 'rejected', condition: 'holdfast:flow-failed', description: reason })
    if (this.#session) await this.#rollback()
    if (id !== undefined) await failures.forget(id, services.clock.now())
  }

  async #bury(received: Received, reason: string): Promise<Verdict> {
    const { consumer, place, services, failures } = this.#parts
    const letter = deadLetter(received.message, consumer.from.name, reason)
    const destination = { kind: 'queue', name: consumer.deadLetter! } as const
    await (this.#work ? this.#work.send(destination, letter) : place.put(destination, letter))
    await this.#done(received)
    const id = identityOf(received.message)
    if (id !== undefined) await failures.forget(id, services.clock.now())
    return null
  }

  async #wasDone(received: Received, id: string): Promise<Verdict> {
    const { log, rules, failures, services } = this.#parts
    log.info(`${rules.called}: everything this message leads to was done before; it is acknowledged`, { messageId: id })
    await this.#done(received)
    await failures.forget(id, services.clock.now())
    return null
  }

  async #rollback(): Promise<void> {
    try {
      await this.#session!.rollback()
    } catch (thrown) {
      // The broker rolls back what it hears nothing more of.
      await this.close()
      throw new IntegrationError('STORE_UNAVAILABLE', `a rollback was not answered: ${textOf(thrown)}`, {
        cause: thrown,
      })
    }
  }

  /** Uncounted: it was not the message's fault. */
  async #giveBack(received: Received): Promise<void> {
    if (this.#session) return this.close()
    if (received.lost === null) await received.settle(released)
  }
}

/** Of a message without a name only the broker can count the deliveries. */
function countOf({ deliveryCount = 0 }: Received['message'], id: string | undefined): number {
  return id === undefined ? deliveryCount : 0
}
