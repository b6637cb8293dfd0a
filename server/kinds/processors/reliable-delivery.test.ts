/** The rows of Ballerina's reliable delivery (messaging-peers §1.2) that are about forwarding. */
import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { ManualClock } from '../../kernel/clock.ts'
import type { MemoryLine } from '../../testing/memory-log.ts'
import { forwardingRig, forwardingXml, oneWay, refused } from '../../testing/forwarding-rig.ts'
import { replyOf, stored, StoreRig, textOfBody } from '../../testing/store-rig.ts'

const FAIL_STORE = '<messageStore name="myDLCStore"/>'

/** The forwarder of the seed: five retries three seconds apart, on 500 and 400. */
const SEED = {
  interval: 0,
  'client.retry.interval': 3000,
  'max.delivery.attempts': 6,
  'retry.http.status.codes': '500,400',
}

const dlc = { 'message.processor.fail.action': 'store', 'message.processor.failMessagesStore': 'myDLCStore' }

test('BI-7: a batch of four goes out at its own pace, and the next one when the interval is over', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({
    interval: 10_000,
    'message.processor.batch.size': 4,
    'message.processor.batch.interval': 1000,
  })
  await using _ = rig
  endpoint.answer = () => replyOf(202)
  for (let n = 0; n < 10; n++) await put(`<m${n}/>`, oneWay)
  await start()
  await rig.clock.advance(30_000)
  assert.deepEqual(
    endpoint.sent.map(({ at }) => at / 1000),
    [0, 1, 2, 3, 10, 11, 12, 13, 20, 21],
  )
})

test('BI-7: a failure in a batch holds the rest of it up', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({
    ...SEED,
    interval: 10_000,
    'max.delivery.attempts': 2,
    'message.processor.batch.size': 4,
  })
  await using _ = rig
  endpoint.answer = n => replyOf(n === 2 || n === 3 ? 500 : 202)
  for (const text of ['<a/>', '<b/>', '<c/>']) await put(text, oneWay)
  await start()
  await rig.clock.advance(20_000)
  assert.deepEqual(
    endpoint.sent.map(({ text }) => text),
    ['<a/>', '<b/>', '<b/>'],
  )
  assert.equal(rig.processor('P').state.wanted, 'inactive')
  assert.deepEqual(await rig.waiting('S'), ['<b/>', '<c/>'])
})

for (const status of [500, 400]) {
  test(`BI-8: a back end that answers ${status} is hit six times three seconds apart, then the fail action comes`, async () => {
    const { rig, endpoint, put, start } = await forwardingRig({ ...SEED, ...dlc })
    await using _ = rig
    await rig.deploy(FAIL_STORE)
    endpoint.answer = () => replyOf(status)
    await start()
    await put('<order/>', oneWay)
    await rig.clock.advance(60_000)
    assert.deepEqual(
      endpoint.sent.map(({ at }) => at / 1000),
      [0, 3, 6, 9, 12, 15],
    )
    assert.deepEqual(await rig.waiting('myDLCStore'), ['<order/>'])
  })
}

test('BI-9: what is not a success is a failure, whether a list names it or not', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ 'max.delivery.attempts': 1 })
  await using _ = rig
  endpoint.answer = () => replyOf(503)
  await start()
  await put('<order/>', oneWay)
  await rig.clock.advance(1000)
  assert.deepEqual(await rig.waiting('S'), ['<order/>'])
})

test('BI-9: lists override both ways', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({
    ...SEED,
    'retry.http.status.codes': '202',
    'non.retry.status.codes': '503',
  })
  await using _ = rig
  const answers = [202, 200, 503]
  endpoint.answer = n => replyOf(answers[n - 1] ?? 500)
  await start()
  await put('<a/>', oneWay)
  await put('<b/>', oneWay)
  await rig.clock.advance(3000)
  assert.deepEqual(
    endpoint.sent.map(({ text }) => text),
    ['<a/>', '<a/>', '<b/>'],
  )
  assert.equal(await rig.store('S').depth(), 0)
})

