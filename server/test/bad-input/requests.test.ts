/** Requests no client should send: a clear answer each, nothing of them kept by half, and the next one is served. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { AppRig } from '../../testing/app-rig.ts'

const proxy = (name: string, steps: string): string =>
  `<proxy name="${name}" transports="http"><target><inSequence>${steps}</inSequence></target></proxy>`

const ARTIFACTS = {
  'orders.xml': '<messageStore name="orders"/>',
  'echo.xml': proxy('Echo', '<respond/>'),
  'xpath.xml': proxy('XPath', '<property name="a" expression="//a"/><respond/>'),
  'jsonpath.xml': proxy('JsonPath', '<property name="a" expression="json-eval($.a)"/><respond/>'),
  'keep.xml': proxy(
    'Keep',
    '<property name="FORCE_SC_ACCEPTED" value="true" scope="axis2"/><property name="OUT_ONLY" value="true"/>' +
      '<store messageStore="orders"/>',
  ),
}
const LIMIT = 64 * 1024
const LARGE = `<a>${'x'.repeat(LIMIT)}</a>`

let rig: AppRig

before(async () => {
  rig = await AppRig.start(ARTIFACTS, { env: { HOLDFAST_HTTP_MAX_BODY_SIZE: '64 KiB' } })
})

after(() => rig[Symbol.asyncDispose]())

/** The server still does its work: an order is taken, and it is the only one that came since. */
async function stillServes(held: number | undefined): Promise<void> {
  assert.equal((await rig.post('/services/Keep', '<a/>')).status, 202)
  assert.equal(await rig.depth('orders'), held! + 1)
  assert.equal((await rig.health()).status, 200)
}

const envelope = (body: string): string =>
  `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>${body}</soapenv:Body></soapenv:Envelope>`
const BOMB =
  '<!DOCTYPE bomb [<!ENTITY e0 "boom">' +
  Array.from({ length: 20 }, (_, n) => `<!ENTITY e${n + 1} "${`&e${n};`.repeat(10)}">`).join('') +
  `]>${envelope('<a>&e20;</a>')}`
const OUTSIDE = '<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]><a>&f;</a>'

interface Refused {
  readonly title: string
  readonly service: string
  readonly body: string
  readonly type?: string
  readonly status: number
  readonly says: RegExp
  /** What the answer is written in; XML unless told otherwise. */
  readonly answered?: RegExp
}

