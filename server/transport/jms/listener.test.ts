import assert from 'node:assert/strict'
import { test } from 'node:test'
import rhea from 'rhea'
import { startBroker } from '../../broker/broker.ts'
import type { MessageContext } from '../../kernel/context.ts'
import { brokerConnections, networkDialer } from '../../drivers/brokers/index.ts'
import type { Dialer, Outgoing, SendingParts } from '../../drivers/jms/index.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { send, TestClient } from '../../testing/amqp-rig.ts'
import { MemoryJournal } from '../../testing/memory-journal.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import { QueueRig } from '../../testing/queue-rig.ts'
import { replyOf } from '../../testing/rig.ts'

const TRANSACTED = { 'transport.jms.SessionTransacted': 'true' }
const AT_ONCE = '?jms.redeliveryPolicy.initialRedeliveryDelay=0&amp;jms.redeliveryPolicy.redeliveryDelay=0'
const UNDO = '<sequence name="undo"><property name="SET_ROLLBACK_ONLY" value="true" scope="axis2"/></sequence>'
const DROP = '<sequence name="fault"><drop/></sequence>'

function failing(): never {
  throw new IntegrationError('MEDIATION_FAILED', 'Y does not work')
}

function textOf(ctx: MessageContext): string {
  return Buffer.from(ctx.message.body.raw!).toString()
}

/** Read A, call X, send to B, call Y, send to C. */
const route = (rig: QueueRig): string => `<sequence name="work">
  <sequence key="X"/>
  <call><endpoint><address uri="${rig.at('B')}"/></endpoint></call>
  <sequence key="Y"/>
  <call><endpoint><address uri="${rig.at('C')}"/></endpoint></call>
</sequence>`

test('IPF: read A, call X, send to B, call Y, send to C is one transaction: nothing is in B while the flow is before C', async t => {
  const rig = await QueueRig.start(t)
  const seen: number[][] = []
  const look = (): void => void seen.push([rig.depth('A'), rig.depth('B'), rig.depth('C')])
  rig.steps.set('X', look).set('Y', look)
  rig.deploy(route(rig))
  await rig.listen(TRANSACTED)
  await rig.put('A', { body: '<order/>' })
  await rig.until(() => rig.depth('C') === 1)
  assert.deepEqual(seen, [
    [1, 0, 0],
    [1, 0, 0],
  ])
  assert.deepEqual([rig.depth('A'), rig.depth('B'), rig.depth('C')], [0, 1, 1])
  assert.deepEqual(
    (await rig.drain('B')).map(({ body }) => body),
    ['<order/>'],
  )
})

test('IPF: where Y fails nothing is in B and C, and the message goes to the dead letters at once with the cause', async t => {
  const rig = await QueueRig.start(t)
  let undone = 0
  rig.steps
    .set('X', () => undefined)
    .set('Y', failing)
    .set('count', () => void undone++)
  rig.deploy(
    route(rig),
    '<sequence name="undo"><sequence key="count"/><property name="SET_ROLLBACK_ONLY" value="true" scope="axis2"/></sequence>',
  )
  await rig.listen(TRANSACTED, ' onError="undo"', '?jms.redeliveryPolicy.maximumRedeliveries=0')
  await rig.put('A', { body: '<order/>' })
  await rig.until(() => rig.depth('DLQ') === 1)
  assert.deepEqual([rig.depth('A'), rig.depth('B'), rig.depth('C'), undone], [0, 0, 0, 1])
  const [letter] = await rig.drain('DLQ')
  const { 'x-opt-dead-letter-reason': why } = letter!['message_annotations'] as Record<string, string>
  assert.match(why!, /SET_ROLLBACK_ONLY.*Y does not work/)
})

