import assert from 'node:assert/strict'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { ManualClock, systemClock } from '../kernel/clock.ts'
import type { MessageContext } from '../kernel/context.ts'
import type { Api, Sequence } from '../kernel/contracts.ts'
import { asIntegrationError } from '../kernel/errors.ts'
import { bytesOf, listening, reply } from '../testing/listener-rig.ts'
import { selfSigned } from './certificate.ts'

/** A promise and the function that settles it. */
function signal<T = void>(): { done: Promise<T>; give: (value: T) => void } {
  let give = (_value: T): void => {}
  const done = new Promise<T>(resolve => (give = resolve))
  return { done, give }
}

test('the bytes of a request reach the flow as they were sent, whatever their type', async t => {
  const bytes = '\x00\xff\xfe\n\r\xc3('
  const { wire } = await listening(t, async ctx => {
    assert.equal((await bytesOf(ctx)).toString('latin1'), bytes)
    assert.equal(ctx.message.body.contentType, 'text/xml; charset=UTF-16')
    ctx.exchange.reply(reply('seen'), ctx)
  })
  const client = await wire()
  for (const method of ['POST', 'PUT', 'PATCH', 'PROPFIND', 'DELETE']) {
    client.send(
      `${method} /services/P HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml; charset=UTF-16\r\nContent-Length: 7\r\n\r\n${bytes}`,
    )
    assert.equal((await client.answer()).body, 'seen', method)
  }
})

test('a chunked request is put together', async t => {
  const { wire } = await listening(t, async ctx => void ctx.exchange.reply(reply(String(await bytesOf(ctx))), ctx))
  const client = await wire()
  client.send(
    'POST /services/P HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n',
  )
  assert.equal((await client.answer()).body, 'abcdef')
})

test('the flow finds what the request said', async t => {
  const got = signal<MessageContext>()
  const { wire, port } = await listening(t, ctx => got.give(ctx))
  const client = await wire()
  client.post(
    '/services/P.SOAP11Endpoint/op?x=1',
    '<a/>',
    'Content-Type: text/xml; charset=UTF-16',
    'SOAPAction: "urn:go"',
    'X-One: 1',
    'x-one: 2',
  )
  const ctx = await got.done
  await client.answer()
  const { message } = ctx
  assert.equal(message.method, 'POST')
  assert.equal(message.format, 'soap11')
  assert.equal(message.addressing.to, '/services/P.SOAP11Endpoint/op?x=1')
  assert.equal(message.addressing.action, 'urn:go')
  assert.deepEqual(message.headers.all('x-one'), ['1', '2'])
  assert.equal(ctx.origin.label, 'proxy:P')
  const axis2 = (name: string): unknown => message.flag(name)
  assert.equal(axis2('REST_URL_POSTFIX'), '/op?x=1')
  assert.equal(axis2('HTTP_METHOD'), 'POST')
  assert.equal(axis2('TransportInURL'), '/services/P.SOAP11Endpoint/op?x=1')
  assert.equal(axis2('SERVICE_PREFIX'), 'http://x/')
  assert.equal(axis2('REMOTE_ADDR'), '127.0.0.1')
  assert.equal(axis2('CHARACTER_SET_ENCODING'), 'UTF-16')
  assert.equal(axis2('ContentType'), 'text/xml; charset=UTF-16')
  assert.equal(axis2('messageType'), 'text/xml')
  assert.equal(axis2('NO_ENTITY_BODY'), undefined)
  const property = (name: string): unknown => ctx.properties.get(name)
  assert.equal(property('TRANSPORT_IN_NAME'), 'http')
  assert.equal(property('SERVER_IP'), '127.0.0.1')
  assert.equal(property('proxy.name'), 'P')
  assert.equal(property('IsClientDoingREST'), false)
  assert.equal(property('IsClientDoingSOAP11'), true)
  assert.equal(ctx.properties.size, 0, 'facts are not stored with a message')
  assert.ok(port > 0)
})

