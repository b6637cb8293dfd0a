import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { ManualClock } from '../server/kernel/clock.ts'
import { parseXml } from '../server/xml/reader.ts'
import type { XmlElement } from '../server/xml/tree.ts'
import { descendants } from '../server/xml/tree.ts'
import { startBackend } from './main.ts'

const SERVICES = 'http://services.samples'
const ENVELOPES = {
  soap11: 'http://schemas.xmlsoap.org/soap/envelope/',
  soap12: 'http://www.w3.org/2003/05/soap-envelope',
}
const FIELDS =
  'change earnings high last lastTradeTimestamp low marketCap name open peRatio percentageChange prevClose symbol volume'

const PAYLOADS: Record<string, string> = {
  getQuote:
    '<m:getQuote xmlns:m="http://services.samples"><m:request><m:symbol>IBM</m:symbol></m:request></m:getQuote>',
  getSimpleQuote: '<m:getSimpleQuote xmlns:m="http://services.samples"><m:symbol>IBM</m:symbol></m:getSimpleQuote>',
  getFullQuote:
    '<m:getFullQuote xmlns:m="http://services.samples"><m:request><m:symbol>IBM</m:symbol></m:request></m:getFullQuote>',
  getMarketActivity:
    '<m:getMarketActivity xmlns:m="http://services.samples"><m:request><m:symbols>AAA</m:symbols><m:symbols>B&amp;B</m:symbols></m:request></m:getMarketActivity>',
  placeOrder:
    '<m:placeOrder xmlns:m="http://services.samples"><m:order><m:price>83.58806051152119</m:price><m:quantity>18406</m:quantity><m:symbol>IBM</m:symbol></m:order></m:placeOrder>',
}

type Version = keyof typeof ENVELOPES

function envelope(version: Version, payload: string, header = ''): string {
  return `<s:Envelope xmlns:s="${ENVELOPES[version]}">${header}<s:Body>${payload}</s:Body></s:Envelope>`
}

function post(url: string, contentType: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'Content-Type': contentType, ...headers }, body })
}

function soap(url: string, version: Version, operation: string, payload = PAYLOADS[operation]!): Promise<Response> {
  const body = envelope(version, payload)
  return version === 'soap11'
    ? post(url, 'text/xml; charset=UTF-8', body, { SOAPAction: `"urn:${operation}"` })
    : post(url, `application/soap+xml; charset=UTF-8; action="urn:${operation}"`, body)
}

async function rootOf(response: Response): Promise<XmlElement> {
  return parseXml(await response.text()).root
}

function named(root: XmlElement, local: string): XmlElement[] {
  return [...descendants(root)].filter((node): node is XmlElement => node.kind === 'element' && node.local === local)
}

for (const version of ['soap11', 'soap12'] as const) {
  for (const operation of ['getQuote', 'getSimpleQuote', 'getFullQuote', 'getMarketActivity']) {
    test(`${operation} over ${version} is answered in an envelope of that version`, async () => {
      await using backend = await startBackend({ port: 0 })
      const response = await soap(backend.url, version, operation)

      assert.equal(response.status, 200)
      const media = version === 'soap11' ? /^text\/xml/ : /^application\/soap\+xml/
      assert.match(response.headers.get('content-type')!, media)
      const root = await rootOf(response)
      assert.ok(root.is('Envelope', ENVELOPES[version]))
      const payload = root.child('Body', ENVELOPES[version])!.firstElement!
      assert.ok(payload.is(`${operation}Response`, SERVICES))
      assert.equal(backend.seen.count(operation), 1)
    })
  }

  test(`placeOrder over ${version} is answered by 202 and nothing else`, async () => {
    const lines: string[] = []
    await using backend = await startBackend({
      port: 0,
      clock: new ManualClock(Date.UTC(2026, 2, 3, 10, 22, 11)),
      print: line => lines.push(line),
    })
    for (const number of [1, 2]) {
      const response = await soap(backend.url, version, 'placeOrder')
      assert.equal(response.status, 202)
      assert.equal(await response.text(), '')
      assert.equal(backend.orders, number)
    }
    const told = lines.map(line => line.replace(/^\w{3} Mar 03 \d\d:22:11 \S+ 2026 /, ''))
    assert.deepEqual(told, [
      'samples.services.SimpleStockQuoteService  :: Accepted order #1 for : 18406 stocks of IBM at $ 83.58806051152119',
      'samples.services.SimpleStockQuoteService  :: Accepted order #2 for : 18406 stocks of IBM at $ 83.58806051152119',
    ])
  })

  test(`the symbol ERR is a fault in ${version}`, async () => {
    await using backend = await startBackend({ port: 0 })
    const response = await soap(backend.url, version, 'getQuote', PAYLOADS['getQuote']!.replace('IBM', 'ERR'))

    assert.equal(response.status, 500)
    const fault = (await rootOf(response)).child('Body', ENVELOPES[version])!.firstElement!
    assert.ok(fault.is('Fault', ENVELOPES[version]))
    const [code, reason] = version === 'soap11' ? ['faultcode', 'faultstring'] : ['Value', 'Text']
    assert.equal(named(fault, reason)[0]!.text, 'Invalid stock symbol : ERR')
    assert.equal(named(fault, code)[0]!.text, version === 'soap11' ? 'soapenv:Server' : 'soapenv:Receiver')
    assert.equal(backend.seen.count('getQuote'), 0)
  })
}

