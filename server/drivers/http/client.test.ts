import assert from 'node:assert/strict'
import http from 'node:http'
import https from 'node:https'
import net, { type AddressInfo, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { ManualClock, systemClock, type Clock } from '../../kernel/clock.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import type { ByteSource } from '../../kernel/message.ts'
import { selfSigned } from '../../transport/certificate.ts'
import { HttpClient, type HttpClientSettings, type HttpRequest } from './client.ts'

/** A back end that answers by hand: `answer` sees what has arrived so far each time more comes. */
async function backEnd(t: TestContext, answer: (received: string, socket: Socket) => void): Promise<string> {
  const server = net.createServer(socket => {
    let received = ''
    socket.on('error', () => {})
    socket.on('data', chunk => {
      received += chunk.toString('latin1')
      answer(received, socket)
    })
  })
  return serve(t, server, 'http')
}

async function serve(t: TestContext, server: net.Server, scheme: string): Promise<string> {
  const sockets = new Set<Socket>()
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function clientFor(t: TestContext, settings: Partial<HttpClientSettings> = {}): HttpClient {
  const client = new HttpClient({ clock: systemClock, ...settings })
  t.after(() => client.close())
  return client
}

function post(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { url, method: 'POST', headers: ['Content-Type', 'text/plain'], body: Buffer.from('hello'), ...more }
}

async function text(body: Uint8Array | ByteSource): Promise<string> {
  if (body instanceof Uint8Array) return Buffer.from(body).toString()
  let whole = ''
  for await (const chunk of body) whole += Buffer.from(chunk).toString()
  return whole
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

test('headers of a reply keep spelling, order and repetition, and its reason phrase', async t => {
  const url = await backEnd(t, (_seen, socket) =>
    socket.write(
      'HTTP/1.1 299 Strange But True\r\nX-One: a\r\nx-one: b\r\nContent-TYPE: text/plain\r\nContent-Length: 2\r\n\r\nok',
    ),
  )
  const reply = await clientFor(t).request(post(url))
  assert.equal(reply.status, 299)
  assert.equal(reply.reason, 'Strange But True')
  assert.deepEqual(reply.headers, ['X-One', 'a', 'x-one', 'b', 'Content-TYPE', 'text/plain', 'Content-Length', '2'])
  assert.equal(reply.contentType, 'text/plain')
  assert.deepEqual(reply.body, Buffer.from('ok'))
})

test('a small reply that comes in pieces is handed over as bytes', async t => {
  const url = await backEnd(t, (_seen, socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc')
    setImmediate(() => socket.write('def'))
  })
  const { body } = await clientFor(t).request(post(url))
  assert.deepEqual(body, Buffer.from('abcdef'))
})

test('a chunked reply that is already complete is bytes, one that goes on is a stream at once', async t => {
  const url = await backEnd(t, (seen, socket) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
    if (seen.includes('/whole')) socket.write('0\r\n\r\n')
    t.after(() => socket.destroy())
  })
  const client = clientFor(t)
  // Both writes leave in one packet only if the socket is corked, so the whole reply is sent as one text.
  const whole = await backEnd(t, (_seen, socket) =>
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'),
  )
  assert.deepEqual((await client.request(post(whole))).body, Buffer.from('abc'))
  const { body } = await client.request(post(`${url}/open`))
  assert.ok(!(body instanceof Uint8Array))
  const first = await body[Symbol.asyncIterator]().next()
  assert.deepEqual(first.value, Buffer.from('abc'))
})

test('a large reply waits in the back end until it is read', async t => {
  const size = 64 * 1024 * 1024
  let sent = 0
  const server = http.createServer((request, response) => {
    request.resume()
    response.writeHead(200, { 'Content-Length': size })
    const chunk = Buffer.alloc(64 * 1024)
    const more = (): void => {
      while (sent < size) {
        sent += chunk.length
        if (!response.write(chunk)) {
          response.once('drain', more)
          blocked()
          return
        }
      }
      response.end()
    }
    more()
  })
  let blocked = (): void => {}
  const stuck = new Promise<void>(resolve => (blocked = resolve))
  const url = await serve(t, server, 'http')
  const { body } = await clientFor(t).request(post(url))
  await stuck
  assert.ok(!(body instanceof Uint8Array))
  assert.equal(body.length, size)
  assert.ok(sent < size / 2, `the back end could send ${sent} bytes before anybody read`)
  let received = 0
  for await (const chunk of body) received += chunk.length
  assert.equal(received, size)
})

test('a reply nobody wants gives its connection back', async t => {
  const server = http.createServer((request, response) => {
    request.resume()
    response.end(Buffer.alloc(request.url === '/large' ? 4_000_000 : 100_000))
  })
  const url = await serve(t, server, 'http')
  const client = clientFor(t, { connections: 1 })
  for (const path of ['/large', '/middling', '/large']) {
    const { body } = await client.request(post(url + path))
    assert.ok(!(body instanceof Uint8Array))
    body.cancel!()
  }
  await client.request(post(url, { oneWay: true }))
  const { body } = await client.request(post(url))
  assert.equal((await text(body)).length, 100_000)
})

test('a body that arrives is sent on as it comes, with its length if that is known', async t => {
  const seen: string[] = []
  const server = http.createServer((request, response) => {
    let body = ''
    request.on('data', chunk => (body += chunk))
    request.on('end', () => {
      seen.push(`${request.headers['content-length']} ${request.headers['transfer-encoding']} ${body}`)
      response.end('ok')
    })
  })
  const url = await serve(t, server, 'http')
  const source = (length?: number): ByteSource => ({
    ...(length !== undefined && { length }),
    async *[Symbol.asyncIterator]() {
      yield Buffer.from('abc')
      yield Buffer.from('def')
    },
  })
  const client = clientFor(t)
  await client.request(post(url, { body: source() }))
  await client.request(post(url, { body: source(6) }))
  assert.deepEqual(seen, ['undefined chunked abcdef', '6 undefined abcdef'])
})

test('a body that breaks off while it is sent on fails the request with its own error', async t => {
  const url = await backEnd(t, () => {})
  const cut = new IntegrationError('BODY_CUT_OFF', 'the sender closed the connection')
  const body: ByteSource = {
    async *[Symbol.asyncIterator]() {
      yield Buffer.from('abc')
      throw cut
    },
  }
  await assert.rejects(clientFor(t).request(post(url, { body })), error => error === cut)
})

const failures: readonly [title: string, code: string, errorCode: number, answer: (socket: Socket) => void][] = [
  ['closes before it answers', 'CONNECTION_CLOSED', 101505, socket => socket.destroy()],
  ['resets before it answers', 'CONNECTION_CLOSED', 101505, socket => socket.resetAndDestroy()],
  ['says what is not HTTP', 'HTTP_VIOLATION', 101506, socket => socket.end('220 mail.example ESMTP\r\n')],
  [
    'ends in the middle of a reply',
    'RECEIVE_FAILED',
    101501,
    socket => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'),
  ],
]
for (const [title, code, errorCode, answer] of failures) {
  test(`a back end that ${title} is ${code}`, async t => {
    const url = await backEnd(t, (_seen, socket) => answer(socket))
    await assert.rejects(clientFor(t).request(post(`${url}/orders?token=secret`)), (error: IntegrationError) => {
      assert.equal(error.code, code)
      assert.equal(error.errorCode, errorCode)
      assert.equal(error.ambiguous, true, 'the back end may have taken it')
      assert.ok(error.message.includes(`${url}/orders`), error.message)
      assert.ok(!error.message.includes('secret'), error.message)
      return true
    })
  })
}

test('a large reply that breaks off fails the one who reads it', async t => {
  const url = await backEnd(t, (_seen, socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n${'x'.repeat(70_000)}`)
    setImmediate(() => socket.destroy())
  })
  const { body } = await clientFor(t).request(post(url))
  await assert.rejects(text(body), { code: 'RECEIVE_FAILED' })
})

test('an address nobody listens on is CONNECT_FAILED and says so', async t => {
  const server = net.createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  const failed = clientFor(t).request(post(`http://127.0.0.1:${port}/x`))
  await assert.rejects(failed, {
    code: 'CONNECT_FAILED',
    errorCode: 101503,
    message: /nothing listens there.*ECONNREFUSED/,
  })
})

test('what is not an address of ours is NO_ADDRESS, without showing its password', async t => {
  for (const url of ['', 'orders', 'jms:/orders', 'http://', 'ftp://me:secret@host/x']) {
    await assert.rejects(clientFor(t).request(post(url)), (error: IntegrationError) => {
      assert.equal(error.code, 'NO_ADDRESS')
      assert.ok(!error.message.includes('secret'))
      return true
    })
  }
})

/** Resolves once the back end has a request, so that the manual clock moves only then. */
async function silent(t: TestContext, say = ''): Promise<{ url: string; asked: Promise<void> }> {
  let heard = (): void => {}
  const asked = new Promise<void>(resolve => (heard = resolve))
  const url = await backEnd(t, (_seen, socket) => socket.write(say, () => heard()))
  return { url, asked }
}

test('a back end that does not answer in time is SEND_TIMEOUT, and no timer is left behind', async t => {
  const clock = new ManualClock()
  const { url, asked } = await silent(t)
  const client = clientFor(t, { clock })
  const failed = assert.rejects(client.request(post(url, { timeoutMs: 300 })), {
    code: 'SEND_TIMEOUT',
    errorCode: 101504,
  })
  await asked
  await clock.advance(299)
  assert.equal(clock.armed, 1)
  await clock.advance(1)
  await failed
  assert.equal(clock.armed, 0)
})

test('a small reply has to be complete within the time limit', async t => {
  const clock = new ManualClock()
  const { url, asked } = await silent(t, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')
  const failed = assert.rejects(clientFor(t, { clock }).request(post(url, { timeoutMs: 300 })), {
    code: 'SEND_TIMEOUT',
  })
  await asked
  await clock.advance(300)
  await failed
})

test('a streamed reply in which nothing moves is cut off', async t => {
  const clock = new ManualClock()
  const { url } = await silent(t, 'HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\nabc')
  const { body } = await clientFor(t, { clock, stallMs: 1_000 }).request(post(url))
  const failed = assert.rejects(text(body), { code: 'RECEIVE_FAILED', message: /stood still for 1000 ms/ })
  await clock.advance(2_000)
  await failed
  assert.equal(clock.armed, 0)
})

test('a request that is waiting for a free connection can time out, too', async t => {
  const clock = new ManualClock()
  const { url, asked } = await silent(t)
  const client = clientFor(t, { clock, connections: 1 })
  const first = assert.rejects(client.request(post(url, { timeoutMs: 1_000 })), { code: 'SEND_TIMEOUT' })
  await asked
  const second = assert.rejects(client.request(post(url, { timeoutMs: 500 })), { message: /no connection .* was free/ })
  await clock.advance(500)
  await second
  await clock.advance(500)
  await first
})

test('a request is given up when its signal aborts, before or after it was sent', async t => {
  const { url, asked } = await silent(t)
  const client = clientFor(t)
  const controller = new AbortController()
  const failed = assert.rejects(client.request(post(url, { signal: controller.signal })), { code: 'SEND_FAILED' })
  await asked
  controller.abort()
  await failed
  await assert.rejects(client.request(post(url, { signal: controller.signal })), { code: 'SEND_FAILED' })
})

test('a request can be given up without an AbortSignal, and does not listen on once it is over', async t => {
  const listeners = new Set<() => void>()
  const lazy = {
    signal: new AbortController().signal,
    aborted: false,
    onAbort: (listener: () => void) => void listeners.add(listener),
    offAbort: (listener: () => void) => void listeners.delete(listener),
  }
  const { url, asked } = await silent(t)
  const client = clientFor(t)
  const failed = assert.rejects(client.request(post(url, { signal: lazy })), { code: 'SEND_FAILED' })
  await asked
  assert.equal(listeners.size, 1)
  for (const listener of listeners) listener()
  await failed
  assert.equal(listeners.size, 0)
})

test('the wire shows what the control properties ask for', async t => {
  let seen = ''
  const url = await backEnd(t, (received, socket) => {
    seen = received.slice(received.lastIndexOf('POST '))
    if (received.endsWith('hello')) socket.write(OK)
  })
  const client = clientFor(t)
  const line = (): string => seen.split('\r\n', 1)[0]!

  await client.request(post(`${url}/a?b=c#d`))
  assert.equal(line(), 'POST /a?b=c HTTP/1.1')
  assert.match(seen, /connection: keep-alive/)
  await client.request(post(`${url}/a`, { http10: true }))
  assert.equal(line(), 'POST /a HTTP/1.0')
  assert.match(seen, /content-length: 5/)
  await client.request(post(`${url}/a`, { absoluteUri: true }))
  assert.match(line(), /^POST http:\/\/127\.0\.0\.1:\d+\/a HTTP\/1\.1$/)
  await client.request(post(`${url}/a`, { headers: ['Host', 'other.example'] }))
  assert.match(seen, /host: other\.example\r\n/i)
  await client.request(post(`${url}/straße %7E/../x`))
  assert.equal(line(), 'POST /stra%C3%9Fe%20%7E/../x HTTP/1.1')
})

test('the connection is closed after a request that says so', async t => {
  let connections = 0
  const server = http.createServer((request, response) => {
    request.resume()
    response.end('ok')
  })
  server.on('connection', () => connections++)
  const url = await serve(t, server, 'http')
  const client = clientFor(t, { connections: 1 })
  await client.request(post(url, { lastOnConnection: true }))
  await client.request(post(url))
  await client.request(post(url))
  assert.equal(connections, 2)
})

test('replies that cannot have a body are empty, whatever length they declare', async t => {
  const server = http.createServer((request, response) => {
    request.resume()
    response.writeHead(request.method === 'HEAD' ? 200 : 304, { 'Content-Length': 500_000 }).end()
  })
  const url = await serve(t, server, 'http')
  for (const method of ['HEAD', 'GET']) {
    const { body } = await clientFor(t).request({ url, method, headers: [], body: null })
    assert.deepEqual(body, new Uint8Array(0))
  }
})

test('redirects are replies like any other', async t => {
  const url = await backEnd(t, (_seen, socket) =>
    socket.write('HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n'),
  )
  const { status, headers } = await clientFor(t).request(post(url))
  assert.equal(status, 302)
  assert.ok(headers.includes('/b'))
})

test('a self-signed certificate is refused with the remedy, and taken once it is trusted', async t => {
  const { certificate, key } = selfSigned(['localhost', '127.0.0.1'], systemClock.now())
  const server = https.createServer({ cert: certificate, key }, (request, response) => {
    request.resume()
    response.end('ok')
  })
  const url = await serve(t, server, 'https')
  await assert.rejects(clientFor(t).request(post(url)), {
    code: 'CONNECT_FAILED',
    message: /self-signed.*trusted_certificates/,
  })
  const trusting = clientFor(t, { tls: { trusted: [certificate] } })
  assert.equal((await trusting.request(post(url))).status, 200)
  const careless = clientFor(t, { tls: { verify: false } })
  assert.equal((await careless.request(post(url))).status, 200)
})

test('pools of addresses that are used no more are closed', async t => {
  const client = clientFor(t)
  const refused = Array.from({ length: 100 }, (_, index) =>
    client.request(post(`http://127.0.0.1:1/x?${index}`.replace(':1/', `:${index + 1}/`))).catch(() => {}),
  )
  await Promise.all(refused)
  await client.request(post('http://127.0.0.2:1/')).catch(() => {})
  await client.request(post('http://127.0.0.3:1/')).catch(() => {})
  assert.ok(client.pools < 50, `${client.pools} pools are open`)
})

test('closing lets exchanges finish until the deadline and refuses new ones', async t => {
  let answer = (): void => {}
  const { url, asked } = await new Promise<{ url: string; asked: Promise<void> }>(resolve => {
    let heard = (): void => {}
    const asked = new Promise<void>(done => (heard = done))
    void backEnd(t, (_seen, socket) => {
      answer = () => socket.write(OK)
      heard()
    }).then(url => resolve({ url, asked }))
  })
  const client = new HttpClient({ clock: systemClock as Clock })
  const finishing = client.request(post(url))
  await asked
  const closed = client.close(60_000)
  await assert.rejects(client.request(post(url)), { code: 'SEND_FAILED' })
  answer()
  assert.equal((await finishing).status, 200)
  await closed

  const clock = new ManualClock()
  const hasty = new HttpClient({ clock })
  const cut = assert.rejects(hasty.request(post(url)), IntegrationError)
  const cutting = hasty.close(100)
  await clock.advance(100)
  await cutting
  await cut
})