test('a failed flow is delivered again as often as the redelivery policy says, counted in jms.message.delivery.count', async t => {
  const rig = await QueueRig.start(t)
  const counts: unknown[] = []
  rig.steps.set(
    'X',
    ctx =>
      void counts.push(ctx.properties.get('jms.message.delivery.count'), ctx.message.headers.get('JMS_REDELIVERED')),
  )
  rig.steps.set('Y', failing)
  rig.deploy(route(rig), UNDO)
  await rig.listen(TRANSACTED, ' onError="undo"', `${AT_ONCE}&amp;jms.redeliveryPolicy.maximumRedeliveries=2`)
  await rig.put('A', { body: '<order/>', message_id: 'ID:7' })
  await rig.until(() => rig.depth('DLQ') === 1)
  assert.deepEqual(counts, [1, 'false', 2, 'true', 3, 'true'])
  assert.deepEqual([rig.depth('A'), rig.depth('B'), rig.depth('C')], [0, 0, 0])
})

test('a fault that no sequence handles undoes the flow; one that a fault sequence has handled does not', async t => {
  const rig = await QueueRig.start(t)
  rig.steps.set('X', () => undefined).set('Y', failing)
  rig.deploy(route(rig))
  await rig.listen(TRANSACTED, '', '?jms.redeliveryPolicy.maximumRedeliveries=0')
  await rig.put('A', { body: '<order/>' })
  await rig.until(() => rig.depth('DLQ') === 1)
  rig.deploy(route(rig), DROP)
  await rig.put('A', { body: '<order/>' })
  await rig.until(() => rig.depth('B') === 1)
  assert.deepEqual([rig.depth('A'), rig.depth('C'), rig.depth('DLQ')], [0, 0, 1])
})

test('without a transaction a failed flow is run again in place, and sends are not undone', async t => {
  const rig = await QueueRig.start(t)
  let runs = 0
  rig.steps
    .set('X', () => undefined)
    .set('Y', () => {
      if (++runs < 3) failing()
    })
  rig.deploy(route(rig).replaceAll('<call>', '<property name="OUT_ONLY" value="true"/><call>'), UNDO)
  await rig.listen({}, ' onError="undo"', AT_ONCE)
  await rig.put('A', { body: '<order/>', message_id: 'ID:7' })
  await rig.until(() => rig.depth('C') === 1)
  await rig.until(() => rig.depth('A') === 0)
  // The same send for the same message is recognised: B has it once.
  assert.deepEqual([rig.depth('B'), runs], [1, 3])
})

test('parallel branches are waited for, and what they send belongs to the transaction', async t => {
  const rig = await QueueRig.start(t)
  let go!: () => void
  const held = new Promise<void>(resolve => (go = resolve))
  rig.steps.set('slow', () => held)
  rig.deploy(`<sequence name="work"><clone continueParent="true">
    <target><sequence><sequence key="slow"/><send><endpoint><address uri="${rig.at('B')}"/></endpoint></send></sequence></target>
    <target><sequence><send><endpoint><address uri="${rig.at('C')}"/></endpoint></send></sequence></target>
  </clone></sequence>`)
  await rig.listen(TRANSACTED)
  await rig.put('A', { body: '<order/>' })
  await rig.until(() => rig.broker.queues().some(({ name }) => name === 'C'))
  await rig.put('other', { body: 'x' })
  assert.deepEqual([rig.depth('A'), rig.depth('C')], [1, 0])
  go()
  await rig.until(() => rig.depth('B') === 1)
  assert.deepEqual([rig.depth('A'), rig.depth('C')], [0, 1])
})

test('a flow that takes longer than its transaction may is rolled back, and nothing it sends later takes part', async t => {
  const rig = await QueueRig.start(t)
  let go!: () => void
  const held = new Promise<void>(resolve => (go = resolve))
  rig.steps.set('X', () => held).set('Y', () => undefined)
  rig.deploy(route(rig))
  await rig.listen(
    { ...TRANSACTED, 'transport.jms.transaction.timeout': '50' },
    '',
    '?jms.redeliveryPolicy.maximumRedeliveries=0',
  )
  await rig.put('A', { body: '<order/>' })
  await rig.until(() => rig.depth('DLQ') === 1)
  go()
  await rig.services.log.waitFor('is over')
  assert.deepEqual([rig.depth('A'), rig.depth('B'), rig.depth('C')], [0, 0, 0])
})

