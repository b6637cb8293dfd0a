/** Where messages go. */
import type { MessageContext } from '../context.ts'
import type { IntegrationError } from '../errors.ts'
import type { Message } from '../message.ts'

/**
 * Where messages go. {@link Endpoint.send} resolves with what the back end said, of any status; for a one-way send that
 * is a status without a body, or null where the transport has no such thing.
 */
export interface Endpoint {
  readonly name: string
  send(request: Message, ctx: MessageContext, options?: SendOptions): Promise<Message | null>
  /** Where the WSDL of the back end is, if it can be told: what a proxy may publish. */
  readonly wsdlLocation?: string
  /** State for operators and for P8; absent where the endpoint has none (a group reports its members). */
  readonly status?: EndpointStatus
  /** When the endpoint will next be ready, in clock milliseconds; undefined when it is ready now. */
  readyAt?(ctx: MessageContext): number | undefined
  /** What a group chooses from, for operators; a member by key has the name of what it refers to and no state. */
  readonly members?: readonly Endpoint[]
  /** The group this is sends a copy to each of these, and every reply goes its own way; sending to the group yields one. */
  recipients?(ctx: MessageContext): readonly Endpoint[] | undefined
  /** False for a failure after which a group must not try its next member; absent: never false. */
  mayTryElsewhere?(error: IntegrationError): boolean
}

export interface SendOptions {
  /** No reply body is wanted: the exchange ends when the back end has taken the request. */
  readonly oneWay?: boolean | undefined
  /** Identity of a stored message being delivered; becomes the delivery id header (P5). */
  readonly deliveryId?: string | undefined
  /** 1 for the first send of a stored message; sent along from the second on. */
  readonly attempt?: number | undefined
}

export interface EndpointStatus {
  readonly state: 'active' | 'timeout' | 'suspended' | 'off'
  readonly since: number
  readonly nextTry?: number | undefined
  readonly lastError?: string | undefined
  switchOn(): void
  switchOff(): void
}

export type Send = Endpoint['send']
/** Folded once at deploy around one exchange: timeout, suspension, retry, addressing, security. */
export type EndpointLayer = (next: Send) => Send
