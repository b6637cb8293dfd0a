/** Tokens of OAuth 2 (RFC 6749) for back ends that want one: asked for once, kept until they end or are refused. */
import type { Clock } from '../kernel/clock.ts'
import type { MessageContext } from '../kernel/context.ts'
import { IntegrationError, textOf } from '../kernel/errors.ts'
import { HeaderMap } from '../kernel/headers.ts'
import { Body, Message } from '../kernel/message.ts'
import type { HttpSender } from '../schema/services.ts'

export interface TokenRequest {
  readonly tokenUrl: string
  /** Names and values of the form. */
  readonly form: Readonly<Record<string, string>>
  readonly clientId: string
  readonly clientSecret: string
  /** Where the client says who it is: in the Authorization header, or in the form. */
  readonly authMode: 'header' | 'payload'
}

interface Kept {
  readonly token: Promise<string>
  until: number
}

/** A token is asked for anew so long before it ends: it has to outlast its way to the back end. */
const MARGIN_MS = 5_000
const TOKEN_TIMEOUT_MS = 30_000
/** Credentials may be computed for each message: more different ones than this are not kept. */
const MOST = 1_000

export class Tokens {
  readonly #http: HttpSender
  readonly #clock: Clock
  readonly #kept = new Map<string, Kept>()

  constructor(http: HttpSender, clock: Clock) {
    this.#http = http
    this.#clock = clock
  }

  /** The token for these credentials; many messages at once wait for the same answer. `refused`: not this one again. */
  get(request: TokenRequest, ctx: MessageContext, refused?: string): Promise<string> {
    const key = JSON.stringify([request.tokenUrl, request.clientId, request.clientSecret, request.form])
    const known = this.#kept.get(key)
    if (known && known.until > this.#clock.now()) {
      if (refused === undefined) return known.token
      // Another message may have found out before, and have the next one by now.
      return known.token.then(
        token => (token === refused ? this.#fetch(key, request, ctx, known) : token),
        () => this.#fetch(key, request, ctx, known),
      )
    }
    return this.#fetch(key, request, ctx, known)
  }

  #fetch(key: string, request: TokenRequest, ctx: MessageContext, before: Kept | undefined): Promise<string> {
    const current = this.#kept.get(key)
    if (current && current !== before && current.until > this.#clock.now()) return current.token
    const kept: Kept = {
      until: Number.POSITIVE_INFINITY,
      token: this.#ask(request, ctx).then(
        ({ token, lifetimeMs }) => {
          if (lifetimeMs !== undefined) kept.until = this.#clock.now() + Math.max(0, lifetimeMs - MARGIN_MS)
          return token
        },
        (thrown: unknown) => {
          if (this.#kept.get(key) === kept) this.#kept.delete(key)
          throw thrown
        },
      ),
    }
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    if (this.#kept.size > MOST) this.#kept.delete(this.#kept.keys().next().value!)
    return kept.token
  }

  async #ask(request: TokenRequest, ctx: MessageContext): Promise<{ token: string; lifetimeMs?: number }> {
    const { tokenUrl, clientId, clientSecret, authMode } = request
    const form = new URLSearchParams(request.form)
    const headers = new HeaderMap(['Accept', 'application/json'])
    if (authMode === 'payload') {
      form.set('client_id', clientId)
      form.set('client_secret', clientSecret)
    } else headers.append('Authorization', basic(clientId, clientSecret))
    const type = 'application/x-www-form-urlencoded'
    const message = new Message({ body: Body.ofBytes(Buffer.from(form.toString()), type), headers, format: 'form' })
    let status = 0
    let text = ''
    try {
      const target = { url: tokenUrl, method: 'POST' }
      const reply = await this.#http.send(message, target, ctx, { timeoutMs: TOKEN_TIMEOUT_MS })
      await reply?.body.collect()
      status = Number(reply?.flag('HTTP_SC') ?? 0)
      text = Buffer.from(reply?.body.raw ?? new Uint8Array(0)).toString('utf8')
    } catch (thrown) {
      throw failed(`the token endpoint ${tokenUrl} cannot be asked: ${textOf(thrown)}`, thrown)
    }
    const answer = status === 200 ? parsed(text) : undefined
    const token = answer?.['access_token']
    if (typeof token !== 'string' || token === '') {
      throw failed(`the token endpoint ${tokenUrl} gave no token (status ${status}); check the credentials`)
    }
    const seconds = Number(answer?.['expires_in'])
    return Number.isFinite(seconds) && seconds > 0 ? { token, lifetimeMs: seconds * 1000 } : { token }
  }
}

export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

function failed(message: string, cause?: unknown): IntegrationError {
  return new IntegrationError('ENDPOINT_AUTH_FAILED', message, cause === undefined ? {} : { cause })
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
