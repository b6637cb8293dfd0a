import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { BackendOptions, SeenRequest } from '../../axis2-mock/main.ts'
import { startBackend } from '../../axis2-mock/main.ts'
import type { RecordedIo } from '../testing/io.ts'
import { recordedIo } from '../testing/io.ts'
import { execute } from './command.ts'
import stockquote from './stockquote.ts'

const ADDRESSING = 'xmlns:wsa="http://www.w3.org/2005/08/addressing"'

async function call(...argv: string[]): Promise<RecordedIo & { code: number }> {
  const io = recordedIo()
  const code = await execute(stockquote, argv, io)
  return Object.assign(io, { code })
}

function header(request: SeenRequest | undefined, name: string): string | undefined {
  const index = request!.headers.indexOf(name)
  return index < 0 ? undefined : request!.headers[index + 1]
}

const WAYS = [[], ['--soapver', 'soap12'], ['--rest']]
const MODES = [
  ['quote', 'getQuote', /^Standard :: Stock price = \$\d+\.\d+\n$/],
  ['fullquote', 'getFullQuote', /^Full :: Average price = \$\d+\.\d+\n$/],
  ['marketactivity', 'getMarketActivity', /^Activity :: Average price = \$\d+\.\d+\n$/],
  ['placeorder', 'placeOrder', /^Order placed for \d+ shares of stock SUN at a price of \$ \d+\.\d+\n$/],
] as const

for (const way of WAYS) {
  for (const [mode, operation, line] of MODES) {
    test(`${['mode', mode, ...way].join(' ')} does ${operation} and prints its line`, async () => {
      for (const dialect of ['apache', 'wso2'] as const) {
        await using backend = await startBackend({ port: 0, dialect })
        const result = await call('--trpurl', backend.url, '--mode', mode, '--symbol', 'SUN', ...way)
        assert.equal(result.stderr, '')
        assert.equal(result.code, 0)
        assert.match(result.stdout, line)
        assert.equal(backend.seen.count(operation), 1)
        assert.equal(header(backend.seen.last, 'User-Agent'), 'Axis2')
        assert.equal(header(backend.seen.last, 'Transfer-Encoding'), 'chunked')
      }
    })
  }
}

test('each format has the headers of the original client', async () => {
  await using backend = await startBackend({ port: 0 })
  const headers = async (...way: string[]): Promise<(string | undefined)[]> => {
    await call('--trpurl', backend.url, ...way)
    return ['Content-Type', 'SOAPAction'].map(name => header(backend.seen.last, name))
  }
  assert.deepEqual(await headers(), ['text/xml; charset=UTF-8', '"urn:getQuote"'])
  assert.deepEqual(await headers('--soapver=soap12'), [
    'application/soap+xml; charset=UTF-8; action="urn:getQuote"',
    undefined,
  ])
  assert.deepEqual(await headers('--rest'), ['application/xml; charset=UTF-8;action="urn:getQuote";', 'urn:getQuote'])
  assert.ok(backend.seen.last!.body.toString().startsWith('<m0:getQuote '))
})

test('a dumb client sends no addressing, a smart one addresses one thing and calls another', async () => {
  await using backend = await startBackend({ port: 0 })
  await call('--trpurl', backend.url)
  assert.ok(!backend.seen.last!.body.includes('wsa:'))

  await call('--addurl', 'http://elsewhere:1/svc?a=1&b=2', '--trpurl', backend.url)
  const smart = backend.seen.last!.body.toString()
  assert.ok(smart.includes(ADDRESSING))
  assert.match(smart, /<wsa:To>http:\/\/elsewhere:1\/svc\?a=1&amp;b=2<\/wsa:To>/)
  assert.match(smart, /<wsa:MessageID>urn:uuid:[-0-9a-f]{36}<\/wsa:MessageID>/)
  assert.match(smart, /<wsa:Action>urn:getQuote<\/wsa:Action>/)
  assert.ok(!smart.includes('ReplyTo'))

  await call('--addurl', backend.url, '--mode', 'placeorder')
  const order = backend.seen.last!.body.toString()
  assert.match(order, /<wsa:ReplyTo><wsa:Address>http:\/\/www.w3.org\/2005\/08\/addressing\/none</)
  assert.match(order, /<m0:order><m0:price>[\d.]+<\/m0:price><m0:quantity>\d+<\/m0:quantity><m0:symbol>IBM</)
})

test('a proxy client connects to the proxy and names the service in the request line', async () => {
  await using backend = await startBackend({ port: 0 })
  const address = 'http://elsewhere:9000/services/SimpleStockQuoteService'
  const result = await call('--addurl', address, '--prxurl', backend.origin)
  assert.equal(result.code, 0)
  assert.equal(backend.seen.last!.target, address)
  assert.equal(header(backend.seen.last, 'Host'), 'elsewhere:9000')
})

test('a dual-channel quote arrives on a connection of its own', async () => {
  await using backend = await startBackend({ port: 0 })
  const result = await call('--addurl', backend.url, '--mode', 'dualquote')
  assert.match(result.stdout, /^Standard dual channel :: Stock price = \$\d+/)
  assert.equal(result.code, 0)
  assert.equal(backend.seen.last!.status, 202)
})

