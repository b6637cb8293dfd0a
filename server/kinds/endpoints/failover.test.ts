import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint } from '../../kernel/contracts.ts'
import { MessageContext } from '../../kernel/context.ts'
import { IntegrationError, type ErrorName } from '../../kernel/errors.ts'
import {
  build,
  contextOf,
  deployed,
  fakeServices,
  faultOf,
  placesOf,
  replyOf,
  textOfBody,
  type FakeServices,
  type Given,
} from '../../testing/rig.ts'

const member = (name: string, inside = ''): string =>
  `<endpoint><address uri="http://${name}/">${inside}</address></endpoint>`
const NEVER =
  '<suspendOnFailure><errorCodes>-1</errorCodes></suspendOnFailure><markForSuspension><errorCodes>-1</errorCodes></markForSuspension>'

/** Back ends by host that fail with this; all others answer with their name. */
function failing(services: FakeServices, down: Partial<Record<string, ErrorName>>): FakeServices {
  services.answer = (_request, { url }) => {
    const { host } = new URL(url)
    const code = down[host]
    if (code) throw new IntegrationError(code, `${host} said ${code}`)
    return replyOf(200, `<from>${host}</from>`)
  }
  return services
}

function group(members: string, services: FakeServices, attributes = ''): Endpoint {
  return build('endpoint', `<endpoint name="group"><failover ${attributes}>${members}</failover></endpoint>`, services)
}

async function ask(endpoint: Endpoint, given: Given = {}): Promise<string> {
  const ctx = contextOf(given)
  return textOfBody((await endpoint.send(ctx.message, ctx))!)
}

function hosts(services: FakeServices): string[] {
  return services.sent.map(({ target }) => new URL(target.url).host)
}

test('the first member that is ready gets the message, the next one if it fails', async () => {
  const services = failing(fakeServices(), { a: 'CONNECT_FAILED' })
  const endpoint = group(member('a') + member('b'), services)
  assert.equal(await ask(endpoint), '<from>b</from>')
  assert.equal(await ask(endpoint), '<from>b</from>')
  assert.deepEqual(hosts(services), ['a', 'b', 'b'])
})

test('a member whose rest is over is first again', async () => {
  const services = failing(fakeServices(), { a: 'CONNECT_FAILED' })
  const endpoint = group(member('a') + member('b'), services)
  await ask(endpoint)
  failing(services, {})
  await services.clock.advance(30_000)
  assert.equal(await ask(endpoint), '<from>a</from>')
})

test('without dynamic the one that answered last stays first', async () => {
  const services = failing(fakeServices(), { a: 'CONNECT_FAILED' })
  const endpoint = group(member('a') + member('b'), services, 'dynamic="false"')
  await ask(endpoint)
  failing(services, {})
  await services.clock.advance(30_000)
  assert.equal(await ask(endpoint), '<from>b</from>')
})

test('every member gets the message as it came, even one that arrives as a stream (trap H31)', async () => {
  const services = fakeServices()
  const bodies: string[] = []
  services.answer = (request, { url }) => {
    bodies.push(textOfBody(request))
    request.headers.set('X-Tried', url)
    if (url === 'http://a/') throw new IntegrationError('RECEIVE_FAILED', 'gone')
    assert.equal(request.headers.all('X-Tried').length, 1)
    return replyOf(200)
  }
  await ask(group(member('a') + member('b'), services), { body: '<order>7</order>', streamed: true })
  assert.deepEqual(bodies, ['<order>7</order>', '<order>7</order>'])
})

test('if nobody answers the fault is 303000 and says what the last one said', async () => {
  const services = failing(fakeServices(), { a: 'CONNECT_FAILED', b: 'SEND_TIMEOUT' })
  const fault = await faultOf(ask(group(member('a') + member('b'), services)))
  assert.deepEqual([fault.code, fault.errorCode], ['NO_READY_CHILD', 303_000])
  assert.match(fault.message, /no ready child endpoints; .*b said SEND_TIMEOUT/)
})

