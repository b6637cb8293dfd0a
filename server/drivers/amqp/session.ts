import { setImmediate as nextTurn } from 'node:timers/promises'
import { asIntegrationError, IntegrationError } from '../../kernel/errors.ts'
import type {
  Incoming,
  JmsDestination,
  JmsMessage,
  Outgoing,
  Received,
  ReceivingParts,
  SendingParts,
  Session,
  SessionParts,
} from '../jms/contracts.ts'
import { accepted, released } from '../jms/settlement.ts'
import type { Settlement } from '../jms/settlement.ts'
import { Coordinator } from './coordinator.ts'
import type { RheaLive } from './dial.ts'
import type { Place } from './place.ts'
import { ReceivingLink } from './receiver.ts'
import { closeOpened } from './rhea.ts'
import { SendingLink } from './sending-link.ts'
import { SettleQueue } from './settle-queue.ts'

const FAILED: Settlement = { kind: 'modified', deliveryFailed: true, undeliverableHere: false }

/** Where every link of a transaction is attached: one session, which the broker rolls back as a whole when it ends. */
class SharedPlace implements Place {
  readonly session: Place['session']
  readonly settlements = new SettleQueue()
  readonly leave = (link: Parameters<Place['leave']>[0]): void => closeOpened(link, () => {})
  readonly #coordinator: () => Coordinator

  constructor(session: Place['session'], coordinator: () => Coordinator) {
    this.session = session
    this.#coordinator = coordinator
  }

  readonly outcome: Place['outcome'] = settlement =>
    settlement.kind === 'accepted' ? { kind: 'state', state: this.#coordinator().acceptedState() } : settlement
}

/** Local transactions of AMQP 1.0 (messaging-peers §5). Everything of one is on one connection and one session. */
export class AmqpSession implements Session {
  readonly live: RheaLive
  readonly #parts: SessionParts
  readonly #place: SharedPlace
  readonly #coordinator: Coordinator
  readonly #forget: () => void
  /** Work that has begun and must be over before the transaction ends. */
  readonly #pending = new Set<Promise<unknown>>()
  /** Taken and not given back. What is accepted is told to the broker only at the commit, so that it can be given back, counted. */
  readonly #taken = new Set<Taken>()
  /** What went wrong in this transaction: it can no longer be committed. */
  #failure: IntegrationError | null = null
  #gone: IntegrationError | null = null

  private constructor(live: RheaLive, parts: SessionParts) {
    this.live = live
    this.#parts = parts
    const session = live.beginSession()
    session.setMaxListeners(0)
    const { host, port } = live.host
    this.#coordinator = new Coordinator(session, parts.clock, `${host}:${port}`)
    this.#place = new SharedPlace(session, () => this.#coordinator)
    session.on('session_error', () => {
      const { condition, description } = (session.error ?? {}) as { condition?: string; description?: string }
      const said = [condition, description].filter(Boolean).join(': ') || 'no reason given'
      this.#end(new IntegrationError('BROKER_REFUSED', `the broker at ${host}:${port} ended the session: ${said}`))
    })
    session.on('session_close', () =>
      this.#end(new IntegrationError('STORE_UNAVAILABLE', `the broker at ${host}:${port} ended the session`)),
    )
    this.#forget = live.onGone(why => this.#end(why))
  }

  /** Rejects where the broker has no transactions. */
  static async open(live: RheaLive, parts: SessionParts): Promise<AmqpSession> {
    const session = new AmqpSession(live, parts)
    try {
      await session.#coordinator.opened(parts.deadlineMs)
      return session
    } catch (thrown) {
      await session.close()
      throw thrown
    }
  }

  get gone(): IntegrationError | null {
    return this.#gone
  }

