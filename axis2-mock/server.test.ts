import assert from 'node:assert/strict'
import http from 'node:http'
import net from 'node:net'
import { test } from 'node:test'
import { ManualClock } from '../server/kernel/clock.ts'
import type { Backend } from './main.ts'
import { startBackend } from './main.ts'

const ORDER =
  '<placeOrder xmlns="http://services.samples"><order><price>1.5</price><quantity>2</quantity><symbol>IBM</symbol></order></placeOrder>'

function order(backend: Backend, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${backend.url}/placeOrder`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/xml', ...headers },
    body: ORDER,
  })
}

function quote(backend: Backend, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${backend.url}/getSimpleQuote?symbol=IBM`, { headers })
}

/** Why a fetch failed, down at the socket. */
async function failure(attempt: Promise<Response>): Promise<string> {
  try {
    await (await attempt).text()
    return 'none'
  } catch (thrown) {
    const { cause } = thrown as { cause?: { code?: string } }
    return cause?.code ?? String(thrown)
  }
}

test('a status on demand is a fault, for as many requests as asked, and the work is not done', async () => {
  await using backend = await startBackend({ port: 0, fault: { status: 503, times: 2 } })
  const answers = [await order(backend), await order(backend), await order(backend)]
  assert.deepEqual(
    answers.map(answer => answer.status),
    [503, 503, 202],
  )
  assert.match(await answers[0]!.text(), /<faultstring>Fault on demand: HTTP 503<\/faultstring>/)
  assert.equal(backend.orders, 1)
  assert.equal(backend.seen.total, 3)
  assert.deepEqual(
    backend.seen.requests.map(request => [request.status, request.executed]),
    [
      [503, false],
      [503, false],
      [202, true],
    ],
  )
})

test('work may be done before the answer goes wrong, which is how duplicates are made', async () => {
  await using backend = await startBackend({ port: 0 })
  backend.faults.arm({ reset: true, after: true, times: 1 })
  backend.faults.arm({ status: 500, after: true, times: 1 })
  const key = { 'Idempotency-Key': 'urn:uuid:7' }
  assert.match(await failure(order(backend, key)), /ECONNRESET|UND_ERR_SOCKET/)
  assert.equal((await order(backend, key)).status, 500)
  assert.equal((await order(backend, key)).status, 202)
  assert.equal((await order(backend, { 'Idempotency-Key': 'urn:uuid:8' })).status, 202)
  assert.equal(backend.orders, 4)
  assert.deepEqual(backend.seen.duplicates(), [['urn:uuid:7', 3]])
  assert.equal(backend.seen.executions.get('urn:uuid:8'), 1)
})

test('a retry after a fault that kept the work undone is an arrival, not a duplicate', async () => {
  await using backend = await startBackend({ port: 0, fault: { status: 500, times: 1 } })
  const key = { 'Idempotency-Key': 'k' }
  await order(backend, key)
  await order(backend, key)
  assert.equal(backend.seen.arrivals.get('k'), 2)
  assert.equal(backend.seen.executions.get('k'), 1)
  assert.deepEqual(backend.seen.duplicates(), [])
})

test('half a body is exactly that', async () => {
  await using backend = await startBackend({ port: 0, fault: { half: true, times: 2 } })
  const response = await quote(backend)
  assert.equal(response.status, 200)
  await assert.rejects(response.text())
  await assert.rejects(order(backend).then(answer => answer.text()))
  assert.equal((await quote(backend)).status, 200)
})

test('a refused request is not even seen', async () => {
  await using backend = await startBackend({ port: 0 })
  await (await quote(backend)).text()
  backend.faults.arm({ refuse: true, times: 2 })
  assert.match(await failure(quote(backend)), /ECONNRESET|UND_ERR_SOCKET/)
  assert.match(await failure(quote(backend)), /ECONNRESET|UND_ERR_SOCKET/)
  assert.equal((await quote(backend)).status, 200)
  assert.equal(backend.seen.total, 2)
  assert.equal(backend.faults.refused, 2)
})

test('an answer that is not HTTP breaks the client', async () => {
  await using backend = await startBackend({ port: 0, fault: { garbage: true, times: 1 } })
  assert.match(await failure(quote(backend)), /HPE_/)
})

test('a request that hangs is freed when the back end stops', async () => {
  const backend = await startBackend({ port: 0, fault: { hang: true } })
  const hanging = failure(quote(backend))
  await backend.waitFor(seen => seen.total === 1)
  await backend.stop()
  assert.match(await hanging, /ECONNRESET|UND_ERR_SOCKET/)
})

