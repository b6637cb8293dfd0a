/** `<authentication>` of an endpoint (synapse-language D.3): what it takes to be let in by a back end. */
import type { MessageContext } from '../kernel/context.ts'
import type { Message } from '../kernel/message.ts'
import {
  attr,
  child,
  children,
  content,
  dynamicNeedsBody,
  dynamicString,
  dynamicText,
  text,
  type ConfigOf,
  type Dynamic,
} from '../schema/index.ts'
import type { HttpSender, Services } from '../schema/services.ts'
import type { ValueType } from '../schema/types.ts'
import { basic, Tokens, type TokenRequest } from './oauth.ts'

const plain = dynamicText()
/** A text, `{expression}`, or a variable of the server such as `${configs.x}`. */
const value: ValueType<Dynamic> = {
  ...plain,
  parse(given, site) {
    const trimmed = given.trim()
    if (trimmed.startsWith('{')) return plain.parse(trimmed, site)
    const found = site.substitute(trimmed)
    return 'value' in found ? { value: { literal: found.value } } : found
  },
}
const secretValue: ValueType<Dynamic> = { ...value, name: 'secret', secret: true }

const authMode: ValueType<'header' | 'payload'> = {
  name: 'oneOf',
  expected: 'header or payload',
  xsd: 'xs:string',
  options: ['header', 'payload'],
  parse(given) {
    const mode = given.trim().toLowerCase()
    return mode === 'header' || mode === 'payload' ? { value: mode } : { problem: 'expected header or payload' }
  },
  print: mode => mode,
}

const of = (type: ValueType<Dynamic>, doc: string) => ({ value: content(type, { required: true, doc }) })

const user = {
  username: child('username', of(value, 'Text or `{expression}`.'), { required: true, doc: 'Name of the user.' }),
  password: child('password', of(secretValue, 'Text or `{expression}`.'), { required: true, doc: 'The password.' }),
} as const

const client = {
  clientId: child('clientId', of(value, 'Text or `{expression}`.'), { required: true, doc: 'Name of the client.' }),
  clientSecret: child('clientSecret', of(secretValue, 'Text or `{expression}`.'), {
    required: true,
    doc: 'Secret of the client.',
  }),
  tokenUrl: child('tokenUrl', of(value, 'Text or `{expression}`.'), { required: true, doc: 'Where tokens are given.' }),
  authMode: child(
    'authMode',
    { value: content(authMode, { doc: '`header` or `payload`.' }) },
    { doc: 'Where the client says who it is; absent: header.' },
  ),
  requestParameters: child(
    'requestParameters',
    {
      parameters: children(
        'parameter',
        {
          name: attr(text(), { required: true, doc: 'Name of the parameter.' }),
          value: content(value, { doc: 'Text or `{expression}`.' }),
        },
        { doc: 'Such as `scope`.' },
      ),
    },
    { doc: 'Further parameters of the request for a token.' },
  ),
} as const

export const authenticationFields = {
  basicAuth: child('basicAuth', user, { doc: 'HTTP Basic.' }),
  oauth: child(
    'oauth',
    {
      clientCredentials: child('clientCredentials', client, { doc: 'A token for the client itself.' }),
      passwordCredentials: child(
        'passwordCredentials',
        { ...user, ...client },
        { doc: 'A token for a user whose password is known.' },
      ),
      authorizationCode: child(
        'authorizationCode',
        {
          refreshToken: child('refreshToken', of(secretValue, 'Text or `{expression}`.'), {
            required: true,
            doc: 'Stands for the user who once agreed.',
          }),
          ...client,
        },
        { doc: 'A token for a user who once agreed.' },
      ),
    },
    { doc: 'OAuth 2: a token is asked for once and kept until it ends, or the back end answers 401.' },
  ),
}

export type Authentication = ConfigOf<typeof authenticationFields>
type Client = ConfigOf<typeof client>
type Value = { readonly value: Dynamic | undefined } | undefined

/** The exchange of an endpoint, with credentials. The message itself never gets to know them. */
export function authenticated({ basicAuth, oauth }: Authentication, services: Services): HttpSender['send'] {
  const { http, clock } = services
  if (basicAuth) {
    const { username, password } = basicAuth
    const needsBody = [username, password].some(given => dynamicNeedsBody(given?.value))
    return async (request, target, ctx, options) => {
      if (needsBody) await request.body.collect()
      const header = basic(textOf(username, ctx), textOf(password, ctx))
      return withHeader(request, header, () => http.send(request, target, ctx, options))
    }
  }
  const tokens = new Tokens(http, clock)
  return async (request, target, ctx, options) => {
    // The message goes out a second time if the token turns out to be old.
    await request.body.collect()
    const spare = request.fork()
    const wanted = tokenRequest(oauth!, ctx)
    const token = await tokens.get(wanted, ctx)
    const reply = await withHeader(request, `Bearer ${token}`, () => http.send(request, target, ctx, options))
    if (reply === null || Number(reply.flag('HTTP_SC')) !== 401) return reply
    const fresh = await tokens.get(wanted, ctx, token)
    reply.body.discard()
    return withHeader(spare, `Bearer ${fresh}`, () => http.send(spare, target, ctx, options))
  }
}

/** Credentials are for the back end alone: a header of the caller is put back when the message has gone out. */
async function withHeader<T>({ headers }: Message, header: string, send: () => Promise<T>): Promise<T> {
  const before = headers.get('Authorization')
  headers.set('Authorization', header)
  try {
    return await send()
  } finally {
    if (before === undefined) headers.delete('Authorization')
    else headers.set('Authorization', before)
  }
}

function tokenRequest(oauth: NonNullable<Authentication['oauth']>, ctx: MessageContext): TokenRequest {
  const { clientCredentials, passwordCredentials, authorizationCode } = oauth
  if (passwordCredentials) {
    const { username, password } = passwordCredentials
    const who = { username: textOf(username, ctx), password: textOf(password, ctx) }
    return requestFor(passwordCredentials, { grant_type: 'password', ...who }, ctx)
  }
  if (authorizationCode) {
    const token = textOf(authorizationCode.refreshToken, ctx)
    return requestFor(authorizationCode, { grant_type: 'refresh_token', refresh_token: token }, ctx)
  }
  return requestFor(clientCredentials!, { grant_type: 'client_credentials' }, ctx)
}

function requestFor(client: Client, grant: Readonly<Record<string, string>>, ctx: MessageContext): TokenRequest {
  const form: Record<string, string> = { ...grant }
  for (const { name, value } of client.requestParameters?.parameters ?? []) {
    if (name !== undefined && value !== undefined) form[name] = dynamicString(value, ctx)
  }
  return {
    tokenUrl: textOf(client.tokenUrl, ctx),
    form,
    clientId: textOf(client.clientId, ctx),
    clientSecret: textOf(client.clientSecret, ctx),
    authMode: client.authMode?.value ?? 'header',
  }
}

function textOf(given: Value, ctx: MessageContext): string {
  return given?.value === undefined ? '' : dynamicString(given.value, ctx)
}