test('messages of several consumers run at once, each in a transaction of its own', async t => {
  const rig = await QueueRig.start(t)
  const waiting: (() => void)[] = []
  rig.steps.set('X', () => new Promise<void>(resolve => waiting.push(resolve)))
  rig.steps.set('Y', ctx => {
    if (textOf(ctx) === '<bad/>') failing()
  })
  rig.deploy(route(rig), UNDO)
  const many = { ...TRANSACTED, 'transport.jms.ConcurrentConsumers': '3', 'transport.jms.MaxConcurrentConsumers': '5' }
  await rig.listen(many, ' onError="undo"', '?jms.redeliveryPolicy.maximumRedeliveries=0')
  await rig.put('A', ...['<a/>', '<b/>', '<bad/>', '<c/>', '<d/>'].map(body => ({ body })))
  await rig.until(() => waiting.length === 5)
  for (const go of waiting) go()
  await rig.until(() => rig.depth('DLQ') === 1 && rig.depth('C') === 4)
  const bodies = (await rig.drain('B')).map(({ body }) => body)
  assert.deepEqual(bodies.sort(), ['<a/>', '<b/>', '<c/>', '<d/>'])
})

test('after so many rollbacks in a row nothing is taken until somebody says so, and the state tells why', async t => {
  const rig = await QueueRig.start(t)
  rig.steps.set('X', failing)
  rig.deploy('<sequence name="work"><sequence key="X"/></sequence>')
  const inbound = await rig.listen(
    { ...TRANSACTED, 'transport.jms.RetriesBeforeSuspension': '2', 'transport.jms.PollingSuspensionPeriod': '0' },
    '',
    `${AT_ONCE}&amp;jms.redeliveryPolicy.maximumRedeliveries=-1`,
  )
  await rig.put('A', { body: '<order/>' })
  await rig.until(() => inbound.state.observed === 'waiting')
  assert.match(inbound.state.reason ?? '', /2 rollbacks in a row.*Y does not work.*activated again/)
  assert.equal(rig.depth('A'), 1)
  rig.steps.set('X', () => undefined)
  rig.deploy('<sequence name="work"><sequence key="X"/></sequence>')
  await inbound.deactivate({ by: 'test' }, 'mended')
  await inbound.activate({ by: 'test' })
  await rig.until(() => rig.depth('A') === 0)
})

test('what no flow can look into is kept in quarantine with the reason, and the next message flows', async t => {
  const rig = await QueueRig.start(t)
  const kept: string[] = []
  const seen: string[] = []
  rig.steps.set('work', ctx => void seen.push(textOf(ctx)))
  Object.assign(rig.services, {
    quarantine: async (store: string, _record: Uint8Array, reason: string) => void kept.push(`${store}: ${reason}`),
  })
  rig.deploy()
  await rig.listen(TRANSACTED)
  await rig.put('A', { body: 42 }, { body: '<order/>' })
  await rig.until(() => seen.length === 1 && rig.depth('A') === 0)
  assert.equal(kept.length, 1)
  assert.match(kept[0]!, /^in: /)
  // What WSO2 has stored is called by its name (issue 5, item 6).
  const name = 'org.apache.synapse.message.store.impl.commons.StorableMessage'
  const head = [0xac, 0xed, 0x00, 0x05, 0x73, 0x72, 0x00, name.length]
  const stored = rhea.message.data_section(Buffer.concat([Buffer.from(head), Buffer.from(name)]))
  await rig.put('A', {
    body: stored,
    content_type: 'application/x-java-serialized-object',
    message_annotations: { 'x-opt-jms-msg-type': rhea.types.wrap_byte(1) },
  })
  await rig.until(() => kept.length === 2 && rig.depth('A') === 0)
  assert.match(kept[1]!, /^in: it was stored by WSO2 EI, MI or Apache Synapse as a serialised Java object/)
})

