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
import { ConnectionFactories, type FactoryUse } from '../../kernel/connection-factories.ts'
import { QueueRig } from '../../testing/queue-rig.ts'
import { RabbitRig } from '../../testing/rabbit-rig.ts'

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

test('a proxy for jms takes messages from the queue of its name, transacted unless it says otherwise, and answers them', async t => {
  const rig = await QueueRig.start(t)
  const sendOn = `<send><endpoint><address uri="${rig.at('B')}"/></endpoint></send>`
  const parameter = `<parameter name="java.naming.provider.url">${rig.url}?jms.redeliveryPolicy.maximumRedeliveries=0</parameter>`
  const undo = '<property name="SET_ROLLBACK_ONLY" value="true" scope="axis2"/>'
  rig.deploy(
    `<proxy name="Orders" transports="jms"><target><inSequence><filter xpath="//bad"><then>${undo}</then></filter>${sendOn}</inSequence></target>${parameter}</proxy>`,
    `<proxy name="Echo" transports="jms http"><target><inSequence><respond/></inSequence></target>${parameter}</proxy>`,
  )
  const proxies = [rig.find('proxy', 'Orders'), rig.find('proxy', 'Echo')] as const
  for (const proxy of proxies) await proxy.start?.()
  t.after(() => Promise.all(proxies.map(proxy => (proxy as unknown as AsyncDisposable)[Symbol.asyncDispose]())))
  await rig.put('Orders', { body: '<a/>' }, { body: '<a><bad>x</bad></a>' })
  await rig.put('Echo', { body: '<e/>', reply_to: 'replies', message_id: 'ID:1' })
  await rig.until(() => rig.depth('DLQ') === 1 && rig.depth('B') === 1 && rig.depth('replies') === 1)
  assert.deepEqual(
    [(await rig.drain('B'))[0]!['body'], (await rig.drain('replies'))[0]!['correlation_id']],
    ['<a/>', 'ID:1'],
  )
  assert.deepEqual(
    proxies[0].sources?.map(({ transport, observed }) => [transport, observed]),
    [['jms', 'listening']],
  )
})

test('a proxy for jms without a broker is deployed with a warning: it may have other callers', () => {
  const [said] = diagnosticsOf(`<proxy name="P" transports="jms http"><target>${TO}</target></proxy>`)
  assert.deepEqual([said?.severity, said?.code], ['warning', 'jms-address-missing'])
})

const named = (use: FactoryUse, name: string, parameters: Readonly<Record<string, string>>): ConnectionFactories =>
  new ConnectionFactories({ [use]: [{ name, parameters: new Map(Object.entries(parameters)) }] })

const parameterOf = (name: string, value: string): string => `<parameter name="${name}">${value}</parameter>`

test('a proxy for jms finds its broker by the name of a connection factory, what it writes itself counts more, and default is meant without one', async t => {
  const PROVIDER = 'java.naming.provider.url'
  for (const name of ['shop', 'default']) {
    const rig = await QueueRig.start(t, url =>
      named('jms.listener', name, { [PROVIDER]: url, 'transport.jms.Destination': 'theirs', 'queue.ours': 'physical' }),
    )
    const factory = name === 'shop' ? parameterOf('transport.jms.ConnectionFactory', 'shop') : ''
    const proxy = (own: string, more: string): string =>
      `<proxy name="${own}" transports="jms"><target><inSequence><sequence key="take"/></inSequence></target>${factory}${more}</proxy>`
    const taken: unknown[] = []
    rig.steps.set('take', ctx => void taken.push(Buffer.from(ctx.message.body.raw!).toString()))
    rig.deploy(proxy('One', ''), proxy('Two', parameterOf('transport.jms.Destination', 'ours')))
    const proxies = [rig.find('proxy', 'One'), rig.find('proxy', 'Two')]
    for (const one of proxies) await one.start?.()
    t.after(() => Promise.all(proxies.map(one => (one as unknown as AsyncDisposable)[Symbol.asyncDispose]())))
    await rig.put('theirs', { body: '<a/>' })
    await rig.until(() => taken.length === 1)
    await rig.put('physical', { body: '<b/>' })
    await rig.until(() => taken.length === 2)
    assert.deepEqual(taken, ['<a/>', '<b/>'])
  }
})

