import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IntegrationError } from '../../kernel/errors.ts'
import { contextOf, fakeServices, faultOf, mark, marks, mediate, replyOf, textOfBody } from '../../testing/rig.ts'

const TO = '<endpoint><address uri="http://backend/quote"/></endpoint>'
const blocking = `<call blocking="true">${TO}</call>`

test('the reply takes the place of the message, properties stay, and the flow goes on as a request', async () => {
  const services = fakeServices()
  services.answer = () => replyOf(200, '<price/>')
  const { ctx, outcome } = await mediate(
    `<call>${TO}</call>${mark('after')}`,
    { properties: { kept: 1 }, headers: { 'X-Mine': 'a' } },
    services,
  )
  assert.deepEqual([outcome, marks(ctx), textOfBody(ctx.message)], ['next', ['mark = after'], '<price/>'])
  assert.deepEqual(
    [ctx.properties.get('kept'), ctx.message.isResponse, ctx.message.headers.has('x-mine')],
    [1, false, false],
  )
  assert.equal(ctx.exchange.expected, false)
})

test('an error status is an ordinary reply, and its HTTP_SC stays with the message (traps H5, H6)', async () => {
  const services = fakeServices()
  services.answer = () => replyOf(404)
  const { ctx } = await mediate(`<call>${TO}</call><property name="seen" expression="$axis2:HTTP_SC"/>`, {}, services)
  assert.equal(ctx.properties.get('seen'), '404')
})

test('a connection that breaks is a fault, and the message is still the request', async () => {
  const services = fakeServices()
  services.answer = () => {
    throw new IntegrationError('SEND_TIMEOUT', 'no reply')
  }
  const ctx = contextOf({ body: '<mine/>' })
  const fault = await faultOf(mediate(`<call>${TO}</call>`, ctx, services))
  assert.deepEqual([fault.errorCode, textOfBody(ctx.message)], [101504, '<mine/>'])
})

test('with OUT_ONLY a copy is sent and the flow goes on with the request', async () => {
  const services = fakeServices()
  const { ctx } = await mediate(
    `<call>${TO}</call>`,
    { body: '<mine/>', properties: { OUT_ONLY: 'true' }, streamed: true },
    services,
  )
  assert.deepEqual([services.sent[0]!.oneWay, textOfBody(ctx.message)], [true, '<mine/>'])
  assert.notEqual(services.sent[0]!.request, ctx.message)
})

test('a blocking call faults on most errors, with 401002 and the status kept on the request', async () => {
  const services = fakeServices()
  for (const status of [301, 404, 503]) {
    services.answer = () => replyOf(status)
    const ctx = contextOf()
    const fault = await faultOf(mediate(blocking, ctx, services))
    assert.deepEqual([fault.errorCode, ctx.message.flag('HTTP_SC')], [401002, status])
    assert.match(fault.message, new RegExp(`^Transport error: ${status}`))
  }
})

test('a blocking call goes on with 2xx, and with 400 and 500 that carry a body', async () => {
  const services = fakeServices()
  for (const status of [200, 202, 400, 500]) {
    services.answer = () => replyOf(status, '<said/>')
    const { ctx } = await mediate(blocking, {}, services)
    assert.deepEqual([ctx.message.flag('HTTP_SC'), textOfBody(ctx.message)], [status, '<said/>'])
  }
  services.answer = () => {
    const bare = replyOf(500)
    bare.headers.clear()
    return bare
  }
  assert.equal((await faultOf(mediate(blocking, {}, services))).errorCode, 401002)
})

test('a blocking call keeps the headers of the request, but for the content type, unless it is told not to (trap H45)', async () => {
  const services = fakeServices()
  services.answer = () => replyOf(200, '{}', 'application/json')
  const headers = { 'X-Mine': 'a' }
  const kept = await mediate(blocking, { headers }, services)
  assert.deepEqual(
    [kept.ctx.message.headers.get('x-mine'), kept.ctx.message.headers.get('content-type')],
    ['a', 'application/json'],
  )
  const told = await mediate(
    blocking,
    { headers, properties: { BLOCKING_SENDER_PRESERVE_REQ_HEADERS: 'false' } },
    services,
  )
  assert.equal(told.ctx.message.headers.get('x-mine'), undefined)
})

test('without an endpoint it goes where To says', async () => {
  const services = fakeServices()
  await mediate('<call/>', { to: 'http://there/' }, services)
  assert.equal(services.sent[0]!.target.url, 'http://there/')
})
