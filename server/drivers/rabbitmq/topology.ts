import { randomUUID } from 'node:crypto'
import type { Channel, ChannelModel } from 'amqplib'
import { IntegrationError, textOf } from '../../kernel/errors.ts'

/** Arguments of a declaration, such as `x-queue-type`. */
export type Arguments = Readonly<Record<string, string | number | boolean>>

export interface QueuePlan {
  readonly name: string
  /** Made where it does not exist. One that exists is used as it is, whatever it was made with. */
  readonly declare: boolean
  readonly durable: boolean
  readonly exclusive: boolean
  readonly autoDelete: boolean
  readonly arguments: Arguments
}

export interface ExchangePlan {
  readonly name: string
  readonly type: string
  readonly declare: boolean
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly arguments: Arguments
}

/** Where messages go in, and where they come out. */
export interface Route {
  /** Absent: messages go to an exchange, and nobody here knows who gets them. */
  readonly queue?: QueuePlan | undefined
  /** Absent: the default exchange, in which every queue has its name for a key. */
  readonly exchange?: ExchangePlan | undefined
  readonly routingKey: string
}

const NOT_FOUND = 404
const PRECONDITION_FAILED = 406

/** A queue that survives a restart of the broker, as every store needs it. */
export function durableQueue(name: string, more: Arguments = {}): QueuePlan {
  return { name, declare: true, durable: true, exclusive: false, autoDelete: false, arguments: more }
}

/**
 * Sees to it that queue and exchange are there and bound. Looks first: declaring a queue with other arguments than it has
 * is an error, and operators give theirs dead-letter exchanges, limits and quorums that no artifact needs to know.
 */
export async function ensure(
  model: ChannelModel,
  { queue, exchange, routingKey }: Route,
  broker: string,
): Promise<void> {
  if (exchange && isOurs(exchange.name)) {
    const { name, type, declare, durable, autoDelete } = exchange
    await lookFor(model, broker, `exchange ${name}`, {
      look: channel => channel.checkExchange(name),
      ...(declare && {
        make: channel =>
          channel.assertExchange(name, type, { durable, autoDelete, arguments: { ...exchange.arguments } }),
      }),
    })
  }
  if (!queue) return
  const { name, declare, durable, exclusive, autoDelete } = queue
  await lookFor(model, broker, `queue ${name}`, {
    look: channel => channel.checkQueue(name),
    ...(declare && {
      make: channel => channel.assertQueue(name, { durable, exclusive, autoDelete, arguments: { ...queue.arguments } }),
      ...(durable && !exclusive && { made: () => settle(model, broker, name) }),
    }),
  })
  if (exchange && exchange.name !== '' && (queue.declare || exchange.declare)) {
    await on(model, broker, `queue ${name}`, channel => channel.bindQueue(name, exchange.name, routingKey))
  }
}

/** The default exchange and those of the broker are there. */
function isOurs(exchange: string): boolean {
  return exchange !== '' && !exchange.startsWith('amq.')
}

interface Ways {
  readonly look: (channel: Channel) => Promise<unknown>
  readonly make?: (channel: Channel) => Promise<unknown>
  /** What is left to do once it was made. */
  readonly made?: () => Promise<void>
}

async function lookFor(model: ChannelModel, broker: string, what: string, { look, make, made }: Ways): Promise<void> {
  try {
    await on(model, broker, what, look)
  } catch (thrown) {
    if (!(thrown instanceof Absent) || !make) throw thrown
    try {
      await on(model, broker, what, make)
    } catch (failure) {
      // Somebody else made it meanwhile, with other arguments.
      if (!(failure instanceof Different)) throw failure
      return on(model, broker, what, look)
    }
    await made?.()
  }
}

/** Every virtual host has it. */
const ANY_EXCHANGE = 'amq.direct'

/**
 * RabbitMQ over Mnesia notes in two steps that a queue was made, and answers after the first; the second reaches the disk
 * with whatever is noted next. Killed before that, it starts without the queue and without every message it had confirmed
 * there (seen with 3.10.8, a quarter of a second after the declaration). A binding, made and removed, is such a next thing.
 */
async function settle(model: ChannelModel, broker: string, queue: string): Promise<void> {
  try {
    await on(model, broker, `queue ${queue}`, async channel => {
      // Nobody else's, who may have made the queue at the same moment.
      const key = `holdfast-${randomUUID()}`
      await channel.bindQueue(queue, ANY_EXCHANGE, key)
      await channel.unbindQueue(queue, ANY_EXCHANGE, key)
    })
  } catch (thrown) {
    // A user who may not bind can still use the queue.
    if (!(thrown instanceof IntegrationError) || thrown.code !== 'BROKER_REFUSED') throw thrown
  }
}

class Absent extends IntegrationError {}
class Different extends IntegrationError {}

/** On a channel of its own, since the broker closes one on which something was refused. */
async function on(
  model: ChannelModel,
  broker: string,
  what: string,
  work: (channel: Channel) => Promise<unknown>,
): Promise<void> {
  let closed: { readonly code?: unknown } | undefined
  try {
    const channel = await model.createChannel()
    channel.on('error', (error: { readonly code?: unknown }) => {
      closed = error
    })
    await work(channel)
    await channel.close()
  } catch (thrown) {
    const code = closed?.code ?? (thrown as { code?: unknown }).code
    // Whoever refuses says so with a number; without one there was no answer.
    if (typeof code !== 'number') {
      const text = `the connection to the broker at ${broker} was lost while it was asked for ${what}: ${textOf(thrown)}`
      throw new IntegrationError('STORE_UNAVAILABLE', text, { cause: thrown })
    }
    if (code === NOT_FOUND) {
      throw new Absent('BROKER_REFUSED', `the broker at ${broker} has no ${what}. Make it there, or let it be declared`)
    }
    const Refusal = code === PRECONDITION_FAILED ? Different : IntegrationError
    throw new Refusal('BROKER_REFUSED', `the broker at ${broker} refused ${what}: ${textOf(closed ?? thrown)}`, {
      cause: thrown,
    })
  }
}