test('while all rest nothing is sent, and the fault has no cause: a processor counts no attempt (P8)', async () => {
  const services = failing(fakeServices(), { a: 'CONNECT_FAILED' })
  const endpoint = group(member('a', '<suspendDurationOnFailure>60</suspendDurationOnFailure>') + member('a'), services)
  await faultOf(ask(endpoint))
  assert.equal(services.sent.length, 2)
  assert.equal(endpoint.readyAt!(contextOf()), services.clock.now() + 30_000)
  const fault = await faultOf(ask(endpoint))
  assert.deepEqual([fault.cause, services.sent.length], [undefined, 2])
})

test('a member that is not deployed was not sent to: with the others at rest a processor counts no attempt (P8)', async () => {
  const services = failing(fakeServices(), { a: 'CONNECT_FAILED' })
  const endpoint = group(member('a') + '<endpoint key="missing"/>', services)
  const runtime = deployed(services, [])
  await faultOf(ask(endpoint, { runtime }))
  const fault = await faultOf(ask(endpoint, { runtime }))
  assert.deepEqual([fault.code, fault.cause, services.sent.length], ['NO_READY_CHILD', undefined, 1])
})

test('a caller who leaves suspends nobody, and no other member is tried for him', async () => {
  const services = fakeServices()
  const leaving = new AbortController()
  services.answer = () => {
    leaving.abort()
    throw new IntegrationError('SEND_FAILED', 'nobody waits for the reply any more')
  }
  const runtime = deployed(services, ['<endpoint name="named"><address uri="http://a/"/></endpoint>'])
  const endpoint = group(`<endpoint key="named"/>${member('b')}`, services)
  const given = contextOf({ runtime })
  const ctx = new MessageContext({ ...given, message: given.message, runtime, signal: leaving.signal })
  assert.equal((await faultOf(endpoint.send(ctx.message, ctx))).code, 'SEND_FAILED')
  assert.deepEqual(hosts(services), ['a'])
  assert.equal(runtime.find('endpoint', 'named')!.status!.state, 'active')
})

test('after a failure that its retryConfig excludes no other member is tried', async () => {
  for (const rule of ['disabledErrorCodes>101503</disabledErrorCodes', 'enabledErrorCodes>101504</enabledErrorCodes']) {
    const services = failing(fakeServices(), { a: 'CONNECT_FAILED' })
    const endpoint = group(member('a', `<retryConfig><${rule}></retryConfig>`) + member('b'), services)
    assert.equal((await faultOf(ask(endpoint))).errorCode, 303_000)
    assert.deepEqual(hosts(services), ['a'])
  }
})

test('members that never rest are tried once each, or as often as maximum.failover.retries says', async () => {
  const services = failing(fakeServices(), { a: 'CONNECT_FAILED', b: 'CONNECT_FAILED' })
  const endpoint = group(member('a', NEVER) + member('b', NEVER), services)
  await faultOf(ask(endpoint))
  assert.deepEqual(hosts(services), ['a', 'b'])
  services.sent.length = 0
  await faultOf(ask(endpoint, { properties: { 'maximum.failover.retries': '4' } }))
  assert.deepEqual(hosts(services), ['a', 'b', 'a', 'b', 'a'])
})

test('a message that cannot be sent at all is not tried elsewhere', async () => {
  const services = failing(fakeServices(), { a: 'PAYLOAD_UNREADABLE' })
  assert.equal((await faultOf(ask(group(member('a') + member('b'), services)))).code, 'PAYLOAD_UNREADABLE')
  assert.deepEqual(hosts(services), ['a'])
})

test('members by key share the state of the endpoint they name; groups stand in groups', async () => {
  const services = failing(fakeServices(), { a: 'CONNECT_FAILED', b: 'CONNECT_FAILED' })
  const runtime = deployed(services, ['<endpoint name="named"><address uri="http://a/"/></endpoint>'])
  const endpoint = group(
    `<endpoint key="named"/><endpoint><failover>${member('b')}${member('c')}</failover></endpoint>`,
    services,
  )
  assert.equal(await ask(endpoint, { runtime }), '<from>c</from>')
  assert.equal(runtime.find('endpoint', 'named')!.status!.state, 'suspended')
  await ask(endpoint, { runtime })
  assert.deepEqual(hosts(services), ['a', 'b', 'c', 'c'])
})

test('a group without members is refused', () => {
  assert.deepEqual(placesOf('<endpoint name="e"><failover/></endpoint>'), ['1:20 missing'])
})
