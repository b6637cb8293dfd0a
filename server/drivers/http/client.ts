import type { SecureContext } from 'node:tls'
import type { Dispatcher } from 'undici'
import buildConnector from 'undici/lib/core/connect.js'
import Pool from 'undici/lib/dispatcher/pool.js'
import type { Clock } from '../../kernel/clock.ts'
import type { LazySignal } from '../../kernel/context.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import type { ByteSource } from '../../kernel/message.ts'
import { http10 } from './connectors.ts'
import { HttpExchange, type HttpReply } from './exchange.ts'
import { bypasses, proxyAuthorization, tunnelled, type ForwardProxy } from './forward-proxy.ts'
import { outgoingContext, type OutgoingTls } from './tls-context.ts'

export interface HttpClientSettings {
  readonly clock: Clock
  /** Connections to one origin; a slow back end then queues requests instead of taking a socket for each. */
  readonly connections?: number
  readonly connectTimeoutMs?: number
  /** Shorter than what back ends allow idle connections, or a request meets a connection that is just dying. */
  readonly keepAliveMs?: number
  /** A reply body in which nothing moves, at either end, for so long is cut off. */
  readonly stallMs?: number
  readonly tls?: OutgoingTls
  /** Back ends are reached through it. */
  readonly proxy?: ForwardProxy
}

export interface HttpRequest {
  readonly url: string
  readonly method: string
  /** Name, value, name, value …; without the headers that belong to the connection. */
  readonly headers: readonly string[]
  readonly body: Uint8Array | ByteSource | null
  /** Until the reply has begun, or is complete if it is small. Absent or 0: no limit of ours. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | LazySignal | undefined
  /** Resolves when the back end's status is known; whatever body follows is thrown away. */
  readonly oneWay?: boolean | undefined
  /** Speaks HTTP/1.0. */
  readonly http10?: boolean
  /** Closes the connection after this exchange. */
  readonly lastOnConnection?: boolean
  /** The whole URL in the request line, as proxies want it. */
  readonly absoluteUri?: boolean
}

interface Target {
  readonly pool: PoolEntry
  readonly path: string
  /** Scheme, host, port and path without the query, which may hold secrets: for texts. */
  readonly address: string
  /** For the proxy between us, which is asked for the whole URL: name, value, name, value. */
  readonly headers: readonly string[] | undefined
}

interface PoolEntry {
  readonly pool: InstanceType<typeof Pool>
  readonly key: string
  used: boolean
}

const TARGETS_KEPT = 1_000
const POOLS_BEFORE_SWEEP = 32

/**
 * Outgoing HTTP: a pool for each origin, no redirects, no retries (endpoint layers decide about those), time limits on
 * our own clock because the library's tick in whole seconds.
 */
export class HttpClient implements AsyncDisposable {
  readonly #clock: Clock
  readonly #settings: HttpClientSettings
  readonly #stallMs: number
  readonly #pools = new Map<string, PoolEntry>()
  readonly #targets = new Map<string, Target>()
  #secureContext: SecureContext | null = null
  #closed = false

  constructor(settings: HttpClientSettings) {
    this.#settings = settings
    this.#clock = settings.clock
    this.#stallMs = settings.stallMs ?? 180_000
  }

  /** Rejects with an IntegrationError of the D.6 family; a reply of any status is a reply. */
  request(request: HttpRequest): Promise<HttpReply> {
    return new Promise((resolve, reject) => {
      const target = this.#target(request)
      if (request.signal?.aborted) {
        throw new IntegrationError('SEND_FAILED', `the request to ${target.address} was given up before it was sent`)
      }
      const { body } = request
      const streamed = body !== null && !(body instanceof Uint8Array) ? body : null
      const exchange = new HttpExchange(
        {
          address: target.address,
          clock: this.#clock,
          timeoutMs: request.timeoutMs ?? 0,
          stallMs: this.#stallMs,
          oneWay: request.oneWay ?? false,
          head: request.method === 'HEAD',
          upload: streamed,
          resolve,
          reject,
        },
        request.signal,
      )
      target.pool.used = true
      target.pool.pool.dispatch(
        {
          path: request.absoluteUri ? request.url : target.path,
          method: request.method as Dispatcher.HttpMethod,
          headers: headersOf(request, target, streamed) as string[],
          body: body as Dispatcher.DispatchOptions['body'] & {},
          reset: request.lastOnConnection === true || request.http10 === true,
        },
        exchange,
      )
    })
  }