test('the action of SOAP 1.2 is a parameter of its content type; an empty SOAPAction is none', async t => {
  const actions: unknown[] = []
  const { wire } = await listening(t, ctx => void actions.push(ctx.message.addressing.action))
  const client = await wire()
  await client.post('/services/P', 'x', 'Content-Type: application/soap+xml; action="urn:a b"').answer()
  await client.post('/services/P', 'x', 'Content-Type: application/soap+xml;action=urn:c;charset=UTF-8').answer()
  await client.post('/services/P', 'x', 'SOAPAction: ""').answer()
  await client.post('/services/P', 'x', 'SOAPAction: urn:bare').answer()
  assert.deepEqual(actions, ['urn:a b', 'urn:c', undefined, 'urn:bare'])
})

test('a request without a body is marked, and HEAD is answered like GET without its body', async t => {
  const { wire } = await listening(t, ctx => {
    assert.equal(ctx.message.flag('NO_ENTITY_BODY'), true)
    ctx.exchange.reply(reply(ctx.message.method), ctx)
  })
  const client = await wire()
  client.send('GET /services/P/item/1 HTTP/1.1\r\nHost: x\r\n\r\n')
  assert.equal((await client.answer()).body, 'GET')
  client.send('OPTIONS /services/P HTTP/1.1\r\nHost: x\r\n\r\n')
  assert.equal((await client.answer()).body, 'OPTIONS')
  client.send('HEAD /services/P HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  await client.closed
  assert.match(client.received, /Content-Length: 4/)
  assert.match(client.received, /\r\n\r\n$/)
})

test('a whole URL in the request line reaches the service', async t => {
  const { wire } = await listening(t, ctx => void ctx.exchange.reply(reply(ctx.message.addressing.to!), ctx))
  const client = await wire()
  assert.equal((await client.post('http://x:8280/services/P?a=b', '<a/>').answer()).body, '/services/P?a=b')
})

test('what cannot be called is refused in the format of the caller, and the connection goes on', async t => {
  const { wire } = await listening(t, () => {}, { proxy: { startOnLoad: false } })
  const client = await wire()
  const unknown = await client.post('/services/Nobody', '<a/>', 'Content-Type: text/xml').answer()
  assert.equal(unknown.status, 404)
  assert.equal(unknown.body, 'soap11 caller SERVICE_UNKNOWN: no service named Nobody is deployed here')
  const inactive = await client.post('/services/P', '{}', 'Content-Type: application/json').answer()
  assert.equal(inactive.status, 503)
  assert.match(inactive.head, /Retry-After: 1/)
  assert.match(inactive.body, /^json server SERVICE_INACTIVE: .*startOnLoad/)
  const nothing = await client.post('/elsewhere', '<a/>').answer()
  assert.equal(nothing.status, 404)
  const get = await client.send('GET /services/Nobody HTTP/1.1\r\nHost: x\r\n\r\n').answer()
  assert.equal(get.status, 404)
})

test('a service is not offered over a transport it does not name', async t => {
  const { wire } = await listening(t, () => {}, { proxy: { transports: ['https'] } })
  const { status, body } = await (await wire()).post('/services/P', '<a/>').answer()
  assert.equal(status, 404)
  assert.match(body, /use https/)
})

test('what no service claims goes to main, odd paths and types included', async t => {
  const { wire } = await listening(t, () => {}, {
    onMain: async ctx =>
      void ctx.exchange.reply(reply(`${ctx.origin.label} ${ctx.message.addressing.to} ${await bytesOf(ctx)}`), ctx),
  })
  const client = await wire()
  assert.equal((await client.post('/any/path?q=1', 'x').answer()).body, 'main /any/path?q=1 x')
  assert.equal((await client.post('/a%ZZ', 'x', 'Content-Type: no slash').answer()).body, 'main /a%ZZ x')
  assert.equal((await client.post('/services', 'x').answer()).body, 'main /services x')
  assert.equal((await client.send('MKCOL / HTTP/1.1\r\nHost: x\r\n\r\n').answer()).body, 'main / ')
})

test('services are listed with what a caller has to know', async t => {
  const { wire } = await listening(t, () => {}, { proxy: { name: 'P', description: 'Quotes & <orders>' } })
  const client = await wire()
  for (const path of ['/services', '/services/']) {
    const { status, head, body } = await client.send(`GET ${path} HTTP/1.1\r\nHost: x:1\r\n\r\n`).answer()
    assert.equal(status, 200)
    assert.match(head, /content-type: text\/html/i)
    assert.match(body, /Quotes &amp; &lt;orders&gt;.*http https.*active.*\/services\/P\?wsdl/)
  }
  assert.equal((await client.send('GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n').answer()).status, 301)
})

test('documents of a service are served on GET only, and only if the service exists', async t => {
  const { wire, port } = await listening(t, ctx => void ctx.exchange.reply(reply('called'), ctx))
  const client = await wire()
  const get = (path: string): Promise<{ status: number; body: string }> =>
    client.send(`GET ${path} HTTP/1.1\r\nHost: here:99\r\n\r\n`).answer()
  assert.equal((await get('/services/P?wsdl')).body, `<wsdl>http://here:${port}/services/P</wsdl>`)
  assert.equal((await get('/services/P?WSDL')).status, 200)
  assert.match((await get('/services/P?info')).body, new RegExp(`http://here:${port}/services/P`))
  assert.equal((await get('/services/P?xsd=a.xsd')).status, 200)
  assert.equal((await get('/services/P?xsd=b.xsd')).status, 404)
  assert.equal((await get('/services/Nobody?wsdl')).status, 404)
  assert.equal((await get('/services/P?wsdlish')).body, 'called')
  assert.equal((await client.post('/services/P?wsdl', '<a/>').answer()).body, 'called')
})

test('pipelined requests are answered in order', async t => {
  const first = signal()
  const { wire } = await listening(t, async ctx => {
    const text = String(await bytesOf(ctx))
    if (text === '1') await first.done
    else first.give()
    ctx.exchange.reply(reply(text), ctx)
  })
  const client = await wire()
  client.post('/services/P', '1').post('/services/P', '2').post('/services/P', '3')
  for (const body of ['1', '2', '3']) assert.equal((await client.answer()).body, body)
})

test('HTTP/1.0 is answered and the connection closed', async t => {
  const { wire } = await listening(t, ctx => void ctx.exchange.reply(reply('<b/>'), ctx))
  const client = await wire()
  await client.send('POST /services/P HTTP/1.0\r\nContent-Length: 1\r\n\r\nx').closed
  assert.match(client.received, /Connection: close[^]*<b\/>$/)
})

test('a client that asks before it sends its body is told to go on', async t => {
  const { wire } = await listening(t, async ctx => void ctx.exchange.reply(reply(String(await bytesOf(ctx))), ctx))
  const client = await wire()
  client.send('POST /services/P HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n')
  await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/)
  await client.send('ok').until(/HTTP\/1\.1 200 OK[^]*ok$/)
})