test('what was typed for Ant may be typed here', async () => {
  await using backend = await startBackend({ port: 0 })
  const result = await call(
    `-Daddurl=${backend.url}`,
    'mode=placeorder',
    '-Dsymbol=MSFT',
    '-Drest=false',
    '-Dtrpurl=',
    '-Di=3',
  )
  assert.equal(result.stderr, '')
  assert.equal(result.code, 0)
  assert.equal(result.stdout.match(/Order placed for \d+ shares of stock MSFT/g)!.length, 3)
  assert.equal(backend.orders, 3)

  await call(`-Dtrpurl=${backend.url}`, '-Drest=true', '-Ditr=4')
  const body = backend.seen.last!.body.toString()
  assert.equal(body.match(/<m0:request>/g)!.length, 4)
  assert.ok(!body.includes('Envelope'))
  for (const way of [['--i', '2'], ['-i', '2'], ['--iterations=2']]) {
    const before = backend.seen.total
    await call(`trpurl=${backend.url}`, ...way)
    assert.equal(backend.seen.total - before, 2)
  }
})

test('a custom quote sends the code and reads the price that mediation made of it', async () => {
  const sent: string[] = []
  const server = http.createServer((request, response) => {
    request.on('data', (chunk: Buffer) => sent.push(chunk.toString()))
    request.on('end', () => {
      response.setHeader('Content-Type', 'text/xml')
      response.end(
        '<CheckPriceResponse xmlns="http://services.samples/xsd"><Code>IBM</Code><Price>12.5</Price></CheckPriceResponse>',
      )
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const result = await call('--trpurl', url, '--mode', 'customquote')
    assert.equal(result.stdout, 'Custom :: Stock price = $12.5\n')
    assert.match(sent.join(''), /<m0:CheckPriceRequest xmlns:m0="http:\/\/services.samples"><m0:Code>IBM<\/m0:Code>/)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test('a fault is told with its status and reason, in every format, and exits with 1', async () => {
  await using backend = await startBackend({ port: 0 })
  for (const way of WAYS) {
    const result = await call('--trpurl', backend.url, '--symbol', 'ERR', ...way)
    assert.equal(result.code, 1)
    assert.equal(result.stdout, '')
    assert.equal(result.stderr, `HTTP 500 from ${backend.url}: SOAP fault: Invalid stock symbol : ERR\n`)
  }
})

async function failing(fault: NonNullable<BackendOptions['fault']>, ...argv: string[]): Promise<string> {
  await using backend = await startBackend({ port: 0, fault })
  const result = await call('--trpurl', backend.url, ...argv)
  assert.equal(result.code, 1)
  assert.equal(result.stdout, '')
  return result.stderr
}

test('whatever else can go wrong is told in words and exits with 1', async () => {
  assert.match(await failing({ reset: true }), /closed the connection before it had answered\. \(ECONNRESET\)/)
  assert.match(await failing({ half: true }), /closed the connection before it had answered/)
  assert.match(await failing({ garbage: true }), /answered something that is not HTTP/)
  assert.match(await failing({ hang: true }, '--timeout', '20'), /did not answer within 20 ms/)
  assert.match(await failing({ status: 204 }), /accepted \(HTTP 204\), but no quote came back/)
  assert.match(await failing({ status: 302 }), /^HTTP 302 from http:\S+ with no body\n$/)
  assert.match(await failing({ status: 503 }, '--mode', 'placeorder'), /HTTP 503 .*Fault on demand/)
})

test('a server that is not there is named, with what to start', async () => {
  const backend = await startBackend({ port: 0 })
  await backend.stop()
  const result = await call('--trpurl', backend.url)
  assert.equal(result.code, 1)
  assert.equal(
    result.stderr,
    `Nothing listens at ${backend.url}. Start it with "holdfast run", or correct the address. (ECONNREFUSED)\n`,
  )
})

test('when a series breaks off, it says how many went well', async () => {
  await using backend = await startBackend({ port: 0, fault: { status: 500, skip: 2 } })
  const result = await call('--trpurl', backend.url, '--mode', 'placeorder', '-i', '5')
  assert.equal(result.code, 1)
  assert.match(result.stderr, /2 of 5 requests had gone well before\.\n$/)
  assert.equal(backend.seen.total, 3)
})

test('an interrupted wait ends at once', async () => {
  await using backend = await startBackend({ port: 0, fault: { hang: true } })
  const io = recordedIo()
  const exit = execute(stockquote, ['--trpurl', backend.url], io)
  await backend.waitFor(seen => seen.total === 1)
  io.interrupt()
  assert.equal(await exit, 1)
  assert.match(io.stderr, /^Interrupted\./)
})

test('wrong calls exit with 2 and say what to type', async () => {
  for (const [argv, reason] of [
    [[], /Say where to: --addurl URL or --trpurl URL/],
    [['--addurl', 'localhost:8280'], /--addurl must be an http or https URL, not "localhost:8280"/],
    [['--prxurl', 'http://localhost:8280'], /--prxurl needs --addurl/],
    [['--trpurl', 'http://localhost/', '--mode', 'dualquote'], /dualquote needs --addurl/],
    [['--mode', 'plaecorder'], /Did you mean placeorder\?/],
    [['-Dsoapver=soap13'], /--soapver cannot be "soap13"/],
    [['-Dpolicy=x'], /There is no option --policy/],
    [['--adurl', 'x'], /Did you mean --addurl\?/],
  ] as const) {
    const result = await call(...argv)
    assert.equal(result.code, 2)
    assert.match(result.stderr, reason)
  }
})