test('JMS headers and properties are transport headers, and the content type is found by rules or by looking', async t => {
  const rig = await QueueRig.start(t)
  const seen: unknown[][] = []
  rig.steps.set('work', ({ message }) => {
    const { headers, body, format } = message
    seen.push([
      format,
      body.contentType,
      headers.get('Company'),
      headers.get('JMS_TYPE'),
      headers.get('JMS_COORELATION_ID'),
      message.flag('JMS_COORELATION_ID'),
      headers.get('n'),
    ])
  })
  rig.deploy()
  await rig.listen({})
  await rig.put(
    'A',
    { body: '<order/>', subject: 'order', correlation_id: 'c1', application_properties: { Company: 'WSO2', n: 7 } },
    { body: '{"a":1}', message_id: 'ID:2' },
    { body: 'plain', application_properties: { contentType: 'text/plain; charset=utf-8' } },
  )
  await rig.until(() => seen.length === 3)
  assert.deepEqual(seen, [
    ['pox', 'application/xml', 'WSO2', 'order', 'c1', 'c1', '7'],
    ['json', 'application/json', undefined, undefined, undefined, 'ID:2', undefined],
    ['text', 'text/plain; charset=utf-8', undefined, undefined, undefined, undefined, undefined],
  ])
})

test('what a store or a broker has written beside a message is no header of it', async t => {
  const rig = await QueueRig.start(t)
  const seen: string[][] = []
  rig.steps.set('work', ({ message }) => {
    const names = message.headers.flat.filter((_, index) => index % 2 === 0)
    seen.push(names.filter(name => !name.startsWith('JMS_') && name !== 'Content-Type'))
  })
  rig.deploy()
  await rig.listen({})
  const carried = { SYN_To: '/services/x', SYN_Props: '{"secret":1}', OrigMessageID: '1', _AMQ_DUPL_ID: '1' }
  await rig.put('A', { body: '<order/>', application_properties: { Company: 'WSO2', ...carried } })
  await rig.until(() => seen.length === 1)
  assert.deepEqual(seen, [['Company']])
})

test('an answer goes to the queue the message names, with its correlation, inside the transaction', async t => {
  const rig = await QueueRig.start(t)
  rig.steps.set('Y', () => assert.equal(rig.depth('replies'), 0))
  rig.deploy('<sequence name="work"><respond/></sequence>')
  await rig.listen(TRANSACTED)
  await rig.put(
    'A',
    { body: '<order/>', reply_to: 'replies', correlation_id: 'c1' },
    { body: '<other/>', reply_to: 'replies', message_id: 'ID:9' },
  )
  await rig.until(() => rig.depth('replies') === 2)
  assert.deepEqual(
    (await rig.drain('replies')).map(({ body, correlation_id }) => [body, correlation_id]),
    [
      ['<order/>', 'c1'],
      ['<other/>', 'ID:9'],
    ],
  )
  assert.equal(rig.depth('A'), 0)
})

test('what a back end is asked because of a message carries a key that is the same when the message comes again', async t => {
  const rig = await QueueRig.start(t)
  const keys: unknown[] = []
  const { send } = rig.services.http
  rig.services.http.send = (request, target, ctx, options) => {
    if (target.url.startsWith('http:')) keys.push([options.deliveryId, options.attempt])
    return send(request, target, ctx, options)
  }
  let failures = 1
  rig.steps.set('Y', () => {
    if (failures-- > 0) failing()
  })
  const ask = '<call><endpoint><address uri="http://x/"/></endpoint></call>'
  rig.services.answer = () => replyOf(200)
  rig.deploy(`<sequence name="work">${ask}${ask}<sequence key="Y"/></sequence>`, UNDO)
  await rig.listen(TRANSACTED, ' onError="undo"', AT_ONCE)
  await rig.put('A', { body: '<order/>', message_id: 'ID:7' })
  await rig.until(() => keys.length === 4 && rig.depth('A') === 0)
  assert.deepEqual(keys, [
    ['7.1', 1],
    ['7.2', 1],
    ['7.1', 2],
    ['7.2', 2],
  ])
})

