import type { Origin } from '../../kernel/context.ts'
import type { Log, MessageSource } from '../../kernel/contracts.ts'
import type { HttpSender } from '../../schema/services.ts'
import type { Entrance } from '../injection.ts'
import type { JmsParameters, ThrottleParameters } from './parameters.ts'

/** Queues as a transport: `jms:/…` addresses, and what takes messages from a queue. */
export interface JmsTransport extends HttpSender {
  /** Throws where the parameters name no broker that can be used. */
  listener(parts: JmsListening): MessageSource
}

export interface JmsListening {
  readonly origin: Pick<Origin, 'label' | 'kind' | 'name'>
  /** For texts: `inbound endpoint orders`. */
  readonly called: string
  readonly entrance: Entrance
  readonly parameters: JmsParameters
  /** Entries of the JNDI environment. */
  readonly jndi: Readonly<Record<string, string>>
  readonly transacted: boolean
  /** Messages are independent of one another: so many are worked on at once at least. */
  readonly least: number
  readonly throttle: ThrottleParameters
  /** Default-scope properties of every message. */
  readonly properties: Readonly<Record<string, string>>
  readonly log: Log
}
