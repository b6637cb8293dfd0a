import type { ChannelModel } from 'amqplib'
import { IntegrationError } from '../../kernel/errors.ts'
import type {
  Incoming,
  JmsDestination,
  Live,
  Outgoing,
  Peer,
  ReceivingParts,
  SendingParts,
  Session,
} from '../jms/contracts.ts'
import type { BrokerHost } from '../jms/target.ts'
import { RabbitReceiver } from './receiver.ts'
import { RabbitSender } from './sender.ts'
import { ensure, type Route } from './topology.ts'

/** Where a destination leads to at this broker. */
export type RouteOf = (destination: JmsDestination) => Route

export interface RabbitLiveParts {
  readonly model: ChannelModel
  readonly host: BrokerHost
  readonly routeOf: RouteOf
  /** Closes the socket without a word. */
  readonly destroy: () => void
}

/** An open connection of amqplib. */
export class RabbitLive implements Live {
  readonly model: ChannelModel
  readonly host: BrokerHost
  readonly peer: Peer
  readonly protocol = 'AMQP 0-9-1'
  readonly browsable = false
  readonly #routeOf: RouteOf
  readonly #destroy: () => void
  #gone: IntegrationError | null = null
  #listeners = new Set<(why: IntegrationError) => void>()
  /** Why the broker takes nothing from publishers (memory or disk alarm); null while it does. */
  #blocked: string | null = null
  readonly #unblocked = new Set<() => void>()
  readonly #ensured = new Map<string, Promise<void>>()
  readonly #loans = new Map<string, number>()
  /** Queues of which no single message can be asked for. */
  readonly standing = new Set<string>()

  constructor({ model, host, routeOf, destroy }: RabbitLiveParts) {
    this.model = model
    this.host = host
    this.#routeOf = routeOf
    this.#destroy = destroy
    const said = model.connection.serverProperties as unknown as Readonly<Record<string, unknown>>
    this.peer = { product: String(said['product'] ?? ''), version: String(said['version'] ?? '') }
    model.on('blocked', (reason: unknown) => {
      this.#blocked = String(reason) || 'an alarm of the broker'
    })
    model.on('unblocked', () => {
      this.#blocked = null
      for (const again of this.#unblocked) again()
    })
  }

  get gone(): IntegrationError | null {
    return this.#gone
  }

  get blocked(): string | null {
    return this.#blocked
  }

  get address(): string {
    return brokerAt(this.host)
  }

  onGone(listener: (why: IntegrationError) => void): () => void {
    if (this.#gone) listener(this.#gone)
    else this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  onUnblocked(listener: () => void): () => void {
    this.#unblocked.add(listener)
    return () => this.#unblocked.delete(listener)
  }

  abandon(why: IntegrationError): void {
    this.lose(why)
    this.#destroy()
  }

  close(): void {
    if (this.#gone) return
    this.lose(new IntegrationError('STORE_UNAVAILABLE', `the connection to ${this.address} was closed by us`))
    this.model.close().catch(() => this.#destroy())
  }

  openSender(parts: SendingParts): Outgoing {
    return new RabbitSender(this, this.#routeOf(parts.destination), parts)
  }

  openReceiver(parts: ReceivingParts): Incoming {
    return new RabbitReceiver(this, parts.from === 'temporary' ? null : this.#routeOf(parts.from), parts)
  }

  openSession(): Promise<Session> {
    const text = `the broker at ${this.address} (${this.peer.product}) has no transactions over several queues`
    return Promise.reject(new IntegrationError('NOT_SUPPORTED', text))
  }

  /** Once for each route and connection, as long as nobody finds out otherwise. */
  ensure(route: Route): Promise<void> {
    // Nothing is known of the queue that a reply goes to.
    if (!route.queue && !route.exchange) return Promise.resolve()
    const key = JSON.stringify(route)
    const known = this.#ensured.get(key)
    if (known) return known
    const work = ensure(this.model, route, this.address)
    this.#ensured.set(key, work)
    // Whoever asked is told; the next one looks anew.
    work.catch(() => this.#ensured.delete(key))
    return work
  }

  forget(route: Route): void {
    this.#ensured.delete(JSON.stringify(route))
  }

  lent(queue: string, change: number): void {
    const loans = this.loansOf(queue) + change
    if (loans === 0) this.#loans.delete(queue)
    else this.#loans.set(queue, loans)
  }

  loansOf(queue: string): number {
    return this.#loans.get(queue) ?? 0
  }

  /** Called once by the dialler when the connection has ended. */
  lose(why: IntegrationError): void {
    if (this.#gone) return
    this.#gone = why
    const listeners = this.#listeners
    this.#listeners = new Set()
    for (const listener of listeners) listener(why)
  }
}

export function brokerAt({ host, port, tls }: BrokerHost): string {
  return `${tls ? 'amqps' : 'amqp'}://${host.includes(':') ? `[${host}]` : host}:${port}`
}
