import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Api, ApiRequest } from '../../kernel/contracts.ts'
import type { ExtensionModule } from '../../extensions/api.ts'
import { extensionsOf } from '../../testing/extension-rig.ts'
import {
  build,
  contextOf,
  deployed,
  fakeServices,
  mark,
  marks,
  placesOf,
  replyOf,
  type FakeServices,
  type TestContext,
} from '../../testing/rig.ts'

interface Asked {
  readonly headers?: Readonly<Record<string, string>>
  readonly scheme?: 'http' | 'https'
  readonly runtime?: TestContext['runtime']
}

function request(method: string, url: string, { headers = {}, scheme = 'http' }: Asked = {}): ApiRequest {
  return { method, url, scheme, header: name => headers[name] }
}

/** A request to the API, and what became of it. */
async function ask(api: Api, method: string, url: string, asked: Asked = {}): Promise<TestContext> {
  const { handle, origin, answerHeaders } = api.route(request(method, url, asked))
  const ctx = contextOf({
    method,
    origin,
    headers: asked.headers ?? {},
    ...(asked.runtime && { runtime: asked.runtime }),
  })
  await handle(ctx)
  return Object.assign(ctx, { answerHeaders })
}

function api(resources: string, attributes = 'context="/shop"', services = fakeServices()): Api {
  return build('api', `<api name="Shop" ${attributes}>${resources}</api>`, services)
}

/** A resource that leaves its own attributes as a mark. */
function resource(attributes: string): string {
  return `<resource ${attributes}><inSequence>${mark(attributes.replaceAll('"', ''))}</inSequence></resource>`
}

async function chosen(of: Api, method: string, url: string, asked: Asked = {}): Promise<string> {
  const [first = 'none'] = marks(await ask(of, method, url, asked))
  return first.replace('mark = ', '')
}

function statusOf(ctx: TestContext): unknown {
  return ctx.answers[0]?.flag('HTTP_SC')
}

test('an exact mapping goes before the longest prefix, that before an extension, templates follow, then the default', async () => {
  const shop = api(
    [
      'uri-template="/{any}"',
      'url-mapping="*.json"',
      'url-mapping="/a/*"',
      'url-mapping="/a/b/*"',
      'url-mapping="/a/b/c"',
      '',
    ]
      .map(resource)
      .join(''),
  )
  assert.equal(await chosen(shop, 'GET', '/shop/a/b/c'), 'url-mapping=/a/b/c')
  assert.equal(await chosen(shop, 'GET', '/shop/a/b/d?x=1'), 'url-mapping=/a/b/*')
  assert.equal(await chosen(shop, 'GET', '/shop/a/x.json'), 'url-mapping=/a/*')
  assert.equal(await chosen(shop, 'GET', '/shop/x.json'), 'url-mapping=*.json')
  assert.equal(await chosen(shop, 'GET', '/shop/x'), 'uri-template=/{any}')
  assert.equal(await chosen(shop, 'GET', '/shop'), '')
})

test('templates are tried in the order written', async () => {
  const shop = api(resource('uri-template="/{id}"') + resource('uri-template="/new"'))
  assert.equal(await chosen(shop, 'GET', '/shop/new'), 'uri-template=/{id}')
})

test('methods are separated by anything and choose between resources of one path', async () => {
  const shop = api(
    resource('methods="GET, PUT" uri-template="/x"') + resource('methods="POST DELETE" uri-template="/x"'),
  )
  assert.equal(await chosen(shop, 'PUT', '/shop/x'), 'methods=GET, PUT uri-template=/x')
  assert.equal(await chosen(shop, 'DELETE', '/shop/x'), 'methods=POST DELETE uri-template=/x')
})

test('HEAD is for the resource of GET where none asks for it', async () => {
  assert.equal(await chosen(api(resource('methods="GET"')), 'HEAD', '/shop'), 'methods=GET')
  const both = api(resource('methods="GET"') + resource('methods="HEAD"'))
  assert.equal(await chosen(both, 'HEAD', '/shop'), 'methods=HEAD')
})

