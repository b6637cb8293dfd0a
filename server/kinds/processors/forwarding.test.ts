import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IntegrationError } from '../../kernel/errors.ts'
import { forwardingRig, forwardingXml, oneWay, refused } from '../../testing/forwarding-rig.ts'
import { replyOf, stored, StoreRig, textOfBody } from '../../testing/store-rig.ts'

const LEGACY = 'org.apache.synapse.message.processors.forward.ScheduledMessageForwardingProcessor'

test('V1, WF-5: a back end that always answers 500 gets four requests a second apart, then the processor stops and keeps the message', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ 'message.processor.fault.sequence': 'oops' })
  await using _ = rig
  endpoint.answer = () => replyOf(500, '<fault/>')
  const fault = rig.sequence('oops')
  await start()
  await put('<order/>')
  await rig.clock.advance(10_000)

  assert.deepEqual(
    endpoint.sent.map(({ at }) => at),
    [0, 1000, 2000, 3000],
  )
  assert.deepEqual(new Set(endpoint.sent.map(({ text }) => text)), new Set(['<order/>']))
  const said = rig.log.texts('info').filter(text => text.includes('received a response with HTTP_SC: 500'))
  assert.equal(said.length, 4)
  assert.deepEqual(fault.runs, Array(4).fill('<fault/>'))
  assert.ok(rig.log.texts().includes('Successfully deactivated the message processor [P]'))
  const { wanted, observed, reason, attempts, messageId } = rig.processor('P').state
  assert.deepEqual({ wanted, observed, attempts }, { wanted: 'inactive', observed: 'stopped', attempts: 4 })
  assert.match(reason!, /could not be forwarded in 4 attempts/)
  assert.ok(messageId)
  assert.deepEqual(await rig.waiting('S'), ['<order/>'])
})

test('WF-5: reactivated with a healthy back end it delivers the message once', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ 'max.delivery.attempts': 2 })
  await using _ = rig
  endpoint.answer = () => replyOf(500)
  await start()
  await put('<order/>', oneWay)
  await rig.clock.advance(5000)
  assert.equal(endpoint.sent.length, 2)
  endpoint.answer = () => replyOf(202)
  await rig.processor('P').activate({ by: 'operator:admin' })
  await rig.clock.advance(5000)

  assert.equal(endpoint.sent.length, 3)
  assert.equal(await rig.store('S').depth(), 0)
  assert.equal(rig.processor('P').state.wanted, 'active')
  assert.ok(rig.log.texts().includes('Successfully re-activated the message processor [P]'))
})

test('V2 (P8): a refused connection costs an attempt, the rest of the suspended endpoint costs none', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ 'max.delivery.attempts': 4 })
  await using _ = rig
  endpoint.answer = () => {
    endpoint.restsUntil = rig.clock.now() + 30_000
    return refused()
  }
  await start()
  await put('<order/>', oneWay)
  await rig.clock.advance(3500)
  assert.equal(endpoint.sent.length, 1)
  const { wanted, observed, attempts, nextTry, reason } = rig.processor('P').state
  assert.deepEqual({ wanted, observed, attempts }, { wanted: 'active', observed: 'waiting', attempts: 1 })
  assert.equal(nextTry, endpoint.restsUntil)
  assert.match(reason!, /endpoint EP rests after failures/)

  await rig.clock.advance(90_000)
  assert.deepEqual(
    endpoint.sent.map(({ at }) => at),
    [0, 30_000, 60_000, 90_000],
  )
  assert.equal(rig.processor('P').state.wanted, 'inactive')
})

test('an endpoint that says it is suspended while it is asked to send costs no attempt', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ 'max.delivery.attempts': 1 })
  await using _ = rig
  endpoint.answer = n => {
    if (n <= 5) throw new IntegrationError('ENDPOINT_SUSPENDED', 'endpoint EP is suspended')
    return replyOf(202)
  }
  await start()
  await put('<order/>', oneWay)
  await rig.clock.advance(6000)
  assert.equal(endpoint.sent.at(-1)!.options.attempt, 1)
  assert.equal(await rig.store('S').depth(), 0)
})

