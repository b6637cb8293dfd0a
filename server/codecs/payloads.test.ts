import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Body, HeaderMap, Message } from '../kernel/message.ts'
import type { ByteSource, Format } from '../kernel/message.ts'
import { parseXml } from '../xml/reader.ts'
import { XmlElement } from '../xml/tree.ts'
import { printXml } from '../xml/writer.ts'
import { envelopeView, newEnvelope } from './envelope.ts'
import { jsonBody, jsonView } from './json.ts'
import type { JsonObject } from './json-text.ts'
import { format, mustCollect, payloads, setMessageType } from './payloads.ts'
import type { Outgoing } from './payloads.ts'

const S11 = 'http://schemas.xmlsoap.org/soap/envelope/'
const S12 = 'http://www.w3.org/2003/05/soap-envelope'

function soap(uri: string, payload: string): string {
  return `<e:Envelope xmlns:e="${uri}"><e:Body>${payload}</e:Body></e:Envelope>`
}

interface Parts {
  headers?: Record<string, string>
  format?: Format
  axis2?: Record<string, unknown>
  action?: string
}

function messageOf(content: string | Uint8Array, type: string, parts: Parts = {}): Message {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  const message = new Message({
    body: Body.ofBytes(bytes, type),
    headers: HeaderMap.of({ ...(type !== '' && { 'Content-Type': type }), ...parts.headers }),
    ...(parts.format && { format: parts.format }),
    addressing: parts.action === undefined ? {} : { action: parts.action },
  })
  for (const [name, value] of Object.entries(parts.axis2 ?? {})) message.axis2.set(name, value)
  return message
}

function textOf(out: Outgoing): string {
  return Buffer.from(out.bytes!).toString()
}

/** Makes the XML view the truth without changing what it says. */
function touched(message: Message): Message {
  message.body.edit(envelopeView)
  return message
}

test('bytes nobody changed leave as they came, whatever they are, also after a look', () => {
  const cases: [content: string, type: string][] = [
    [`<?xml version='1.0'?>\r\n${soap(S11, '<a  b = "1" />')}`, 'text/xml;charset="utf-8"'],
    ['{"emails": [{"value": 500.0}], "l":[ ]}', 'application/json'],
    ['a=1&b=%41', 'application/x-www-form-urlencoded'],
    ['<a/>', 'application/vnd.x+xml'],
    ['text', 'text/plain; charset=iso-8859-1'],
  ]
  for (const [content, type] of cases) {
    const message = messageOf(content, type)
    message.body.view(envelopeView)
    message.body.view(jsonView)
    const out = format(message, { method: 'POST' })
    assert.equal(out.bytes, message.body.raw, type)
    assert.equal(textOf(out), content)
    assert.equal(out.contentType, type)
    assert.equal(out.rebuilt, false)
  }
})

test('a body that is not what its type says passes untouched', () => {
  const out = format(messageOf('This is not XML', 'text/xml'))
  assert.equal(textOf(out), 'This is not XML')
  assert.equal(out.contentType, 'text/xml')
})

test('a stream passes through without being collected', () => {
  const source: ByteSource = { async *[Symbol.asyncIterator]() {} }
  const message = new Message({ body: Body.ofStream(source, 'text/xml') })
  assert.equal(mustCollect(message), false)
  const out = format(message)
  assert.equal(out.stream, source)
  assert.equal(out.bytes, null)
  assert.equal(out.contentType, 'text/xml')
})

test('a stream that has to become another type has to be collected first', async () => {
  const source: ByteSource = {
    async *[Symbol.asyncIterator]() {
      yield Buffer.from('{"a":1}')
    },
  }
  const message = new Message({ body: Body.ofStream(source, 'application/json') })
  message.axis2.set('messageType', 'application/xml')
  assert.equal(mustCollect(message), true)
  assert.throws(() => format(message), { code: 'MEDIATION_FAILED', message: /before it was collected/ })
  await message.body.collect()
  assert.equal(mustCollect(message), false)
  assert.equal(textOf(format(message)), '<jsonObject><a>1</a></jsonObject>')
})