test('only getQuote checks the symbol', async () => {
  await using backend = await startBackend({ port: 0 })
  const response = await fetch(`${backend.url}/getSimpleQuote?symbol=ERR`)
  assert.equal(response.status, 200)
  assert.equal(named(await rootOf(response), 'name')[0]!.text, 'ERR Company')
})

test('a quote has its fourteen fields in order, with the symbol unchanged', async () => {
  await using backend = await startBackend({ port: 0 })
  for (const symbol of ['IBM', ' ', '123.123', 'a&b<c']) {
    const response = await fetch(`${backend.url}/getSimpleQuote?symbol=${encodeURIComponent(symbol)}`)
    const quote = named(await rootOf(response), 'return')[0]!
    assert.equal(quote.childElements.map(field => field.local).join(' '), FIELDS)
    const text = (name: string): string => quote.child(name, SERVICES)!.text
    assert.equal(text('symbol'), symbol)
    assert.equal(text('name'), `${symbol} Company`)
    assert.ok(Number(text('last')) > 0)
    assert.match(text('volume'), /^\d+$/)
    assert.match(text('lastTradeTimestamp'), /^\w{3} \w{3} \d\d \d\d:\d\d:\d\d \S+ \d{4}$/)
  }
})

test('two identical requests get different numbers, unless a seed fixes them', async () => {
  const first = async (seed?: number): Promise<string[]> => {
    await using backend = await startBackend({ port: 0, ...(seed === undefined ? {} : { seed }) })
    const price = async (): Promise<string> => {
      return named(await rootOf(await fetch(`${backend.url}/getSimpleQuote?symbol=IBM`)), 'last')[0]!.text
    }
    return [await price(), await price()]
  }
  const [one, two] = await first()
  assert.notEqual(one, two)
  const seeded = await first(7)
  assert.notEqual(seeded[0], seeded[1])
  assert.deepEqual(await first(7), seeded)
  assert.notDeepEqual(await first(8), seeded)
})

test('a full quote has a year of days, market activity one quote per symbol in order', async () => {
  await using backend = await startBackend({ port: 0 })
  const full = await rootOf(await soap(backend.url, 'soap11', 'getFullQuote'))
  assert.deepEqual(
    named(full, 'day').map(day => day.text),
    Array.from({ length: 365 }, (_, day) => String(day)),
  )
  assert.equal(named(full, 'quote').length, 365)

  const activity = await rootOf(await soap(backend.url, 'soap11', 'getMarketActivity'))
  assert.deepEqual(
    named(activity, 'quotes').map(quote => quote.child('symbol', SERVICES)!.text),
    ['AAA', 'B&B'],
  )
})

