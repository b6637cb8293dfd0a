import {
  JmsConnections,
  type BrokerTarget,
  type Dialer,
  type JmsDestination,
  type JmsMessage,
} from '../../drivers/jms/index.ts'
import { rabbitDialer, type Route, type RouteOf } from '../../drivers/rabbitmq/index.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/contracts.ts'
import { asIntegrationError, IntegrationError } from '../../kernel/errors.ts'
import { rabbitTarget } from '../../runtime/rabbitmq/fields.ts'
import { optionalArguments, type RabbitParameters } from '../../runtime/rabbitmq/parameters.ts'
import { Place } from '../jms/places.ts'

/** A route that artifacts describe, as what is sent to or read from. */
export class Routed implements JmsDestination {
  readonly kind = 'queue'
  readonly name: string
  readonly route: Route

  constructor(route: Route) {
    this.name = JSON.stringify(route)
    this.route = route
  }
}

/** What no artifact describes is the queue that a message names for its reply. */
const routeTo: RouteOf = destination =>
  destination instanceof Routed ? destination.route : { routingKey: destination.name }

export interface RabbitPlacesParts {
  readonly clock: Clock
  readonly log: Log
  readonly deadlineMs: number
  /** Another way there than the network. */
  readonly dialer?: (routeOf: RouteOf) => Dialer
}

interface Known {
  readonly place: Place
  readonly close: () => void
}

export class RabbitPlaces {
  readonly #parts: RabbitPlacesParts
  readonly #known = new Map<string, Known>()

  constructor(parts: RabbitPlacesParts) {
    this.#parts = parts
  }

  /** Throws `NO_ADDRESS` for parameters that lead nowhere. */
  at(parameters: RabbitParameters, whose: string): Place {
    const { target, problems } = rabbitTarget(parameters, parameters)
    if (problems[0]) throw new IntegrationError('NO_ADDRESS', `${whose}: ${problems[0].text}. ${problems[0].hint}`)
    const key = JSON.stringify(target)
    const known = this.#known.get(key)
    if (known) return known.place
    const made = this.#made(target)
    this.#known.set(key, made)
    return made.place
  }

  close(): void {
    for (const { close } of this.#known.values()) close()
    this.#known.clear()
  }

  #made(target: BrokerTarget): Known {
    const { clock, log, deadlineMs, dialer = rabbitDialer } = this.#parts
    const connections = new JmsConnections({ clock, log, random: Math.random, dialer: dialer(routeTo) })
    const place = new ForgivingPlace(target, connections.join(target), clock, deadlineMs)
    place.forgive = (destination, why) => {
      if (destination instanceof Routed) return false
      log.warn(`nobody waits for a reply in ${destination.name} any more`, { reason: why.message })
      return true
    }
    return {
      place,
      close() {
        place.close()
        connections.leave(target)
      },
    }
  }
}

/** A reply that nobody waits for any more is no failure of whoever sends it: it would be sent again and again. */
class ForgivingPlace extends Place {
  forgive: (destination: JmsDestination, why: IntegrationError) => boolean = () => false

  override async put(destination: JmsDestination, message: JmsMessage, signal?: AbortSignal): Promise<void> {
    try {
      await super.put(destination, message, signal)
    } catch (thrown) {
      const why = asIntegrationError(thrown)
      if (why.code !== 'BROKER_REFUSED' || !this.forgive(destination, why)) throw thrown
    }
  }
}

/** Queue and exchange as the parameters describe them. */
export function routeOf(
  parameters: RabbitParameters,
  optional: Readonly<Record<string, string>>,
  queue: string | undefined,
): Route {
  const { exchange, routingKey } = parameters
  return {
    routingKey: routingKey ?? queue ?? '',
    ...(queue !== undefined && {
      queue: {
        name: queue,
        declare: parameters.queueDeclare,
        durable: parameters.queueDurable,
        exclusive: parameters.queueExclusive,
        autoDelete: parameters.queueAutoDelete,
        arguments: optionalArguments(optional, 'queue'),
      },
    }),
    ...(exchange !== undefined &&
      exchange !== '' && {
        exchange: {
          name: exchange,
          type: parameters.exchangeType,
          declare: parameters.exchangeDeclare,
          durable: parameters.exchangeDurable,
          autoDelete: parameters.exchangeAutoDelete,
          arguments: optionalArguments(optional, 'exchange'),
        },
      }),
  }
}