  openSender(parts: SendingParts): Outgoing {
    const link = new SendingLink(this.live, parts, this.#place)
    return {
      live: this.live,
      get over() {
        return link.over
      },
      send: (message: JmsMessage, confirmMs: number, creditMs: number) =>
        this.#work(() => link.send(message, confirmMs, creditMs)),
      close: () => link.close(),
    }
  }

  openReceiver(parts: ReceivingParts): Incoming {
    const link = new ReceivingLink(this.live, parts, () => this.#place)
    return {
      get over() {
        return link.over
      },
      destination: (): Promise<JmsDestination> => link.destination(),
      depth: () => link.depth(),
      take: async (waitMs, signal) => {
        const received = await link.take(waitMs, signal)
        if (!received) return null
        const taken = new Taken(received, () => this.#taken.delete(taken))
        this.#taken.add(taken)
        return taken
      },
      close: () => link.close(),
    }
  }

  async commit(): Promise<void> {
    await this.#quiet()
    const done = [...this.#taken].filter(({ accepted }) => accepted)
    const lost = done.find(taken => taken.lost)?.lost
    const failure = this.#failure ?? this.#gone ?? lost
    if (failure) {
      await this.rollback()
      const text = `the transaction was not committed, part of it had failed: ${failure.message}`
      throw new IntegrationError('TRANSACTION_FAILED', text, { cause: failure })
    }
    try {
      if (done.length > 0) await this.#coordinator.declare(this.#parts.deadlineMs)
      for (const taken of done) await taken.leave(accepted)
      // rhea writes messages, such as the end of the transaction, before acknowledgements of the same turn.
      await nextTurn()
      await this.#coordinator.end(false, this.#parts.deadlineMs)
    } catch (thrown) {
      const why = asIntegrationError(thrown)
      // Nobody knows what became of it: only the loss of the connection makes sure that it is over.
      if (why.ambiguous) this.live.abandon(why)
      throw why
    }
  }

  async rollback(): Promise<void> {
    await this.#quiet()
    this.#failure = null
    if (this.#gone) return
    try {
      await this.#coordinator.end(true, this.#parts.deadlineMs)
      for (const taken of this.#taken) await taken.leave(FAILED)
    } catch (thrown) {
      // Whoever cannot be told any more rolls back by himself.
      if (!this.#gone) this.live.abandon(asIntegrationError(thrown))
    }
  }

  async close(): Promise<void> {
    if (this.#gone) return
    for (const taken of this.#taken) await taken.leave(released)
    this.#end(new IntegrationError('STORE_UNAVAILABLE', 'the session was closed'))
    this.#coordinator.close()
    this.#place.session.close()
  }

  /** Part of a transaction, which it begins if need be. */
  async #work(step: () => Promise<void>): Promise<void> {
    const done = this.#coordinator.declare(this.#parts.deadlineMs).then(step)
    const settled = done.catch((thrown: unknown) => {
      this.#failure ??= asIntegrationError(thrown)
    })
    this.#pending.add(settled)
    void settled.then(() => this.#pending.delete(settled))
    await done
  }

  async #quiet(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending)
  }

  #end(why: IntegrationError): void {
    if (this.#gone) return
    this.#gone = why
    this.#forget()
    this.#taken.clear()
    this.#coordinator.lose(why)
  }
}

/** A delivery that is acknowledged with the commit, and given back outside of the transaction. */
class Taken implements Received {
  readonly #received: Received
  readonly #left: () => void
  #accepted = false
  #leaving = false

  constructor(received: Received, left: () => void) {
    this.#received = received
    this.#left = left
  }

  get accepted(): boolean {
    return this.#accepted
  }

  get message(): JmsMessage {
    return this.#received.message
  }

  get lost(): IntegrationError | null {
    return this.#received.lost
  }

  async settle(settlement: Settlement): Promise<void> {
    if (this.#accepted || this.#leaving) return
    if (settlement.kind !== 'accepted') return this.leave(settlement)
    if (this.lost) await this.#received.settle(settlement)
    this.#accepted = true
  }

  async leave(settlement: Settlement): Promise<void> {
    this.#leaving = true
    this.#left()
    if (!this.lost) await this.#received.settle(settlement)
  }
}