test('the flow knows variables, parameters and paths', async () => {
  const ctx = await ask(
    api(resource('uri-template="/{id}/items"'), 'context="/shop"'),
    'GET',
    '/shop/a%20b/items?q=1+2&e=%C3%BC&flag',
    { headers: { host: 'h:1' } },
  )
  const of = (name: string): unknown => ctx.properties.get(name)
  assert.deepEqual(['uri.var.id', 'query.param.q', 'query.param.e', 'query.param.flag'].map(of), [
    'a b',
    '1 2',
    'ü',
    '',
  ])
  assert.deepEqual(
    ['REST_METHOD', 'REST_FULL_REQUEST_PATH', 'REST_SUB_REQUEST_PATH', 'REST_API_CONTEXT', 'REST_URL_PREFIX'].map(of),
    ['GET', '/shop/a%20b/items?q=1+2&e=%C3%BC&flag', '/a%20b/items?q=1+2&e=%C3%BC&flag', '/shop', 'http://h:1'],
  )
  assert.equal(of('SYNAPSE_REST_API'), 'Shop')
})

test('what is not percent-encoded as it should be is answered 400', async () => {
  assert.equal(statusOf(await ask(api(resource('')), 'GET', '/shop?q=%zz')), 400)
})

test('without a resource the answer is an empty 404, with another method 405 and what is allowed', async () => {
  const shop = api(resource('methods="POST PUT" url-mapping="/x"'))
  assert.equal(statusOf(await ask(shop, 'GET', '/shop/y')), 404)
  const refused = await ask(shop, 'GET', '/shop/x')
  assert.deepEqual([statusOf(refused), refused.answers[0]!.headers.get('Allow')], [405, 'POST, PUT, OPTIONS'])
})

test('sequences of their names handle what no resource is for', async () => {
  const runtime = deployed(fakeServices(), [
    `<sequence name="_resource_mismatch_handler_">${mark('mismatch')}</sequence>`,
    `<sequence name="_method_not_allowed_handler_">${mark('method')}</sequence>`,
  ])
  const shop = api(resource('methods="POST" url-mapping="/x"'))
  assert.deepEqual(marks(await ask(shop, 'GET', '/shop/y', { runtime })), ['mark = mismatch'])
  assert.deepEqual(marks(await ask(shop, 'GET', '/shop/x', { runtime })), ['mark = method'])
})

test('OPTIONS is answered with the methods there are, unless a resource asks for it', async () => {
  const shop = api(resource('methods="GET POST" url-mapping="/x"') + resource('methods="OPTIONS" url-mapping="/y"'))
  const answered = await ask(shop, 'OPTIONS', '/shop/x')
  assert.deepEqual([statusOf(answered), answered.answers[0]!.headers.get('Allow')], [200, 'GET, POST, OPTIONS'])
  assert.equal(await chosen(shop, 'OPTIONS', '/shop/y'), 'methods=OPTIONS url-mapping=/y')
})

test('a resource for some content type, client or transport refuses others with 400', async () => {
  const shop = api(resource('content-type="text/xml" user-agent="curl.*" protocol="https"'))
  const fitting = {
    headers: { 'content-type': 'text/xml; charset=utf-8', 'user-agent': 'curl/8' },
    scheme: 'https',
  } as const
  assert.match(await chosen(shop, 'POST', '/shop', fitting), /text\/xml/)
  assert.equal(statusOf(await ask(shop, 'POST', '/shop', { ...fitting, scheme: 'http' })), 400)
  assert.equal(statusOf(await ask(shop, 'POST', '/shop', { ...fitting, headers: { 'user-agent': 'curl/8' } })), 400)
})

