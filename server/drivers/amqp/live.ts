/**
 * What the driver needs of one open connection to a broker. The way to a broker over the network is `dial.ts`; the
 * simulator has one of its own, so that everything above this line is the same code there.
 */
import type { Clock } from '../../kernel/clock.ts'
import type { IntegrationError } from '../../kernel/errors.ts'
import type { Peer } from './address.ts'
import type { Settlement } from './settle-queue.ts'
import type { AmqpTarget, BrokerHost } from './target.ts'

/** Opens a connection to one host, login included, within `deadlineMs`. */
export type Dial = (host: BrokerHost, target: AmqpTarget, clock: Clock, deadlineMs: number) => Promise<Live>

/** An open connection. It is used until it is gone and never comes back: the next one is another. */
export interface Live {
  readonly host: BrokerHost
  readonly peer: Peer
  readonly gone: IntegrationError | null
  /** Calls back once, when the connection is lost or was closed. */
  onGone(listener: (why: IntegrationError) => void): () => void
  /** Gives up on a peer that does not answer. What was in flight has no outcome. */
  abandon(why: IntegrationError): void
  /** In good order: what was written goes out, and the peer is told. */
  close(): void
  openSender(parts: SendingParts): Outgoing
  openReceiver(parts: ReceivingParts): Incoming
}

/** What the last sends say about the queue: whether it takes messages. */
export type Fullness = (full: boolean, reason?: string) => void

export interface SendingParts {
  readonly queue: string
  readonly clock: Clock
  readonly fullness: Fullness
}

/** One sending link, as long as its connection or session lasts. */
export interface Outgoing {
  readonly live: Live
  readonly over: boolean
  /** `confirmMs` for the confirm of what was sent; `creditMs` in all, while the broker lets nothing be sent. */
  send(bytes: Buffer, confirmMs: number, creditMs: number): Promise<void>
  close(): void
}

export interface ReceivingParts {
  readonly queue: string
  readonly clock: Clock
  /** Most messages on loan at once; credit is given only for what there is room for. */
  readonly window: number
  /** Looks without taking. */
  readonly browse?: boolean
}

/** One receiving link, as long as its connection or session lasts. */
export interface Incoming {
  readonly over: IntegrationError | null
  /** What the broker said about the queue when the link was attached. */
  properties(): Promise<Readonly<Record<string, unknown>>>
  /** The next message, or null when none came in time or `signal` aborted. With 0 the broker is asked, once. */
  take(waitMs: number, signal?: AbortSignal): Promise<Received | null>
  /** Takes back the credit, gives back what nobody has looked at, and detaches. */
  close(): Promise<void>
}

/** A delivery as it came: bytes, and the one way to settle it. */
export interface Received {
  readonly bytes: Buffer
  /** The connection it came on is gone: the broker has it back, and will deliver it again. */
  readonly lost: IntegrationError | null
  /** Resolves when the settlement is on its way; rejects when the delivery is lost. Only the first call counts. */
  settle(settlement: Settlement): Promise<void>
}
