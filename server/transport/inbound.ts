import { METHODS, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Clock } from '../kernel/clock.ts'
import type { MessageContext, Origin } from '../kernel/context.ts'
import type { Api, Log, Proxy, Registry } from '../kernel/contracts.ts'
import type { ErrorName } from '../kernel/errors.ts'
import { Answerer } from './answer.ts'
import { ApiTable, ArrivingRequest } from './api-table.ts'
import { Arrival, type Destination, type Door } from './arrival.ts'
import type { TransportCodecs } from './codecs.ts'
import { openDoor, type OpenDoor, type PortWish } from './doors.ts'
import { servicePage, servicesPage } from './pages.ts'
import { asksForDocument, findProxy, originForm, servicePath } from './router.ts'
import type { ListenerSettings } from './settings.ts'

export interface ListenerParts {
  readonly ports: readonly PortWish[]
  readonly settings: ListenerSettings
  /** The snapshot at the moment of the call; a request keeps the one it began with. */
  readonly registry: () => Registry
  readonly log: Log
  readonly clock: Clock
  readonly codecs: TransportCodecs
  /** The inbound endpoint it listens for; absent: for the server. */
  readonly inbound?: string
  /** False for paths that are for `main` at once, whatever services there are. Absent: never. */
  readonly claims?: (path: string) => boolean
  /** What no service claims; absent, it is answered 404. */
  readonly main?: { readonly origin: Origin; handle(ctx: MessageContext): Promise<void> }
}

export interface Listener extends AsyncDisposable {
  /** As bound, in the order asked for. */
  readonly ports: readonly Door[]
  /** Requests that have no complete answer yet. */
  readonly inFlight: number
  readonly connections: number
  /** Bytes of requests under way that are held in memory. */
  readonly heldBytes: number
  /** Requests since the start, and those of them refused because the server had enough to do. */
  readonly served: number
  readonly shed: number
  /** Refuses new connections, lets answers be finished until the deadline, then cuts. */
  stop(deadlineMs: number): Promise<void>
}

const MAIN: Origin = { label: 'main', kind: 'main', name: 'main' }
const DRAIN_MS = 8_000
const COME_BACK = 'too many requests, come back later'

export async function startListener(parts: ListenerParts): Promise<Listener> {
  const listener = new HttpListener(parts)
  await listener.start()
  return listener
}

/** What is made once for a proxy and used by each of its requests, as long as a snapshot serves that very proxy. */
interface Service {
  readonly proxy: Proxy
  readonly origin: Origin
  readonly log: Log
}

class HttpListener implements Listener {
  readonly #parts: ListenerParts
  readonly #answerer: Answerer
  readonly #pages: FastifyInstance
  readonly #services = new Map<string, Service>()
  readonly #apiLogs = new WeakMap<Api, Log>()
  #apis: ApiTable | null = null
  readonly #connections = new Set<Socket>()
  readonly #arrivals = new WeakMap<IncomingMessage, Door>()
  #doors: OpenDoor[] = []
  #inFlight = 0
  #served = 0
  #shed = 0
  #whenIdle: (() => void) | null = null
  #stopped: Promise<void> | null = null

  constructor(parts: ListenerParts) {
    this.#parts = parts
    this.#answerer = new Answerer(parts.codecs, parts.settings, parts.clock)
    this.#pages = this.#definePages()
  }

