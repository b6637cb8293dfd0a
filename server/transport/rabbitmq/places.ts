import {
  JmsConnections,
  type BrokerTarget,
  type Dialer,
  type JmsDestination,
  type JmsMessage,
} from '../../drivers/jms/index.ts'
import { rabbitDialer, type Route } from '../../drivers/rabbitmq/index.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/contracts.ts'
import { asIntegrationError, IntegrationError } from '../../kernel/errors.ts'
import { rabbitTarget } from '../../runtime/rabbitmq/fields.ts'
import { optionalArguments, type RabbitParameters } from '../../runtime/rabbitmq/parameters.ts'
import { Place } from '../jms/places.ts'

/** What may lie below a place: a name a sender or receiver is opened with, and where that leads. */
type Routes = Map<string, Route>

export interface RabbitPlacesParts {
  readonly clock: Clock
  readonly log: Log
  readonly deadlineMs: number
  /** Another way there than the network. */
  readonly dialer?: (routeOf: (name: string) => Route) => Dialer
}

/** One broker, for one user; and the routes that artifacts have named there. */
export interface RabbitPlace {
  readonly place: Place
  /** The name by which {@link Place} sends along this route, or reads its queue. */
  name(route: Route): string
}

interface Known extends RabbitPlace {
  readonly close: () => void
}

export class RabbitPlaces {
  readonly #parts: RabbitPlacesParts
  readonly #known = new Map<string, Known>()

  constructor(parts: RabbitPlacesParts) {
    this.#parts = parts
  }

  /** Throws `NO_ADDRESS` for parameters that lead nowhere. */
  at(parameters: RabbitParameters, whose: string): RabbitPlace {
    const { target, problems } = rabbitTarget(parameters, parameters)
    if (problems[0]) throw new IntegrationError('NO_ADDRESS', `${whose}: ${problems[0].text}. ${problems[0].hint}`)
    const key = JSON.stringify(target)
    const known = this.#known.get(key)
    if (known) return known
    const made = this.#made(target)
    this.#known.set(key, made)
    return made
  }

  close(): void {
    for (const { close } of this.#known.values()) close()
    this.#known.clear()
  }

  #made(target: BrokerTarget): Known {
    const { clock, log, deadlineMs, dialer = overNetwork } = this.#parts
    const routes: Routes = new Map()
    // A name nobody gave a route is that of a queue: where replies go.
    const routeOf = (name: string): Route => routes.get(name) ?? { routingKey: name }
    const connections = new JmsConnections({ clock, log, random: Math.random, dialer: dialer(routeOf) })
    const place = new ForgivingPlace(target, connections.join(target), clock, deadlineMs)
    place.forgive = (destination, why) => {
      if (routes.has(destination.name)) return false
      log.warn(`nobody waits for a reply in ${destination.name} any more`, { reason: why.message })
      return true
    }
    return {
      place,
      name(route) {
        const name = JSON.stringify(route)
        routes.set(name, route)
        return name
      },
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

const overNetwork = (routeOf: (name: string) => Route): Dialer => rabbitDialer(({ name }) => routeOf(name))

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
