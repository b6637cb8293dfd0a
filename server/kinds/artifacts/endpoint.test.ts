import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IntegrationError } from '../../kernel/errors.ts'
import { build, contextOf, deployed, fakeServices, faultOf, mark, marks } from '../../testing/rig.ts'

const ADDRESS = '<address uri="http://backend/"/>'

test('it sends to what is written inside, under its own name', async () => {
  const services = fakeServices()
  const endpoint = build('endpoint', `<endpoint name="e">${ADDRESS}</endpoint>`, services)
  const ctx = contextOf()
  await endpoint.send(ctx.message, ctx)
  assert.deepEqual(
    [endpoint.name, services.sent[0]!.target.url, endpoint.status!.state],
    ['e', 'http://backend/', 'active'],
  )
})

test('properties written on it are set before each send, in every scope', async () => {
  const services = fakeServices()
  const endpoint = build(
    'endpoint',
    `<endpoint name="e">${ADDRESS}<property name="a" value="1"/><property name="X-B" scope="transport" expression="get-property('a')"/><property name="c" scope="axis2" value="3"/></endpoint>`,
    services,
  )
  const ctx = contextOf()
  await endpoint.send(ctx.message, ctx)
  assert.deepEqual([ctx.properties.get('a'), ctx.message.headers.get('X-B'), ctx.message.flag('c')], ['1', '1', '3'])
})

test('an endpoint may stand for another one, and for one that comes later', async () => {
  const services = fakeServices()
  const alias = '<endpoint name="alias" key="real"/>'
  const real = `<endpoint name="real">${ADDRESS}</endpoint>`
  const without = contextOf({ runtime: deployed(services, [alias]) })
  assert.equal(
    (await faultOf(without.runtime.find('endpoint', 'alias')!.send(without.message, without))).code,
    'ENDPOINT_UNKNOWN',
  )
  const ctx = contextOf({ runtime: deployed(services, [alias, real]) })
  await ctx.runtime.find('endpoint', 'alias')!.send(ctx.message, ctx)
  assert.equal(services.sent.length, 1)
})

test('onError runs when sending failed, knows why, and the fault goes on to the flow', async () => {
  const services = fakeServices()
  services.answer = () => {
    throw new IntegrationError('CONNECT_FAILED', 'refused')
  }
  const sorry = `<sequence name="sorry"><log level="custom"><property name="code" expression="get-property('ERROR_CODE')"/></log></sequence>`
  const runtime = deployed(services, [`<endpoint name="e" onError="sorry">${ADDRESS}</endpoint>`, sorry])
  const ctx = contextOf({ runtime })
  const fault = await faultOf(runtime.find('endpoint', 'e')!.send(ctx.message, ctx))
  assert.deepEqual([fault.code, marks(ctx)], ['CONNECT_FAILED', ['code = 101503']])
})

test('an error sequence that fails, or is not there, does not hide why the endpoint failed', async () => {
  const services = fakeServices()
  services.answer = () => {
    throw new IntegrationError('CONNECT_FAILED', 'refused')
  }
  const endpoint = `<endpoint name="e" onError="sorry">${ADDRESS}</endpoint>`
  for (const more of [[], [`<sequence name="sorry">${mark('tried')}<sequence key="nowhere"/></sequence>`]]) {
    const runtime = deployed(services, [endpoint, ...more])
    const ctx = contextOf({ runtime })
    assert.equal((await faultOf(runtime.find('endpoint', 'e')!.send(ctx.message, ctx))).errorCode, 101503)
    assert.match(ctx.log.texts('error')[0]!, /the error sequence sorry of an endpoint failed/)
    services.clock.step(60_000)
  }
})

test('a suspended endpoint sends nothing and says when it will be ready', async () => {
  const services = fakeServices()
  services.answer = () => {
    throw new IntegrationError('CONNECT_FAILED', 'refused')
  }
  const endpoint = build('endpoint', `<endpoint name="e">${ADDRESS}</endpoint>`, services)
  const ctx = contextOf()
  await faultOf(endpoint.send(ctx.message, ctx))
  assert.deepEqual([endpoint.status!.state, endpoint.readyAt!(ctx)], ['suspended', services.clock.now() + 30_000])
  const second = await faultOf(endpoint.send(ctx.message, ctx))
  assert.deepEqual([second.errorCode, services.sent.length], [303001, 1])
})
