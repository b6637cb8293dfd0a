import assert from 'node:assert/strict'
import { test } from 'node:test'
import { QueueRig } from '../../testing/queue-rig.ts'
import { build, decodeGood, diagnosticsOf } from '../../testing/rig.ts'

const inbound = (parameters: Readonly<Record<string, string>>): string =>
  `<inboundEndpoint name="in" protocol="jms" sequence="take"><parameters>${Object.entries(parameters)
    .map(([name, value]) => `<parameter name="${name}">${value}</parameter>`)
    .join('')}</parameters></inboundEndpoint>`

const URL = { 'java.naming.provider.url': 'tcp://localhost:61616' }

const codesOf = (parameters: Readonly<Record<string, string>>): string[] =>
  diagnosticsOf(inbound(parameters))
    .filter(({ severity }) => severity !== 'hint')
    .map(({ code, severity }) => `${severity} ${code}`)

test('what cannot be read is refused at deployment: no address, another protocol, a broker inside Java', () => {
  assert.deepEqual(codesOf({}), ['error jms-address-missing'])
  assert.deepEqual(codesOf({ 'java.naming.provider.url': 'smtp://h' }), ['error broker-url-scheme'])
  assert.deepEqual(codesOf({ ...URL, 'transport.jms.Protocol': 'stomp' }), ['error jms-protocol'])
  assert.ok(codesOf({ 'java.naming.provider.url': 'vm://localhost' }).includes('error not-supported'))
})

test('a topic is read by one consumer, and in a transaction only over a durable subscription, which has a name', () => {
  const topic = { ...URL, 'transport.jms.DestinationType': 'topic' }
  const named = { ...topic, 'transport.jms.DurableSubscriberName': 'news' }
  const transacted = { 'transport.jms.SessionTransacted': 'true' }
  assert.deepEqual(codesOf(topic), [])
  assert.deepEqual(codesOf({ ...URL, 'transport.jms.Destination': 'dynamicTopics/news' }), [])
  assert.deepEqual(codesOf({ ...named, ...transacted }), [])
  assert.deepEqual(codesOf({ ...topic, ...transacted }), ['error jms-topic'])
  assert.deepEqual(codesOf({ ...topic, 'transport.jms.SubscriptionDurable': 'true' }), ['error jms-topic'])
  assert.deepEqual(codesOf({ ...named, 'transport.jms.SharedSubscription': 'true' }), ['error jms-topic'])
  assert.deepEqual(codesOf({ ...topic, 'transport.jms.ConcurrentConsumers': '2' }), ['warning invalid-value'])
  assert.deepEqual(codesOf({ ...URL, 'transport.jms.DurableSubscriberName': 'news' }), ['warning jms-topic'])
  const [hint] = diagnosticsOf(inbound(topic))
  assert.deepEqual([hint?.severity, hint?.code], ['hint', 'topic-not-durable'])
})

test('parameters that contradict one another are told', () => {
  const acknowledgement = { 'transport.jms.SessionAcknowledgement': 'SESSION_TRANSACTED' }
  assert.deepEqual(codesOf({ ...URL, ...acknowledgement, 'transport.jms.SessionTransacted': 'false' }), [
    'error invalid-value',
  ])
  assert.deepEqual(
    codesOf({ ...URL, 'transport.jms.ConcurrentConsumers': '5', 'transport.jms.MaxConcurrentConsumers': '2' }),
    ['warning invalid-value'],
  )
})

test('rules for the content type are read and written back', () => {
  const rules =
    '<rules><jmsProperty>kind</jmsProperty><bytesMessage>application/pdf</bytesMessage><default>text/xml</default></rules>'
  const { node } = decodeGood(inbound({ ...URL, 'transport.jms.ContentType': rules }))
  const { contentTypeRules } = (node!.config as { inbound: { config: { contentTypeRules: object } } }).inbound.config
  const { properties, bytes, rest } = contentTypeRules as Record<string, unknown>
  assert.deepEqual({ properties, bytes, rest }, { properties: ['kind'], bytes: 'application/pdf', rest: 'text/xml' })
  const [typo] = diagnosticsOf(
    inbound({ ...URL, 'transport.jms.ContentType': '<rules><textMesage>a/b</textMesage></rules>' }),
  )
  assert.match(typo?.hint ?? '', /textMessage/)
})

test('a message runs the sequence with the parameters as properties, secrets left out, and leaves the queue after its end', async t => {
  const rig = await QueueRig.start(t)
  const seen: unknown[] = []
  rig.steps.set('take', ctx => {
    seen.push(rig.depth('in'), ctx.properties.get('interval'), ctx.properties.get('transport.jms.Password'))
  })
  rig.deploy()
  const it = build(
    'inbound-endpoint',
    inbound({ 'java.naming.provider.url': rig.url, 'transport.jms.Password': 'geheim', interval: '100' }),
    rig.services,
  )
  t.after(() => it[Symbol.asyncDispose]())
  await it.start()
  await rig.put('in', { body: '<order/>' })
  await rig.until(() => seen.length > 0 && rig.depth('in') === 0)
  assert.deepEqual(seen, [1, '100', undefined])
})

test('messages that are independent of one another are worked on at once', async t => {
  const rig = await QueueRig.start(t)
  const waiting: (() => void)[] = []
  rig.steps.set('take', () => new Promise<void>(resolve => waiting.push(resolve)))
  rig.deploy()
  const it = build(
    'inbound-endpoint',
    inbound({ 'java.naming.provider.url': rig.url, sequential: 'false' }),
    rig.services,
  )
  t.after(() => it[Symbol.asyncDispose]())
  await it.start()
  await rig.put('in', ...Array.from({ length: 6 }, (_, index) => ({ body: `<o>${index}</o>` })))
  await rig.until(() => waiting.length === 6)
  for (const go of waiting) go()
  await rig.until(() => rig.depth('in') === 0)
})