test('a version stands behind the context, or in it; without a version type it stands nowhere', () => {
  const of = (attributes: string): string[] => {
    const { name, prefix, context, version } = api('', attributes)
    return [name, prefix, context, version]
  }
  assert.deepEqual(of('context="/shop" version="1.0" version-type="url"'), ['Shop:v1.0', '/shop/1.0', '/shop', '1.0'])
  assert.deepEqual(of('context="/v{version}/shop/" version="2" version-type="context"'), [
    'Shop:v2',
    '/v2/shop',
    '/v2/shop',
    '2',
  ])
  assert.deepEqual(of('context="/shop" version="3"'), ['Shop', '/shop', '/shop', ''])
})

test('host, port, transport and binding decide whether the API is meant at all', () => {
  const asked = (headers: Record<string, string>, scheme: 'http' | 'https' = 'http'): ApiRequest =>
    request('GET', '/shop', { headers, scheme })
  const hosted = api('', 'context="/shop" hostname="shop.org" port="8280"')
  assert.equal(hosted.accepts(asked({ host: 'shop.org:8280' })), true)
  assert.equal(hosted.accepts(asked({ host: 'shop.org' })), false)
  assert.equal(hosted.accepts(asked({ host: 'other:8280' })), false)
  assert.equal(api('', 'context="/shop" port="443"').accepts(asked({ host: 'h' }, 'https')), true)
  assert.equal(api('', 'context="/shop" transports="https"').accepts(asked({})), false)
  assert.equal(api('', 'context="/shop" binds-to="inbound1"').accepts(asked({})), false)
})

test('a reply runs the out sequence, or goes to the caller as it is', async () => {
  const to = '<send><endpoint><address uri="http://backend/"/></endpoint></send>'
  const plain = await ask(api(`<resource><inSequence>${to}</inSequence></resource>`), 'POST', '/shop')
  assert.equal(plain.answers.length, 1)
  const out = `<resource><inSequence>${to}</inSequence><outSequence>${mark('out')}<send/></outSequence></resource>`
  const through = await ask(api(out), 'POST', '/shop')
  assert.deepEqual([marks(through), through.answers.length], [['mark = out'], 1])
})

test('a fault runs the fault sequence of the resource, else the one named fault', async () => {
  const failing = '<inSequence><sequence key="nowhere"/></inSequence>'
  const runtime = deployed(fakeServices(), [`<sequence name="fault">${mark('global')}</sequence>`])
  const own = api(`<resource>${failing}<faultSequence>${mark('own')}</faultSequence></resource>`)
  assert.deepEqual(marks(await ask(own, 'POST', '/shop', { runtime })), ['mark = own'])
  assert.deepEqual(marks(await ask(api(`<resource>${failing}</resource>`), 'POST', '/shop', { runtime })), [
    'mark = global',
  ])
})

const CORS = { origins: ['http://app.org'], headers: 'Content-Type' }

test('a page of an allowed origin may call, another may not even ask', async () => {
  const services = fakeServices()
  const withCors = { ...services, settings: { ...services.settings, cors: CORS } } as typeof services
  const shop = api(resource('methods="GET"'), 'context="/shop"', withCors)
  const from = (origin: string): Asked => ({ headers: { origin } })
  assert.deepEqual(shop.route(request('GET', '/shop', from('http://app.org'))).answerHeaders, [
    'Access-Control-Allow-Origin',
    'http://app.org',
    'Vary',
    'Origin',
    'Access-Control-Allow-Methods',
    'GET',
    'Access-Control-Allow-Headers',
    'Content-Type',
  ])
  assert.equal(statusOf(await ask(shop, 'OPTIONS', '/shop', from('http://app.org'))), 200)
  assert.equal(statusOf(await ask(shop, 'OPTIONS', '/shop', from('http://evil.org'))), 403)
  assert.equal(shop.route(request('GET', '/shop', from('http://evil.org'))).answerHeaders![1], '')
  assert.equal(shop.route(request('GET', '/shop')).answerHeaders, undefined)
})

