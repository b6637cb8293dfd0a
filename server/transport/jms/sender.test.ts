import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConnectionFactories } from '../../kernel/connection-factories.ts'
import { contextOf, type Given, type TestContext } from '../../testing/rig.ts'
import { QueueRig } from '../../testing/queue-rig.ts'

/** Runs the sequence `work` on a message, as a proxy would. */
async function run(rig: QueueRig, given: Given = {}): Promise<TestContext> {
  const ctx = contextOf({ runtime: rig.registry, ...given })
  await rig.find('sequence', 'work').mediate(ctx)
  return ctx
}

const ONE_WAY = '<property name="OUT_ONLY" value="true"/>'
const sending = (uri: string, before = ''): string =>
  `<sequence name="work">${before}<call><endpoint><address uri="${uri}"/></endpoint></call></sequence>`

test('a message goes out as text with its headers as properties, and its JMS fields as the flow says', async t => {
  const rig = await QueueRig.start(t)
  const property = (name: string, value: string): string => `<property name="${name}" value="${value}" scope="axis2"/>`
  const fields =
    property('JMS_COORELATION_ID', 'c1') +
    property('JMS_TYPE', 'order') +
    property('JMS_PRIORITY', '7') +
    property('JMSXGroupID', 'g') +
    property('JMS_TIME_TO_LIVE', '60000')
  rig.deploy(sending(rig.at('B'), ONE_WAY + fields))
  await run(rig, { headers: { Company: 'WSO2', Host: 'h', Connection: 'close' }, action: 'urn:place' })
  const [message] = await rig.drain('B')
  const { body, application_properties, correlation_id, subject, priority, group_id, ttl, durable, content_type } =
    message!
  assert.deepEqual(
    { body, application_properties, correlation_id, subject, priority, group_id, ttl, durable, content_type },
    {
      body: '<order xmlns="urn:test"><id>7</id></order>',
      application_properties: { Company: 'WSO2', 'Content-Type': 'application/xml', SOAPAction: 'urn:place' },
      correlation_id: 'c1',
      subject: 'order',
      priority: 7,
      group_id: 'g',
      ttl: 60_000,
      durable: true,
      content_type: 'application/xml',
    },
  )
})

test('the address says which property names the content type, and what becomes of hyphens', async t => {
  const rig = await QueueRig.start(t)
  const more = '&transport.jms.ContentTypeProperty=Content-Kind&transport.jms.MessagePropertyHyphens=replace'
  rig.deploy(sending(rig.at('B', more), ONE_WAY))
  await run(rig, { headers: { 'X-Trace': '1' } })
  const [message] = await rig.drain('B')
  assert.deepEqual(message!['application_properties'], {
    X_DASHED_Trace: '1',
    Content_DASHED_Kind: 'application/xml',
  })
})

test('bytes stay bytes, whatever they hold, and text may be sent as bytes', async t => {
  const rig = await QueueRig.start(t)
  rig.deploy(
    sending(rig.at('B'), `${ONE_WAY}<property name="JMS_MESSAGE_TYPE" value="JMS_BYTE_MESSAGE" scope="axis2"/>`),
  )
  await run(rig, { body: 'grün', contentType: 'text/plain' })
  const [message] = await rig.drain('B')
  const { content } = message!['body'] as { content: Buffer }
  assert.deepEqual([content.toString(), message!['content_type']], ['grün', 'application/octet-stream'])
})

test('a JMSMap element is a map message, and comes back as one', async t => {
  const rig = await QueueRig.start(t)
  rig.deploy(sending(rig.at('B'), ONE_WAY))
  const map =
    '<JMSMap xmlns="http://axis.apache.org/axis2/java/transports/jms/map-payload"><id>7</id><name>a&amp;b</name></JMSMap>'
  await run(rig, { body: map })
  const seen: string[] = []
  rig.steps.set('work', ({ message }) => void seen.push(Buffer.from(message.body.raw!).toString()))
  rig.deploy()
  await rig.listen({ 'transport.jms.Destination': 'B' })
  await rig.until(() => seen.length === 1)
  assert.deepEqual(seen, [map])
})

test('without OUT_ONLY the reply is awaited on a temporary queue, and is what the flow goes on with', async t => {
  const rig = await QueueRig.start(t)
  rig.steps.set('serve', async ctx => {
    assert.equal(ctx.message.headers.get('JMS_REPLY_TO')?.startsWith('temporary.'), true)
  })
  rig.deploy(
    '<sequence name="service"><sequence key="serve"/><payloadFactory media-type="xml"><format><done xmlns=""/></format><args/></payloadFactory><respond/></sequence>',
    sending(rig.at('A')),
  )
  await rig.listen({}, ' onError="none"', '', 'service')
  const ctx = await run(rig)
  await ctx.message.body.collect()
  assert.equal(Buffer.from(ctx.message.body.raw!).toString(), '<done/>')
  const both = await Promise.all([run(rig), run(rig)])
  assert.equal(both.length, 2)
})

test('a message processor that forwards with OUT_ONLY has done so once the broker has it: no reply is waited for', async t => {
  const rig = await QueueRig.start(t)
  rig.deploy(`<endpoint name="other"><address uri="${rig.at('B')}"/></endpoint>`)
  const ctx = contextOf({ runtime: rig.registry })
  ctx.properties.set('OUT_ONLY', 'true')
  ctx.message.axis2.set('JMS_WAIT_REPLY', '20')
  const reply = await rig.find('endpoint', 'other').send(ctx.message, ctx, { deliveryId: 'id-1', attempt: 1 })
  assert.equal(reply, null)
  const [message, ...rest] = await rig.drain('B')
  assert.deepEqual([message!['reply_to'], rest.length], [undefined, 0])
})

test('no reply in time is a timeout', async t => {
  const rig = await QueueRig.start(t)
  rig.deploy(sending(rig.at('nobody'), '<property name="JMS_WAIT_REPLY" value="20" scope="axis2"/>'))
  await assert.rejects(run(rig), { code: 'SEND_TIMEOUT', errorCode: 101504 })
})

test('an address that names no broker is a fault that says what to do', async t => {
  const rig = await QueueRig.start(t)
  rig.deploy(sending('jms:/B', ONE_WAY))
  await assert.rejects(run(rig), {
    code: 'NO_ADDRESS',
    message: /no broker address is given.*java\.naming\.provider\.url/,
  })
})

test('a broker that is away is an endpoint that cannot be reached', async t => {
  const rig = await QueueRig.start(t)
  rig.deploy(sending(rig.at('B'), ONE_WAY))
  await rig.broker.stop()
  await assert.rejects(run(rig), { code: 'CONNECT_FAILED', errorCode: 101503 })
})

test('an address names a connection factory of the settings; one nobody knows is a fault with what to do', async t => {
  const rig = await QueueRig.start(t, url => {
    const parameters = new Map([['java.naming.provider.url', url]])
    return new ConnectionFactories({ 'jms.sender': [{ name: 'shop', parameters }] })
  })
  rig.deploy(sending('jms:/B?transport.jms.ConnectionFactory=shop', ONE_WAY))
  await run(rig)
  assert.equal(rig.depth('B'), 1)
  rig.deploy(sending('jms:/B?transport.jms.ConnectionFactory=shp', ONE_WAY))
  await assert.rejects(run(rig), {
    code: 'NO_ADDRESS',
    message:
      /no connection factory "shp" in deployment\.toml\. Did you mean "shop"\? Add \[\[transport\.jms\.sender\]\]/,
  })
})