test('a changed body is written in the type it came in', () => {
  const cases: [content: string, type: string, text: string, sent: string][] = [
    [soap(S11, '<a/>'), 'text/xml', soap(S11, '<a/>'), 'text/xml; charset=UTF-8'],
    [soap(S12, '<a/>'), 'application/soap+xml', soap(S12, '<a/>'), 'application/soap+xml; charset=UTF-8'],
    ['<a/>', 'application/xml', '<a/>', 'application/xml; charset=UTF-8'],
    ['<a/>', 'text/xml', '<a/>', 'text/xml; charset=UTF-8'],
    [soap(S11, '<a/>'), 'application/xml', soap(S11, '<a/>'), 'application/xml; charset=UTF-8'],
    ['{"a":[7],"b":1.0}', 'application/json', '{"a":7,"b":1.0}', 'application/json; charset=UTF-8'],
    ['b=x+y&1=%26', 'application/x-www-form-urlencoded', 'b=x%20y&1=%26', 'application/x-www-form-urlencoded'],
    ['hi <you>', 'text/plain', 'hi <you>', 'text/plain; charset=UTF-8'],
    ['\u0001\u0002', 'application/octet-stream', '\u0001\u0002', 'application/octet-stream'],
    ['\u0001\u0002', 'image/png', '\u0001\u0002', 'image/png'],
    ['<p/>', 'application/vnd.x+xml; v=2', '<p/>', 'application/vnd.x+xml; v=2; charset=UTF-8'],
  ]
  for (const [content, type, text, sent] of cases) {
    const out = format(touched(messageOf(content, type)))
    assert.equal(textOf(out), text, type)
    assert.equal(out.contentType, sent)
    assert.equal(out.rebuilt, true)
  }
})

test('messageType converts what was not touched (trap H10)', () => {
  const xml = soap(S11, '<o xmlns="urn:o"><a>1</a><a>2.0</a></o>')
  const cases: [content: string, type: string, messageType: string, text: string, sent: string][] = [
    [xml, 'text/xml', 'application/json', '{"o":{"a":[1,2.0]}}', 'application/json; charset=UTF-8'],
    [xml, 'text/xml', 'application/xml', '<o xmlns="urn:o"><a>1</a><a>2.0</a></o>', 'application/xml; charset=UTF-8'],
    [xml, 'text/xml', 'application/soap+xml', xml.replaceAll(S11, S12), 'application/soap+xml; charset=UTF-8'],
    [
      '{"a":1}',
      'application/json',
      'application/xml',
      '<jsonObject><a>1</a></jsonObject>',
      'application/xml; charset=UTF-8',
    ],
    [
      '{"a":1}',
      'application/json',
      'text/xml',
      soap(S11, '<jsonObject><a>1</a></jsonObject>').replaceAll('e:', 'soapenv:').replace(':e=', ':soapenv='),
      'text/xml; charset=UTF-8',
    ],
    [
      '{"a":"x y"}',
      'application/json',
      'application/x-www-form-urlencoded',
      'a=x%20y',
      'application/x-www-form-urlencoded',
    ],
    [
      '<text xmlns="http://ws.apache.org/commons/ns/payload">hi</text>',
      'application/xml',
      'text/plain',
      'hi',
      'text/plain; charset=UTF-8',
    ],
  ]
  for (const [content, type, messageType, text, sent] of cases) {
    const out = format(messageOf(content, type, { axis2: { messageType } }))
    assert.equal(textOf(out), text, `${type} to ${messageType}`)
    assert.equal(out.contentType, sent)
  }
})

