/** The bundled back end: an HTTP listener, the sample services behind it, faults on demand, and a record of everything. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { Clock } from '../server/kernel/clock.ts'
import { systemClock } from '../server/kernel/clock.ts'
import { textOf } from '../server/kernel/errors.ts'
import type { Call } from './call.ts'
import { readCall } from './call.ts'
import { answerControl } from './control.ts'
import type { Fault } from './faults.ts'
import { Faults, readFaultHeader } from './faults.ts'
import { LoadBalance } from './load-balance.ts'
import type { Dialect } from './quotes.ts'
import { randomNumbers } from './quotes.ts'
import type { HttpReply, Service } from './reply.ts'
import { ACCEPTED, fault as faultAnswer, render, renderFault, replyElsewhere } from './reply.ts'
import type { Arriving, SeenLimits } from './seen.ts'
import { Seen } from './seen.ts'
import { postReply, send } from './send.ts'
import { StockQuote } from './stock-quote.ts'
import { isHarmful, misbehave } from './trouble.ts'

export interface BackendOptions {
  /** 0 takes a free one. */
  readonly port: number
  readonly host?: string
  /** Also listens with TLS; `key` and `cert` are PEM texts. */
  readonly https?: { readonly port: number; readonly key: string; readonly cert: string }
  /** Apache's namespaces or WSO2's in quotes (stockquote-service §3). */
  readonly dialect?: Dialect
  /** Makes the random numbers the same in every run. */
  readonly seed?: number
  /** Understands JSON requests, which the original does only when told to. */
  readonly json?: boolean
  /** The name LBService1 and LBService2 answer with. */
  readonly name?: string
  /** In force from the first request on. */
  readonly fault?: Fault
  /** Takes the console lines. */
  readonly print?: (line: string) => void
  readonly clock?: Clock
  readonly remember?: SeenLimits
}

export interface Backend extends AsyncDisposable {
  /** Of the stock-quote service. */
  readonly url: string
  /** `http://host:port`, without a slash at the end. */
  readonly origin: string
  readonly port: number
  readonly httpsOrigin: string | undefined
  readonly seen: Seen
  readonly faults: Faults
  /** Orders accepted since the start. */
  readonly orders: number
  /** Resolves as soon as `condition` holds for what was seen; rejects after `ms`. */
  waitFor(condition: (seen: Seen) => boolean, ms?: number): Promise<void>
  /** Closes the port and every connection. What was seen stays. */
  stop(): Promise<void>
  /** Opens the same port again, after {@link stop} or in its place. */
  restart(): Promise<void>
}

interface Target {
  readonly service: Service
  readonly operation: string | undefined
  /** Path of the service. */
  readonly base: string
}

/** Names under which other builds of the sample server offer the same operations. */
const ALIASES = [
  'SimpleStockQuoteService1',
  'SimpleStockQuoteService2',
  'SimpleStockQuoteService3',
  'FastStockQuoteService',
]
const MOST_BODY = 64 * 1024 * 1024
/** Longer than clients keep theirs, so that they never meet a connection that is just being closed here. */
const KEEP_ALIVE_MS = 65_000

export async function startBackend(options: BackendOptions): Promise<Backend> {
  const backend = new StockQuoteBackend(options)
  await backend.restart()
  return backend
}

class StockQuoteBackend implements Backend {
  readonly seen: Seen
  readonly faults: Faults
  readonly #options: BackendOptions
  readonly #host: string
  readonly #clock: Clock
  readonly #print: (line: string) => void
  readonly #stockQuote: StockQuote
  readonly #services = new Map<string, Service>()
  #port: number
  #httpsPort: number | undefined
  #listeners: Server[] = []
  readonly #sockets = new Set<Socket>()
  #open = new AbortController()

