import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IntegrationError } from '../kernel/errors.ts'
import { forwardingRig, forwardingXml, oneWay, refused } from '../testing/forwarding-rig.ts'
import { replyOf, StoreRig } from '../testing/store-rig.ts'

test('V10: five messages at an interval of a second take four seconds, the first goes at once', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ interval: 1000 })
  await using _ = rig
  await start()
  await rig.clock.advance(10_500)
  for (let n = 1; n <= 5; n++) await put(`<m${n}/>`, oneWay)
  await rig.clock.advance(10_000)
  assert.deepEqual(
    endpoint.sent.map(({ text, at }) => [text, at - 10_500]),
    [
      ['<m1/>', 0],
      ['<m2/>', 1000],
      ['<m3/>', 2000],
      ['<m4/>', 3000],
      ['<m5/>', 4000],
    ],
  )
})

test('V10: below a second the interval is the distance, and 0 is no pause', async () => {
  for (const interval of [100, 0]) {
    const { rig, endpoint, put, start } = await forwardingRig({ interval })
    await using _ = rig
    for (let n = 1; n <= 5; n++) await put(`<m${n}/>`, oneWay)
    await start()
    await rig.clock.advance(1000)
    assert.deepEqual(
      endpoint.sent.map(({ at }) => at),
      [0, 1, 2, 3, 4].map(n => n * interval),
    )
  }
})

test('a batch goes out in one interval, with its own pause between the messages', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({
    'message.processor.batch.size': 2,
    'message.processor.batch.interval': 10,
  })
  await using _ = rig
  for (let n = 1; n <= 5; n++) await put(`<m${n}/>`, oneWay)
  await start()
  await rig.clock.advance(5000)
  assert.deepEqual(
    endpoint.sent.map(({ at }) => at),
    [0, 10, 1000, 1010, 2000],
  )
})

test('V17: a deactivation outlives a restart, whatever is.active says', async () => {
  const first = await forwardingRig({ 'is.active': 'true' })
  await first.start()
  await first.rig.processor('P').deactivate({ by: 'operator:admin' }, 'maintenance')
  await first.rig[Symbol.asyncDispose]()

  const { rig, endpoint, put, start } = await forwardingRig(
    { 'is.active': 'true' },
    { rig: new StoreRig({ disk: first.rig.disk }) },
  )
  await using _ = rig
  await start()
  await put('<order/>')
  await rig.clock.advance(10_000)
  assert.equal(endpoint.sent.length, 0)
  const { wanted, observed, reason } = rig.processor('P').state
  assert.deepEqual({ wanted, observed, reason }, { wanted: 'inactive', observed: 'stopped', reason: 'maintenance' })
})

test('is.active false counts at the first start only; a store redeployed later forgets nothing', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ 'is.active': 'false' })
  await using _ = rig
  await start()
  await put('<order/>', oneWay)
  await rig.clock.advance(5000)
  assert.equal(endpoint.sent.length, 0)
  await rig.processor('P').activate({ by: 'operator:admin' })
  await rig.settle()
  assert.equal(endpoint.sent.length, 1)

  await rig.processor('P').deactivate({ by: 'operator:admin' }, 'enough')
  await rig.deploy('<messageStore name="S"><description>changed</description></messageStore>')
  await put('<next/>', oneWay)
  await rig.clock.advance(5000)
  assert.equal(endpoint.sent.length, 1)
  assert.equal(rig.processor('P').state.wanted, 'inactive')
})

test('a deactivation that could not be saved outlives a redeployment', async () => {
  const { rig, endpoint, put, start } = await forwardingRig()
  await using _ = rig
  await start()
  rig.journal.failValues = new IntegrationError('DISK_FULL', 'no room')
  await rig.processor('P').deactivate({ by: 'operator:admin' }, 'maintenance')
  await rig.deploy(forwardingXml({ interval: 5 }))
  await rig.processor('P').start()
  await put('<order/>', oneWay)
  await rig.clock.advance(5000)
  assert.equal(endpoint.sent.length, 0)
  assert.equal(rig.processor('P').state.reason, 'maintenance')
})

test('an activation that comes while the processor is being replaced shows at once', async () => {
  const { rig, start } = await forwardingRig()
  await using _ = rig
  await start()
  const processor = rig.processor('P')
  await processor.deactivate({ by: 'operator:admin' }, 'maintenance')
  await processor[Symbol.asyncDispose]()
  await processor.activate({ by: 'operator:admin' })
  assert.equal(processor.state.wanted, 'active')
  assert.equal(processor.state.observed, 'stopped')
})

test('a store replaced under an idle processor is taken up without a pause', async () => {
  const { rig, endpoint, put, start } = await forwardingRig()
  await using _ = rig
  await start()
  await rig.settle()
  await rig.deploy('<messageStore name="S"><description>changed</description></messageStore>')
  await rig.settle()
  await put('<order/>', oneWay)
  await rig.settle()
  assert.equal(endpoint.sent.length, 1)
})