const malformed: readonly [title: string, text: string, expected: RegExp][] = [
  ['what is not HTTP', 'EHLO mail\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['a header that is too large', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
  [
    'two contradicting lengths',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx',
    /^HTTP\/1\.1 400 /,
  ],
  [
    'length and chunks together',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    /^HTTP\/1\.1 400 /,
  ],
  ['no host', 'GET / HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
]
for (const [title, text, expected] of malformed) {
  test(`${title} is refused and the connection closed`, async t => {
    const { wire } = await listening(t, () => assert.fail('the flow ran'))
    const client = await wire()
    await client.send(text).closed
    assert.match(client.received, expected)
  })
}

test('a client that is too slow with its header or its body gets 408', async t => {
  const settings = { headersTimeoutMs: 20, requestTimeoutMs: 40, checkIntervalMs: 10 }
  const { wire } = await listening(t, () => assert.fail('the flow ran'), { settings })
  const [header, body] = [await wire(), await wire()]
  header.send('POST /services/P HTTP/1.1\r\nHost:')
  body.send('POST /services/P HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc')
  await Promise.all([header.closed, body.closed])
  assert.match(header.received, /^HTTP\/1\.1 408 /)
  assert.match(body.received, /^HTTP\/1\.1 408 /)
})

test('a large body is taken from the client only as fast as the flow reads it', async t => {
  const size = 48 * 1024 * 1024
  const start = signal()
  const { wire } = await listening(t, async ctx => {
    await start.done
    let read = 0
    for await (const chunk of ctx.message.body.takeStream()!) read += chunk.length
    ctx.exchange.reply(reply(String(read)), ctx)
  })
  const client = await wire()
  client.send(`POST /services/P HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`)
  client.socket.write(Buffer.alloc(size))
  const stalled = signal()
  let before = -1
  const watch = (): void => {
    const written = client.socket.bytesWritten - client.socket.writableLength
    if (written === before) stalled.give()
    else {
      before = written
      client.socket.once('drain', watch)
      setImmediate(() => setImmediate(watch))
    }
  }
  watch()
  await stalled.done
  assert.ok(client.socket.writableLength > 0, 'the client could send everything before anybody read')
  start.give()
  assert.equal((await client.answer()).body, String(size))
})

test('a body beyond the limit is refused when it is collected, and the client hears of it while it still sends', async t => {
  const { wire } = await listening(
    t,
    async ctx => {
      try {
        await bytesOf(ctx)
      } catch (thrown) {
        ctx.exchange.noteFault(asIntegrationError(thrown))
      }
    },
    { settings: { maxBodyBytes: 200_000 } },
  )
  const client = await wire()
  client.send(`POST /services/P HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n`)
  client.socket.write(Buffer.alloc(8_999_999))
  const { status, head, body } = await client.answer()
  assert.equal(status, 413)
  assert.match(head, /Connection: close/)
  assert.match(body, /BODY_TOO_LARGE/)
  client.send('x')
  await client.closed
})

test('a body nobody wants does not hold up the next request', async t => {
  const { wire } = await listening(t, ctx => void ctx.exchange.reply(reply('done'), ctx))
  const client = await wire()
  for (let round = 0; round < 3; round++) {
    client.post('/services/P', 'x'.repeat(500_000))
    assert.equal((await client.answer()).body, 'done')
  }
})

test('a body that breaks off fails whoever reads it and aborts the flow', async t => {
  const failed = signal<unknown>()
  const aborted = signal()
  const { wire, listener } = await listening(t, async ctx => {
    ctx.signal.addEventListener('abort', () => aborted.give())
    await bytesOf(ctx).catch(failed.give)
  })
  const client = await wire()
  client.send(`POST /services/P HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n${'x'.repeat(100_000)}`)
  client.socket.end()
  assert.equal(((await failed.done) as { code: string }).code, 'BODY_CUT_OFF')
  await aborted.done
  await client.closed
  assert.equal(listener.inFlight, 0)
})

test('a small body that breaks off never reaches a flow', async t => {
  const { wire, listener } = await listening(t, () => assert.fail('the flow ran'))
  const client = await wire()
  client.send('POST /services/P HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc')
  client.socket.end()
  await client.closed
  assert.match(client.received, /^HTTP\/1\.1 400 /)
  assert.equal(listener.inFlight, 0)
})

test('the signal of a flow aborts when its client is gone, also if it is asked for only then', async t => {
  const entered = signal<MessageContext>()
  const { wire } = await listening(t, ctx => {
    ctx.exchange.expectAnswer()
    entered.give(ctx)
  })
  const client = await wire()
  client.post('/services/P', '<a/>')
  const ctx = await entered.done
  const gone = new Promise<void>(resolve => ctx.signal.addEventListener('abort', () => resolve()))
  client.destroy()
  await gone
  assert.equal(ctx.fork().signal.aborted, true)
  assert.equal(ctx.exchange.reply(reply('late'), ctx), true, 'an answer for a client that is gone is swallowed')
})

test('requests beyond the limit are refused with 503 and the time to come back', async t => {
  const entered = signal()
  const finish = signal()
  const { wire, listener } = await listening(
    t,
    async ctx => {
      entered.give()
      await finish.done
      ctx.exchange.reply(reply('done'), ctx)
    },
    { settings: { maxInFlight: 1, retryAfterSeconds: 7 } },
  )
  const [first, second] = [await wire(), await wire()]
  first.post('/services/P', '1')
  await entered.done
  const { status, head } = await second.post('/services/P', '2').answer()
  assert.equal(status, 503)
  assert.match(head, /Retry-After: 7/)
  await second.closed
  // All of it, and no byte more: what is behind the length that was told would be another answer.
  assert.equal(second.received, '')
  assert.equal(listener.shed, 1)
  finish.give()
  assert.equal((await first.answer()).body, 'done')
})

test('connections beyond the limit are told so and closed', async t => {
  const { wire, listener } = await listening(t, () => {}, { settings: { maxConnections: 2 } })
  const admitted = [await wire(), await wire()]
  for (const client of admitted) assert.equal((await client.post('/services/P', '1').answer()).status, 202)
  const third = await wire()
  await third.until(/^HTTP\/1\.1 503 [^]*Retry-After: 1/)
  assert.equal(listener.connections, 2)
})

test('a graceful stop closes idle connections at once, finishes what is in flight and closes after the answer', async t => {
  const entered = signal()
  const finish = signal()
  const { wire, listener, port } = await listening(t, async ctx => {
    entered.give()
    await finish.done
    ctx.exchange.reply(reply('done'), ctx)
  })
  const [idle, busy] = [await wire(), await wire()]
  busy.post('/services/P', '1')
  await entered.done
  const stopped = listener.stop(60_000)
  await idle.closed
  await assert.rejects(
    new Promise((resolve, reject) => net.connect(port, '127.0.0.1', () => resolve(1)).on('error', reject)),
  )
  finish.give()
  const { head, body } = await busy.answer()
  assert.match(head, /Connection: close/)
  assert.equal(body, 'done')
  await stopped
  await busy.closed
})

test('what is in flight at the deadline of a stop is cut off and counted in the log', async t => {
  const clock = new ManualClock()
  const entered = signal()
  const { wire, listener, log } = await listening(t, () => (entered.give(), new Promise(() => {})), { clock })
  const client = await wire()
  client.post('/services/P', '1')
  await entered.done
  const stopped = listener.stop(8_000)
  await clock.advance(8_000)
  await Promise.all([stopped, client.closed])
  assert.equal(log.lines.find(line => line.level === 'warn')?.fields['requests'], 1)
})

test('a port in use is named, with who holds it and the setting to change, and nothing stays open', async t => {
  const holder = net.createServer()
  await new Promise<void>(resolve => holder.listen(0, resolve))
  t.after(() => holder.close())
  const { port } = holder.address() as AddressInfo
  const ports = [
    { port: 0, setting: 'http.port' },
    { port, setting: 'http.second_port' },
  ]
  await assert.rejects(
    listening(t, () => {}, { ports }),
    (error: Error & { code: string }) => {
      assert.equal(error.code, 'PORT_IN_USE')
      assert.match(error.message, new RegExp(`port ${port} .*http\\.second_port`))
      if (process.platform === 'linux') assert.match(error.message, new RegExp(`process ${process.pid}`))
      return true
    },
  )
})

test('several ports serve the same services, HTTPS among them', async t => {
  const tls = selfSigned(['localhost', '127.0.0.1'], systemClock.now())
  const ports = [
    { port: 0, setting: 'http.port' },
    { port: 0, setting: 'http.second_port' },
    { port: 0, setting: 'https.port', tls },
  ]
  const { listener } = await listening(
    t,
    ctx => void ctx.exchange.reply(reply(String(ctx.properties.get('TRANSPORT_IN_NAME'))), ctx),
    { ports },
  )
  assert.deepEqual(
    listener.ports.map(({ scheme }) => scheme),
    ['http', 'http', 'https'],
  )
  for (const { scheme, port } of listener.ports.slice(0, 2)) {
    const answer = await fetch(`${scheme}://127.0.0.1:${port}/services/P`, { method: 'POST', body: 'x' })
    assert.equal(await answer.text(), 'http')
  }
  const secure = await new Promise<string>((resolve, reject) => {
    const options = {
      port: listener.ports[2]!.port,
      host: 'localhost',
      path: '/services/P',
      ca: tls.certificate,
      agent: false as const,
    }
    https
      .get(options, response => {
        let text = ''
        response.on('data', chunk => (text += chunk))
        response.on('end', () => resolve(text))
      })
      .on('error', reject)
  })
  assert.equal(secure, 'https')
  const shaking = net.connect(listener.ports[2]!.port, '127.0.0.1')
  await new Promise(resolve => shaking.once('connect', resolve))
  const closed = new Promise(resolve => shaking.once('close', resolve))
  await Promise.all([listener.stop(60_000), closed])
  assert.equal(listener.connections, 0)
})

test('a certificate that cannot be used stops the start with the setting to mend', async t => {
  const ports = [{ port: 0, setting: 'https.port', tls: { certificate: 'nothing', key: 'nothing' } }]
  await assert.rejects(
    listening(t, () => {}, { ports }),
    { code: 'SETTING_INVALID', message: /https\.port/ },
  )
})

/** An API whose flow answers with its own name and what it was asked for. */
function apiAt(prefix: string): Api {
  const origin = { label: `api:${prefix}`, kind: 'api', name: prefix } as const
  return {
    name: prefix,
    prefix,
    context: prefix,
    version: '',
    resources: [],
    accepts: () => true,
    route: ({ url }) => ({
      origin,
      rest: url.slice(prefix.length),
      answerHeaders: ['Access-Control-Allow-Origin', '*'],
      handle: async ctx => {
        const rest = String(ctx.message.flag('REST_URL_POSTFIX') ?? '')
        ctx.exchange.reply(reply(`${prefix} ${rest}`, {}, ['access-control-allow-origin', 'theirs']), ctx)
      },
    }),
  }
}

test('a service goes before an API, an API before main; what an API adds to answers goes before what they say', async t => {
  const answers = (text: string) => (ctx: MessageContext) => void ctx.exchange.reply(reply(text), ctx)
  const { wire } = await listening(t, answers('service'), {
    onMain: answers('main'),
    apis: [apiAt('/shop'), apiAt('/services'), apiAt('/services/P')],
  })
  const client = await wire()
  const get = (path: string): Promise<{ body: string; head: string }> =>
    client.send(`GET ${path} HTTP/1.1\r\nHost: here\r\n\r\n`).answer()
  assert.equal((await get('/services/P/x')).body, 'service')
  assert.equal((await get('/services/Q?wsdl')).body, '/services /Q?wsdl')
  assert.equal((await get('/other')).body, 'main')
  const answer = await get('/shop/7?a=1')
  assert.equal(answer.body, '/shop /7?a=1')
  assert.deepEqual(answer.head.match(/^access-control-allow-origin: .*$/gim), ['Access-Control-Allow-Origin: *'])
})

test('a service nobody knows is for main where there is one, else it is refused', async t => {
  const answer = (ctx: MessageContext): void => void ctx.exchange.reply(reply('main'), ctx)
  const main: Sequence = { name: 'main', steps: [], mediate: () => 'done' }
  for (const [sequences, status] of [
    [[main], 200],
    [[], 404],
  ] as const) {
    const { wire } = await listening(t, answer, { onMain: answer, sequences })
    const client = await wire()
    assert.equal((await client.post('/services/Nobody', '<a/>').answer()).status, status)
  }
})