test('text/xml for whoever does not speak SOAP is the payload alone', () => {
  const message = messageOf('<a/>', 'application/xml', { axis2: { messageType: 'text/xml' } })
  assert.match(textOf(format(message)), /Envelope/)
  assert.equal(textOf(format(message, { plain: true })), '<a/>')
  const other = messageOf('<a/>', 'application/xml', { axis2: { messageType: 'application/soap+xml' } })
  assert.match(textOf(format(other, { plain: true })), /Envelope/)
})

test('a messageType of the same family only renames', () => {
  const out = format(messageOf('{ "a":1.0 }', 'application/json', { axis2: { messageType: 'application/hal+json' } }))
  assert.equal(textOf(out), '{ "a":1.0 }')
  assert.equal(out.contentType, 'application/hal+json')
  assert.equal(out.rebuilt, false)
})

test('CHARACTER_SET_ENCODING writes a text anew that came in another character set', () => {
  const axis2 = { CHARACTER_SET_ENCODING: 'ISO-8859-1' }
  const out = format(messageOf('<a>ä</a>', 'application/xml; charset=utf-8', { axis2 }))
  assert.equal(out.contentType, 'application/xml; charset=ISO-8859-1')
  assert.match(Buffer.from(out.bytes!).toString('latin1'), /<a>ä<\/a>$/)
  const same = messageOf('<a  b = "1"/>', 'text/xml', { axis2: { CHARACTER_SET_ENCODING: 'UTF-8' } })
  assert.equal(textOf(format(same)), '<a  b = "1"/>')
  assert.equal(textOf(format(messageOf('a', 'application/octet-stream', { axis2 }))), 'a')
})

test('sending twice, as a retry does, gives the same bytes twice', () => {
  const message = touched(messageOf(soap(S11, '<a/>'), 'text/xml', { axis2: { messageType: 'application/soap+xml' } }))
  assert.equal(textOf(format(message)), textOf(format(message)))
  assert.equal(message.body.view(envelopeView).soap, 'soap11')
})

test('a Content-Type the flow has put there wins; ContentType only relabels', () => {
  const byHand = messageOf('{"a":1}', 'application/json')
  byHand.headers.set('content-type', 'application/x-mine')
  assert.deepEqual([textOf(format(byHand)), format(byHand).contentType], ['{"a":1}', 'application/x-mine'])

  const label = messageOf('{"a":1}', 'application/json', { axis2: { ContentType: 'text/plain' } })
  assert.deepEqual([textOf(format(label)), format(label).contentType], ['{"a":1}', 'text/plain'])

  const both = touched(messageOf('<a>ü</a>', 'application/xml', { axis2: { messageType: 'application/xml' } }))
  both.headers.set('Content-Type', 'application/x-mine; charset=ISO-8859-1')
  assert.equal(Buffer.from(format(both).bytes!).toString('latin1'), '<a>ü</a>')
  assert.equal(format(both).contentType, 'application/x-mine; charset=ISO-8859-1')
})

test("the header of the request does not describe a body that has replaced the request's", () => {
  const message = messageOf('{"a":1}', 'application/json')
  message.body = Body.ofView(envelopeView, newEnvelope('soap11', parseXml('<x/>').root), 'application/xml')
  message.axis2.set('messageType', 'application/xml')
  assert.equal(format(message).contentType, 'application/xml; charset=UTF-8')
  assert.equal(format(message.fork()).contentType, 'application/xml; charset=UTF-8')
})

test('setMessageType makes the type the header, too', () => {
  const message = messageOf('{"a":1}', 'application/json')
  setMessageType(message, 'application/xml')
  assert.equal(message.headers.get('content-type'), undefined)
  assert.equal(format(message).contentType, 'application/xml; charset=UTF-8')
})

test('JSON text of the flow is sent as it was written', () => {
  const message = messageOf('<a/>', 'application/xml')
  message.body = jsonBody('{"zeroElementArrayField": [], "n": 1.00}', 'application/json')
  setMessageType(message, 'application/json')
  assert.equal(textOf(format(message)), '{"zeroElementArrayField": [], "n": 1.00}')
  assert.throws(() => jsonBody('{"a":}', 'application/json'), { code: 'PAYLOAD_UNREADABLE' })
})

