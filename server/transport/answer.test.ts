import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { ManualClock } from '../kernel/clock.ts'
import { IntegrationError } from '../kernel/errors.ts'
import { listening, reply, type Flow } from '../testing/listener-rig.ts'

async function asked(
  t: TestContext,
  flow: Flow,
  type = 'text/xml',
): Promise<{ status: number; head: string; body: string }> {
  const { wire } = await listening(t, flow)
  return (await wire()).post('/services/P', '<a/>', `Content-Type: ${type}`).answer()
}

const storeFailed = new IntegrationError('STORE_FAILED', 'no store took it')

// E.4 and store-and-forward §9, with P1 where they differ: a failure is never answered 2xx.
const automatic: readonly [title: string, flow: Flow, status: number, body: string][] = [
  ['a flow that only looked is answered 202', () => {}, 202, ''],
  ['FORCE_SC_ACCEPTED is answered 202', ctx => void ctx.message.axis2.set('FORCE_SC_ACCEPTED', 'true'), 202, ''],
  [
    'NIO-ACK-Requested is answered with HTTP_SC',
    ctx => {
      ctx.message.axis2.set('NIO-ACK-Requested', true).set('HTTP_SC', '500')
      ctx.exchange.noteFault(storeFailed)
    },
    500,
    '',
  ],
  [
    'a stored message with FORCE_SC_ACCEPTED is answered 202',
    ctx => {
      ctx.message.axis2.set('FORCE_SC_ACCEPTED', true)
      ctx.exchange.expectAnswer()
    },
    202,
    '',
  ],
  [
    'a fault nobody answers is a fault for the caller',
    ctx => ctx.exchange.noteFault(storeFailed),
    500,
    'soap11 server STORE_FAILED: no store took it',
  ],
  [
    'a failure to store is a fault even where FORCE_SC_ACCEPTED was set before',
    ctx => {
      ctx.message.axis2.set('FORCE_SC_ACCEPTED', true)
      ctx.exchange.noteFault(storeFailed)
    },
    500,
    'soap11 server STORE_FAILED: no store took it',
  ],
  [
    'a fault after which the message was stored elsewhere is answered 202',
    ctx => {
      ctx.message.axis2.set('FORCE_SC_ACCEPTED', true)
      ctx.exchange.noteFault(storeFailed)
      ctx.exchange.expectAnswer()
    },
    202,
    '',
  ],
  [
    'a flow that breaks is a fault for the caller',
    () => Promise.reject(new Error('defect')),
    500,
    'soap11 server MEDIATION_FAILED: defect',
  ],
  [
    'a body that is too large is the caller’s mistake',
    () => Promise.reject(new IntegrationError('BODY_TOO_LARGE', 'too large')),
    413,
    'soap11 caller BODY_TOO_LARGE: too large',
  ],
]
for (const [title, flow, status, body] of automatic) {
  test(title, async t => {
    const answer = await asked(t, flow)
    assert.equal(answer.status, status)
    assert.equal(answer.body, body)
  })
}

test('a fault is given in the format of the caller', async t => {
  const answer = await asked(t, ctx => ctx.exchange.noteFault(storeFailed), 'application/json')
  assert.match(answer.head, /^Content-Type: text\/fault$/m)
  assert.match(answer.body, /^json /)
})

const statuses: readonly [axis2: Record<string, unknown>, expected: RegExp][] = [
  [{}, /^HTTP\/1\.1 200 OK/],
  [{ HTTP_SC: 404 }, /^HTTP\/1\.1 404 Not Found/],
  [{ HTTP_SC: '503' }, /^HTTP\/1\.1 503 /],
  [{ HTTP_SC: 'nonsense' }, /^HTTP\/1\.1 200 /],
  [{ HTTP_SC: 100 }, /^HTTP\/1\.1 200 /],
  [{ HTTP_SC: 299, HTTP_SC_DESC: 'Quite Well' }, /^HTTP\/1\.1 299 Quite Well\r/],
  [{ HTTP_SC: 404, HTTP_SC_DESC: 'OK' }, /^HTTP\/1\.1 404 Not Found/],
  [{ HTTP_SC: 500, SC_ACCEPTED: true }, /^HTTP\/1\.1 202 /],
  [{ HTTP_SC: 200, ERROR_CODE: 101503 }, /^HTTP\/1\.1 502 [^]*Connection: close/],
]
for (const [axis2, expected] of statuses) {
  test(`an answer with ${JSON.stringify(axis2)} begins ${expected.source.slice(0, 24)}`, async t => {
    const answer = await asked(t, ctx => void ctx.exchange.reply(reply('<b/>', axis2), ctx))
    assert.match(answer.head, expected)
    assert.equal(answer.body, '<b/>')
  })
}

test('an answer carries the headers of its message, but not those of the connection it came on', async t => {
  const headers = `X-B: 1 | x-a: 2 | Set-Cookie: c=1 | Set-Cookie: c=2 | Transfer-Encoding: chunked | Content-Length: 900 | Connection: close |
    Keep-Alive: timeout=1 | Date: long ago | Server: theirs | Content-Type: text/other`
  const flat = headers.split('|').flatMap(line => line.trim().split(': '))
  const { head } = await asked(t, ctx => void ctx.exchange.reply(reply('<b/>', {}, flat), ctx))
  const lines = head.split('\r\n').filter(line => !/^(Date|Keep-Alive|Connection):/.test(line))
  assert.deepEqual(lines, [
    'HTTP/1.1 200 OK',
    'X-B: 1',
    'x-a: 2',
    'Set-Cookie: c=1',
    'Set-Cookie: c=2',
    'Content-Type: text/xml',
    'Server: Holdfast',
    'Content-Length: 4',
  ])
  assert.match(head, /^Date: (?!long ago)/m)
  assert.match(head, /^Connection: keep-alive$/m)
})

