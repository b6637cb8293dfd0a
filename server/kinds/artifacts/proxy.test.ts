import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IntegrationError } from '../../kernel/errors.ts'
import {
  contextOf,
  deployed,
  diagnosticsOf,
  fakeServices,
  mark,
  marks,
  replyOf,
  textOfBody,
  type FakeServices,
  type Given,
  type TestContext,
} from '../../testing/rig.ts'

const TO = '<endpoint><address uri="http://backend/"/></endpoint>'

interface Handled {
  readonly ctx: TestContext
  readonly services: FakeServices
}

/** Lets a proxy with this target handle a request. */
async function handled(
  target: string,
  given: Given = {},
  services = fakeServices(),
  more: string[] = [],
): Promise<Handled> {
  const runtime = deployed(services, [`<proxy name="P"><target>${target}</target></proxy>`, ...more])
  const proxy = runtime.find('proxy', 'P')!
  const ctx = contextOf({ ...given, runtime, origin: proxy.origin })
  await proxy.handle(ctx)
  return { ctx, services }
}

function failing(): FakeServices {
  const services = fakeServices()
  services.answer = () => {
    throw new IntegrationError('CONNECT_FAILED', 'connection refused')
  }
  return services
}

test('with an endpoint only, requests pass to it and replies straight back, bodies untouched', async () => {
  const services = fakeServices()
  services.answer = request => {
    assert.equal(request.body.ready, false)
    return replyOf(200, '<price/>')
  }
  const { ctx } = await handled(TO, { streamed: true }, services)
  assert.deepEqual(ctx.answers.map(textOfBody), ['<price/>'])
})

test('an in sequence that comes to its end is followed by the endpoint; one that ends the flow is not', async () => {
  const through = await handled(`<inSequence>${mark('in')}</inSequence>${TO}`)
  assert.deepEqual(
    [marks(through.ctx), through.services.sent.length, through.ctx.answers.length],
    [['mark = in'], 1, 1],
  )
  const stopped = await handled(`<inSequence><drop/></inSequence>${TO}`)
  assert.deepEqual([stopped.services.sent.length, stopped.ctx.exchange.answered], [0, false])
})

test('a reply runs the out sequence, which has to answer itself (trap H2)', async () => {
  const silent = await handled(`<outSequence>${mark('out')}</outSequence>${TO}`)
  assert.deepEqual(
    [marks(silent.ctx), silent.ctx.answers.length, silent.ctx.exchange.expected],
    [['mark = out'], 0, true],
  )
  const answering = await handled(`<outSequence><send/></outSequence>${TO}`)
  assert.equal(answering.ctx.answers.length, 1)
})

test('the reply to a send in the in sequence runs the out sequence, too', async () => {
  const { ctx } = await handled(
    `<inSequence><send>${TO}</send></inSequence><outSequence>${mark('out')}<respond/></outSequence>`,
  )
  assert.deepEqual([marks(ctx), ctx.answers.length], [['mark = out'], 1])
})

test('an in sequence that ends without answering leaves the acknowledging to the listener (trap H3)', async () => {
  const { ctx } = await handled(`<inSequence>${mark('in')}</inSequence>`)
  assert.deepEqual([ctx.answers.length, ctx.exchange.expected, ctx.exchange.fault], [0, false, null])
})

test('sequences by name beat those written in place, and are looked up for each message', async () => {
  const more = [`<sequence name="named">${mark('named')}<respond/></sequence>`]
  const target = '<target inSequence="named"><inSequence><drop/></inSequence></target>'
  const services = fakeServices()
  const runtime = deployed(services, [`<proxy name="P">${target}</proxy>`, ...more])
  const ctx = contextOf({ runtime })
  await runtime.find('proxy', 'P')!.handle(ctx)
  assert.deepEqual([marks(ctx), ctx.answers.length], [['mark = named'], 1])
})