test('a group whose members were tried in vain costs an attempt', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ 'max.delivery.attempts': 1 })
  await using _ = rig
  endpoint.answer = () => {
    throw new IntegrationError('NO_READY_CHILD', 'nobody took it', { cause: new Error('refused') })
  }
  await start()
  await put('<order/>', oneWay)
  await rig.settle()
  assert.equal(rig.processor('P').state.wanted, 'inactive')
})

test('V3, WF-6: with drop enabled the message is gone after its attempts and the next one starts a retry interval later', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({
    'max.delivery.attempts': 2,
    'max.delivery.drop': 'Enabled',
    'client.retry.interval': 3000,
  })
  await using _ = rig
  endpoint.answer = () => replyOf(500)
  await start()
  await put('<one/>', oneWay)
  await put('<two/>', oneWay)
  await rig.clock.advance(6000)

  assert.deepEqual(
    endpoint.sent.map(({ text, at }) => [text, at]),
    [
      ['<one/>', 0],
      ['<one/>', 3000],
      ['<two/>', 6000],
    ],
  )
  assert.equal(rig.processor('P').state.wanted, 'active')
  assert.ok(
    rig.log
      .texts('warn')
      .includes('Message processor [P] failed to forward message 2 times. Drop message and continue.'),
  )
})

test('V4, WF-6: a message that is given up goes to the store for failed messages as it was', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({
    'max.delivery.attempts': 1,
    'message.processor.failMessagesStore': 'failed',
  })
  await using _ = rig
  await rig.deploy('<messageStore name="failed" class="org.apache.synapse.message.store.impl.memory.InMemoryStore"/>')
  endpoint.answer = () => replyOf(500, '<fault/>')
  await start()
  await put('<order/>', {}, 'the-id')
  await rig.settle()

  assert.equal(endpoint.sent.length, 1)
  assert.deepEqual(await rig.waiting('failed'), ['<order/>'])
  assert.ok(await rig.store('failed').find('the-id'), 'it keeps its id')
  assert.equal(await rig.store('S').depth(), 0)
  assert.equal(rig.processor('P').state.wanted, 'active')
  assert.ok(
    rig.log
      .texts('info')
      .some(text =>
        text.endsWith('failed to forward message 1 times. Moved failed message to fail-messages-store and continue'),
      ),
  )
})

test('between two journal stores a given-up message moves in one step', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({
    'max.delivery.attempts': 1,
    'message.processor.failMessagesStore': 'failed',
  })
  await using _ = rig
  await rig.deploy('<messageStore name="failed"/>')
  endpoint.answer = () => replyOf(500)
  await start()
  await put('<order/>')
  const commits = rig.journal.commits
  await rig.settle()
  // One for the note of the failed try, one for the move.
  assert.equal(rig.journal.commits, commits + 2)
  assert.deepEqual(await rig.waiting('failed'), ['<order/>'])
})

test('BI-11: a store for failed messages that takes nothing is tried again like a target; the message stays until it does', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({
    'max.delivery.attempts': 1,
    'message.processor.failMessagesStore': 'failed',
  })
  await using _ = rig
  await rig.deploy(
    '<messageStore name="failed" class="org.apache.synapse.message.store.impl.memory.InMemoryStore"><parameter name="store.limit">1</parameter></messageStore>',
  )
  await rig.store('failed').producer.put(stored('<old/>'))
  endpoint.answer = n => replyOf(n === 1 ? 500 : 202)
  await start()
  await put('<order/>', oneWay)
  await put('<next/>', oneWay)
  await rig.clock.advance(5500)
  const { wanted, observed, reason } = rig.processor('P').state
  assert.deepEqual([wanted, observed], ['active', 'waiting'])
  assert.match(reason!, /failed 1 times and the store failed did not take it: store failed holds 1 messages/)
  assert.equal(endpoint.sent.length, 1, 'the back end is left alone')
  assert.deepEqual(await rig.waiting('S'), ['<order/>', '<next/>'])

  await rig.store('failed').clear()
  await rig.clock.advance(2000)
  assert.deepEqual(await rig.waiting('failed'), ['<order/>'])
  assert.deepEqual(
    endpoint.sent.map(({ text }) => text),
    ['<order/>', '<next/>'],
  )
  assert.equal(await rig.store('S').depth(), 0)
})