test('NO_ENTITY_BODY leaves the body out', async t => {
  const { head, body } = await asked(t, ctx => void ctx.exchange.reply(reply('<b/>', { NO_ENTITY_BODY: true }), ctx))
  assert.match(head, /^Content-Length: 0$/m)
  assert.equal(body, '')
})

test('a header that cannot be written makes the answer a fault', async t => {
  const { status, body } = await asked(t, ctx => void ctx.exchange.reply(reply('<b/>', {}, ['X-Bad', 'a\nb']), ctx))
  assert.equal(status, 500)
  assert.match(body, /the answer cannot be written/)
})

test('only the first of two answers is written', async t => {
  const answer = await asked(t, ctx => {
    assert.equal(ctx.exchange.reply(reply('<first/>'), ctx), true)
    assert.equal(ctx.exchange.reply(reply('<second/>'), ctx), false)
    assert.equal(ctx.exchange.acknowledge(202), false)
  })
  assert.equal(answer.body, '<first/>')
})

test('an answer that comes after the flow has ended is awaited, for as long as the settings say', async t => {
  const clock = new ManualClock()
  let late = (): void => {}
  const { wire, log } = await listening(
    t,
    ctx => {
      ctx.exchange.expectAnswer()
      late = () => void ctx.exchange.reply(reply('<late/>'), ctx)
    },
    { clock, settings: { answerTimeoutMs: 5_000 } },
  )
  const client = await wire()
  client.post('/services/P', '<a/>')
  await armed(clock)
  await clock.advance(4_999)
  late()
  assert.equal((await client.answer()).body, '<late/>')
  assert.equal(clock.armed, 0)

  client.post('/services/P', '<a/>')
  await armed(clock)
  await clock.advance(5_000)
  assert.equal((await client.answer()).status, 504)
  assert.match(log.texts('warn').join(), /without the answer it owed/)
  late()
})

/** Lets the event loop turn until a timer waits on the clock. */
async function armed(clock: ManualClock): Promise<void> {
  while (clock.armed === 0) await clock.advance(0)
}

test('a streamed answer is chunked, or has its length where the flow asks for that', async t => {
  async function* source(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('abc')
    yield Buffer.from('def')
  }
  const chunked = await listening(t, ctx => void ctx.exchange.reply(reply(source()), ctx))
  const text = await (await chunked.wire()).post('/services/P', '<a/>').until(/\r\n0\r\n\r\n$/)
  assert.match(text, /Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n$/i)

  const { head, body } = await asked(
    t,
    ctx => void ctx.exchange.reply(reply(source(), { DISABLE_CHUNKING: 'true' }), ctx),
  )
  assert.match(head, /^Content-Length: 6$/m)
  assert.equal(body, 'abcdef')
})

test('a streamed answer to HEAD is its header alone, and its source is let go', async t => {
  let cancelled = false
  const source = Object.assign(
    (async function* () {
      yield Buffer.from('abc')
    })(),
    { length: 3, cancel: () => void (cancelled = true) },
  )
  const { wire } = await listening(t, ctx => void ctx.exchange.reply(reply(source), ctx))
  const client = await wire()
  await client.send('HEAD /services/P HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n').closed
  assert.match(client.received, /Content-Length: 3\r\n[^]*\r\n\r\n$/)
  assert.equal(cancelled, true)
})

test('a streamed answer that breaks off breaks the connection: the client must not take it for whole', async t => {
  async function* source(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('abc')
    await new Promise(resolve => setImmediate(resolve))
    throw new IntegrationError('RECEIVE_FAILED', 'the back end broke off')
  }
  const { wire, log } = await listening(t, ctx => void ctx.exchange.reply(reply(source()), ctx))
  const client = await wire()
  await client.post('/services/P', '<a/>').closed
  assert.match(client.received, /abc/)
  assert.doesNotMatch(client.received, /0\r\n\r\n$/)
  assert.match(log.texts('warn').join(), /an answer was cut off/)
})

const CHUNKS = 600

test('a client that reads slowly slows the source down', async t => {
  let produced = 0
  let stuck = (): void => {}
  const pausing = new Promise<void>(resolve => (stuck = resolve))
  const source = {
    [Symbol.asyncIterator]: () => ({
      async next(): Promise<IteratorResult<Uint8Array>> {
        produced++
        if (produced > CHUNKS) return { done: true, value: undefined }
        const round = produced
        setImmediate(() => setImmediate(() => round === produced && stuck()))
        return { done: false, value: Buffer.alloc(64 * 1024) }
      },
    }),
  }
  const { wire } = await listening(t, ctx => void ctx.exchange.reply(reply(source), ctx))
  const client = await wire()
  client.socket.pause()
  client.post('/services/P', '<a/>', 'Connection: close')
  await pausing
  assert.ok(produced < CHUNKS / 2, `${produced} chunks were taken before the client read anything`)
  client.socket.resume()
  await client.closed
  assert.equal(produced, CHUNKS + 1)
  assert.ok(client.socket.bytesRead > CHUNKS * 64 * 1024)
})