const refused: readonly Refused[] = [
  {
    title: 'an entity bomb is refused where somebody looks into it, before it grows',
    service: 'XPath',
    body: BOMB,
    status: 500,
    says: /the body is not well-formed XML: a document type declaration is not accepted \(line 1, column 1,/,
  },
  {
    title: 'an external entity is refused and not read',
    service: 'XPath',
    body: OUTSIDE,
    status: 500,
    says: /the body is not well-formed XML: a document type declaration is not accepted/,
  },
  {
    title: 'an entity nobody declared is refused',
    service: 'XPath',
    body: envelope('<a>&e20;</a>'),
    status: 500,
    says: /the body is not well-formed XML: the entity &amp;e20; is not known/,
  },
  {
    title: 'a body over the limit is refused with 413 where it has to be collected to be read',
    service: 'XPath',
    body: LARGE,
    status: 413,
    says: /the body is larger than 65536 bytes; raise http\.max_body_size or do not look into it/,
  },
  {
    title: 'a body over the limit is refused with 413 where it has to be collected to be stored',
    service: 'Keep',
    body: LARGE,
    status: 413,
    says: /the body is larger than 65536 bytes; raise http\.max_body_size/,
  },
  {
    title: 'JSON that calls itself XML is told where it stops being XML',
    service: 'XPath',
    body: '{"a": 1}',
    status: 500,
    says: /the body is not well-formed XML: text outside the root element \(line 1, column 1, at "\{"a": 1\}"\)/,
  },
  {
    title: 'JSON that calls itself SOAP 1.2 is refused in SOAP 1.2',
    service: 'JsonPath',
    body: '{"a": 1}',
    type: 'application/soap+xml',
    status: 500,
    says: /soapenv:Sender.*the body is not well-formed XML: text outside the root element/,
    answered: /^application\/soap\+xml/,
  },
  {
    title: 'XML that calls itself JSON is told where it stops being JSON, in JSON',
    service: 'JsonPath',
    body: '<a>1</a>',
    type: 'application/json',
    status: 500,
    says: /^\{"Fault":.*line 1, column 1: a value is expected.*"PAYLOAD_UNREADABLE"/,
    answered: /^application\/json/,
  },
  {
    title: 'XML that calls itself JSON is told the same by an XPath',
    service: 'XPath',
    body: '<a>1</a>',
    type: 'application/json',
    status: 500,
    says: /^\{"Fault":.*line 1, column 1: a value is expected.*"PAYLOAD_UNREADABLE"/,
    answered: /^application\/json/,
  },
  {
    title: 'JSON with a mistake is told its line and column',
    service: 'JsonPath',
    body: '{"a": 1,\n "b": }',
    type: 'application/json',
    status: 500,
    says: /line 2, column 7: a value is expected/,
    answered: /^application\/json/,
  },
  {
    title: 'a service nobody deployed is named in a 404',
    service: 'Kepe',
    body: '<a/>',
    status: 404,
    says: /no service named Kepe is deployed here/,
  },
]

for (const { title, service, body, type, status, says, answered = /^text\/xml/ } of refused) {
  test(title, async () => {
    const held = await rig.depth('orders')
    const reply = await rig.post(`/services/${service}`, body, type)
    assert.equal(reply.status, status)
    assert.match(reply.text, says)
    assert.match(reply.type, answered)
    await stillServes(held)
  })
}

const untouched: readonly (readonly [string, string, string])[] = [
  ['a document with entities', OUTSIDE, 'text/xml; charset=UTF-8'],
  ['a body over the limit', LARGE, 'text/xml; charset=UTF-8'],
  ['JSON that calls itself XML', '{"a": 1}', 'text/xml; charset=UTF-8'],
  ['a body of a type that is none', '{"a": 1}', 'nonsense'],
]

for (const [what, body, type] of untouched) {
  test(`${what} passes byte for byte where nobody looks into it`, async () => {
    const reply = await rig.post('/services/Echo', body, type)
    assert.equal(reply.status, 200)
    assert.equal(reply.type, type)
    assert.equal(reply.text, body)
  })
}

test('what could not be read is kept byte for byte where it was only stored', async () => {
  const held = await rig.depth('orders')
  const reply = await rig.post('/services/Keep', BOMB)
  assert.equal(reply.status, 202)
  assert.equal(await rig.depth('orders'), held! + 1)
})

interface ByHand {
  readonly title: string
  readonly sent: string
  readonly says: RegExp
}

const HEAD = 'POST /services/Keep HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n'

const byHand: readonly ByHand[] = [
  {
    title: 'a request that ends in the middle of its body is refused and nothing of it is stored',
    sent: `${HEAD}Content-Length: 100\r\n\r\n<a>`,
    says: /^HTTP\/1\.1 400 Bad Request\r\n[^]*this is not a well-formed HTTP request$/,
  },
  {
    title: 'a chunked body that ends before its last chunk is refused and nothing of it is stored',
    sent: `${HEAD}Transfer-Encoding: chunked\r\n\r\n4\r\n<a/>\r\n`,
    says: /^HTTP\/1\.1 400 Bad Request\r\n[^]*this is not a well-formed HTTP request$/,
  },
  {
    title: 'a chunk whose length is no number is refused and nothing of it is stored',
    sent: `${HEAD}Transfer-Encoding: chunked\r\n\r\nZZ\r\n<a/>\r\n0\r\n\r\n`,
    says: /^HTTP\/1\.1 400 Bad Request\r\n[^]*this is not a well-formed HTTP request$/,
  },
  {
    title: 'two lengths that contradict each other are refused',
    sent: `${HEAD}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    says: /^HTTP\/1\.1 400 Bad Request\r\n/,
  },
  {
    title: 'a header over 16 kB is refused with 431',
    sent: `${HEAD}X-Large: ${'a'.repeat(16 * 1024)}\r\nContent-Length: 4\r\n\r\n<a/>`,
    says: /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n[^]*the header of the request is too large$/,
  },
  {
    title: 'what is no HTTP at all is told so',
    sent: 'PUT an order please\r\n\r\n',
    says: /^HTTP\/1\.1 400 Bad Request\r\n[^]*this is not a well-formed HTTP request$/,
  },
]

for (const { title, sent, says } of byHand) {
  test(title, async () => {
    const held = await rig.depth('orders')
    const wire = await rig.wire()
    wire.send(sent).socket.end()
    await wire.closed
    assert.match(wire.received, says)
    await stillServes(held)
  })
}

test('a client that goes away in the middle of an order leaves nothing behind', async () => {
  const held = await rig.depth('orders')
  const wire = await rig.wire()
  wire.send(`${HEAD}Content-Length: 100\r\n\r\n<a>`).socket.resetAndDestroy()
  await wire.closed
  await stillServes(held)
})