/** The line that tells what became of the message. */
function verdict(lines: readonly MemoryLine[]): { text: string; action: unknown; endpoint: unknown } {
  const found = lines.filter(({ text }) => text.includes('failed to forward message 6 times'))
  assert.equal(found.length, 1)
  const { text, fields } = found[0]!
  return { text, action: fields['action'], endpoint: fields['endpoint'] }
}

async function afterSixFailures(parameters: Readonly<Record<string, string>>) {
  const made = await forwardingRig({ ...SEED, ...parameters })
  const { rig, endpoint, put, start } = made
  await rig.deploy(FAIL_STORE)
  endpoint.answer = (_n, request) => (textOfBody(request) === '<bad/>' ? refused() : replyOf(202))
  await start()
  await put('<bad/>', oneWay)
  await put('<good/>', oneWay)
  await rig.clock.advance(60_000)
  return { rig, sent: endpoint.sent.map(({ text }) => text), verdict: verdict(rig.log.lines) }
}

test('BI-10: deactivate: the message stays, nothing more is taken, and the log names action and endpoint', async () => {
  const { rig, sent, verdict } = await afterSixFailures({
    'message.processor.fail.action': 'deactivate',
    'message.processor.failMessagesStore': 'myDLCStore',
    'max.delivery.drop': 'Enabled',
  })
  await using _ = rig
  assert.deepEqual(sent, Array(6).fill('<bad/>'))
  assert.deepEqual(await rig.waiting('S'), ['<bad/>', '<good/>'])
  assert.equal(await rig.store('myDLCStore').depth(), 0)
  assert.equal(rig.processor('P').state.wanted, 'inactive')
  assert.match(verdict.text, /Deactivating message processor/)
  assert.deepEqual([verdict.action, verdict.endpoint], ['deactivate', 'EP'])
})

test('BI-10: store: the message is there instead of here, and the next one is delivered', async () => {
  const { rig, sent, verdict } = await afterSixFailures({ ...dlc, 'max.delivery.drop': 'Enabled' })
  await using _ = rig
  assert.deepEqual(sent, [...Array(6).fill('<bad/>'), '<good/>'])
  assert.deepEqual(await rig.waiting('myDLCStore'), ['<bad/>'])
  assert.equal(await rig.store('S').depth(), 0)
  assert.match(verdict.text, /Moved failed message to fail-messages-store/)
  assert.deepEqual([verdict.action, verdict.endpoint], ['store', 'EP'])
})

test('BI-10: drop: the message is gone, and the next one is delivered', async () => {
  const { rig, sent, verdict } = await afterSixFailures({ 'message.processor.fail.action': 'drop' })
  await using _ = rig
  assert.deepEqual(sent, [...Array(6).fill('<bad/>'), '<good/>'])
  assert.equal(await rig.store('S').depth(), 0)
  assert.equal(await rig.store('myDLCStore').depth(), 0)
  assert.match(verdict.text, /Drop message and continue/)
  assert.deepEqual([verdict.action, verdict.endpoint], ['drop', 'EP'])
})

test('BI-10: broker: where the store is not at a broker, the message stays and the processor says why it stopped', async () => {
  const { rig, verdict } = await afterSixFailures({ 'message.processor.fail.action': 'broker' })
  await using _ = rig
  assert.deepEqual(await rig.waiting('S'), ['<bad/>', '<good/>'])
  assert.match(rig.processor('P').state.reason!, /no broker can take it back/)
  assert.equal(verdict.action, 'broker')
})

