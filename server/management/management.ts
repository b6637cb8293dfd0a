import type { AddressInfo } from 'node:net'
import { isIP } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify'
import fastify from 'fastify'
import type { Clock } from '../kernel/clock.ts'
import { IntegrationError, systemCode, textOf } from '../kernel/errors.ts'
import type { Admin } from './admin.ts'
import type { ApiAnswer, Managed, Method, Resource } from './api.ts'
import { audit, ok, refusal } from './api.ts'
import { listingResources } from './listings.ts'
import { LoginGuard } from './login-guard.ts'
import { processorResources } from './processors.ts'
import { inboundResources } from './inbound-endpoints.ts'
import { taskResources } from './tasks.ts'
import { health, serverResources } from './server-info.ts'
import { storeResources } from './stores.ts'
import { Tokens } from './tokens.ts'

export interface ManagementOptions extends Managed {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** Who listens on a port, for the text that says it is taken. */
  readonly portHolder?: (port: number) => string | undefined
  readonly admin: Admin
  readonly clock: Clock
  readonly tokenExpiryMs: number
  readonly maxTokens: number
  /** PEM. Required unless `host` is loopback. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly passphrase?: string }
}

export interface Management extends AsyncDisposable {
  readonly port: number
  /** `http://localhost:9164`. */
  readonly url: string
}

const METHODS: readonly Method[] = ['GET', 'POST', 'PATCH', 'DELETE']
const OTHER_METHODS = ['PUT', 'OPTIONS'] as const
const LARGEST_BODY = 1024 * 1024

/** Listens on the management port; rejects with `PORT_IN_USE` or `SETTING_INVALID`. */
export async function startManagement(options: ManagementOptions): Promise<Management> {
  const { host, port, tls } = options
  if (!tls && !isLoopback(host)) {
    throw new IntegrationError(
      'SETTING_INVALID',
      `the management port is served without TLS on loopback only, not on ${host || 'every address'}; name a certificate or set management.host to localhost`,
    )
  }
  const app = managementApp(options)
  try {
    await app.listen({ host, port })
  } catch (thrown) {
    await app.close()
    if (systemCode(thrown) === 'EADDRINUSE') {
      throw new IntegrationError(
        'PORT_IN_USE',
        `the management port ${port} is used by ${options.portHolder?.(port) ?? 'another process'}; stop it or choose another port with --management-port`,
        { cause: thrown },
      )
    }
    throw new IntegrationError(
      'SETTING_INVALID',
      `cannot listen on ${host}:${port}: ${textOf(thrown)}; see management.host`,
      {
        cause: thrown,
      },
    )
  }
  const { port: bound } = app.server.address() as AddressInfo
  const name = isIP(host) === 6 ? `[${host}]` : host
  return {
    port: bound,
    url: `${tls ? 'https' : 'http'}://${name}:${bound}`,
    [Symbol.asyncDispose]: () => app.close(),
  }
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

/** The application without its port, for tests. */
export function managementApp(options: ManagementOptions): FastifyInstance {
  const { tls } = options
  const server: FastifyServerOptions & { https?: object } = {
    bodyLimit: LARGEST_BODY,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 2000, ignoreTrailingSlash: true },
    ...(tls && {
      https: { cert: tls.certificate, key: tls.key, passphrase: tls.passphrase, minVersion: 'TLSv1.2' },
    }),
  }
  const app = fastify(server)
  // Whatever the client calls it, a payload is JSON; `curl -d` says it is a form.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) => {
    try {
      done(null, text === '' ? undefined : JSON.parse(text as string))
    } catch {
      done(Object.assign(new Error('the payload is not JSON'), { statusCode: 400 }))
    }
  })
  app.setErrorHandler((error: { statusCode?: number; message: string }, request, reply) => {
    const status = error.statusCode ?? 500
    if (status >= 500) options.log.error('a management request failed', { path: request.url, error })
    answer(reply, refusal(status, status >= 500 ? 'the request failed; the log says why' : error.message))
  })
  // As MI does: an unknown path has no body.
  app.setNotFoundHandler((_request, reply) => void reply.code(404).send())
  const access = new Access(options)
  app.get('/healthz', (_request, reply) => answer(reply, health(options)))
  app.get('/liveness', (_request, reply) => answer(reply, ok({ server: 'started' })))
  app.get('/management/login', (request, reply) => access.login(request, reply))
  const resources = [
    ...serverResources(options),
    ...storeResources(options),
    ...processorResources(options),
    ...taskResources(options),
    ...inboundResources(options),
    ...listingResources(options),
  ]
  for (const resource of resources) addResource(app, access, resource)
  app.get('/management/logout', (request, reply) => access.logout(request, reply))
  return app
}