test('a processor that waits for its store for failed messages can be stopped; the message stays, and is moved later without being sent again (P5)', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({
    'max.delivery.attempts': 1,
    'message.processor.failMessagesStore': 'failed',
  })
  await using _ = rig
  await rig.deploy('<messageStore name="failed"/>')
  const failed = rig.store('failed')
  rig.addStore({
    ...failed,
    producer: { put: () => Promise.reject(new IntegrationError('STORE_UNAVAILABLE', 'away')) },
  })
  endpoint.answer = () => replyOf(500)
  await put('<order/>', oneWay)
  const moving = rig.store('S')
  rig.addStore({
    ...moving,
    consumer: async options => {
      const consumer = await moving.consumer(options)
      return {
        take: async (waitMs, signal) => {
          const delivery = await consumer.take(waitMs, signal)
          // As a store at a broker: no move in one step.
          if (delivery) Object.defineProperty(delivery, 'moveTo', { value: undefined })
          return delivery
        },
        [Symbol.asyncDispose]: () => consumer[Symbol.asyncDispose](),
      }
    },
  })
  await start()
  await rig.clock.advance(1500)
  assert.equal(rig.processor('P').state.observed, 'waiting')
  await rig.processor('P').deactivate({ by: 'operator:admin' }, 'enough')
  assert.deepEqual(await rig.waiting('S'), ['<order/>'])
  assert.equal(rig.processor('P').state.observed, 'stopped')

  rig.addStore(failed)
  await rig.processor('P').activate({ by: 'operator:admin' })
  await rig.clock.advance(1500)
  assert.equal(endpoint.sent.length, 1)
  assert.deepEqual(await rig.waiting('failed'), ['<order/>'])
  assert.equal(await rig.store('S').depth(), 0)
})

test('after a deactivation at the last try, the message is tried again as soon as somebody activates the processor', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ 'max.delivery.attempts': 1 })
  await using _ = rig
  endpoint.answer = n => replyOf(n === 1 ? 500 : 202)
  await start()
  await put('<order/>', oneWay)
  await rig.clock.advance(1500)
  assert.equal(rig.processor('P').state.wanted, 'inactive')
  await rig.processor('P').activate({ by: 'operator:admin' })
  await rig.clock.advance(1500)
  assert.equal(endpoint.sent.length, 2)
  assert.equal(await rig.store('S').depth(), 0)
})

test('WF-6: drop beats the store for failed messages, and check says so', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({
    'max.delivery.attempts': 1,
    'max.delivery.drop': 'Enabled',
    'message.processor.failMessagesStore': 'failed',
  })
  await using _ = rig
  await rig.deploy('<messageStore name="failed"/>')
  endpoint.answer = () => replyOf(500)
  await start()
  await put('<order/>')
  await rig.settle()
  assert.equal(await rig.store('failed').depth(), 0)
  assert.equal(await rig.store('S').depth(), 0)
  const found = rig.check(
    forwardingXml({ 'max.delivery.drop': 'Enabled', 'message.processor.failMessagesStore': 'failed' }),
  )
  assert.ok(found.some(({ code, severity }) => code === 'one-too-many' && severity === 'warning'))
})

test('V5: without a limit it tries until the back end is there, and delivers once', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ 'max.delivery.attempts': -1 })
  await using _ = rig
  endpoint.answer = n => (n < 20 ? refused() : replyOf(200))
  await start()
  await put('<order/>', oneWay)
  await rig.clock.advance(60_000)
  assert.equal(endpoint.sent.length, 20)
  assert.equal(await rig.store('S').depth(), 0)
})

