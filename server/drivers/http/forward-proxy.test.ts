import assert from 'node:assert/strict'
import http from 'node:http'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { systemClock } from '../../kernel/clock.ts'
import { selfSigned } from '../../transport/certificate.ts'
import { HttpClient, type HttpClientSettings } from './client.ts'
import { bypasses } from './forward-proxy.ts'

async function listening(t: TestContext, server: net.Server): Promise<number> {
  const sockets = new Set<net.Socket>()
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}

interface Proxy {
  readonly port: number
  readonly seen: string[]
}

/** A proxy that notes what it was asked, and refuses tunnels if told to. */
async function proxy(t: TestContext, status = 200): Promise<Proxy> {
  const seen: string[] = []
  const server = http.createServer((request, response) => {
    const { host, 'proxy-authorization': authorization = 'nobody' } = request.headers
    seen.push(`${request.method} ${request.url} host=${host} by ${authorization}`)
    request.resume()
    response.end('by the proxy')
  })
  server.on('connect', (request, client: net.Socket) => {
    seen.push(`CONNECT ${request.url} by ${request.headers['proxy-authorization'] ?? 'nobody'}`)
    client.on('error', () => {})
    if (status !== 200) return client.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`)
    const [host, port] = request.url!.split(':')
    const beyond = net.connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      beyond.pipe(client).pipe(beyond)
    })
    beyond.on('error', () => client.destroy())
    t.after(() => beyond.destroy())
  })
  return { port: await listening(t, server), seen }
}

function clientFor(t: TestContext, settings: Partial<HttpClientSettings>): HttpClient {
  const client = new HttpClient({ clock: systemClock, ...settings })
  t.after(() => client.close())
  return client
}

const get = (url: string) => ({ url, method: 'GET', headers: [], body: null })

test('plain HTTP asks the proxy for the whole URL, with its own host and who asks', async t => {
  const { port, seen } = await proxy(t)
  const client = clientFor(t, { proxy: { host: '127.0.0.1', port, username: 'me', password: 'secret' } })
  const { status } = await client.request(get('http://back.end.test:8080/a?b=1'))
  assert.equal(status, 200)
  const who = `Basic ${Buffer.from('me:secret').toString('base64')}`
  assert.deepEqual(seen, [`GET http://back.end.test:8080/a?b=1 host=back.end.test:8080 by ${who}`])
})

test('HTTPS goes through a tunnel, and the certificate is the back end’s', async t => {
  const { certificate, key } = selfSigned(['localhost', '127.0.0.1'], systemClock.now())
  const server = https.createServer({ cert: certificate, key }, (_request, response) => response.end('secret answer'))
  const backEnd = await listening(t, server)
  const { port, seen } = await proxy(t)
  const client = clientFor(t, { tls: { trusted: [certificate] }, proxy: { host: '127.0.0.1', port } })
  for (let round = 0; round < 2; round++) {
    const { status } = await client.request(get(`https://127.0.0.1:${backEnd}/a`))
    assert.equal(status, 200)
    // The connection is free once the turn in which the answer came is over.
    await new Promise(resolve => setImmediate(resolve))
  }
  assert.deepEqual(seen, [`CONNECT 127.0.0.1:${backEnd} by nobody`], 'the tunnel is kept')
  const distrusting = clientFor(t, { proxy: { host: '127.0.0.1', port } })
  await assert.rejects(distrusting.request(get(`https://127.0.0.1:${backEnd}/a`)), { code: 'CONNECT_FAILED' })
})

test('a proxy that refuses or is away is named in the error, without the password', async t => {
  const { port } = await proxy(t, 407)
  const client = clientFor(t, { proxy: { host: '127.0.0.1', port, username: 'me', password: 'secret' } })
  await assert.rejects(client.request(get('https://back.end.test/')), (thrown: Error) => {
    assert.match(thrown.message, new RegExp(`proxy 127\\.0\\.0\\.1:${port} .*407`))
    assert.doesNotMatch(thrown.message, /secret/)
    return true
  })
  const away = clientFor(t, { proxy: { host: '127.0.0.1', port: 1 } })
  await assert.rejects(away.request(get('https://back.end.test/')), { code: 'CONNECT_FAILED', message: /proxy/ })
  await assert.rejects(away.request(get('http://back.end.test/')), { code: 'CONNECT_FAILED' })
})

test('hosts that are excepted are reached directly', async t => {
  const { port, seen } = await proxy(t)
  const direct = await listening(
    t,
    http.createServer((_request, response) => response.end('direct')),
  )
  const client = clientFor(t, { proxy: { host: '127.0.0.1', port, bypass: ['127.*'] } })
  assert.equal((await client.request(get(`http://127.0.0.1:${direct}/`))).status, 200)
  assert.deepEqual(seen, [])
})

test('a pattern of excepted hosts may have stars anywhere', () => {
  const bypass = ['localhost', '*.example.org', '10.*', 'a*b*c']
  const excepted = (host: string): boolean => bypasses({ host: 'proxy', port: 1, bypass }, host)
  assert.deepEqual(['localhost', 'x.example.org', '10.1.2.3', 'abc', 'axxbyyc'].map(excepted), [
    true,
    true,
    true,
    true,
    true,
  ])
  assert.deepEqual(['localhost.org', 'example.org', '110.1.2.3', 'ab', 'acb', 'localhos'].map(excepted), [
    false,
    false,
    false,
    false,
    false,
    false,
  ])
})

test('a back end that asks for a certificate is shown ours', async t => {
  const server = selfSigned(['127.0.0.1'], systemClock.now())
  const mine = selfSigned(['client'], systemClock.now())
  const asking = https.createServer(
    { cert: server.certificate, key: server.key, ca: mine.certificate, requestCert: true, rejectUnauthorized: true },
    (_request, response) => response.end('welcome'),
  )
  const url = `https://127.0.0.1:${await listening(t, asking)}/`
  const trusted = [server.certificate]
  const known = clientFor(t, { tls: { trusted, certificate: mine.certificate, key: mine.key } })
  assert.equal((await known.request(get(url))).status, 200)
  await assert.rejects(clientFor(t, { tls: { trusted } }).request(get(url)))
})