test('a delay waits on the clock, and the work is done although the caller has gone', async () => {
  const clock = new ManualClock()
  await using backend = await startBackend({ port: 0, clock, fault: { delay: 5000 } })
  const gone = new AbortController()
  const patient = order(backend)
  const impatient = fetch(`${backend.url}/placeOrder`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/xml' },
    body: ORDER,
    signal: gone.signal,
  })
  await backend.waitFor(seen => seen.total === 2)
  gone.abort()
  await assert.rejects(impatient)
  await clock.advance(4999)
  assert.equal(backend.orders, 0)
  await clock.advance(1)
  assert.equal((await patient).status, 202)
  assert.equal(backend.orders, 2)
})

test('stopping leaves no delay behind that still does work', async () => {
  const clock = new ManualClock()
  const backend = await startBackend({ port: 0, clock, fault: { delay: 5000 } })
  const broken = failure(order(backend))
  await backend.waitFor(seen => seen.total === 1)
  await backend.stop()
  await broken
  assert.equal(clock.armed, 0)
  assert.equal(backend.orders, 0)
})

test('faults choose by operation, by content, and may let some pass first', async () => {
  await using backend = await startBackend({ port: 0 })
  backend.faults.arm({ status: 500, operation: 'placeOrder', contains: '<symbol>IBM</symbol>', skip: 1, times: 1 })
  const statuses = [await order(backend), await quote(backend), await order(backend), await order(backend)]
  assert.deepEqual(
    statuses.map(answer => answer.status),
    [202, 200, 500, 202],
  )
})

test('a rate strikes some requests and spares others', async () => {
  await using backend = await startBackend({ port: 0, seed: 1, fault: { status: 500, rate: 0.5 } })
  const statuses = await Promise.all(Array.from({ length: 40 }, async () => (await order(backend)).status))
  const struck = statuses.filter(status => status === 500).length
  assert.ok(struck > 5 && struck < 35, `${struck} of 40 struck`)
})

test('a request may bring its own fault in a header', async () => {
  await using backend = await startBackend({ port: 0 })
  assert.equal((await order(backend, { 'X-Mock-Fault': 'status=502; after' })).status, 502)
  assert.equal(backend.orders, 1)
  assert.equal((await order(backend)).status, 202)
  const wrong = await order(backend, { 'X-Mock-Fault': 'explode' })
  assert.equal(wrong.status, 400)
  assert.match(await wrong.text(), /"explode" is no part of a fault/)
})

test('faults are set, shown and cleared over HTTP while the back end runs', async () => {
  await using backend = await startBackend({ port: 0 })
  const control = `${backend.origin}/_control`
  await fetch(`${control}?status=503&times=1`, { method: 'POST' })
  const body = JSON.stringify([{ delay: 0, operation: 'getQuote' }, { status: 500 }])
  const armed = (await (await fetch(control, { method: 'POST', body })).json()) as { faults: unknown[] }
  assert.deepEqual(armed.faults, [
    { status: 503, times: 1, left: 1 },
    { delay: 0, operation: 'getQuote' },
    { status: 500 },
  ])
  assert.equal((await order(backend)).status, 503)
  assert.equal((await order(backend)).status, 500)
  await fetch(control, { method: 'DELETE' })
  assert.equal((await order(backend)).status, 202)
  assert.equal(backend.seen.total, 3)
})

test('a fault that makes no sense is refused with the reason', async () => {
  await using backend = await startBackend({ port: 0 })
  for (const [wrong, reason] of [
    ['{"status": 99}', /from 200 to 599/],
    ['{"staus": 500}', /"staus" is no part of a fault/],
    ['{"delay": -1}', /"delay" cannot be -1/],
    ['{"rate": 2}', /"rate" cannot be 2/],
    ['{}', /empty fault/],
    ['{', /as JSON/],
    ['[null]', /as JSON/],
  ] as const) {
    const response = await fetch(`${backend.origin}/_control`, { method: 'POST', body: wrong })
    assert.equal(response.status, 400, wrong)
    assert.match(((await response.json()) as { error: string }).error, reason)
  }
  assert.deepEqual(backend.faults.armed, [])
})