  constructor(options: BackendOptions) {
    this.#options = options
    this.#host = options.host ?? '127.0.0.1'
    this.#port = options.port
    this.#httpsPort = options.https?.port
    this.#clock = options.clock ?? systemClock
    this.#print = options.print ?? (() => {})
    this.seen = new Seen(options.remember)
    const random = randomNumbers(options.seed)
    this.faults = new Faults(random)
    if (options.fault) this.faults.arm(options.fault)
    const shared = { clock: this.#clock, print: this.#print }
    this.#stockQuote = new StockQuote({ ...shared, random, dialect: options.dialect ?? 'apache' })
    const loadBalanced = (['LBService1', 'LBService2'] as const).map(
      name => new LoadBalance({ ...shared, name, serverName: options.name }),
    )
    for (const service of [this.#stockQuote, ...loadBalanced]) this.#services.set(service.name, service)
    for (const alias of ALIASES) this.#services.set(alias, this.#stockQuote)
  }

  get port(): number {
    return this.#port
  }

  get origin(): string {
    return `http://${this.#authority(this.#port)}`
  }

  get httpsOrigin(): string | undefined {
    return this.#httpsPort === undefined ? undefined : `https://${this.#authority(this.#httpsPort)}`
  }

  get url(): string {
    return `${this.origin}/services/${this.#stockQuote.name}`
  }

  get orders(): number {
    return this.#stockQuote.orders
  }

  waitFor(condition: (seen: Seen) => boolean, ms?: number): Promise<void> {
    return this.seen.waitFor(condition, ms)
  }

  async restart(): Promise<void> {
    await this.stop()
    this.#open = new AbortController()
    const plain = http.createServer({ keepAliveTimeout: KEEP_ALIVE_MS })
    this.#port = await this.#listen(plain, this.#port)
    const { https: tls } = this.#options
    if (tls) {
      const secure = https.createServer({ key: tls.key, cert: tls.cert, keepAliveTimeout: KEEP_ALIVE_MS })
      this.#httpsPort = await this.#listen(secure, this.#httpsPort ?? tls.port)
    }
  }

  async stop(): Promise<void> {
    this.#open.abort()
    const closed = this.#listeners.map(server => new Promise(resolve => server.close(resolve)))
    this.#listeners = []
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(closed)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #authority(port: number): string {
    return `${this.#host.includes(':') ? `[${this.#host}]` : this.#host}:${port}`
  }

  async #listen(server: http.Server | https.Server, port: number): Promise<number> {
    server.on('request', (request, response) => this.#receive(request, response))
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, this.#host, () => {
        server.off('error', reject)
        resolve()
      })
    })
    this.#listeners.push(server)
    return (server.address() as AddressInfo).port
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const control = request.url?.startsWith('/_') === true
    if (!control && this.faults.takeRefusal()) {
      request.socket.resetAndDestroy()
      return
    }
    const chunks: Buffer[] = []
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length <= MOST_BODY) chunks.push(chunk)
      else request.destroy()
    })
    request.once('error', () => {})
    request.once('close', () => {
      if (!request.complete) this.seen.cutOff()
    })
    request.once('end', () => {
      if (!request.complete) return
      const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
      const url = readUrl(request.url ?? '/')
      if (control) send(response, answerControl(request.method ?? 'GET', url, body, this))
      else void this.#serve(request, response, url, body)
    })
  }

  async #serve(request: IncomingMessage, response: ServerResponse, url: URL, body: Buffer): Promise<void> {
    const call = readCall(
      {
        method: request.method ?? 'GET',
        path: url.pathname,
        query: url.searchParams,
        contentType: request.headers['content-type'] ?? '',
        soapAction: first(request.headers['soapaction']),
        cookie: request.headers.cookie,
        host: request.headers.host ?? this.#authority(this.#port),
        body,
      },
      this.#options.json === true,
    )
    const target = this.#find(call)
    const operation = target?.operation
    const record = this.seen.arrived({
      at: this.#clock.now(),
      method: call.request.method,
      target: request.url ?? '/',
      httpVersion: request.httpVersion,
      headers: request.rawHeaders,
      body,
      operation,
      key: first(request.headers['idempotency-key']),
    })
    const trouble = this.#troubleFor(request, operation, body)
    if (typeof trouble === 'string') {
      this.#answer(response, record, { status: 400, type: 'text/plain; charset=UTF-8', body: `${trouble}\n` })
      return
    }
    const open = this.#open.signal
    if (trouble?.delay) {
      await this.#clock.sleep(trouble.delay, open)
      if (open.aborted) return
    }
    const cause = trouble && isHarmful(trouble) ? trouble : undefined
    // Whoever waits for nothing gets the work done all the same: the sender may be gone, the order is not.
    let reply: HttpReply = ACCEPTED
    if (!cause || cause.after || cause.half) reply = await this.#work(call, target, record)
    if (open.aborted) return
    const answer = cause ? misbehave(cause, call, reply, response) : reply
    if (answer) this.#answer(response, record, answer)
  }

  /** The fault of this request: its own header's, else the first armed one that fits. A sentence if the header is wrong. */
  #troubleFor(request: IncomingMessage, operation: string | undefined, body: Buffer): Fault | string | undefined {
    const header = first(request.headers['x-mock-fault'])
    if (header !== undefined) return readFaultHeader(header)
    return this.faults.take({ operation, body: () => body.toString('utf8') })
  }

  #find(call: Call): Target | undefined {
    const { path } = call.request
    const start = path.lastIndexOf('/services/')
    if (start < 0) return undefined
    const [segment, ...rest] = path.slice(start + '/services/'.length).split('/')
    // `…Service.…Endpoint` is the address of one of the WSDL's ports.
    const name = segment!.split('.', 1)[0]!
    const service = this.#services.get(name)
    return service && { service, operation: service.operationOf(call, rest.join('/')), base: `/services/${name}` }
  }

  async #work(call: Call, target: Target | undefined, record: Arriving): Promise<HttpReply> {
    const { path } = call.request
    if (!target) {
      if (!path.startsWith('/services/')) return { status: 404, type: 'text/plain; charset=UTF-8', body: this.#index() }
      const reason = `The service cannot be found for the endpoint reference (EPR) ${path}`
      return renderFault({ by: 'sender', reason }, call)
    }
    if (call.unreadable !== undefined) return renderFault({ by: 'sender', reason: call.unreadable }, call)
    const { service, operation, base } = target
    if (operation === undefined) {
      const reason = `The endpoint reference (EPR) for the Operation not found is ${path} and the WSA Action = ${call.action}`
      return renderFault({ by: 'sender', reason }, call)
    }
    try {
      const answer = await service.invoke(operation, call, this.#addresses(call, base))
      if (answer.is !== 'fault') this.seen.executed(record)
      const reply = render(answer, call, operation)
      const elsewhere = answer.is === 'accepted' ? undefined : replyElsewhere(call)
      if (elsewhere === undefined) return reply
      if (elsewhere !== 'none') {
        postReply(elsewhere, reply, operation, this.#open.signal, why =>
          this.#print(`The reply could not be sent to ${elsewhere}: ${why}`),
        )
      }
      return ACCEPTED
    } catch (thrown) {
      return render(faultAnswer('receiver', textOf(thrown)), call, operation)
    }
  }

  #addresses(call: Call, base: string): string[] {
    const { host } = call.request
    const name = host.replace(/:\d+$/, '')
    const secure = this.#httpsPort === undefined ? [] : [`https://${name}:${this.#httpsPort}${base}`]
    return [`http://${name}:${this.#port}${base}`, ...secure]
  }

  #index(): string {
    const names = [...this.#services.keys()].map(name => `  ${this.origin}/services/${name}`)
    return `Nothing is here. The services of this back end:\n${names.join('\n')}\n`
  }

  #answer(response: ServerResponse, record: Arriving, reply: HttpReply): void {
    this.seen.answered(record, reply.status)
    send(response, reply)
  }
}

/** The request line may carry a path or, from the proxy client, a whole URL; neither may make us throw. */
function readUrl(target: string): URL {
  try {
    return new URL(target, 'http://backend')
  } catch {
    return new URL('http://backend/')
  }
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}