test('V6: a status in non.retry.status.codes counts as delivered and goes through the reply sequence', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({
    'non.retry.status.codes': '404, 410',
    'message.processor.reply.sequence': 'reply',
  })
  await using _ = rig
  endpoint.answer = () => replyOf(404, '<none/>')
  const seen: unknown[] = []
  const reply = rig.sequence('reply', ctx => {
    seen.push(ctx.properties.get('HTTP_SC'), ctx.message.axis2.get('HTTP_SC'))
    return 'next'
  })
  await start()
  await put('<order/>')
  await rig.clock.advance(5000)
  assert.equal(endpoint.sent.length, 1)
  assert.deepEqual(reply.runs, ['<none/>'])
  assert.deepEqual(seen, ['404', 404], 'which finds the status in both scopes')
  assert.equal(await rig.store('S').depth(), 0)
})

test('a status is compared as a number: 4040 in the list does not mean 404', async () => {
  const { rig } = await forwardingRig()
  await using _ = rig
  const found = rig.check(forwardingXml({ 'non.retry.status.codes': '4040' }))
  assert.ok(found.some(({ code, message }) => code === 'invalid-value' && message.includes('4040')))
})

test('a status in retry.http.status.codes is a failure although it is a success', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ 'retry.http.status.codes': '202' })
  await using _ = rig
  endpoint.answer = n => replyOf(n === 1 ? 202 : 200)
  await start()
  await put('<order/>', oneWay)
  await rig.clock.advance(1000)
  assert.equal(endpoint.sent.length, 2)
  assert.equal(await rig.store('S').depth(), 0)
})

test('V7 with our result: without a reply sequence the message is delivered once, the reply discarded with one warning', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ interval: 0 })
  await using _ = rig
  await start()
  await put('<one/>')
  await put('<two/>')
  await rig.clock.advance(5000)
  assert.equal(endpoint.sent.length, 2)
  assert.equal(await rig.store('S').depth(), 0)
  assert.equal(rig.processor('P').state.wanted, 'active')
  assert.equal(rig.log.texts('warn').filter(text => text.includes('has no reply sequence')).length, 1)
})

test('V8 with our result: a reply sequence that drops the reply does not send the message again (trap H35)', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ 'message.processor.reply.sequence': 'reply' })
  await using _ = rig
  const reply = rig.sequence('reply', () => 'done')
  await start()
  await put('<order/>')
  await rig.clock.advance(10_000)
  assert.equal(endpoint.sent.length, 1)
  assert.deepEqual(reply.runs, ['<reply/>'])
  assert.equal(await rig.store('S').depth(), 0)
  assert.equal(rig.processor('P').state.wanted, 'active')
})

test('a reply sequence that fails is logged and runs the fault sequence, and the message is not sent again', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({
    'message.processor.reply.sequence': 'reply',
    'message.processor.fault.sequence': 'oops',
  })
  await using _ = rig
  rig.sequence('reply', () => {
    throw new Error('no such property')
  })
  let seen: unknown
  const fault = rig.sequence('oops', ctx => {
    seen = ctx.properties.get('ERROR_MESSAGE')
    return 'next'
  })
  await start()
  await put('<order/>')
  await rig.clock.advance(10_000)
  assert.equal(endpoint.sent.length, 1)
  assert.deepEqual(fault.runs, ['<reply/>'])
  assert.equal(seen, 'no such property')
  assert.equal(await rig.store('S').depth(), 0)
})

test('a message that has a reply is not sent before its reply sequence is deployed', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ 'message.processor.reply.sequence': 'reply' })
  await using _ = rig
  await start()
  await put('<order/>')
  await rig.clock.advance(10_000)
  assert.equal(endpoint.sent.length, 0)
  assert.equal(rig.processor('P').state.reason, 'the reply sequence reply is not deployed')
  const reply = rig.sequence('reply')
  await rig.settle()
  assert.equal(endpoint.sent.length, 1)
  assert.equal(reply.runs.length, 1)
})

