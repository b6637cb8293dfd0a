import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SOAP11 } from '../../codecs/envelope.ts'
import type { Endpoint } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import {
  build,
  contextOf,
  fakeServices,
  faultOf,
  placesOf,
  replyOf,
  type FakeServices,
  type Given,
} from '../../testing/rig.ts'

const WEIGHTED = 'algorithm="org.apache.synapse.endpoints.algorithms.WeightedRoundRobin"'

function member(name: string, weight = ''): string {
  const property = weight === '' ? '' : `<property name="loadbalance.weight" value="${weight}"/>`
  return `<endpoint><address uri="http://${name}/"/>${property}</endpoint>`
}

function group(members: string, services: FakeServices, attributes = '', beside = ''): Endpoint {
  const xml = `<endpoint name="group">${beside}<loadbalance ${attributes}>${members}</loadbalance></endpoint>`
  return build('endpoint', xml, services)
}

/** Hosts asked by so many messages, one after another. */
async function asked(endpoint: Endpoint, services: FakeServices, count: number, given: Given = {}): Promise<string> {
  const from = services.sent.length
  for (let sent = 0; sent < count; sent++) {
    const ctx = contextOf(given)
    await endpoint.send(ctx.message, ctx)
  }
  return services.sent
    .slice(from)
    .map(({ target }) => new URL(target.url).host)
    .join(' ')
}

function down(services: FakeServices, host: string): void {
  services.answer = (_request, { url }) => {
    if (new URL(url).host === host) throw new IntegrationError('CONNECT_FAILED', `${host} is down`)
    return replyOf(200)
  }
}

test('members take turns', async () => {
  const services = fakeServices()
  assert.equal(await asked(group(member('a') + member('b') + member('c'), services), services, 4), 'a b c a')
})

test('a member has as many turns as it weighs', async () => {
  const services = fakeServices()
  const endpoint = group(member('a', '1') + member('b', '2'), services, WEIGHTED)
  assert.equal(await asked(endpoint, services, 6), 'a b b a b b')
})

test('a member that fails leaves its message to the next and is passed over while it rests', async () => {
  const services = fakeServices()
  down(services, 'b')
  const endpoint = group(member('a') + member('b') + member('c'), services)
  assert.equal(await asked(endpoint, services, 3), 'a b c c')
  assert.equal(await asked(endpoint, services, 3), 'a c c')
})

test('with failover="false" the failure of a member is the fault of the flow; one that rests is still passed over', async () => {
  const services = fakeServices()
  down(services, 'a')
  const endpoint = group(member('a') + member('b'), services, 'failover="false"')
  assert.equal((await faultOf(asked(endpoint, services, 1))).errorCode, 101_503)
  assert.equal(await asked(endpoint, services, 3), 'b b b')
})

test('if all rest the fault is 303000', async () => {
  const services = fakeServices()
  down(services, 'a')
  const endpoint = group(member('a'), services, 'failover="false"')
  await faultOf(asked(endpoint, services, 1))
  assert.equal((await faultOf(asked(endpoint, services, 1))).errorCode, 303_000)
})

test('members that are hosts take over the path of the message', async () => {
  const services = fakeServices()
  const endpoint = group(
    '<member hostName="a" httpPort="9000" httpsPort="9443"/><member hostName="b" httpPort="9001"/>',
    services,
  )
  for (const to of ['http://any:1/shop/7?x=1', '/shop/8', 'https://any/shop/9']) {
    const ctx = contextOf({ to })
    await endpoint.send(ctx.message, ctx)
  }
  assert.deepEqual(
    services.sent.map(({ target }) => target.url),
    ['http://a:9000/shop/7?x=1', 'http://b:9001/shop/8', 'https://a:9443/shop/9'],
  )
})

test('a session by cookie begins with what the back end says and stays with it', async () => {
  const services = fakeServices()
  const endpoint = group(member('a') + member('b'), services, '', '<session type="http"/>')
  services.answer = () => {
    const reply = replyOf(200)
    reply.headers.append('Set-Cookie', 'other=1')
    reply.headers.append('Set-Cookie', 'JSESSIONID=s1; Path=/')
    return reply
  }
  assert.equal(await asked(endpoint, services, 1), 'a')
  services.answer = () => replyOf(200)
  const inSession = { headers: { Cookie: 'x=y; JSESSIONID=s1' } }
  assert.equal(await asked(endpoint, services, 3, inSession), 'a a a')
  assert.equal(await asked(endpoint, services, 2), 'b a')
})

const client = (id: string): Given => ({
  contentType: 'text/xml',
  body: `<s:Envelope xmlns:s="${SOAP11}"><s:Header><ClientID xmlns="http://ws.apache.org/ns/synapse">${id}</ClientID></s:Header><s:Body/></s:Envelope>`,
})

test('a session by the header of the client keeps to its member, moves when that fails, and ends when it is not used', async () => {
  const services = fakeServices()
  const session = '<session type="simpleClientSession"><sessionTimeout>1000</sessionTimeout></session>'
  const endpoint = group(member('a') + member('b'), services, '', session)
  assert.equal(await asked(endpoint, services, 1, client('c1')), 'a')
  assert.equal(await asked(endpoint, services, 1, client('c2')), 'b')
  assert.equal(await asked(endpoint, services, 2, client('c1')), 'a a')
  down(services, 'a')
  assert.equal(await asked(endpoint, services, 2, client('c1')), 'a b b')
  await services.clock.advance(31_000)
  down(services, 'nobody')
  assert.equal(await asked(endpoint, services, 2, client('c1')), 'a a')
})

test('a session by the ServiceGroupId of Axis2 begins with the reply', async () => {
  const services = fakeServices()
  const endpoint = group(member('a') + member('b'), services, '', '<session type="soap" sessionTimeout="5000"/>')
  const groupId = '<g:ServiceGroupId xmlns:g="http://ws.apache.org/namespaces/axis2">g1</g:ServiceGroupId>'
  const soap = (header: string): string =>
    `<s:Envelope xmlns:s="${SOAP11}"><s:Header>${header}</s:Header><s:Body/></s:Envelope>`
  services.answer = () => {
    const reply = replyOf(200, soap(`<ReplyTo><Parameters>${groupId}</Parameters></ReplyTo>`))
    reply.format = 'soap11'
    return reply
  }
  assert.equal(await asked(endpoint, services, 1), 'a')
  assert.equal(await asked(endpoint, services, 2, { contentType: 'text/xml', body: soap(groupId) }), 'a a')
})

test('what cannot balance is refused', () => {
  const places = (inside: string): string[] =>
    placesOf(`<endpoint name="e">${inside}</endpoint>`).map(place => place.split(' ')[1]!)
  assert.deepEqual(places('<loadbalance/>'), ['missing'])
  assert.deepEqual(places(`<loadbalance>${member('a')}<member hostName="h"/></loadbalance>`), ['one-too-many'])
  assert.deepEqual(places(`<loadbalance algorithm="com.acme.Mine">${member('a')}</loadbalance>`), ['invalid-value'])
})