test('a CORS handler of its own opens the API to the origins it names; any other handler keeps it out', () => {
  const handlers = (name: string): string =>
    `<handlers><handler class="${name}"><property name="Access-Control-Allow-Origin" value="*"/></handler></handlers>`
  const shop = api(`${resource('')}${handlers('org.apache.synapse.rest.cors.SynapseCORSHandler')}`)
  assert.equal(shop.route(request('GET', '/shop', { headers: { origin: 'http://x' } })).answerHeaders![1], '*')
  const hasExtension = (): boolean => false
  assert.deepEqual(placesOf(`<api name="A" context="/a">${handlers('com.acme.Auth')}</api>`, { hasExtension }), [
    '1:1 not-supported',
  ])
})

function guarded(module: ExtensionModule, inside = '<respond/>'): { shop: Api; services: FakeServices } {
  const services = fakeServices({ extensions: extensionsOf({ 'com.acme.Auth': module }) })
  const handler = '<handlers><handler class="com.acme.Auth"><property name="realm" value="shop"/></handler></handlers>'
  const shop = api(`<resource><inSequence>${inside}</inSequence></resource>${handler}`, undefined, services)
  return { shop, services }
}

test('an extension as a handler sees each request before the resource, and may answer it', async () => {
  const { shop } = guarded({
    handleRequest(ctx, { realm }) {
      if (ctx.headers.get('authorization') !== undefined) return ctx.setProperty('realm', realm)
      ctx.setProperty('HTTP_SC', 401, 'axis2')
      ctx.respond()
      return false
    },
  })
  assert.equal(statusOf(await ask(shop, 'GET', '/shop')), 401)
  const letIn = await ask(shop, 'GET', '/shop', { headers: { authorization: 'Bearer x' } })
  assert.equal(letIn.properties.get('realm'), 'shop')
})

test('a handler that refuses without an answer, or whose module has gone, is a fault and no yes', async () => {
  const { shop } = guarded({ handleRequest: () => false })
  const refused = await ask(shop, 'GET', '/shop')
  assert.match(refused.exchange.fault?.message ?? '', /com\.acme\.Auth returned false without an answer/)
  const gone = api(`<resource/><handlers><handler class="com.acme.Auth"/></handlers>`)
  const fault = (await ask(gone, 'GET', '/shop')).exchange.fault
  assert.equal(fault?.code, 'EXTENSION_MISSING')
  assert.match(fault?.message ?? '', /functions handleRequest\(ctx, properties\)/)
})

test('a handler sees the reply of the back end before the out flow', async () => {
  const { shop, services } = guarded(
    { handleResponse: ctx => ctx.headers.set('X-Seen', String(ctx.isResponse)) },
    '<send><endpoint><address uri="http://back/x"/></endpoint></send>',
  )
  services.answer = () => replyOf(200, '<a/>')
  const ctx = await ask(shop, 'GET', '/shop')
  assert.equal(ctx.answers[0]?.headers.get('x-seen'), 'true')
})

test('what cannot be dispatched is said at deploy', () => {
  const problems = (resources: string, attributes = 'context="/a"'): string[] =>
    placesOf(`<api name="A" ${attributes}>${resources}</api>`).map(place => place.split(' ')[1]!)
  assert.deepEqual(problems('', 'context="a"'), ['invalid-value'])
  assert.deepEqual(problems('<resource methods="GET FETCH"/>'), ['invalid-value'])
  assert.deepEqual(problems('<resource methods="GET GET"/>'), ['invalid-value'])
  assert.deepEqual(problems('<resource uri-template="/{"/>'), ['invalid-value'])
  assert.deepEqual(problems('<resource uri-template="/a" url-mapping="/a"/>'), ['one-too-many'])
  assert.deepEqual(problems('<resource methods="GET"/><resource methods="POST GET"/>'), ['repeated-element'])
  assert.deepEqual(problems('<resource url-mapping="/x"/><resource methods="GET" url-mapping="/x"/>'), [
    'repeated-element',
  ])
  assert.deepEqual(problems('', 'context="/a" version="1" version-type="context"'), ['invalid-value'])
  assert.deepEqual(problems('', 'context="/a" version-type="url"'), ['missing'])
})