test('a named dead-letter queue gets the message together with its acknowledgement', async t => {
  const rig = await QueueRig.start(t)
  rig.steps.set('work', failing)
  rig.deploy()
  await rig.listen(
    { ...TRANSACTED, 'transport.jms.DeadLetterDestination': 'dead' },
    '',
    '?jms.redeliveryPolicy.maximumRedeliveries=0',
  )
  await rig.put('A', { body: '<order/>', message_id: 'ID:7' })
  await rig.until(() => rig.depth('dead') === 1)
  const [letter] = await rig.drain('dead')
  const properties = letter!['application_properties'] as Record<string, string>
  assert.deepEqual([properties['originalDestination'], properties['dlqDeliveryFailureCause']], ['A', 'Y does not work'])
  await rig.until(() => rig.depth('A') === 0)
})

test('a broker that is away is told in the state, and its return is found', async t => {
  const rig = await QueueRig.start(t)
  const seen: string[] = []
  rig.steps.set('work', ctx => void seen.push(textOf(ctx)))
  rig.deploy()
  const { port } = rig.broker.address
  await rig.broker.stop()
  const inbound = await rig.listen(TRANSACTED)
  await rig.until(() => inbound.state.observed === 'connecting' && inbound.state.nextTry !== undefined)
  assert.match(inbound.state.reason ?? '', /nothing listens there/)
  await using again = await startBroker({ port, journal: new MemoryJournal(), log: memoryLog() })
  await using client = await TestClient.open(again.address.port)
  await send(await client.sender('A'), { body: '<order/>' })
  await rig.until(() => seen.length === 1)
  assert.equal(inbound.state.observed, 'listening')
})

/** Names of the destinations that links are open to at this moment, in and outside of sessions; before anything connects. */
function openLinks(rig: QueueRig): string[] {
  const names: string[] = []
  const noted = (open: (parts: SendingParts) => Outgoing) => (parts: SendingParts) => {
    const { name } = parts.destination
    const link = open(parts)
    const close = link.close.bind(link)
    names.push(name)
    link.close = () => {
      names.splice(names.indexOf(name), 1)
      close()
    }
    return link
  }
  const dialer: Dialer = () => {
    const dial = networkDialer(rig.services.log)()
    return async (...given) => {
      const live = await dial(...given)
      live.openSender = noted(live.openSender.bind(live))
      const begin = live.openSession.bind(live)
      live.openSession = async parts => {
        const session = await begin(parts)
        session.openSender = noted(session.openSender.bind(session))
        return session
      }
      return live
    }
  }
  brokerConnections(rig.services, { dialer })
  return names
}

for (const transacted of [true, false]) {
  const where = transacted ? 'of a transacted consumer ' : ''
  test(`answers ${where}go over one link to each queue, and however many reply queues there are, links stay few`, async t => {
    const rig = await QueueRig.start(t)
    const links = openLinks(rig)
    rig.deploy('<sequence name="work"><respond/></sequence>')
    await rig.listen(transacted ? TRANSACTED : {})
    const ask = (reply_to: string) => ({ body: '<order/>', reply_to })
    await rig.put('A', ...Array.from({ length: 20 }, () => ask('replies')))
    await rig.until(() => rig.depth('replies') === 20)
    assert.deepEqual(links, ['replies'])
    await rig.put('A', ...Array.from({ length: 80 }, (_, number) => ask(`reply-${number}`)))
    await rig.until(() => rig.depth('reply-79') === 1 && rig.depth('A') === 0)
    assert.equal(links.length, 50)
  })
}