test('an edit of the JSON view keeps numbers and order of everything else', () => {
  const message = messageOf('{ "z": 500.0, "1": 12345678901234567890, "a": [7] }', 'application/json')
  ;(message.body.edit(jsonView).value as JsonObject)['new'] = true
  assert.equal(textOf(format(message)), '{"z":500.0,"1":12345678901234567890,"a":[7],"new":true}')
})

test('the charset is that of the message, of CHARACTER_SET_ENCODING, or UTF-8 where that one does not do', () => {
  const latin = (axis2: Record<string, unknown> = {}): Outgoing =>
    format(touched(messageOf(Buffer.from('<a>ü</a>', 'latin1'), 'application/xml; charset=ISO-8859-1', { axis2 })))
  assert.equal(Buffer.from(latin().bytes!).toString('latin1'), '<a>ü</a>')
  assert.equal(latin().contentType, 'application/xml; charset=ISO-8859-1')
  assert.equal(latin({ CHARACTER_SET_ENCODING: 'UTF-16LE' }).bytes!.length, 16)
  assert.equal(latin({ CHARACTER_SET_ENCODING: 'US-ASCII' }).contentType, 'application/xml; charset=UTF-8')
  assert.equal(latin({ setCharacterEncoding: 'false' }).contentType, 'application/xml')
})

test('NO_ENTITY_BODY means what it says as a boolean only', () => {
  const none = format(messageOf('<a/>', 'application/xml', { axis2: { NO_ENTITY_BODY: true } }))
  assert.deepEqual([none.bytes!.length, none.contentType], [0, undefined])
  assert.equal(textOf(format(messageOf('<a/>', 'application/xml', { axis2: { NO_ENTITY_BODY: 'true' } }))), '<a/>')
})

test('GET carries no body, DELETE only one that is there', () => {
  const send = (method: string, content: string): [string, string | undefined] => {
    const out = format(messageOf(content, 'application/json'), { method })
    return [textOf(out), out.contentType]
  }
  assert.deepEqual(send('GET', '{}'), ['', undefined])
  assert.deepEqual(send('HEAD', '{}'), ['', undefined])
  assert.deepEqual(send('DELETE', ''), ['', undefined])
  assert.deepEqual(send('DELETE', '{}'), ['{}', 'application/json'])
  assert.deepEqual(send('POST', ''), ['', 'application/json'])
})

test('a request without payload still becomes an envelope where SOAP is wanted', () => {
  const message = messageOf('', '', { axis2: { messageType: 'text/xml' } })
  assert.equal(textOf(format(message, { method: 'POST' })), printXml(newEnvelope('soap11').root))
})

test('the action is a header for SOAP 1.1 and REST, and a parameter for SOAP 1.2 (trap H39)', () => {
  const action = (
    type: string,
    content: string,
    parts: Parts = {},
  ): [string | null | undefined, string | undefined] => {
    const out = format(messageOf(content, type, parts), { method: 'POST' })
    return [out.soapAction, out.contentType]
  }
  assert.deepEqual(action('text/xml', soap(S11, ''), { action: 'urn:a' }), ['"urn:a"', 'text/xml'])
  assert.deepEqual(action('text/xml', soap(S11, ''), { headers: { SOAPAction: '""' } }), ['""', 'text/xml'])
  assert.deepEqual(action('text/xml', soap(S11, '')), [undefined, 'text/xml'])
  assert.deepEqual(action('application/xml', '<a/>', { action: 'urn:a' }), ['"urn:a"', 'application/xml'])
  const s12 = 'application/soap+xml; charset=utf-8; action="urn:a"'
  assert.deepEqual(action(s12, soap(S12, ''), { action: 'urn:a' }), [null, s12])
  assert.deepEqual(action(s12, soap(S12, ''), { action: 'urn:b' }), [
    null,
    'application/soap+xml; charset=utf-8; action="urn:b"',
  ])
  const converted = { action: 'urn:a', axis2: { messageType: 'application/soap+xml' } }
  assert.deepEqual(action('text/xml', soap(S11, ''), converted), [
    null,
    'application/soap+xml; charset=UTF-8; action="urn:a"',
  ])
  assert.equal(format(messageOf('<a/>', 'application/xml', { action: 'urn:a' })).soapAction, undefined)
})