test('the dialect decides the namespace of what is below return, and the type says so', async () => {
  for (const [dialect, namespace] of [
    ['apache', SERVICES],
    ['wso2', `${SERVICES}/xsd`],
  ] as const) {
    await using backend = await startBackend({ port: 0, dialect })
    for (const [operation, type] of [
      ['getQuote', 'GetQuoteResponse'],
      ['getFullQuote', 'GetFullQuoteResponse'],
    ] as const) {
      const result = named(await rootOf(await soap(backend.url, 'soap11', operation)), 'return')[0]!
      assert.equal(result.uri, SERVICES)
      assert.equal(named(result, 'symbol')[0]!.uri, namespace)
      const [prefix, local] = result.attribute('type', 'http://www.w3.org/2001/XMLSchema-instance')!.split(':')
      assert.equal(local, type)
      assert.equal(result.lookupNamespace(prefix!), namespace)
    }
  }
})

test('bare XML is understood by action or by path and answered bare', async () => {
  await using backend = await startBackend({ port: 0 })
  const attempts = [
    post(backend.url, 'application/xml', PAYLOADS['getQuote']!, { SOAPAction: 'urn:getQuote' }),
    post(backend.url, 'application/xml; charset=UTF-8;action="urn:getQuote";', PAYLOADS['getQuote']!),
    post(`${backend.url}/getQuote`, 'application/xml', PAYLOADS['getQuote']!),
    post(`${backend.url}.SimpleStockQuoteServiceHttpEndpoint/getQuote`, 'application/xml', PAYLOADS['getQuote']!),
  ]
  for (const response of await Promise.all(attempts)) {
    assert.equal(response.status, 200)
    assert.match(response.headers.get('content-type')!, /^application\/xml/)
    assert.ok((await rootOf(response)).is('getQuoteResponse', SERVICES))
  }
  const order = await post(`${backend.url}/placeOrder`, 'application/xml', PAYLOADS['placeOrder']!)
  assert.equal(order.status, 202)
})

test('a form is as good as a query', async () => {
  await using backend = await startBackend({ port: 0 })
  const response = await post(`${backend.url}/getSimpleQuote`, 'application/x-www-form-urlencoded', 'symbol=SUN')
  assert.equal(named(await rootOf(response), 'name')[0]!.text, 'SUN Company')
})

test('the action decides before the name of the body does', async () => {
  await using backend = await startBackend({ port: 0 })
  const payload = PAYLOADS['getQuote']!.replaceAll('getQuote', 'getPrice')
  const response = await soap(backend.url, 'soap11', 'getQuote', payload)
  assert.equal(response.status, 200)
  const byName = await post(backend.url, 'text/xml', envelope('soap11', PAYLOADS['getSimpleQuote']!))
  assert.equal(byName.status, 200)
  assert.deepEqual(Object.fromEntries(backend.seen.counts), { getQuote: 1, getSimpleQuote: 1 })
})

test('an addressed request gets an addressed reply', async () => {
  await using backend = await startBackend({ port: 0 })
  const header =
    '<s:Header xmlns:wsa="http://www.w3.org/2005/08/addressing"><wsa:MessageID>urn:uuid:1</wsa:MessageID><wsa:Action>urn:getQuote</wsa:Action></s:Header>'
  const response = await post(backend.url, 'text/xml', envelope('soap11', '<any><symbol>IBM</symbol></any>', header))
  const root = await rootOf(response)
  assert.equal(named(root, 'RelatesTo')[0]!.text, 'urn:uuid:1')
  assert.equal(named(root, 'Action')[0]!.text, 'urn:getQuoteResponse')
  assert.equal(named(root, 'name')[0]!.text, 'IBM Company')
})