test('what arrived is kept as it came: request line, headers in their case and order, body', async () => {
  await using backend = await startBackend({ port: 0, clock: new ManualClock(Date.UTC(2026, 0, 2)) })
  await new Promise<void>((resolve, reject) => {
    const request = http.request(
      `${backend.url}/placeOrder`,
      {
        method: 'POST',
        headers: { 'X-CaSe': 'Kept', 'content-TYPE': 'application/xml', 'Transfer-Encoding': 'chunked' },
      },
      response => response.resume().on('end', resolve),
    )
    request.on('error', reject)
    request.write(ORDER.slice(0, 10))
    request.end(ORDER.slice(10))
  })
  const { last } = backend.seen
  assert.equal(last!.body.toString(), ORDER)
  assert.deepEqual(last!.headers.slice(0, 4), ['X-CaSe', 'Kept', 'content-TYPE', 'application/xml'])
  const report = (await (await fetch(`${backend.origin}/_seen?last=1`)).json()) as {
    orders: number
    requests: { requestLine: string; at: string; body: string; headers: string[][] }[]
  }
  assert.equal(report.orders, 1)
  assert.equal(report.requests[0]!.requestLine, 'POST /services/SimpleStockQuoteService/placeOrder HTTP/1.1')
  assert.equal(report.requests[0]!.at, '2026-01-02T00:00:00.000Z')
  assert.equal(report.requests[0]!.body, ORDER)
  assert.deepEqual(report.requests[0]!.headers[0], ['X-CaSe', 'Kept'])
})

test('only the newest requests are kept, while the counts go on', async () => {
  await using backend = await startBackend({ port: 0, remember: { requests: 2, bytes: 1e6, keys: 2 } })
  for (const key of ['a', 'b', 'c', 'a']) await order(backend, { 'Idempotency-Key': key })
  assert.deepEqual(
    backend.seen.requests.map(request => request.number),
    [3, 4],
  )
  assert.equal(backend.seen.total, 4)
  assert.deepEqual(
    [...backend.seen.executions],
    [
      ['a', 2],
      ['b', 1],
    ],
  )
  await fetch(`${backend.origin}/_seen`, { method: 'DELETE' })
  assert.equal(backend.seen.total, 0)
  assert.equal(backend.seen.last, undefined)
})

test('a sender that breaks off in the middle is counted apart', async () => {
  await using backend = await startBackend({ port: 0 })
  const socket = net.connect(backend.port, '127.0.0.1')
  socket.once('error', () => {})
  // The answer to the first request tells that the second one's beginning, in the same packet, has been read.
  const whole = 'GET /services/SimpleStockQuoteService/getSimpleQuote?symbol=IBM HTTP/1.1\r\nHost: x\r\n\r\n'
  const half = 'POST /services/SimpleStockQuoteService HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n<placeOrder>'
  socket.write(whole + half)
  await new Promise(resolve => socket.once('data', resolve))
  socket.resetAndDestroy()
  await backend.waitFor(seen => seen.truncated === 1)
  assert.equal(backend.seen.total, 1)
})

test('stop refuses connections, restart opens the same port and goes on counting', async () => {
  await using backend = await startBackend({ port: 0 })
  const { port } = backend
  await order(backend)
  await backend.stop()
  assert.equal(await failure(order(backend)), 'ECONNREFUSED')
  await backend.restart()
  assert.equal(backend.port, port)
  await order(backend)
  assert.equal(backend.orders, 2)
})

test('waiting for something that does not come ends with what did come', async () => {
  await using backend = await startBackend({ port: 0 })
  await order(backend)
  await assert.rejects(
    backend.waitFor(seen => seen.total === 2, 1),
    /1 requests arrived, done: 1 placeOrder/,
  )
})

test('a whole URL in the request line is understood, as a proxy client sends it', async () => {
  await using backend = await startBackend({ port: 0 })
  const status = await new Promise<number>((resolve, reject) => {
    const path = 'http://elsewhere:9000/services/SimpleStockQuoteService/getSimpleQuote?symbol=IBM'
    const request = http.get({ host: '127.0.0.1', port: backend.port, path }, response => {
      response.resume()
      resolve(response.statusCode!)
    })
    request.on('error', reject)
  })
  assert.equal(status, 200)
})

test('orders by the hundred over kept connections are all counted', async () => {
  await using backend = await startBackend({ port: 0 })
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 })
  const send = (key: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const headers = { 'Content-Type': 'application/xml', 'Idempotency-Key': key }
      const options = { agent, method: 'POST', headers }
      const request = http.request(`${backend.url}/placeOrder`, options, response =>
        response.resume().on('end', resolve),
      )
      request.on('error', reject)
      request.end(ORDER)
    })
  try {
    await Promise.all(Array.from({ length: 500 }, (_, index) => send(`key-${index}`)))
  } finally {
    agent.destroy()
  }
  assert.equal(backend.orders, 500)
  assert.equal(backend.seen.executions.size, 500)
  assert.deepEqual(backend.seen.duplicates(), [])
})

test('elsewhere than under /services there is an index of what there is', async () => {
  await using backend = await startBackend({ port: 0 })
  const response = await fetch(backend.origin)
  assert.equal(response.status, 404)
  assert.ok((await response.text()).includes(backend.url))
  assert.match(await (await fetch(`${backend.origin}/_help`)).text(), /POST {3}\/_control/)
})