test('a fault runs the fault sequence with what is known of the error, on the message as it is then', async () => {
  const fault = `<faultSequence><log level="custom"><property name="code" expression="get-property('ERROR_CODE')"/></log><respond/></faultSequence>`
  const { ctx } = await handled(`${TO}${fault}`, { body: '<mine/>' }, failing())
  assert.deepEqual([marks(ctx), ctx.answers.map(textOfBody)], [['code = 101503'], ['<mine/>']])
})

test('without a fault sequence the one named fault runs; without that the fault is told to the caller', async () => {
  const shared = await handled(TO, {}, failing(), [`<sequence name="fault">${mark('shared')}</sequence>`])
  assert.deepEqual(marks(shared.ctx), ['mark = shared'])
  const alone = await handled(TO, {}, failing())
  assert.equal(alone.ctx.exchange.fault?.code, 'CONNECT_FAILED')
  assert.match(alone.ctx.log.texts('error')[0]!, /Executing default "fault" sequence: connection refused/)
})

test('a fault sequence that fails itself ends in the log, never in an exception', async () => {
  const { ctx } = await handled(`${TO}<faultSequence><sequence key="nowhere"/></faultSequence>`, {}, failing())
  assert.match(ctx.log.texts('error')[0]!, /the fault sequence failed: Sequence named nowhere cannot be found/)
  assert.equal(ctx.exchange.fault?.code, 'SEQUENCE_UNKNOWN')
})

test('onError of an in sequence written in place takes its faults before the fault sequence does', async () => {
  const target = `<inSequence onError="near"><sequence key="nowhere"/></inSequence><faultSequence>${mark('far')}</faultSequence>`
  const { ctx } = await handled(target, {}, fakeServices(), [`<sequence name="near">${mark('near')}</sequence>`])
  assert.deepEqual(marks(ctx), ['mark = near'])
})

test('a fault on the way back is answered as an error, whatever the back end had said', async () => {
  const { ctx } = await handled(
    `${TO}<outSequence><sequence key="nowhere"/></outSequence><faultSequence><respond/></faultSequence>`,
  )
  assert.equal(ctx.answers[0]!.flag('HTTP_SC'), 500)
})

test('OUT_ONLY and FORCE_SC_ACCEPTED reach the target endpoint', async () => {
  const oneWay = await handled(`<inSequence><property name="OUT_ONLY" value="true"/></inSequence>${TO}`)
  assert.deepEqual([oneWay.services.sent[0]!.oneWay, oneWay.ctx.answers.length], [true, 0])
  const accepted = await handled(
    `<inSequence><property name="FORCE_SC_ACCEPTED" value="true" scope="axis2"/></inSequence>${TO}`,
  )
  assert.deepEqual(accepted.ctx.acknowledged, [202])
})

test('attributes tell where it is offered, whether it answers, and what it is', () => {
  const services = fakeServices()
  const runtime = deployed(services, [
    `<proxy name="P" transports="https, http" startOnLoad="false"><description>Ours.</description><target>${TO}</target></proxy>`,
    `<proxy name="Q"><target>${TO}</target></proxy>`,
  ])
  const { transports, startOnLoad, description, origin } = runtime.find('proxy', 'P')!
  assert.deepEqual([transports, startOnLoad, description, origin.label], [['https', 'http'], false, 'Ours.', 'proxy:P'])
  const plain = runtime.find('proxy', 'Q')!
  assert.deepEqual([plain.transports, plain.startOnLoad], [['http', 'https'], true])
})

test('a target that leads nowhere is an error', () => {
  const codes = (xml: string): string[] => diagnosticsOf(xml).map(({ code }) => code)
  assert.deepEqual(codes('<proxy name="P"><target><outSequence/></target></proxy>'), ['missing'])
  assert.deepEqual(codes('<proxy name="P"><target/></proxy>'), ['missing'])
  assert.deepEqual(codes('<proxy name="P"><target inSequence="s"/></proxy>'), [])
})
