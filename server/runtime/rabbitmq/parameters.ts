/** What a queue at RabbitMQ can be told about, by proxies, inbound endpoints and in `rabbitmq:/…` addresses. */
import type { ElementSite } from '../../schema/element-site.ts'
import { flag, int, milliseconds, param, text, type ConfigOf } from '../../schema/index.ts'
import { connectionFactory } from '../connection-factory.ts'
import { rabbitRetryFields, rabbitServerFields, rabbitTlsFields } from './fields.ts'

/** Where a proxy names no connection factory and no broker, the one called `default` counts. */
const isProxyOfRabbit = ({ element }: ElementSite): boolean =>
  element.local === 'proxy' &&
  /\brabbitmq\b/.test(element.attribute('transports') ?? '') &&
  !element.childElements.some(child => child.attribute('name') === 'rabbitmq.server.host.name')

export const rabbitFields = {
  factory: connectionFactory('rabbitmq.connection.factory', 'rabbitmq.listener', isProxyOfRabbit),
  ...rabbitServerFields,
  ...rabbitTlsFields,
  ...rabbitRetryFields,
  queue: param('rabbitmq.queue.name', text(), {
    doc: 'Queue to read. Absent: the name of the service or inbound endpoint.',
  }),
  queueDeclare: param('rabbitmq.queue.autodeclare', flag(), {
    fallback: true,
    doc: 'True: the queue is made where it does not exist. One that exists is used as it is.',
  }),
  queueDurable: param('rabbitmq.queue.durable', flag(), { fallback: true, doc: 'Whether it survives a restart.' }),
  queueExclusive: param('rabbitmq.queue.exclusive', flag(), {
    fallback: false,
    doc: 'Whether it is for this connection alone.',
  }),
  queueAutoDelete: param('rabbitmq.queue.auto.delete', flag(), {
    fallback: false,
    doc: 'Whether it goes when nobody reads it any more.',
  }),
  exchange: param('rabbitmq.exchange.name', text(), { doc: 'Exchange the queue is bound to. Absent: none.' }),
  exchangeType: param('rabbitmq.exchange.type', text(), {
    fallback: 'direct',
    doc: 'Kind of the exchange, where it is made.',
  }),
  exchangeDeclare: param('rabbitmq.exchange.autodeclare', flag(), {
    fallback: true,
    doc: 'True: the exchange is made where it does not exist.',
  }),
  exchangeDurable: param('rabbitmq.exchange.durable', flag(), {
    fallback: true,
    doc: 'Whether it survives a restart.',
  }),
  exchangeAutoDelete: param('rabbitmq.exchange.auto.delete', flag(), {
    fallback: false,
    doc: 'Whether it goes when nothing is bound to it any more.',
  }),
  routingKey: param('rabbitmq.queue.routing.key', text(), {
    doc: 'Key the queue is bound with. Absent: the name of the queue.',
  }),
  autoAck: param('rabbitmq.queue.auto.ack', flag(), {
    fallback: true,
    doc: 'True: a message is acknowledged at the end of its flow, whatever came of it. False: the flow decides.',
  }),
  requeueDelay: param('rabbitmq.message.requeue.delay', milliseconds(), {
    fallback: 1000,
    doc: 'How long a message is held before it is given back to the queue.',
  }),
  maxDeaths: param('rabbitmq.message.max.dead.lettered.count', int({ min: 0 }), {
    doc: 'How often the queue may dead-letter a message. One that comes back after that goes to the error exchange, or is set aside where none is named. Absent: as often as it wants.',
  }),
  errorExchange: param('rabbitmq.message.error.exchange.name', text(), {
    doc: 'Exchange for messages that were dead-lettered too often. Absent: the default exchange.',
  }),
  errorKey: param('rabbitmq.message.error.queue.routing.key', text(), { doc: 'Key for such messages.' }),
  contentType: param('rabbitmq.message.content.type', text(), {
    doc: 'Content type of messages that name none. Absent: what they look like.',
  }),
  consumers: param('rabbitmq.concurrent.consumer.count', int({ min: 1 }), {
    fallback: 1,
    doc: 'Messages worked on at the same time. Order is kept for one.',
  }),
  qos: param('rabbitmq.channel.consumer.qos', text(), {
    doc: 'Messages a consumer holds at once.',
    ignored: 'A consumer holds the one it works on; the others stay visible to everybody.',
  }),
  pool: param('rabbitmq.connection.pool.size', text(), {
    doc: 'Connections kept for sending.',
    ignored: 'There is one connection for each broker and user, always kept.',
  }),
  tag: param('rabbitmq.consumer.tag', text(), { doc: 'Name of the consumer.', ignored: 'The broker names it.' }),
}

export type RabbitParameters = ConfigOf<typeof rabbitFields>

type InProxy<F> = { readonly [K in keyof F as `rabbitmq ${K & string}`]: F[K] }

/** The same in a proxy, which has parameters of other transports beside them. */
export const rabbitProxyFields = Object.fromEntries(
  Object.entries(rabbitFields).map(([key, field]) => [`rabbitmq ${key}`, field]),
) as unknown as InProxy<typeof rabbitFields>

export type RabbitProxyParameters = ConfigOf<typeof rabbitProxyFields>

export function rabbitOf(config: RabbitProxyParameters): RabbitParameters {
  const keys = Object.keys(rabbitFields) as (keyof RabbitParameters)[]
  return Object.fromEntries(keys.map(key => [key, config[`rabbitmq ${key}`]])) as unknown as RabbitParameters
}

const OPTIONAL = /^rabbitmq\.(queue|exchange)\.optional\.(?:args\.)?(.+)$/

/** Arguments such as `rabbitmq.queue.optional.x-dead-letter-exchange`, numbers and truth values as such. */
export function optionalArguments(
  written: Readonly<Record<string, string>>,
  of: 'queue' | 'exchange',
): Record<string, string | number | boolean> {
  const found: Record<string, string | number | boolean> = {}
  for (const [name, value] of Object.entries(written)) {
    const [, whose, argument] = OPTIONAL.exec(name) ?? []
    if (whose === of) found[argument!] = typed(value)
  }
  return found
}

export function isOptionalArgument(name: string): boolean {
  return OPTIONAL.test(name)
}

function typed(value: string): string | number | boolean {
  if (value === 'true' || value === 'false') return value === 'true'
  return /^-?\d{1,15}$/.test(value) ? Number(value) : value
}