test('BI-10: check: a store that is missing, and what the action beats', () => {
  const rig = new StoreRig()
  const codes = (parameters: Readonly<Record<string, string>>): string[] =>
    rig
      .check(forwardingXml({ interval: 0, ...parameters }))
      .filter(({ severity }) => severity !== 'hint')
      .map(({ code }) => code)
  assert.deepEqual(codes(dlc), [])
  assert.deepEqual(codes({ 'message.processor.fail.action': 'store' }), ['missing'])
  assert.deepEqual(codes({ ...dlc, 'message.processor.fail.action': 'drop' }), ['one-too-many'])
  assert.deepEqual(codes({ ...dlc, 'max.delivery.drop': 'Enabled' }), ['one-too-many'])
  assert.deepEqual(codes({ 'message.processor.reply.before.ack': 'true' }), ['no-effect'])
})

test('BI-11: what is given up is acknowledged alone: while its store is away it stays, and a later success does not take it along', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ ...SEED, ...dlc, 'member.count': 2 })
  await using _ = rig
  await rig.deploy(
    '<messageStore name="elsewhere" class="org.apache.synapse.message.store.impl.memory.InMemoryStore"/>',
  )
  const away = { put: () => Promise.reject(new Error('the broker of the other store is away')) }
  rig.addStore({ ...rig.store('elsewhere'), name: 'myDLCStore', producer: away })
  endpoint.answer = (_n, request) => replyOf(textOfBody(request) === '<bad/>' ? 500 : 202)
  await start()
  await put('<bad/>', oneWay)
  await rig.clock.advance(20_000)
  await put('<good/>', oneWay)
  await rig.clock.advance(20_000)
  assert.equal(endpoint.sent.at(-1)!.text, '<good/>')
  assert.deepEqual(await rig.waiting('S'), ['<bad/>'])
  assert.equal(rig.processor('P').state.wanted, 'active')

  rig.addStore({ ...rig.store('elsewhere'), name: 'myDLCStore' })
  await rig.clock.advance(3000)
  assert.deepEqual(await rig.waiting('elsewhere'), ['<bad/>'])
  assert.equal(await rig.store('S').depth(), 0)
})

test('BI-15: the reply sequence sees status and body, the request sequence adds to what is sent, and what is stored stays as it is', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({
    ...SEED,
    'message.processor.request.sequence': 'before',
    'message.processor.reply.sequence': 'after',
  })
  await using _ = rig
  rig.sequence('before', ctx => {
    assert.equal(ctx.message.headers.get('company'), undefined, 'every try begins with the stored message')
    ctx.message.headers.set('company', 'WSO2')
    return 'done'
  })
  const seen: unknown[] = []
  rig.sequence('after', ctx => {
    seen.push(ctx.message.axis2.get('HTTP_SC'), textOfBody(ctx.message))
    return 'next'
  })
  endpoint.answer = n => (n === 1 ? replyOf(500) : replyOf(200, '<Message>This is Test Service</Message>'))
  await start()
  await put('<order/>')
  await rig.clock.advance(3000)
  assert.deepEqual(
    endpoint.sent.map(({ message }) => message.headers.get('company')),
    ['WSO2', 'WSO2'],
  )
  assert.deepEqual(seen, [200, '<Message>This is Test Service</Message>'])
  assert.equal(await rig.store('S').depth(), 0)
})

test('BI-15: a request sequence that faults is a failed try, and one that is not deployed is waited for', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({
    ...SEED,
    'max.delivery.attempts': 2,
    'message.processor.request.sequence': 'before',
  })
  await using _ = rig
  await start()
  await put('<order/>', oneWay)
  await rig.clock.advance(60_000)
  assert.match(rig.processor('P').state.reason!, /request sequence before is not deployed/)
  rig.sequence('before', () => {
    throw new Error('no such customer')
  })
  await rig.clock.advance(6000)
  assert.equal(endpoint.sent.length, 0)
  assert.equal(rig.processor('P').state.wanted, 'inactive')
  assert.deepEqual(await rig.waiting('S'), ['<order/>'])
})