  /** Lets exchanges under way finish until the deadline, then cuts them. */
  async close(deadlineMs = 0): Promise<void> {
    this.#closed = true
    const pools = [...this.#pools.values()]
    this.#pools.clear()
    this.#targets.clear()
    const done = new AbortController()
    const finished = Promise.all(pools.map(({ pool }) => pool.close())).then(() => done.abort())
    await Promise.race([finished, this.#clock.sleep(deadlineMs, done.signal)])
    await Promise.all(pools.map(({ pool }) => pool.destroy()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Open pools, for metrics and leak checks. */
  get pools(): number {
    return this.#pools.size
  }

  #target(request: HttpRequest): Target {
    if (this.#closed)
      throw new IntegrationError('SEND_FAILED', 'the HTTP client is closed because the server is stopping')
    const key = request.http10 ? `1.0 ${request.url}` : request.url
    const known = this.#targets.get(key)
    if (known) return known
    const target = this.#locate(request)
    if (this.#targets.size >= TARGETS_KEPT) this.#targets.clear()
    this.#targets.set(key, target)
    return target
  }

  #locate({ url, http10: old = false }: HttpRequest): Target {
    const parsed = URL.canParse(url) ? new URL(url) : null
    if (parsed === null || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') || parsed.hostname === '') {
      throw new IntegrationError(
        'NO_ADDRESS',
        `'${withoutSecrets(url)}' is not an address this server can send to; write http://host:port/path`,
      )
    }
    const proxy = this.#proxyFor(parsed.hostname)
    const asked = proxy && parsed.protocol === 'http:' ? proxy : undefined
    const origin = asked ? `http://${asked.host}:${asked.port}` : parsed.origin
    const key = `${old ? '1.0 ' : ''}${origin}`
    return {
      pool: this.#pools.get(key) ?? this.#open(key, origin, old, asked ? undefined : proxy),
      path: asked ? `${parsed.origin}${pathOf(url)}` : pathOf(url),
      address: `${parsed.origin}${parsed.pathname}`,
      headers: asked && headersForProxy(asked, parsed.host),
    }
  }

  #proxyFor(hostname: string): ForwardProxy | undefined {
    const { proxy } = this.#settings
    return proxy === undefined || bypasses(proxy, hostname) ? undefined : proxy
  }

  #open(key: string, origin: string, old: boolean, tunnel: ForwardProxy | undefined): PoolEntry {
    if (this.#pools.size >= POOLS_BEFORE_SWEEP) this.#sweep()
    const { connections = 128, connectTimeoutMs = 10_000, keepAliveMs = 4_000, tls = {} } = this.#settings
    const connector = {
      timeout: connectTimeoutMs,
      ...(origin.startsWith('https:') && {
        secureContext: (this.#secureContext ??= outgoingContext(tls)),
        rejectUnauthorized: tls.verify ?? true,
      }),
    }
    const connect = tunnel
      ? tunnelled(buildConnector(connector), tunnel, connectTimeoutMs, this.#clock)
      : old
        ? buildConnector(connector)
        : undefined
    const pool = new Pool(origin, {
      connections,
      pipelining: 1,
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: 60_000,
      connect: connect === undefined ? connector : old ? http10(connect) : connect,
    })
    const entry: PoolEntry = { pool, key, used: true }
    this.#pools.set(key, entry)
    return entry
  }

  /** Closes the pools nobody has used since the last sweep, for addresses that are made up per message. */
  #sweep(): void {
    for (const entry of this.#pools.values()) {
      if (!entry.used && entry.pool.stats.size === 0) {
        this.#pools.delete(entry.key)
        void entry.pool.close()
      }
      entry.used = false
    }
    this.#targets.clear()
  }
}

function headersOf({ headers }: HttpRequest, target: Target, streamed: ByteSource | null): readonly string[] {
  if (target.headers === undefined && streamed?.length === undefined) return headers
  const length = streamed?.length === undefined ? [] : ['content-length', String(streamed.length)]
  return [...headers, ...length, ...(target.headers ?? [])]
}

function headersForProxy(proxy: ForwardProxy, host: string): readonly string[] {
  const authorization = proxyAuthorization(proxy)
  return ['host', host, ...(authorization === undefined ? [] : ['proxy-authorization', authorization])]
}

/** Path and query as written, with what may not stand in a request line escaped. */
function pathOf(url: string): string {
  const start = url.indexOf('//') + 2
  const at = start + url.slice(start).search(/[/?#]/)
  if (at < start) return '/'
  const fragment = url.indexOf('#', at)
  const written = url.slice(at, fragment < 0 ? undefined : fragment)
  const path = written.startsWith('/') ? written : `/${written}`
  return /^[\x21-\x7e]*$/.test(path) ? path : path.replace(/[^\x21-\x7e]+/g, escapeRun)
}

function escapeRun(run: string): string {
  let escaped = ''
  for (const byte of Buffer.from(run)) escaped += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  return escaped
}

/** Without user, password and query. */
function withoutSecrets(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//').replace(/[?#].*$/s, '')
}
