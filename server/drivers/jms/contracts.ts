/**
 * What everything above a broker needs of one: a message as JMS sees it, an open connection, and what can be done with
 * it. `drivers/amqp` and `drivers/openwire` provide it over the network; the simulator has one of its own, so that
 * everything above this line is the same code there.
 */
import type { Clock } from '../../kernel/clock.ts'
import type { IntegrationError } from '../../kernel/errors.ts'
import type { Settlement } from './settlement.ts'
import type { BrokerHost, BrokerTarget } from './target.ts'

// ── messages ────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * A typed value of JMS. Written, a whole number is an int if it fits and else a long, any other number a double, a
 * bigint a long; read, a long beyond 2^53 is a bigint and a char a string of one character.
 */
export type JmsValue = string | number | bigint | boolean | Uint8Array | null

export type JmsBody =
  /** Text is kept as its UTF-8; an object as its Java serialisation. */
  | { readonly kind: 'text' | 'bytes' | 'object'; readonly bytes: Uint8Array }
  | { readonly kind: 'map'; readonly entries: ReadonlyMap<string, JmsValue> }
  | { readonly kind: 'stream'; readonly items: readonly JmsValue[] }
  | { readonly kind: 'empty' }
  /** Nothing JMS knows, or broken. */
  | { readonly kind: 'unreadable'; readonly reason: string }

export interface JmsDestination {
  readonly kind: 'queue' | 'topic' | 'temporary-queue' | 'temporary-topic'
  /** Physical name. */
  readonly name: string
  /** Of a topic, read: the name of the durable subscription, which keeps messages while nobody reads it. */
  readonly subscription?: string
}

/** What may be said of a message in both directions. */
export interface JmsMessage {
  readonly body: JmsBody
  readonly properties: ReadonlyMap<string, JmsValue>
  readonly persistent: boolean
  /** 0 to 9; 4 is usual. */
  readonly priority: number
  /** With `ID:` in front, if it is a JMS one. A broker may replace the one that is sent. */
  readonly messageId?: string
  readonly correlationId?: string
  readonly replyTo?: JmsDestination
  /** JMSType. */
  readonly type?: string
  /** Clock milliseconds. */
  readonly timestamp?: number
  /** Sent: milliseconds until it expires, counted from the send. */
  readonly timeToLive?: number
  /** Came: clock milliseconds at which it expires. */
  readonly expiration?: number
  /** Sent: milliseconds until the broker delivers it, where the broker can. */
  readonly deliveryDelay?: number
  /** Came: earlier deliveries, as far as the broker knows of them. */
  readonly deliveryCount?: number
  readonly userId?: string
  /** Messages of a group go to one consumer; with sequence -1 the group is closed. */
  readonly groupId?: string
  readonly groupSequence?: number
  /** Brokers that can recognise a message by it keep only the first of several. */
  readonly duplicateId?: string
  /** Sent: somebody holds it until it is confirmed, and sends it again under its duplicate id after a crash of ours. */
  readonly kept?: true
  /** A field of AMQP 1.0 only; elsewhere a property says it. */
  readonly contentType?: string
  /** Came: everything, as it was on the wire, for whoever is to keep what cannot be read. */
  readonly raw?: { readonly bytes: Uint8Array; readonly contentType: string }
}

// ── connections ─────────────────────────────────────────────────────────────────────────────────────────────────

/** Opens a connection to one host, login included, within `deadlineMs`. Rejects at once when `signal` aborts: nobody wants it. */
export type Dial = (
  host: BrokerHost,
  target: BrokerTarget,
  clock: Clock,
  deadlineMs: number,
  signal?: AbortSignal,
) => Promise<Live>

/** A dial for each connection that is kept up: it remembers what it has learned about the hosts, and who it was to them. */
export type Dialer = () => Dial

/** How the broker calls itself. */
export interface Peer {
  readonly product: string
  readonly version: string
}