test('a reply wanted elsewhere is posted there, and the request answered by 202', async () => {
  const listener = http.createServer()
  const arrived = new Promise<string>(resolve => {
    listener.on('request', (request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        response.end()
        resolve(Buffer.concat(chunks).toString())
      })
    })
  })
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
  try {
    await using backend = await startBackend({ port: 0 })
    const replyTo = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/back`
    const header = `<s:Header xmlns:wsa="http://www.w3.org/2005/08/addressing"><wsa:ReplyTo><wsa:Address>${replyTo}</wsa:Address></wsa:ReplyTo><wsa:MessageID>urn:uuid:2</wsa:MessageID></s:Header>`
    const response = await post(backend.url, 'text/xml', envelope('soap11', PAYLOADS['getQuote']!, header))
    assert.equal(response.status, 202)
    const root = parseXml(await arrived).root
    assert.equal(named(root, 'RelatesTo')[0]!.text, 'urn:uuid:2')
    assert.equal(named(root, 'name')[0]!.text, 'IBM Company')
  } finally {
    listener.closeAllConnections()
    listener.close()
  }
})

test('JSON is understood only when switched on', async () => {
  const ask = (url: string): Promise<Response> =>
    post(url, 'application/json', '{"getQuote":{"request":{"symbol":"IBM"}}}')
  await using off = await startBackend({ port: 0 })
  assert.equal((await ask(off.url)).status, 500)
  await using on = await startBackend({ port: 0, json: true })
  const reply = (await (await ask(on.url)).json()) as { getQuoteResponse: { return: { name: string; last: number } } }
  assert.equal(reply.getQuoteResponse.return.name, 'IBM Company')
  assert.ok(reply.getQuoteResponse.return.last > 0)
})

test('the readers of either document find their console lines', async () => {
  const lines: string[] = []
  const clock = new ManualClock(Date.UTC(2026, 2, 3, 10, 22, 11, 7))
  await using backend = await startBackend({ port: 0, clock, print: line => lines.push(line) })
  for (const operation of Object.keys(PAYLOADS)) await (await soap(backend.url, 'soap11', operation)).text()
  const java = /^\w{3} Mar 03 \d\d:22:11 \S+ 2026 /
  const told = lines.map(line =>
    line.startsWith('2026-03-03 10:22:11,007 ') ? line.slice(24) : line.replace(java, ''),
  )
  assert.deepEqual(told, [
    'INFO  [wso2/stockquote_service] - Stock quote service invoked.',
    'INFO  [wso2/stockquote_service] - Generating getQuote response for IBM',
    'samples.services.SimpleStockQuoteService :: Generating quote for : IBM',
    'INFO  [wso2/stockquote_service] - Stock quote generated.',
    'samples.services.SimpleStockQuoteService :: Generating quote for : IBM',
    'samples.services.SimpleStockQuoteService :: Full quote for : IBM',
    'samples.services.SimpleStockQuoteService :: Generating Market activity report for : [AAA, B&B]',
    'samples.services.SimpleStockQuoteService  :: Accepted order #1 for : 18406 stocks of IBM at $ 83.58806051152119',
  ])
})

test('what cannot be dispatched is answered with a fault that says what was not found', async () => {
  await using backend = await startBackend({ port: 0 })
  const reasons = [
    [
      soap(`${backend.origin}/services/Nowhere`, 'soap11', 'getQuote'),
      'The service cannot be found for the endpoint reference (EPR) /services/Nowhere',
    ],
    [
      soap(backend.url, 'soap11', 'sell', '<sell/>'),
      'The endpoint reference (EPR) for the Operation not found is /services/SimpleStockQuoteService and the WSA Action = urn:sell',
    ],
    [soap(backend.url, 'soap11', 'getQuote', '<getQuote/>'), 'The getQuote request names no symbol.'],
    [soap(backend.url, 'soap11', 'placeOrder', '<placeOrder/>'), 'The placeOrder request carries no order.'],
    [post(backend.url, 'text/xml', '', { SOAPAction: 'urn:getQuote' }), 'The getQuote request has no payload.'],
  ] as const
  for (const [answer, reason] of reasons) {
    const response = await answer
    assert.equal(response.status, 500)
    assert.equal(named(await rootOf(response), 'faultstring')[0]!.text, reason)
  }
  assert.equal(backend.orders, 0)
  const broken = await post(backend.url, 'text/xml', '<a><b></a>', { SOAPAction: 'urn:getQuote' })
  assert.equal(broken.status, 500)
  assert.equal(named(await rootOf(broken), 'faultcode')[0]!.text, 'soapenv:Client')
})

test('the root part of a multipart request is the request', async () => {
  await using backend = await startBackend({ port: 0 })
  const body = `--MIME\r\nContent-Type: text/xml\r\n\r\n${envelope('soap11', PAYLOADS['getQuote']!)}\r\n--MIME\r\nContent-Type: image/gif\r\n\r\nGIF\r\n--MIME--\r\n`
  const response = await post(backend.url, 'multipart/related; boundary="MIME"; type="text/xml"', body, {
    SOAPAction: 'urn:getQuote',
  })
  assert.equal(response.status, 200)
})

test('the WSDL names its ports and they lead back to this back end', async () => {
  await using backend = await startBackend({ port: 0 })
  const response = await fetch(`${backend.url}?wsdl`)
  assert.equal(response.status, 200)
  const root = await rootOf(response)
  assert.equal(root.attribute('targetNamespace'), SERVICES)
  const ports = named(root, 'port')
  assert.deepEqual(
    ports.map(port => port.attribute('name')),
    [
      'SimpleStockQuoteServiceHttpSoap11Endpoint',
      'SimpleStockQuoteServiceHttpSoap12Endpoint',
      'SimpleStockQuoteServiceHttpEndpoint',
    ],
  )
  const portType = named(root, 'portType')[0]!
  const operations = portType.childElements
  assert.deepEqual(
    operations.map(operation => operation.attribute('name')),
    Object.keys(PAYLOADS),
  )
  assert.deepEqual(
    operations.at(-1)!.childElements.map(child => child.local),
    ['input'],
  )
  for (const port of ports.slice(0, 2)) {
    const version = port.attribute('name')!.includes('Soap11') ? 'soap11' : 'soap12'
    const address = port.firstElement!.attribute('location')!
    assert.ok(address.startsWith(backend.url))
    assert.equal((await soap(address, version, 'getQuote')).status, 200)
  }
})

test('every message, element and binding that the WSDL mentions is there', async () => {
  await using backend = await startBackend({ port: 0 })
  const root = await rootOf(await fetch(`${backend.url}?wsdl`))
  const schema = named(root, 'schema')[0]!
  const names = (elements: readonly XmlElement[]): Set<string> =>
    new Set(elements.map(one => `tns:${one.attribute('name')}`))
  const declared = {
    message: names(named(root, 'message')),
    element: names(schema.childElements.filter(one => one.local === 'element')),
    type: names([...schema.childElements.filter(one => one.local === 'complexType'), named(root, 'portType')[0]!]),
    binding: names(named(root, 'binding')),
  }
  let checked = 0
  for (const node of descendants(root)) {
    if (node.kind !== 'element') continue
    for (const [attribute, known] of Object.entries(declared)) {
      const value = node.attribute(attribute)
      if (!value?.startsWith('tns:')) continue
      assert.ok(known.has(value), `${node.name} ${attribute}="${value}"`)
      checked++
    }
  }
  assert.ok(checked > 30)
})

test('the load-balancing services say who answered', async () => {
  await using backend = await startBackend({ port: 0, name: 'MyServer1' })
  const call = async (service: string, action: string, body: string, headers = {}): Promise<Response> =>
    post(`${backend.origin}/services/${service}`, 'text/xml', envelope('soap11', body), {
      SOAPAction: `urn:${action}`,
      ...headers,
    })
  const text = async (response: Response): Promise<string> =>
    named(await rootOf(response), 'Body')[0]!.firstElement!.text

  assert.equal(
    await text(await call('LBService1', 'sampleOperation', '<Value>Sample string</Value>')),
    'Response from server: MyServer1',
  )
  assert.equal(
    await text(await call('LBService1', 'sleepOperation', '<op><load>1</load></op>')),
    'Response from server: MyServer1',
  )
  assert.equal(
    await text(await call('LBService1', 'loadOperation', '<op><load>10</load></op>')),
    'Response from server: MyServer1',
  )
  assert.equal((await call('LBService1', 'setClientName', '<name>c1</name>')).status, 500)

  const session = await call('LBService2', 'setClientName', '<name>c1</name>')
  const Cookie = session.headers.get('set-cookie')!.split(';')[0]!
  assert.equal(
    await text(await call('LBService2', 'sampleOperation', '<Value/>', { Cookie })),
    'Response from server: MyServer1 (client c1)',
  )

  await using nameless = await startBackend({ port: 0 })
  const answer = await post(`${nameless.origin}/services/LBService1`, 'text/xml', envelope('soap11', '<Value/>'))
  assert.equal(await text(answer), 'Response from anonymous server')
})