test('a connection factory nobody knows is an error where it is named, with what to do; a warning where there are other callers', () => {
  const connectionFactories = named('jms.listener', 'shop', {})
  const said = (transports: string, more: string) =>
    diagnosticsOf(`<proxy name="P" transports="${transports}">\n<target>${TO}</target>\n${more}</proxy>`, {
      connectionFactories,
    }).map(({ at, severity, code, message, hint }) => ({
      place: `${at.line}:${at.column}`,
      severity,
      code,
      message,
      hint,
    }))
  const jms = parameterOf('transport.jms.ConnectionFactory', 'shopp')
  assert.deepEqual(said('jms', jms), [
    {
      place: '3:51',
      severity: 'error',
      code: 'connection-factory-unknown',
      message: 'there is no connection factory "shopp" in deployment.toml',
      hint: 'Did you mean "shop"? Add [[transport.jms.listener]] with name = "shopp" there, or say here where the broker is (java.naming.provider.url).',
    },
  ])
  assert.deepEqual(
    said('jms http', jms).map(({ severity }) => severity),
    ['warning'],
  )
  const own = parameterOf('java.naming.provider.url', 'tcp://h:61616')
  assert.deepEqual(
    said('jms', jms + own).map(({ severity, code }) => `${severity} ${code}`),
    ['hint connection-factory-unknown'],
  )
  const rabbit = parameterOf('rabbitmq.connection.factory', 'rabbit')
  assert.deepEqual(
    said('rabbitmq', rabbit).map(({ severity, code }) => `${severity} ${code}`),
    ['error connection-factory-unknown'],
  )
  // A proxy for HTTP only may keep what it once had.
  assert.deepEqual(said('http', jms + rabbit), [])
})

test('a proxy for rabbitmq takes messages from the queue of its name, answers them, and gives back what its flow fails on', async t => {
  const rig = RabbitRig.start(t)
  let tries = 0
  rig.steps.set('work', () => {
    if (++tries === 1) throw new IntegrationError('MEDIATION_FAILED', 'not today')
  })
  const parameter = (name: string, value: string): string => parameterOf(`rabbitmq.${name}`, value)
  const given = parameter('queue.auto.ack', 'false') + parameter('message.requeue.delay', '1')
  rig.deploy(
    `<proxy name="Orders" transports="rabbitmq"><target><inSequence><sequence key="work"/><respond/></inSequence></target>${given}</proxy>`,
  )
  const proxy = rig.registry.find('proxy', 'Orders')!
  await proxy.start?.()
  t.after(() => (proxy as unknown as AsyncDisposable)[Symbol.asyncDispose]())
  await rig.until(() => rig.rabbit.queues.has('Orders'))
  rig.rabbit.make('replies')
  rig.rabbit.put('Orders', '<a/>', { contentType: 'application/xml', replyTo: 'replies', correlationId: 'c' })
  await rig.until(() => rig.rabbit.depth('replies') === 1 && rig.rabbit.depth('Orders') === 0)
  assert.deepEqual(
    [tries, proxy.sources?.map(({ transport, observed }) => `${transport} ${observed}`)],
    [2, ['rabbitmq listening']],
  )
})

test('a proxy for rabbitmq has its server and queue from a connection factory', async t => {
  const factories = named('rabbitmq.listener', 'shop', { 'rabbitmq.queue.name': 'theirs' })
  const rig = RabbitRig.start(t, { factories })
  let taken = 0
  rig.steps.set('work', () => void taken++)
  rig.deploy(
    `<proxy name="P" transports="rabbitmq"><target inSequence="work"/>${parameterOf('rabbitmq.connection.factory', 'shop')}</proxy>`,
  )
  const proxy = rig.registry.find('proxy', 'P')!
  await proxy.start?.()
  t.after(() => (proxy as unknown as AsyncDisposable)[Symbol.asyncDispose]())
  await rig.until(() => rig.rabbit.queues.has('theirs'))
  rig.rabbit.put('theirs', '<a/>')
  await rig.until(() => taken === 1)
})