  get ports(): readonly Door[] {
    return this.#doors
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get connections(): number {
    return this.#connections.size
  }

  get heldBytes(): number {
    return this.#answerer.room.held
  }

  get served(): number {
    return this.#served
  }

  get shed(): number {
    return this.#shed
  }

  async start(): Promise<void> {
    const { ports, settings, log } = this.#parts
    await this.#pages.ready()
    try {
      for (const wish of ports) {
        this.#doors.push(await openDoor(wish, settings, this.#connections, log, door => this.#onRequest(door)))
      }
    } catch (thrown) {
      await this.stop(0)
      throw thrown
    }
  }

  stop(deadlineMs: number): Promise<void> {
    return (this.#stopped ??= this.#stop(deadlineMs))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(DRAIN_MS)
  }

  async #stop(deadlineMs: number): Promise<void> {
    this.#answerer.stopping = true
    const closed = this.#doors.map(({ server }) => new Promise<void>(resolve => server.close(() => resolve())))
    for (const { server } of this.#doors) server.closeIdleConnections()
    // Node does not count a connection as idle before its first request.
    for (const socket of this.#connections) if (socket.bytesRead === 0) socket.destroy()
    if (this.#inFlight > 0) {
      const idle = new AbortController()
      this.#whenIdle = () => idle.abort()
      await this.#parts.clock.sleep(deadlineMs, idle.signal)
      if (this.#inFlight > 0) {
        this.#parts.log.warn('requests were cut off because the server stops', { requests: this.#inFlight })
      }
    }
    for (const { server } of this.#doors) server.closeAllConnections()
    for (const socket of this.#connections) socket.destroy()
    await Promise.all(closed)
    await this.#pages.close()
  }

  #onRequest(door: Door): RequestListener {
    return (request, response) => {
      this.#served++
      if (this.#inFlight >= this.#parts.settings.maxInFlight || this.#answerer.room.full) {
        this.#refuseLoad(response)
        return
      }
      this.#inFlight++
      request.url = originForm(request.url!)
      if (this.#parts.claims?.(pathOf(request.url)) === false) {
        if (this.#toApi(door, request, response, true)) return
        response.on('close', () => this.#departed())
        this.#arrivals.set(request, door)
        this.#toMain(request, response)
        return
      }
      const path = servicePath(request.url)
      if (path === null || (request.method === 'GET' && asksForDocument(path.rest))) {
        if ((path === null || !this.#hasProxy(path.name)) && this.#toApi(door, request, response)) return
        response.on('close', () => this.#departed())
        this.#toPages(door, request, response)
        return
      }
      const registry = this.#parts.registry()
      const proxy = findProxy(registry, path.name)
      if (proxy === undefined) {
        if (this.#toApi(door, request, response)) return
        // What no service or API claims is for the main sequence, where there is one.
        if (this.#parts.main && registry.find('sequence', 'main') !== undefined) {
          response.on('close', () => this.#departed())
          this.#arrivals.set(request, door)
          this.#toMain(request, response)
          return
        }
        this.#refuse(door, request, response, 404, 'SERVICE_UNKNOWN', `no service named ${path.name} is deployed here`)
      } else if (!proxy.startOnLoad) {
        const reason = `the service ${proxy.name} is deployed but not started (startOnLoad="false")`
        this.#refuse(door, request, response, 503, 'SERVICE_INACTIVE', reason)
      } else if (proxy.inboundOnly === true && this.#parts.inbound === undefined) {
        const reason = `the service ${proxy.name} can only be called through an inbound endpoint (inbound.only)`
        this.#refuse(door, request, response, 404, 'SERVICE_UNREACHABLE', reason)
      } else if (proxy.transports.length > 0 && !proxy.transports.includes(door.scheme)) {
        const reason = `the service ${proxy.name} is not offered over ${door.scheme}; use ${proxy.transports.join(' or ')}`
        this.#refuse(door, request, response, 404, 'SERVICE_UNREACHABLE', reason)
      } else {
        const { origin, log } = this.#service(proxy)
        this.#begin(door, request, response, {
          origin,
          log,
          registry,
          rest: path.rest,
          handle: ctx => proxy.handle(ctx),
        })
      }
    }
  }

  #hasProxy(name: string): boolean {
    return findProxy(this.#parts.registry(), name) !== undefined
  }

  /** False if no API wants the request. */
  #toApi(door: Door, request: IncomingMessage, response: ServerResponse, onlyBound = false): boolean {
    const registry = this.#parts.registry()
    if (this.#apis?.registry !== registry) this.#apis = new ApiTable(registry)
    if (this.#apis.isEmpty) return false
    const arriving = new ArrivingRequest(request, door.scheme, this.#parts.inbound, onlyBound)
    const api = this.#apis.find(arriving)
    if (!api) return false
    const { origin, rest, answerHeaders, handle } = api.route(arriving)
    let log = this.#apiLogs.get(api)
    if (!log) this.#apiLogs.set(api, (log = this.#parts.log.child({ artifact: origin.label })))
    this.#begin(door, request, response, {
      origin,
      log,
      registry,
      rest,
      handle,
      ...(answerHeaders && { answerHeaders }),
    })
    return true
  }

  #begin(door: Door, request: IncomingMessage, response: ServerResponse, destination: Destination): void {
    const arrival = new Arrival(request, response, door, this.#answerer, destination)
    response.on('close', () => {
      arrival.closed()
      this.#departed()
    })
    arrival.begin()
  }

  #departed(): void {
    this.#inFlight--
    if (this.#inFlight === 0) this.#whenIdle?.()
  }

  #service(proxy: Proxy): Service {
    const known = this.#services.get(proxy.name)
    if (known?.proxy === proxy) return known
    const { origin } = proxy
    const service = { proxy, origin, log: this.#parts.log.child({ artifact: origin.label }) }
    this.#services.set(proxy.name, service)
    return service
  }

  /** A fault in the caller's format, given before any flow; the body is read so that the connection can go on. */
  #refuse(
    door: Door,
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    code: ErrorName,
    reason: string,
  ): void {
    this.#begin(door, request, response, {
      origin: MAIN,
      log: this.#parts.log,
      registry: this.#parts.registry(),
      rest: '',
      handle: async (ctx, arrival) => {
        ctx.message.body.discard()
        this.#answerer.refuse(arrival, { status, code, reason, byCaller: status < 500 })
      },
    })
  }

  #refuseLoad(response: ServerResponse): void {
    this.#shed++
    response.shouldKeepAlive = false
    response.writeHead(503, [
      'Content-Type',
      'text/plain',
      'Content-Length',
      String(COME_BACK.length),
      'Retry-After',
      String(this.#parts.settings.retryAfterSeconds),
    ])
    response.end(COME_BACK)
  }

  /** fastify serves what is not a call of a service: the list, documents, the icon, and the way to `main`. */
  #toPages(door: Door, request: IncomingMessage, response: ServerResponse): void {
    this.#arrivals.set(request, door)
    // A malformed type would be refused by fastify with an answer of its own; nothing behind it reads this copy.
    const type = request.headers['content-type']
    if (type !== undefined && !WELL_FORMED_TYPE.test(type)) request.headers['content-type'] = 'application/octet-stream'
    this.#pages.routing(request, response)
  }

  #definePages(): FastifyInstance {
    const app = fastify({
      exposeHeadRoutes: false,
      routerOptions: {
        maxParamLength: 2_000,
        onBadUrl: (_path, request, response) => this.#toMain(request, response),
      },
    })
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    for (const method of METHODS) {
      if (method !== 'CONNECT' && !app.supportedMethods.includes(method)) app.addHttpMethod(method, { hasBody: true })
    }
    const list = (request: FastifyRequest, reply: FastifyReply): FastifyReply =>
      reply
        .type('text/html; charset=utf-8')
        .send(servicesPage(this.#parts.registry(), baseOf(this.#doorOf(request), request)))
    app.get('/services', list)
    app.get('/services/', list)
    app.get('/favicon.ico', (_request, reply) => reply.code(301).header('location', '/services/').send())
    app.get('/services/*', (request, reply) => this.#document(request, reply))
    app.all('/*', (request, reply) => {
      reply.hijack()
      this.#toMain(request.raw, reply.raw)
    })
    app.setNotFoundHandler((request, reply) => {
      reply.hijack()
      this.#toMain(request.raw, reply.raw)
    })
    return app
  }

  #doorOf(request: FastifyRequest): Door {
    return this.#arrivals.get(request.raw)!
  }

  async #document(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const path = servicePath(request.raw.url!)!
    const proxy = findProxy(this.#parts.registry(), path.name)
    if (proxy === undefined)
      return reply.code(404).type('text/plain').send(`no service named ${path.name} is deployed here`)
    const addresses = this.#addresses(proxy, this.#doorOf(request), request)
    const [, word, part = ''] = /^\?(\w+)(?:=([^&]*))?/.exec(path.rest)!
    const kind = word!.toLowerCase()
    if (kind === 'info') return reply.type('text/html; charset=utf-8').send(servicePage(proxy, addresses))
    const wsdl =
      kind === 'wsdl' || (kind === 'xsd' && part !== '') ? await proxy.wsdl(addresses, decodedPart(part)) : null
    if (wsdl === null) {
      return reply
        .code(404)
        .type('text/plain')
        .send(`the service ${proxy.name} publishes no ${kind}; see ?wsdl and ?info`)
    }
    return reply.type('text/xml; charset=UTF-8').send(wsdl)
  }

  /** Where a service can be called, the way the caller came first. */
  #addresses(proxy: Proxy, here: Door, request: FastifyRequest): string[] {
    const host = hostName(request.headers.host)
    const doors = [here, ...this.#doors.filter(door => door.port !== here.port)]
    return doors
      .filter(door => proxy.transports.length === 0 || proxy.transports.includes(door.scheme))
      .map(door => `${door.scheme}://${host}:${door.port}/services/${encodeURIComponent(proxy.name)}`)
  }

  #toMain(request: IncomingMessage, response: ServerResponse): void {
    const { main, log, registry } = this.#parts
    const door = this.#arrivals.get(request)!
    const arrival = new Arrival(request, response, door, this.#answerer, {
      origin: main?.origin ?? MAIN,
      log,
      registry: registry(),
      rest: '',
      handle: async (ctx, arrival) => {
        if (main) {
          await main.handle(ctx)
          return
        }
        ctx.message.body.discard()
        this.#answerer.refuse(arrival, {
          status: 404,
          code: 'SERVICE_UNKNOWN',
          reason: `nothing is deployed for ${request.url}; services are listed at /services/`,
          byCaller: true,
        })
      },
    })
    response.on('close', () => arrival.closed())
    arrival.begin()
  }
}

function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}

const WELL_FORMED_TYPE = /^[!#$%&'*+.^_`|~\w-]+\/[!#$%&'*+.^_`|~\w-]+/

function decodedPart(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

function baseOf(door: Door, request: FastifyRequest): string {
  return `${door.scheme}://${hostName(request.headers.host)}:${door.port}`
}

/** The Host header without its port. */
function hostName(host: string | undefined): string {
  return host?.replace(/:\d*$/, '') || 'localhost'
}
