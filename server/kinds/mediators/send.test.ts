import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IntegrationError } from '../../kernel/errors.ts'
import {
  contextOf,
  deployed,
  fakeServices,
  faultOf,
  mark,
  marks,
  mediate,
  replyOf,
  textOfBody,
} from '../../testing/rig.ts'

const TO = '<endpoint><address uri="http://backend/quote"/></endpoint>'

test('the message goes to the endpoint, its reply to the out flow, and nothing after it runs (trap H1)', async () => {
  const services = fakeServices()
  const seen: string[] = []
  const onReply = {
    mediate: (ctx: { message: Parameters<typeof textOfBody>[0] }) => (
      seen.push(textOfBody(ctx.message)),
      'done' as const
    ),
  }
  services.answer = () => replyOf(200, '<price/>')
  const { ctx, outcome } = await mediate(`<send>${TO}</send>${mark('after')}`, { origin: { onReply } }, services)
  assert.equal(outcome, 'done')
  assert.deepEqual([marks(ctx), seen], [[], ['<price/>']])
  assert.deepEqual(
    services.sent.map(({ target }) => target.url),
    ['http://backend/quote'],
  )
})

test('the reply is a message of its own: default properties live on, axis2 properties and headers do not (trap H7)', async () => {
  const { ctx } = await mediate(`<send>${TO}</send>`, {
    properties: { kept: 1 },
    axis2: { HTTP_METHOD: 'PUT' },
    headers: { 'X-Mine': 'a' },
  })
  assert.equal(ctx.properties.get('kept'), 1)
  assert.equal(ctx.message.flag('HTTP_METHOD'), undefined)
  assert.equal(ctx.message.headers.get('x-mine'), undefined)
  assert.equal(ctx.message.isResponse, true)
})

test('a back end that says 404 or 500 has replied: no fault (trap H5)', async () => {
  const services = fakeServices()
  services.answer = () => replyOf(500)
  const { ctx } = await mediate(`<send>${TO}</send>`, {}, services)
  assert.equal(ctx.message.flag('HTTP_SC'), 500)
})

test('a back end that cannot be reached is a fault with its number', async () => {
  const services = fakeServices()
  services.answer = () => {
    throw new IntegrationError('CONNECT_FAILED', 'connection refused')
  }
  assert.equal((await faultOf(mediate(`<send>${TO}</send>`, {}, services))).errorCode, 101503)
})

test('the sequence named by receive takes the reply instead of the out flow', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [`<sequence name="after">${mark('received')}</sequence>`])
  const onReply = { mediate: () => assert.fail('the out flow must not run') }
  const { ctx } = await mediate(`<send receive="after">${TO}</send>`, { runtime, origin: { onReply } }, services)
  assert.deepEqual(marks(ctx), ['mark = received'])
})

test('a response without endpoint goes to the caller', async () => {
  const { ctx } = await mediate('<send/>', { isResponse: true, to: 'http://somewhere/' })
  assert.deepEqual([ctx.answers.length, ctx.message.addressing.to], [1, undefined])
})

test('a request turned round by the property RESPONSE goes to the caller, too', async () => {
  const { ctx } = await mediate('<property name="RESPONSE" value="true"/><header name="To" action="remove"/><send/>')
  assert.deepEqual([ctx.answers.length, ctx.message.isResponse], [1, true])
})

test('a response with an endpoint is a new request', async () => {
  const services = fakeServices()
  const { ctx } = await mediate(`<send>${TO}</send>`, { isResponse: true }, services)
  assert.deepEqual([ctx.answers.length, services.sent[0]!.request.isResponse], [0, false])
})

test('a request without endpoint goes where its To says; without one it is a fault', async () => {
  const services = fakeServices()
  await mediate('<send/>', { to: 'http://there/x' }, services)
  assert.equal(services.sent[0]!.target.url, 'http://there/x')
  assert.equal((await faultOf(mediate('<send/>'))).code, 'NO_ADDRESS')
})

test('with OUT_ONLY nobody waits for a reply, and what comes back runs no out flow', async () => {
  const services = fakeServices()
  const onReply = { mediate: () => assert.fail('the out flow must not run') }
  const { ctx } = await mediate(
    `<send>${TO}</send>`,
    { properties: { OUT_ONLY: 'true' }, origin: { onReply } },
    services,
  )
  assert.deepEqual([services.sent[0]!.oneWay, ctx.exchange.expected], [true, false])
})

test('FORCE_SC_ACCEPTED acknowledges the caller before the back end is asked', async () => {
  const services = fakeServices()
  const ctx = contextOf({ axis2: { FORCE_SC_ACCEPTED: 'true' } })
  services.answer = () => {
    assert.deepEqual(ctx.acknowledged, [202])
    return replyOf(200)
  }
  await mediate(`<send>${TO}</send>`, ctx, services)
  assert.equal(services.sent.length, 1)
})

test('the body is streamed through unless it is to be built first', async () => {
  for (const [attribute, collected] of [
    ['', false],
    ['buildmessage="true"', true],
  ] as const) {
    const services = fakeServices()
    services.answer = request => (assert.equal(request.body.ready, collected), replyOf(200))
    await mediate(`<send ${attribute}>${TO}</send>`, { streamed: true }, services)
    assert.equal(services.sent.length, 1)
  }
})

test('an endpoint by key or key expression is resolved for each message; a missing one is fault 305100', async () => {
  const services = fakeServices()
  const runtime = deployed(services, ['<endpoint name="e"><address uri="http://by.key/"/></endpoint>'])
  await mediate('<send><endpoint key="e"/></send>', { runtime }, services)
  await mediate(
    `<send><endpoint key-expression="get-property('p')"/></send>`,
    { runtime, properties: { p: 'e' } },
    services,
  )
  assert.deepEqual(
    services.sent.map(({ target }) => target.url),
    ['http://by.key/', 'http://by.key/'],
  )
  const fault = await faultOf(mediate('<send><endpoint key="nope"/></send>', { runtime }, services))
  assert.deepEqual([fault.errorCode, fault.message], [305100, "Couldn't find the endpoint with the key : nope"])
})