test('a form that came as a query is a form again when it is posted', () => {
  const message = new Message({ body: Body.empty('', { query: 'a=1&b=2' }), method: 'GET' })
  message.body.edit(envelopeView).firstChild!.firstElement!.setText('x')
  const out = format(message, { method: 'POST' })
  assert.deepEqual([textOf(out), out.contentType], ['a=x&b=2', 'application/x-www-form-urlencoded'])
})

test('XML in place of text or bytes is sent as XML', () => {
  for (const type of ['text/plain', 'application/octet-stream', '']) {
    const message = messageOf('x', type)
    message.body.edit(envelopeView).setPayload(new XmlElement('a'))
    assert.deepEqual([textOf(format(message)), format(message).contentType], ['<a/>', 'application/xml; charset=UTF-8'])
  }
})

test('a compressed body passes compressed, and is plain once it was changed', () => {
  const gzipped = gzipSync('<a>1</a>')
  const message = new Message({ body: Body.ofBytes(gzipped, 'application/xml', { encoding: 'gzip' }) })
  assert.equal(format(message).bytes, gzipped)
  message.body.edit(envelopeView).firstChild!.setText('2')
  assert.deepEqual([textOf(format(message)), format(message).rebuilt], ['<a>2</a>', true])
})

test('a store gets the bytes that arrived, or the changed body in a type that says what it is', () => {
  const untouched = messageOf('{ "a": 1 }', 'application/json', { axis2: { messageType: 'application/xml' } })
  assert.deepEqual(payloads.serialise(untouched), { contentType: 'application/json', bytes: untouched.body.raw })
  const changed = touched(
    messageOf('<a/>', 'application/xml', { axis2: { messageType: 'application/json', setCharacterEncoding: 'false' } }),
  )
  const { contentType, bytes, rebuilt } = payloads.serialise(changed)
  assert.deepEqual(
    [Buffer.from(bytes).toString(), contentType, rebuilt],
    ['{"a":null}', 'application/json; charset=UTF-8', true],
  )
})

test('property values survive being kept as JSON', () => {
  const through = (value: unknown): unknown => payloads.revive(JSON.parse(JSON.stringify(payloads.keep(value))))
  for (const value of ['text', 5, true, null, { a: [1, 'x', { b: null }] }, [], { xml: '<no/>' }, { json: '1' }]) {
    assert.deepEqual(through(value), value)
  }
  const element = parseXml('<p:a xmlns:p="urn:p"><p:b c="1">t</p:b></p:a>').root
  assert.equal(printXml(through(element.firstElement) as typeof element), '<p:b xmlns:p="urn:p" c="1">t</p:b>')
  assert.equal(printXml(through(newEnvelope('soap12')) as typeof element), printXml(newEnvelope('soap12').root))
  assert.equal((through([element, element]) as unknown[]).length, 2)
  assert.equal(through([element.firstElement!.children[0], element.firstElement!.attributes[0]]), 't1')
  const big = { id: messageOf('{"id":12345678901234567890}', 'application/json').body.view(jsonView).value }
  assert.equal(String((through(big.id) as JsonObject)['id']), '12345678901234567890')
  assert.equal(
    payloads.keep(() => 1),
    undefined,
  )
  assert.equal(payloads.keep(new Map()), undefined)
  assert.equal(payloads.keep(Number.NaN), 'NaN')
})
