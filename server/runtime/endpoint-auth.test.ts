import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Message } from '../kernel/message.ts'
import { IntegrationError } from '../kernel/errors.ts'
import {
  build,
  contextOf,
  fakeServices,
  faultOf,
  placesOf,
  replyOf,
  textOfBody,
  type FakeServices,
  type Given,
} from '../testing/rig.ts'

const TOKEN_URL = 'http://tokens/new'
const CLIENT = `<clientId>me</clientId><clientSecret>{get-property('secret')}</clientSecret><tokenUrl>${TOKEN_URL}</tokenUrl>`

function endpointWith(authentication: string, services: FakeServices) {
  const http = `<http method="post" uri-template="http://backend/x"><authentication>${authentication}</authentication></http>`
  return build('endpoint', `<endpoint name="e">${http}</endpoint>`, services)
}

const oauth = (grant: string, inside: string): string => `<oauth><${grant}>${inside}${CLIENT}</${grant}></oauth>`

interface World {
  readonly services: FakeServices
  /** Forms the token endpoint was sent, with its Authorization header. */
  readonly asked: { form: Record<string, string>; authorization: string | undefined }[]
  /** Authorization headers the back end saw, with the body beside. */
  readonly seen: string[]
  /** Tokens the back end no longer takes. */
  readonly refused: Set<string>
}

function world(lifetime?: number): World {
  const services = fakeServices()
  const { asked, seen, refused }: Omit<World, 'services'> = { asked: [], seen: [], refused: new Set() }
  services.answer = (request, { url }) => {
    const authorization = request.headers.get('Authorization')
    if (url === TOKEN_URL) {
      asked.push({ form: Object.fromEntries(new URLSearchParams(textOfBody(request))), authorization })
      return replyOf(
        200,
        JSON.stringify({ access_token: `t${asked.length}`, expires_in: lifetime }),
        'application/json',
      )
    }
    seen.push(`${authorization} ${textOfBody(request)}`)
    return replyOf(refused.has(authorization ?? '') ? 401 : 200)
  }
  return { services, asked, seen, refused }
}

async function ask(endpoint: ReturnType<typeof endpointWith>, given: Given = {}): Promise<Message> {
  const ctx = contextOf({ body: 'x', properties: { secret: 'hush' }, ...given })
  return (await endpoint.send(ctx.message, ctx))!
}

const basicOf = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

test('Basic credentials are for the back end alone: a header of the caller is as it was afterwards', async () => {
  const { services, seen } = world()
  const endpoint = endpointWith(
    `<basicAuth><username>me</username><password>{get-property('secret')}</password></basicAuth>`,
    services,
  )
  const ctx = contextOf({ body: 'x', properties: { secret: 'hush' }, headers: { Authorization: 'Bearer callers' } })
  await endpoint.send(ctx.message, ctx)
  assert.deepEqual(seen, [`${basicOf('me', 'hush')} x`])
  assert.equal(ctx.message.headers.get('Authorization'), 'Bearer callers')
})

test('a token is asked for once, however many messages need it at the same time', async () => {
  const { services, asked, seen } = world()
  const endpoint = endpointWith(oauth('clientCredentials', ''), services)
  await Promise.all([ask(endpoint), ask(endpoint)])
  await ask(endpoint)
  assert.deepEqual(asked, [{ form: { grant_type: 'client_credentials' }, authorization: basicOf('me', 'hush') }])
  assert.deepEqual(seen, ['Bearer t1 x', 'Bearer t1 x', 'Bearer t1 x'])
})

test('a token is asked for anew shortly before it ends', async () => {
  const { services, seen } = world(60)
  const endpoint = endpointWith(oauth('clientCredentials', ''), services)
  await ask(endpoint)
  await services.clock.advance(54_000)
  await ask(endpoint)
  await services.clock.advance(1_000)
  await ask(endpoint)
  assert.deepEqual(seen, ['Bearer t1 x', 'Bearer t1 x', 'Bearer t2 x'])
})

test('after 401 the message goes out once more, whole, with a new token; a second 401 is the reply', async () => {
  const { services, asked, seen, refused } = world()
  const endpoint = endpointWith(oauth('clientCredentials', ''), services)
  refused.add('Bearer t1')
  const reply = await ask(endpoint, { streamed: true })
  assert.equal(reply.flag('HTTP_SC'), 200)
  assert.deepEqual(seen, ['Bearer t1 x', 'Bearer t2 x'])
  refused.add('Bearer t2').add('Bearer t3')
  assert.equal((await ask(endpoint)).flag('HTTP_SC'), 401)
  assert.equal(asked.length, 3)
})

test('each grant asks in its own way, with further parameters, and the client in the form if wanted', async () => {
  const { services, asked } = world()
  const more =
    '<authMode>Payload</authMode><requestParameters><parameter name="scope">a b</parameter></requestParameters>'
  const user = '<username>u</username><password>p</password>'
  await ask(endpointWith(oauth('passwordCredentials', user + more), services))
  await ask(endpointWith(oauth('authorizationCode', '<refreshToken>r</refreshToken>'), services))
  const client = { client_id: 'me', client_secret: 'hush' }
  assert.deepEqual(asked, [
    {
      form: { grant_type: 'password', username: 'u', password: 'p', scope: 'a b', ...client },
      authorization: undefined,
    },
    { form: { grant_type: 'refresh_token', refresh_token: 'r' }, authorization: basicOf('me', 'hush') },
  ])
})

test('different credentials have different tokens', async () => {
  const { services, seen } = world()
  const endpoint = endpointWith(oauth('clientCredentials', ''), services)
  await ask(endpoint)
  await ask(endpoint, { properties: { secret: 'other' } })
  assert.deepEqual(seen, ['Bearer t1 x', 'Bearer t2 x'])
})

test('without a token the fault is 303003, tells nothing secret, and the next message asks again', async () => {
  const { services } = world()
  const endpoint = endpointWith(oauth('clientCredentials', ''), services)
  const working = services.answer
  services.answer = () => replyOf(400, '{"error":"invalid_client"}', 'application/json')
  const fault = await faultOf(ask(endpoint))
  assert.deepEqual(
    [fault.code, fault.errorCode, fault.message.includes('hush')],
    ['ENDPOINT_AUTH_FAILED', 303_003, false],
  )
  await services.clock.advance(30_000)
  services.answer = () => {
    throw new IntegrationError('CONNECT_FAILED', 'down')
  }
  assert.match((await faultOf(ask(endpoint))).message, /http:\/\/tokens\/new cannot be asked: down/)
  await services.clock.advance(30_000)
  services.answer = working
  assert.equal((await ask(endpoint)).flag('HTTP_SC'), 200)
})

test('credentials that say nothing, or two things, are refused', () => {
  const places = (inside: string): string[] =>
    placesOf(
      `<endpoint name="e"><http uri-template="http://h/"><authentication>${inside}</authentication></http></endpoint>`,
    )
  assert.deepEqual(places(''), ['1:20 invalid-value'])
  const basic = '<basicAuth><username>u</username><password>p</password></basicAuth>'
  assert.deepEqual(places(`${basic}${oauth('clientCredentials', '')}`), ['1:20 invalid-value'])
  assert.deepEqual(places('<basicAuth><username>u</username></basicAuth>'), ['1:67 missing'])
})