test('V9: one-way and 202 is delivered without any sequence', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({
    'message.processor.reply.sequence': 'reply',
    'message.processor.fault.sequence': 'oops',
  })
  await using _ = rig
  const reply = rig.sequence('reply')
  const fault = rig.sequence('oops')
  endpoint.answer = () => replyOf(202, '')
  await start()
  await put('<order/>', oneWay)
  await rig.settle()
  assert.equal(endpoint.sent.length, 1)
  assert.deepEqual([reply.runs, fault.runs], [[], []])
  assert.equal(await rig.store('S').depth(), 0)
})

test('one-way and 500 is a failure: nothing is lost, and the fault sequence runs', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({
    'max.delivery.attempts': 1,
    'message.processor.fault.sequence': 'oops',
  })
  await using _ = rig
  const fault = rig.sequence('oops')
  endpoint.answer = () => replyOf(500, '<fault/>')
  await start()
  await put('<order/>', oneWay)
  await rig.settle()
  assert.equal(await rig.store('S').depth(), 1)
  assert.equal(fault.runs.length, 1)
})

test('V20: action, bytes, headers and properties come back as they were stored', async () => {
  const { rig, endpoint, start } = await forwardingRig()
  await using _ = rig
  let seen: Record<string, unknown> = {}
  endpoint.answer = (_n, request, ctx) => {
    seen = {
      action: request.addressing.action,
      text: textOfBody(request),
      type: request.body.contentType,
      header: request.headers.get('X-Trace'),
      string: ctx.properties.get('s'),
      number: ctx.properties.get('n'),
      flag: request.axis2.get('b'),
      integer: request.axis2.get('i'),
      double: request.axis2.get('d'),
      status: request.axis2.get('HTTP_SC'),
    }
    return replyOf(202)
  }
  await rig.store('S').producer.put({
    id: 'x',
    storedAt: 0,
    contentType: 'application/json; charset=utf-8',
    body: Buffer.from('{"a": 1.0}'),
    headers: ['X-Trace', 'a-b=c'],
    envelope: {
      action: 'urn:placeOrder',
      properties: { s: 'v', n: 1, OUT_ONLY: 'true' },
      axis2: { b: true, i: 7, d: 1.5 },
    },
  })
  await start()
  await rig.settle()
  assert.deepEqual(seen, {
    action: 'urn:placeOrder',
    text: '{"a": 1.0}',
    type: 'application/json; charset=utf-8',
    header: 'a-b=c',
    string: 'v',
    number: 1,
    flag: true,
    integer: 7,
    double: 1.5,
    status: undefined,
  })
})

test('every send carries the message id and says which attempt it is (P5)', async () => {
  const { rig, endpoint, put, start } = await forwardingRig()
  await using _ = rig
  endpoint.answer = n => replyOf(n < 3 ? 503 : 200)
  await start()
  await put('<order/>', oneWay, 'the-id')
  await rig.clock.advance(5000)
  assert.deepEqual(
    endpoint.sent.map(({ options }) => options),
    [1, 2, 3].map(attempt => ({ deliveryId: 'the-id', attempt })),
  )
})

test('the target is the attribute, else the parameter, else the property of each message', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ 'target.endpoint': 'other' })
  await using _ = rig
  await start()
  await put('<order/>', { ...oneWay, 'target.endpoint': 'third' })
  await rig.settle()
  assert.equal(endpoint.sent.length, 1)

  const second = await forwardingRig({ interval: 0 }, { attributes: '' })
  await using __ = second.rig
  const other = second.rig.endpoint('other')
  await second.start()
  await second.put('<one/>', { ...oneWay, 'target.endpoint': 'other' })
  await second.put('<two/>', { ...oneWay, 'target.endpoint': 'EP' })
  await second.rig.settle()
  assert.deepEqual([other.sent.length, second.endpoint.sent.length], [1, 1])
})

