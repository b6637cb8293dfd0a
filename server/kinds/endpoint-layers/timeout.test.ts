import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IntegrationError } from '../../kernel/errors.ts'
import {
  build,
  contextOf,
  diagnosticsOf,
  fakeServices,
  faultOf,
  type FakeServices,
  type Given,
} from '../../testing/rig.ts'

const endpoint = (inside: string): string =>
  `<endpoint name="e"><address uri="http://be/">${inside}</address></endpoint>`

async function timeoutOf(inside: string, given: Given = {}): Promise<number> {
  const services = fakeServices()
  const ctx = contextOf(given)
  await build('endpoint', endpoint(inside), services).send(ctx.message, ctx)
  return services.sent[0]!.timeoutMs
}

function silent(): FakeServices {
  const services = fakeServices()
  services.answer = () => {
    throw new IntegrationError('SEND_TIMEOUT', 'no reply within 10 ms')
  }
  return services
}

test('the endpoint waits as long as is written, and never longer than the server', async () => {
  assert.equal(await timeoutOf('<timeout><duration>5000</duration></timeout>'), 5_000)
  assert.equal(await timeoutOf('<timeout><duration>999999999</duration></timeout>'), 120_000)
  assert.equal(await timeoutOf(''), 120_000)
  assert.equal(await timeoutOf('<timeout><duration>0</duration></timeout>'), 120_000)
})

test('the time may be computed for each message, from its body, too', async () => {
  const duration = (expression: string): string =>
    `<timeout><duration xmlns:t="urn:test">{${expression}}</duration></timeout>`
  assert.equal(await timeoutOf(duration("get-property('ms')"), { properties: { ms: '700' } }), 700)
  const body = '<order xmlns="urn:test"><wait>300</wait></order>'
  assert.equal(await timeoutOf(duration('//t:wait'), { body, streamed: true }), 300)
})

test('when the time is over the message faults, whether that is written or not', async () => {
  for (const action of ['', '<responseAction>fault</responseAction>', '<responseAction>none</responseAction>']) {
    const ctx = contextOf()
    const e = build('endpoint', endpoint(`<timeout><duration>10</duration>${action}</timeout>`), silent())
    assert.equal((await faultOf(e.send(ctx.message, ctx))).errorCode, 101504)
  }
})

test('discard drops the message with a word in the log; a stored message is never discarded (trap H29)', async () => {
  const services = silent()
  const e = build(
    'endpoint',
    endpoint(
      '<timeout><duration>10</duration><responseAction>discard</responseAction></timeout><suspendOnFailure><errorCodes>-1</errorCodes></suspendOnFailure><markForSuspension><errorCodes>-1</errorCodes></markForSuspension>',
    ),
    services,
  )
  const ctx = contextOf()
  assert.equal(await e.send(ctx.message, ctx), null)
  assert.match(services.log.texts('warn')[0]!, /Endpoint : e timed out; the message was discarded/)
  assert.equal((await faultOf(e.send(ctx.message, ctx, { deliveryId: 'id' }))).errorCode, 101504)
})

test('a duration is needed, as a whole number or an expression', () => {
  const codes = (inside: string): string[] => diagnosticsOf(endpoint(inside)).map(({ code }) => code)
  assert.deepEqual(codes('<timeout/>'), ['missing'])
  assert.deepEqual(codes('<timeout><duration/></timeout>'), ['missing'])
  assert.deepEqual(codes('<timeout><duration>10s</duration></timeout>'), ['invalid-value'])
  assert.deepEqual(codes('<timeout><duration>{//a[}</duration></timeout>'), ['invalid-expression'])
  assert.deepEqual(codes('<timeout><duration>1</duration><responseAction>never</responseAction></timeout>'), [
    'invalid-value',
  ])
})
