import { ConnectionFactories } from '../../kernel/connection-factories.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { nearest } from '../../kernel/nearest.ts'
import type { ParameterShape } from '../../schema/shape.ts'
import type { ValueSite } from '../../schema/types.ts'
import { rabbitFields, type RabbitParameters } from './parameters.ts'

export interface RabbitAddress {
  readonly parameters: RabbitParameters
  /** Every parameter as written: arguments of the queue are among them. */
  readonly written: Readonly<Record<string, string>>
  readonly queue: string | undefined
  /** Queue a reply is awaited in. */
  readonly replyTo: string | undefined
  /** The connection factory it names and nobody knows, where it says by itself where the broker is. */
  readonly unknownFactory: string | undefined
}

const FACTORY = 'rabbitmq.connection.factory'
const HOST = 'rabbitmq.server.host.name'

/**
 * `rabbitmq:/NAME?parameter=value&…`. NAME is the exchange if a queue is named among the parameters, too, and else the
 * queue, as people write both. Throws `NO_ADDRESS` for what leads nowhere.
 */
export function parseRabbitAddress(url: string, factories = ConnectionFactories.none): RabbitAddress {
  const [path = '', query = ''] = url.replace(/^rabbitmq:\/*/i, '').split(/\?(.*)/s)
  const wrong = (text: string): IntegrationError =>
    new IntegrationError('NO_ADDRESS', `rabbitmq:/${path} cannot be sent to: ${text}`)
  const own = new Map(new URLSearchParams(query))
  const named = own.get(FACTORY)?.trim() ?? ''
  const factory = named === '' ? undefined : factories.find('rabbitmq.sender', named)
  if (named !== '' && !factory && !own.has(HOST)) throw wrong(unknown(named, factories))
  const given = new Map([...(factory ?? []), ...own])
  const config: Record<string, unknown> = {}
  for (const [key, field] of Object.entries(rabbitFields)) {
    const shape = (field as { readonly shape: ParameterShape }).shape
    const written = shape.ignored === undefined && key !== 'factory' ? given.get(shape.name) : undefined
    const text = written ?? shape.fallback
    if (text === undefined) continue
    const parsed = shape.type.parse(text.trim(), PLAIN) as { readonly value: unknown } | { readonly problem: string }
    if ('problem' in parsed) throw wrong(`${shape.name}: ${parsed.problem}`)
    config[key] = parsed.value
  }
  const name = decodeURIComponent(path).replace(/\/$/, '')
  const told = config as unknown as RabbitParameters
  const isExchange = told.exchange === undefined && (told.queue !== undefined || given.has(EXCHANGE_TYPE))
  const parameters: RabbitParameters = {
    ...told,
    exchange: told.exchange ?? (isExchange && name !== '' ? name : undefined),
  }
  const queue = told.queue ?? (isExchange || told.exchange !== undefined || name === '' ? undefined : name)
  if (queue === undefined && (parameters.exchange === undefined || parameters.exchange === '')) {
    throw wrong('it names neither a queue nor an exchange; write rabbitmq:/QUEUE, or add rabbitmq.queue.name')
  }
  return {
    parameters,
    written: Object.fromEntries(given),
    queue,
    replyTo: given.get('rabbitmq.replyto.name'),
    unknownFactory: factory || named === '' ? undefined : named,
  }
}

function unknown(name: string, factories: ConnectionFactories): string {
  const near = nearest(name, factories.names('rabbitmq.sender'))
  return `there is no connection factory "${name}" in deployment.toml. ${near === undefined ? '' : `Did you mean "${near}"? `}Add [[transport.rabbitmq.sender]] with name = "${name}" there, or give ${HOST} in the address`
}

/** Nothing in an address refers to anything. */
const PLAIN: ValueSite = {
  at: { file: '', line: 0, column: 0 },
  namespace: () => undefined,
  expression: () => undefined,
  substitute: value => ({ value }),
  refer: (role, name) => ({ role, name, at: PLAIN.at }),
}

const EXCHANGE_TYPE = 'rabbitmq.exchange.type'
