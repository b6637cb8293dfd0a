import type { Origin } from '../../kernel/context.ts'
import type { Log, MessageSource } from '../../kernel/contracts.ts'
import type { HttpSender } from '../../schema/services.ts'
import type { Entrance } from '../injection.ts'
import type { RabbitParameters } from './parameters.ts'

/** RabbitMQ as a transport: `rabbitmq:/…` addresses, and what takes messages from a queue. */
export interface RabbitTransport extends HttpSender {
  listener(parts: RabbitListening): MessageSource
}

export interface RabbitListening {
  readonly origin: Pick<Origin, 'label' | 'kind' | 'name'>
  /** For texts: `inbound endpoint orders`. */
  readonly called: string
  readonly entrance: Entrance
  readonly parameters: RabbitParameters
  /** Arguments for queue and exchange, by the names they are written with. */
  readonly optional: Readonly<Record<string, string>>
  /** Default-scope properties of every message. */
  readonly properties: Readonly<Record<string, string>>
  readonly log: Log
}