test('BI-15: the reply sequence comes before the acknowledgement only if asked: then its failure sends the message again', async () => {
  for (const before of [false, true]) {
    const { rig, endpoint, put, start } = await forwardingRig({
      ...SEED,
      'message.processor.reply.sequence': 'after',
      ...(before && { 'message.processor.reply.before.ack': 'true' }),
    })
    await using _ = rig
    let runs = 0
    rig.sequence('after', () => {
      if (++runs === 1) throw new Error('the ledger is closed')
      return 'next'
    })
    await start()
    await put('<order/>')
    await rig.clock.advance(10_000)
    assert.equal(endpoint.sent.length, before ? 2 : 1)
    assert.equal(await rig.store('S').depth(), 0)
  }
})

test('BI-16: a thousand messages with a back end that fails now and then arrive in exact order, never more than a hundred a second', async () => {
  const { rig, endpoint, put, start } = await forwardingRig({ interval: 10, 'client.retry.interval': 50 })
  await using _ = rig
  const arrived: { text: string; at: number }[] = []
  endpoint.answer = (n, request) => {
    if (n % 20 === 7) return refused()
    arrived.push({ text: textOfBody(request), at: rig.clock.monotonic() })
    return replyOf(202)
  }
  for (let n = 0; n < 1000; n++) await put(`<m>${n}</m>`, oneWay)
  await start()
  await rig.clock.advance(30_000)
  assert.deepEqual(
    arrived.map(({ text }) => text),
    Array.from({ length: 1000 }, (_, n) => `<m>${n}</m>`),
  )
  const sends = endpoint.sent.map(({ at }) => at)
  for (let n = 100; n < sends.length; n++) assert.ok(sends[n]! - sends[n - 100]! >= 1000, `more than 100/s at ${n}`)
})

test('BI-17: the method a message was stored with is the one it is sent with', async () => {
  const { rig, endpoint, start } = await forwardingRig(SEED)
  await using _ = rig
  for (const method of ['PUT', 'DELETE']) {
    const message = stored(`<${method}/>`, oneWay)
    await rig.store('S').producer.put({ ...message, envelope: { ...message.envelope, method } })
  }
  endpoint.answer = () => replyOf(202)
  await start()
  await rig.clock.advance(1000)
  assert.deepEqual(
    endpoint.sent.map(({ message }) => message.method),
    ['PUT', 'DELETE'],
  )
})

test('BI-6: a cron expression with seconds and a question mark sends on even seconds, or not before quarter to four', async () => {
  mock.timers.enable({ apis: ['Date', 'setTimeout'], now: new Date(2026, 10, 20, 15, 44, 57, 300) })
  try {
    const arrivals = async (cronExpression: string, seconds: number): Promise<string[]> => {
      const rig = new StoreRig({ clock: new ManualClock(Date.now()) })
      const { endpoint, put, start } = await forwardingRig({ cronExpression, interval: 0 }, { rig })
      await using _ = rig
      const arrived: string[] = []
      endpoint.answer = () => {
        arrived.push(new Date().toTimeString().slice(0, 8))
        return replyOf(202)
      }
      await start()
      for (let tenth = 0; tenth < seconds * 10; tenth++) {
        if (tenth % 15 === 0) await put('<a/>', oneWay)
        mock.timers.tick(100)
        await rig.clock.advance(100)
      }
      return arrived
    }
    const even = await arrivals('0/2 * * * * ?', 8)
    assert.ok(even.length >= 4)
    assert.deepEqual(
      even.filter(time => Number(time.slice(-2)) % 2 === 1),
      [],
    )
    mock.timers.setTime(new Date(2026, 10, 20, 15, 44, 55, 300).getTime())
    const daily = await arrivals('0 45 15 * * ?', 8)
    assert.ok(daily.length >= 3)
    assert.deepEqual(new Set(daily), new Set(['15:45:00']))
  } finally {
    mock.timers.reset()
  }
})