/** An open connection. It is used until it is gone and never comes back: the next one is another. */
export interface Live {
  readonly host: BrokerHost
  readonly peer: Peer
  /** What is spoken, for people. */
  readonly protocol: string
  /** False at brokers that cannot show what is in a queue without taking it. */
  readonly browsable: boolean
  /** Where the broker says that its messages are to be found, should it die. */
  readonly backups?: readonly BrokerHost[]
  readonly gone: IntegrationError | null
  /** Calls back once, when the connection is lost or was closed. */
  onGone(listener: (why: IntegrationError) => void): () => void
  /** Gives up on a peer that does not answer. What was in flight has no outcome. */
  abandon(why: IntegrationError): void
  /** In good order: what was written goes out, and the peer is told. */
  close(): void
  openSender(parts: SendingParts): Outgoing
  openReceiver(parts: ReceivingParts): Incoming
  /** Rejects where the broker has no transactions. */
  openSession(parts: SessionParts): Promise<Session>
}

/** What the last sends say about the queue: whether it takes messages. */
export type Fullness = (full: boolean, reason?: string) => void

export interface SendingParts {
  readonly destination: JmsDestination
  readonly clock: Clock
  readonly fullness: Fullness
}

/** One way into a destination, as long as its connection or session lasts. */
export interface Outgoing {
  readonly live: Live
  readonly over: boolean
  /**
   * Resolves when the broker has confirmed the message: it is kept, or is part of the transaction. `confirmMs` for the
   * confirm of what was sent; `creditMs` in all, while the broker lets nothing be sent. Rejects with `Lost` where a
   * fresh connection may help.
   */
  send(message: JmsMessage, confirmMs: number, creditMs: number): Promise<void>
  close(): void
}

export interface ReceivingParts {
  /** `temporary`: the broker makes a queue that lasts as long as this connection; `destination()` says its name. */
  readonly from: JmsDestination | 'temporary'
  readonly clock: Clock
  /** Most messages on loan at once; credit is given only for what there is room for. */
  readonly window: number
  /** Looks without taking. */
  readonly browse?: boolean
  /** Where messages have to be asked for: how long one question waits for an answer (WF-11). */
  readonly pollMs?: number
  /** Only messages that it is true for (JMS selector). */
  readonly selector?: string
}

/** One way out of a destination, as long as its connection or session lasts. */
export interface Incoming {
  readonly over: IntegrationError | null
  /** Resolves once the broker lets us read it. */
  destination(): Promise<JmsDestination>
  /** How many messages there are, -1 where the broker does not say. */
  depth(): Promise<number>
  /** The next message, or null when none came in time or `signal` aborted. With 0 the broker is asked, once. */
  take(waitMs: number, signal?: AbortSignal): Promise<Received | null>
  /** Takes back the credit, gives back what nobody has looked at, and detaches. */
  close(): Promise<void>
}

/** A delivery, and the one way to settle it. */
export interface Received {
  /** Decoded when it is first asked for. What cannot be decoded has an `unreadable` body. */
  readonly message: JmsMessage
  /** The connection it came on is gone: the broker has it back, and will deliver it again. */
  readonly lost: IntegrationError | null
  /** Resolves when the settlement is on its way; rejects when the delivery is lost. Only the first call counts. */
  settle(settlement: Settlement): Promise<void>
}

export interface SessionParts {
  readonly clock: Clock
  /** For each answer that is needed of the broker. */
  readonly deadlineMs: number
}

/**
 * One local transaction after the other: it begins with the first work after the last one ended. What is sent and
 * accepted through the senders and receivers of a session becomes visible together at `commit`, or not at all. A
 * `rejected` settlement takes effect at once, outside of the transaction.
 */
export interface Session {
  readonly live: Live
  readonly gone: IntegrationError | null
  openSender(parts: SendingParts): Outgoing
  openReceiver(parts: ReceivingParts): Incoming
  /** Rejects when nothing was done, and as `ambiguous` when nobody knows: then the messages taken tell, by coming again or not. */
  commit(): Promise<void>
  /** What was taken since the last end comes again, from one of the receivers or to somebody else, counted as delivered. */
  rollback(): Promise<void>
  /** Rolls back what is open. */
  close(): Promise<void>
}