test('V19 with our result: two members send each message once, a slow back end or not', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ 'member.count': 2, interval: 0 })
  await using _ = rig
  endpoint.answer = async () => {
    await rig.clock.sleep(5000)
    return replyOf(202)
  }
  await start()
  await put('<m1/>', oneWay)
  await put('<m2/>', oneWay)
  await rig.clock.advance(20_000)
  assert.deepEqual(endpoint.sent.map(({ text }) => text).sort(), ['<m1/>', '<m2/>'])
  assert.equal(await rig.store('S').depth(), 0)
})

test('P4: attempts and the time of the next try survive a restart', async () => {
  const first = await forwardingRig({ 'client.retry.interval': 10_000 })
  first.endpoint.answer = () => replyOf(500)
  await first.start()
  await first.put('<order/>', oneWay)
  await first.rig.clock.advance(13_000)
  assert.equal(first.endpoint.sent.length, 2)
  const found = await first.rig.store('S').browse()[Symbol.asyncIterator]().next()
  assert.equal(found.value!.attempts, 2)
  assert.equal(found.value!.lastTry!.errorCode, 'TRANSPORT_ERROR')
  // The machine dies: nothing is closed, and the new process starts three seconds later.
  const { rig, endpoint, start } = await forwardingRig(
    { 'client.retry.interval': 10_000 },
    { rig: new StoreRig({ disk: first.rig.disk }) },
  )
  await using _ = rig
  rig.clock.step(16_000)
  endpoint.answer = () => replyOf(500)
  await start()
  await rig.clock.advance(3900)
  assert.equal(endpoint.sent.length, 0)
  await rig.clock.advance(20_000)
  assert.deepEqual(
    endpoint.sent.map(({ options }) => options.attempt),
    [3, 4],
  )
  assert.equal(rig.processor('P').state.wanted, 'inactive')
})

test('pauses between tries grow where they may', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({
    'max.delivery.attempts': -1,
    'client.retry.max.interval': 5000,
    'client.retry.factor': 2,
  })
  await using _ = rig
  endpoint.answer = () => replyOf(500)
  await start()
  await put('<order/>')
  await rig.clock.advance(13_000)
  assert.deepEqual(
    endpoint.sent.map(({ at }) => at),
    [0, 1000, 3000, 7000, 12_000],
  )
})

test('stopping lets the send in flight end and acknowledges it', async () => {
  const { rig, endpoint, put, start } = await forwardingRig()
  endpoint.answer = async () => {
    await rig.clock.sleep(3000)
    return replyOf(202)
  }
  await start()
  await put('<order/>', oneWay)
  await rig.clock.advance(1000)
  await rig[Symbol.asyncDispose]()
  assert.equal(rig.disk.queues.get('S')!.length, 0)
})

test('a send that does not end in time is cut off and costs no attempt', async () => {
  const { rig, endpoint, put, start } = await forwardingRig()
  endpoint.answer = async (_n, _request, ctx) => {
    await rig.clock.sleep(1_000_000, ctx.signal)
    return refused()
  }
  await start()
  await put('<order/>', oneWay)
  await rig.settle()
  await rig[Symbol.asyncDispose]()
  const [kept] = rig.disk.queues.get('S')!
  assert.equal(kept!.note, null)
  assert.equal(kept!.leased, false)
})

test('a deactivation during a send is respected: the message counts as delivered, the next one waits', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ interval: 0 })
  await using _ = rig
  endpoint.answer = async () => {
    await rig.clock.sleep(1000)
    return replyOf(202)
  }
  await start()
  await put('<one/>', oneWay)
  await put('<two/>', oneWay)
  await rig.settle()
  const stopping = rig.processor('P').deactivate({ by: 'operator:admin' }, 'pause')
  await rig.settle()
  assert.equal(rig.processor('P').state.observed, 'stopping')
  await rig.clock.advance(1000)
  await stopping
  await rig.clock.advance(10_000)
  assert.equal(endpoint.sent.length, 1)
  assert.deepEqual(await rig.waiting('S'), ['<two/>'])
  assert.equal(rig.processor('P').state.observed, 'stopped')
})

test('an idle processor arms no timer', async () => {
  const { rig, put, start } = await forwardingRig({ interval: 100 })
  await using _ = rig
  await start()
  await put('<order/>', oneWay)
  await rig.clock.advance(1000)
  assert.equal(rig.clock.armed, 0)
  assert.equal(rig.processor('P').state.observed, 'idle')
})

test('a disk that refuses acknowledgements delays them; the message is not sent again', async () => {
  const { rig, endpoint, put, start } = await forwardingRig()
  await using _ = rig
  await put('<order/>', oneWay)
  const lease = rig.journal.queue('S').lease.bind(rig.journal.queue('S'))
  let failing = true
  rig.journal.queue('S').lease = () => {
    const got = lease()
    return (
      got && {
        ...got,
        ack: () => (failing ? Promise.reject(new IntegrationError('JOURNAL_FAILED', 'no sync')) : got.ack()),
      }
    )
  }
  await start()
  await rig.clock.advance(5000)
  assert.equal(endpoint.sent.length, 1)
  assert.equal(rig.processor('P').state.observed, 'waiting')
  failing = false
  await rig.clock.advance(20_000)
  assert.equal(endpoint.sent.length, 1)
  assert.equal(await rig.store('S').depth(), 0)
})