test('the class name of Apache Synapse means the same, and its targetEndpoint is heeded', async () => {
  const { rig, endpoint, put, start } = await forwardingRig(
    { 'max.deliver.attempts': 2, 'max.deliver.drop': 'true' },
    { className: LEGACY },
  )
  await using _ = rig
  endpoint.answer = () => replyOf(500)
  await start()
  await put('<order/>', oneWay)
  await rig.clock.advance(5000)
  assert.equal(endpoint.sent.length, 2)
  assert.equal(await rig.store('S').depth(), 0)
})

test('a message without any target stops the processor, which says so', async () => {
  const { rig, put, start } = await forwardingRig({}, { attributes: '' })
  await using _ = rig
  await start()
  await put('<order/>')
  await rig.settle()
  assert.equal(rig.processor('P').state.wanted, 'inactive')
  assert.match(rig.processor('P').state.reason!, /neither the processor nor message .* names a target endpoint/)
  assert.equal(await rig.store('S').depth(), 1)
})

test('an endpoint that is not deployed is waited for and used the moment it arrives', async () => {
  const { rig, put, start } = await forwardingRig({}, { attributes: 'targetEndpoint="late"' })
  await using _ = rig
  await start()
  await put('<order/>', oneWay)
  await rig.clock.advance(100_000)
  assert.equal(rig.processor('P').state.reason, 'endpoint late is not deployed')
  const late = rig.endpoint('late')
  await rig.settle()
  assert.equal(late.sent.length, 1)
})

test('the deactivate sequence runs after the deactivation, and not for an operator', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({
    'max.delivery.attempts': 1,
    'message.processor.deactivate.sequence': 'bye',
  })
  await using _ = rig
  let wanted: string | undefined
  const bye = rig.sequence('bye', () => {
    wanted = rig.processor('P').state.wanted
    return 'next'
  })
  endpoint.answer = () => replyOf(404)
  await start()
  await rig.processor('P').deactivate({ by: 'operator:admin' }, 'maintenance')
  assert.deepEqual(bye.runs, [])
  await rig.processor('P').activate({ by: 'operator:admin' })
  await put('<order/>')
  await rig.settle()
  assert.deepEqual(bye.runs, ['<order/>'])
  assert.equal(wanted, 'inactive')
})

test('a failed try without a fault sequence leaves the warning people filter on', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ 'max.delivery.attempts': 2 })
  await using _ = rig
  endpoint.answer = () => replyOf(500)
  await start()
  await put('<order/>')
  await rig.clock.advance(5000)
  const text = 'Failed to send the message through the fault sequence. Sequence name does not Exist.'
  assert.equal(rig.log.texts('warn').filter(line => line === text).length, 2)
})

test('a fault sequence that fails itself changes nothing', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ 'message.processor.fault.sequence': 'oops' })
  await using _ = rig
  rig.sequence('oops', () => {
    throw new Error('broken')
  })
  endpoint.answer = n => replyOf(n === 1 ? 500 : 200)
  await start()
  await put('<order/>', oneWay)
  await rig.clock.advance(5000)
  assert.equal(endpoint.sent.length, 2)
  assert.equal(await rig.store('S').depth(), 0)
})

test('what is written wrong is said with its place; what has no effect is a hint', () => {
  const rig = new StoreRig()
  const found = rig.check(
    forwardingXml({
      interval: 'soon',
      'max.delivery.atempts': 4,
      'axis2.repo': 'x',
      'max.delivery.drop': 'true',
      cronExpression: '* * *',
    }),
  )
  const codes = found.map(({ code, severity }) => `${severity} ${code}`).sort()
  assert.deepEqual(codes, [
    'error invalid-value',
    'error invalid-value',
    'hint no-effect',
    'hint slow-drain',
    'warning no-effect',
    'warning unknown-parameter',
  ])
  assert.match(found.find(({ code }) => code === 'unknown-parameter')!.hint!, /max\.delivery\.attempts/)
})

test('check says where a backlog would take hours', () => {
  const rig = new StoreRig()
  assert.ok(rig.check(forwardingXml({ interval: 1000 })).some(({ code }) => code === 'slow-drain'))
  assert.deepEqual(rig.check(forwardingXml({ interval: 10 })), [])
})
