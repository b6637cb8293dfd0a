import type { Clock } from '../../kernel/clock.ts'
import type { ConnectionFactories } from '../../kernel/connection-factories.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import type { ResourceManager } from '../../kernel/transaction.ts'
import {
  JmsSender,
  KeptSenders,
  managerOf,
  type BrokerTarget,
  type JmsConnection,
  type JmsConnections,
  type JmsDestination,
  type JmsMessage,
} from '../../drivers/jms/index.ts'
import { parseJmsAddress, resolveTransport, type TransportQueue } from '../../drivers/jms/transport-parameters.ts'
import { withFactory } from '../../runtime/jms/factories.ts'
import type { Hyphens } from '../../codecs/jms.ts'
import { Replies } from './replies.ts'

/** One broker, for one user: what sends and asks there shares it. */
export class Place {
  readonly manager: ResourceManager
  readonly connection: JmsConnection
  readonly replies: Replies
  readonly #deadlineMs: number
  readonly #senders: KeptSenders<JmsSender>

  constructor(target: BrokerTarget, connection: JmsConnection, clock: Clock, deadlineMs: number) {
    this.manager = managerOf(target)
    this.connection = connection
    this.#deadlineMs = deadlineMs
    this.#senders = new KeptSenders(
      destination => new JmsSender({ connection, destination, clock, deadlineMs, fullness: () => {} }),
    )
    this.replies = new Replies(connection, clock)
  }

  get deadlineMs(): number {
    return this.#deadlineMs
  }

  /** Resolves when the broker has the message. */
  put(destination: JmsDestination, message: JmsMessage, signal?: AbortSignal): Promise<void> {
    return this.#senders.use(destination, sender => sender.put(message, signal))
  }

  close(): void {
    this.#senders.close()
    this.replies.close()
  }
}

/** A `jms:/…` address, resolved. */
export interface JmsEndpoint {
  readonly queue: JmsDestination
  readonly replyTo: JmsDestination | undefined
  readonly place: Place
  readonly contentTypeProperty: string | undefined
  readonly hyphens: Hyphens
}

/** Addresses kept resolved; those made from messages are endless. */
const MOST_ADDRESSES = 1000

export interface PlacesParts {
  readonly factories: ConnectionFactories
  readonly connections: () => JmsConnections
  readonly clock: Clock
  readonly deadlineMs: number
  readonly readFile: (path: string) => string | undefined
}

/** Brokers and queues by what artifacts call them. */
export class Places {
  readonly #parts: PlacesParts
  readonly #places = new Map<string, Place>()
  readonly #targets: BrokerTarget[] = []
  readonly #endpoints = new Map<string, JmsEndpoint>()

  constructor(parts: PlacesParts) {
    this.#parts = parts
  }

  resolve(parameters: ReadonlyMap<string, string>, fallback: string): TransportQueue {
    return resolveTransport(parameters, fallback, this.#parts.readFile)
  }

  at(target: BrokerTarget): Place {
    const key = `${managerOf(target).key} ${target.clientId ?? ''}`
    const known = this.#places.get(key)
    if (known) return known
    const { connections, clock, deadlineMs } = this.#parts
    const made = new Place(target, connections().join(target), clock, deadlineMs)
    this.#targets.push(target)
    this.#places.set(key, made)
    return made
  }

  /** Throws `NO_ADDRESS` for one that cannot be used. */
  endpoint(url: string): JmsEndpoint {
    const known = this.#endpoints.get(url)
    if (known) return known
    const { destination, parameters: written } = parseJmsAddress(url)
    const { all: parameters, remark } = withFactory(written, this.#parts.factories)
    const resolved = this.resolve(parameters, destination)
    if (!resolved.target || resolved.queue === '') {
      const wrong = remark ?? resolved.remarks.find(({ severity }) => severity === 'error')
      throw new IntegrationError(
        'NO_ADDRESS',
        `${hidden(url)} cannot be sent to: ${wrong ? `${wrong.message}. ${wrong.hint ?? ''}`.trim() : 'it names no queue'}`,
      )
    }
    const { replyQueue } = resolved
    const endpoint: JmsEndpoint = {
      queue: { kind: resolved.isTopic ? 'topic' : 'queue', name: resolved.queue },
      replyTo: replyQueue === undefined ? undefined : { kind: 'queue', name: replyQueue },
      place: this.at(resolved.target),
      contentTypeProperty: parameters.get('transport.jms.ContentTypeProperty'),
      hyphens: hyphensOf(parameters.get('transport.jms.MessagePropertyHyphens')),
    }
    if (this.#endpoints.size >= MOST_ADDRESSES) this.#endpoints.delete(this.#endpoints.keys().next().value!)
    this.#endpoints.set(url, endpoint)
    return endpoint
  }

  close(): void {
    for (const place of this.#places.values()) place.close()
    for (const target of this.#targets.splice(0)) this.#parts.connections().leave(target)
    this.#places.clear()
    this.#endpoints.clear()
  }
}

function hyphensOf(given: string | undefined): Hyphens {
  return given === 'replace' || given === 'delete' ? given : 'none'
}

/** The parameters may hold a password. */
function hidden(url: string): string {
  return url.replace(/\?.*$/s, '')
}