function addResource(app: FastifyInstance, access: Access, { path, methods }: Resource): void {
  const url = path === '/' ? '/management' : `/management${path}`
  const allowed = METHODS.filter(method => methods[method])
  for (const method of [...METHODS, ...OTHER_METHODS]) {
    const handler = method === 'PUT' || method === 'OPTIONS' ? undefined : methods[method]
    app.route({
      method,
      url,
      // Before the payload is read: a stranger cannot make us take one in.
      onRequest: (request, reply, done) => {
        if (access.userOf(request) === undefined) access.refuse(reply)
        else done()
      },
      handler: async (request, reply) => {
        if (!handler)
          return answer(reply, {
            ...refusal(405, `${method} is not possible here`),
            headers: { allow: allowed.join(', ') },
          })
        const user = access.userOf(request) ?? ''
        const { params, query, body } = request as {
          params: Record<string, string>
          query: Record<string, string>
          body: unknown
        }
        return answer(reply, await handler({ params, query, body, user }))
      },
    })
  }
}

function answer(reply: FastifyReply, { status, body, bytes, headers }: ApiAnswer): FastifyReply {
  reply.code(status).header('x-content-type-options', 'nosniff').header('cache-control', 'no-store')
  if (headers) reply.headers(headers)
  return reply.send(bytes ?? body)
}

/** Login with a password, then a token, as in MI. */
class Access {
  readonly #options: ManagementOptions
  readonly #tokens: Tokens
  readonly #guard: LoginGuard

  constructor(options: ManagementOptions) {
    this.#options = options
    this.#tokens = new Tokens(options.clock, options.tokenExpiryMs, options.maxTokens)
    this.#guard = new LoginGuard(options.clock)
  }

  async login(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { admin, log } = this.#options
    const given = basicOf(request.headers.authorization)
    if (!given) return this.refuse(reply)
    const verdict = await this.#guard.attempt(request.ip, () => admin.matches(given.user, given.password))
    if (typeof verdict === 'object') {
      const text = `Too many logins were refused; try again in ${verdict.retryAfter} s`
      return answer(reply, { ...refusal(429, text), headers: { 'retry-after': String(verdict.retryAfter) } })
    }
    const by = given.user.slice(0, 100)
    audit(log, { by, action: verdict ? 'login' : 'refused', type: 'login', info: { from: request.ip } })
    return verdict ? answer(reply, ok({ AccessToken: this.#tokens.issue(given.user) })) : this.refuse(reply)
  }

  logout(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const user = this.userOf(request)
    if (user === undefined) return this.refuse(reply)
    this.#tokens.revoke(bearerOf(request.headers.authorization)!)
    audit(this.#options.log, { by: user, action: 'logout', type: 'login', info: { from: request.ip } })
    return reply.code(200).send()
  }

  userOf(request: FastifyRequest): string | undefined {
    const token = bearerOf(request.headers.authorization)
    return token === undefined ? undefined : this.#tokens.userOf(token)
  }

  /** MI's answer, its misspelt header included, beside the one the standard asks for. */
  refuse(reply: FastifyReply): FastifyReply {
    reply.header('WWW_Authenticate', 'Basic realm="WSO2 EI"').header('www-authenticate', 'Bearer realm="Holdfast"')
    return reply.code(401).send()
  }
}

function bearerOf(header: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(header ?? '')?.[1]
}

function basicOf(header: string | undefined): { user: string; password: string } | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(header ?? '')?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}
