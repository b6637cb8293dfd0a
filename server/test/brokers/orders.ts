/** A whole server between clients that place orders and a back end that writes them down. */
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Changes } from '../../kernel/changes.ts'
import { systemClock } from '../../kernel/clock.ts'
import { AppRig } from '../../testing/app-rig.ts'
import { OrderLoad, orderIdIn } from '../../testing/order-load.ts'
import { JMS_CLASS, storeXml } from './real-store.ts'

const LANES = 20
const STEP_MS = 50
/** Orders that may be accepted and not yet delivered; on a slow machine they would never be. */
const MOST_BEHIND = 2000

const FORWARDING = 'org.apache.synapse.message.processor.impl.forwarder.ScheduledMessageForwardingProcessor'
const FAILOVER = 'org.apache.synapse.message.processor.impl.failover.FailoverScheduledMessageForwardingProcessor'

/** Counts by id what it is sent, and answers as told. */
export class OrderDesk implements AsyncDisposable {
  readonly #server: Server
  readonly #changes = new Changes(systemClock)
  readonly #seen = new Map<string, number>()
  /** Says what an order is answered: 202 unless told otherwise. */
  answer: (id: string) => number = () => 202

  private constructor(server: Server) {
    this.#server = server
    server.on('request', (request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        const id = orderIdIn(Buffer.concat(parts)) ?? '(none)'
        this.#seen.set(id, (this.#seen.get(id) ?? 0) + 1)
        response.writeHead(this.answer(id)).end()
        this.#changes.tell()
      })
    })
  }

  static async open(): Promise<OrderDesk> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new OrderDesk(server)
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/orders`
  }

  /** Orders by id, each with how often it came. */
  get seen(): ReadonlyMap<string, number> {
    return this.#seen
  }

  async until(distinct: number, ms: number): Promise<void> {
    await this.#changes.until(
      () => this.#seen.size >= distinct,
      ms,
      () => `${this.#seen.size} of ${distinct} orders came`,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
  }
}

const parameter = (name: string, value: string): string => `<parameter name="${name}">${value}</parameter>`

/** Proxy `Orders` → store `Original` at the broker, `Spare` in the journal while that is away, and its relay. */
export function orderArtifacts(
  desk: OrderDesk,
  original: Readonly<Record<string, string>>,
  className = JMS_CLASS,
): Readonly<Record<string, string>> {
  const guaranteed = {
    'store.producer.guaranteed.delivery.enable': 'true',
    'store.failover.message.store.name': 'Spare',
  }
  return {
    'endpoint.xml': `<endpoint name="desk"><address uri="${desk.url}"/></endpoint>`,
    'spare.xml': '<messageStore name="Spare"/>',
    'original.xml': storeXml('Original', { ...original, ...guaranteed }, className),
    'proxy.xml': `<proxy name="Orders" transports="http" xmlns="http://ws.apache.org/ns/synapse"><target><inSequence>
      <property name="FORCE_SC_ACCEPTED" value="true" scope="axis2"/><property name="OUT_ONLY" value="true"/>
      <store messageStore="Original"/></inSequence></target></proxy>`,
    'failover.xml': `<messageProcessor name="Back" class="${FAILOVER}" messageStore="Spare">
      ${parameter('interval', '1')}${parameter('client.retry.interval', '100')}${parameter('message.target.store.name', 'Original')}</messageProcessor>`,
  }
}

/** `Original` → `desk`, to which so many workers deliver. */
export function forwarding(workers = 1): string {
  const timing = `${parameter('interval', '1')}${parameter('client.retry.interval', '100')}`
  return `<messageProcessor name="Forward" class="${FORWARDING}" targetEndpoint="desk" messageStore="Original">
    ${parameter('member.count', String(workers))}${timing}</messageProcessor>`
}

/** All of that in this process. */
export function orderService(
  desk: OrderDesk,
  original: Readonly<Record<string, string>>,
  { className = JMS_CLASS, workers = 1 } = {},
): Promise<AppRig> {
  return AppRig.start({ ...orderArtifacts(desk, original, className), 'forward.xml': forwarding(workers) })
}

/** Clients of that service; how many orders they place is told by `acceptUpTo`. */
export function orderClients(port: number, prefix: string): OrderLoad {
  return new OrderLoad({ port, path: '/services/Orders', lanes: LANES, prefix, padding: () => 0 })
}

/** Clients of that service, at `perSecond` in all until stopped; they hold back while `desk` is far behind. */
export class SteadyOrders implements AsyncDisposable {
  readonly load: OrderLoad
  readonly #running: Promise<void>
  readonly #stop = new AbortController()

  constructor(port: number, prefix: string, perSecond: number, desk: OrderDesk) {
    this.load = orderClients(port, prefix)
    this.#running = this.#pace((perSecond * STEP_MS) / 1000, desk)
  }

  /** Resolves once nothing is under way any more. */
  async end(): Promise<void> {
    this.#stop.abort()
    await this.#running
    this.load.acceptUpTo(0)
    await this.load.quiet()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
    await this.load.stop()
  }

  async #pace(each: number, desk: OrderDesk): Promise<void> {
    for (let allowed = 0; !this.#stop.signal.aborted;) {
      if (this.load.accepted - desk.seen.size < MOST_BEHIND) allowed += each
      this.load.acceptUpTo(allowed)
      await systemClock.sleep(STEP_MS, this.#stop.signal).catch(() => {})
    }
  }
}
