import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { Body } from '../kernel/message.ts'
import type { BodyOptions } from '../kernel/message.ts'
import { parseXml } from '../xml/reader.ts'
import { printXml } from '../xml/writer.ts'
import { envelopeView, newEnvelope } from './envelope.ts'
import { jsonView } from './json.ts'

const SOAP = (payload: string): string =>
  `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>${payload}</soapenv:Body></soapenv:Envelope>`
const SOAP12 =
  '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Header/><e:Body><a/></e:Body></e:Envelope>'

function bodyOf(content: string | Uint8Array, type: string, options: BodyOptions = {}): Body {
  return Body.ofBytes(typeof content === 'string' ? Buffer.from(content) : content, type, options)
}

function payloadOf(content: string | Uint8Array, type: string, options: BodyOptions = {}): string {
  const { firstChild } = bodyOf(content, type, options).view(envelopeView)
  return firstChild === undefined ? '' : printXml(firstChild)
}

test('SOAP is seen as it is, by the namespace of its envelope', () => {
  const one = bodyOf(SOAP('<a>1</a>'), 'text/xml').view(envelopeView)
  assert.equal(one.soap, 'soap11')
  assert.equal(one.firstChild?.text, '1')
  assert.equal(one.header, undefined)
  const two = bodyOf(SOAP12, 'application/soap+xml').view(envelopeView)
  assert.equal(two.soap, 'soap12')
  assert.equal(two.header?.local, 'Header')
  assert.equal(two.body.local, 'Body')
})

test('plain XML stands in a SOAP 1.1 body, and text/xml may be plain XML', () => {
  for (const type of ['application/xml', 'text/xml', 'application/atom+xml']) {
    const envelope = bodyOf('<?xml version="1.0"?><a xmlns="urn:a"><b/></a>', type).view(envelopeView)
    assert.equal(printXml(envelope.root), SOAP('<a xmlns="urn:a"><b/></a>'))
    assert.equal(envelope.arrived, 'bare')
  }
})

test('every other kind of body is seen as Synapse shows it', () => {
  const cases: [content: string | Uint8Array, type: string, payload: string][] = [
    ['{"a":[1,2]}', 'application/json', '<jsonObject><a>1</a><a>2</a></jsonObject>'],
    [
      'a=1&b=x+y&a=%C3%A4&1x=&%zz=1&c',
      'application/x-www-form-urlencoded',
      '<xformValues><a>1</a><b>x y</b><a>ä</a><_JsonReader_PD_1x/><_JsonReader_25_zz>1</_JsonReader_25_zz><c/></xformValues>',
    ],
    ['hi <there>', 'text/plain', '<text xmlns="http://ws.apache.org/commons/ns/payload">hi &lt;there&gt;</text>'],
    [
      Uint8Array.of(0, 255, 16),
      'application/octet-stream',
      '<binary xmlns="http://ws.apache.org/commons/ns/payload">AP8Q</binary>',
    ],
    [Uint8Array.of(0, 255, 16), '', '<binary xmlns="http://ws.apache.org/commons/ns/payload">AP8Q</binary>'],
    [Uint8Array.of(0, 255, 16), 'image/png', '<binary xmlns="http://ws.apache.org/commons/ns/payload">AP8Q</binary>'],
    ['a,b', 'text/csv', '<text xmlns="http://ws.apache.org/commons/ns/payload">a,b</text>'],
    ['  <html/>', 'text/html', '<html/>'],
    ['', 'application/json', ''],
    ['', 'application/xml', ''],
    ['', '', ''],
  ]
  for (const [content, type, payload] of cases) assert.equal(payloadOf(content, type), payload, type)
})

test('the query string of a request is part of its form', () => {
  const query = 'symbol=IBM&x=1'
  const form = 'application/x-www-form-urlencoded'
  assert.equal(payloadOf('', '', { query }), '<xformValues><symbol>IBM</symbol><x>1</x></xformValues>')
  assert.equal(payloadOf('x=2', form, { query }), '<xformValues><symbol>IBM</symbol><x>1</x><x>2</x></xformValues>')
})

test('an empty body of a SOAP 1.2 request is an empty SOAP 1.2 envelope', () => {
  assert.equal(bodyOf('', 'application/soap+xml').view(envelopeView).soap, 'soap12')
})

test('the charset of the content type, a mark, and the XML declaration are all understood', () => {
  const latin = Buffer.from('<a>ü</a>', 'latin1')
  const utf16 = Buffer.from('\uFEFF<a>ü</a>', 'utf16le')
  assert.equal(payloadOf(latin, 'application/xml; charset=iso-8859-1'), '<a>ü</a>')
  assert.equal(
    payloadOf(Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><a>ü</a>', 'latin1'), 'text/xml'),
    '<a>ü</a>',
  )
  assert.equal(payloadOf(utf16, 'application/xml'), '<a>ü</a>')
  assert.equal(payloadOf('\uFEFF<a>ü</a>', 'application/xml'), '<a>ü</a>')
  assert.equal(
    payloadOf(Uint8Array.of(0x3c, 0x61, 0x3e, 0x80, 0x3c, 0x2f, 0x61, 0x3e), 'text/xml; charset=windows-1252'),
    '<a>€</a>',
  )
  assert.deepEqual(
    bodyOf(Buffer.from('{"a":"ü"}', 'latin1'), 'application/json; charset=ISO-8859-1').view(jsonView).value,
    { a: 'ü' },
  )
  assert.match(payloadOf(Buffer.from('ü', 'latin1'), 'text/plain'), />ü</)
})

test('a body that is not what its type says is refused with the place of the trouble', () => {
  const cases: [content: string | Uint8Array, type: string, message: RegExp][] = [
    ['<a><b></a>', 'application/xml', /not well-formed XML: .*\(line 1, column 7, at "<\/a>"\)/],
    ['\n<a', 'text/xml', /line 2, column 1/],
    ['plain', 'text/xml', /not well-formed/],
    ['<a/>', 'application/soap+xml', /its root is <a>, not a SOAP envelope/],
    ['<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"/>', 'text/xml', /has no Body/],
    ['{"a":', 'application/json', /is not a JSON string/],
    [Buffer.from('<a>ü</a>', 'latin1'), 'text/xml', /UTF-8/],
    [Buffer.from('{"a":"ü"}', 'latin1'), 'application/json', /UTF-8/],
    ['<a/>', 'text/xml; charset=klingon', /klingon/],
    ['x', 'multipart/form-data', /names no boundary/],
    ['x', 'multipart/related; boundary=b', /"b" does not occur/],
  ]
  for (const [content, type, message] of cases) {
    assert.throws(() => payloadOf(content, type), { code: 'PAYLOAD_UNREADABLE', errorCode: 601000, message }, type)
  }
})

test('entities and document types are refused, however they come', () => {
  const laughs = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><a>&y;</a>'
  const external = '<!DOCTYPE a SYSTEM "http://localhost/x.dtd"><a/>'
  for (const text of [laughs, external, '<a>&y;</a>']) {
    assert.throws(() => payloadOf(text, 'application/xml'), { code: 'PAYLOAD_UNREADABLE' })
    assert.throws(() => payloadOf(SOAP(text), 'text/xml'), { code: 'PAYLOAD_UNREADABLE' })
  }
})

test('nesting beyond reason is refused instead of breaking somebody', () => {
  const deep = '<a>'.repeat(20_000) + '</a>'.repeat(20_000)
  assert.throws(() => payloadOf(deep, 'application/xml'), { code: 'PAYLOAD_UNREADABLE', message: /1000/ })
})

test('a very long attribute is only data', () => {
  const value = 'x'.repeat(1_000_000)
  assert.equal(
    bodyOf(`<a b="${value}"/>`, 'application/xml').view(envelopeView).firstChild?.attribute('b')?.length,
    1_000_000,
  )
})

test('a compressed body is read, and stays compressed for whoever passes it on', () => {
  const text = Buffer.from('<a>1</a>')
  const encodings: [string, Uint8Array][] = [
    ['gzip', gzipSync(text)],
    ['X-GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['br', brotliCompressSync(text)],
    ['gzip, br', brotliCompressSync(gzipSync(text))],
    ['identity', text],
  ]
  for (const [encoding, bytes] of encodings) {
    const body = bodyOf(bytes, 'application/xml', { encoding })
    assert.equal(body.view(envelopeView).firstChild?.text, '1', encoding)
    assert.equal(body.raw, bytes)
  }
})

test('a body that is small only while compressed is refused at the limit of the body', () => {
  const bomb = gzipSync(Buffer.alloc(5_000_000, 32))
  assert.throws(() => payloadOf(bomb, 'application/xml', { encoding: 'gzip', limit: 1_000_000 }), {
    code: 'BODY_TOO_LARGE',
    message: /larger than 1000000 bytes when decompressed/,
  })
})

test('a content encoding that is unknown or wrong is refused by name', () => {
  assert.throws(() => payloadOf('<a/>', 'text/xml', { encoding: 'zstd' }), {
    code: 'PAYLOAD_UNREADABLE',
    message: /"zstd" is not known/,
  })
  assert.throws(() => payloadOf('<a/>', 'text/xml', { encoding: 'gzip' }), {
    code: 'PAYLOAD_UNREADABLE',
    message: /not what Content-Encoding: gzip says/,
  })
  assert.throws(() => payloadOf('<a/>', 'text/xml', { encoding: 'gzip, gzip, gzip, gzip' }), {
    code: 'PAYLOAD_UNREADABLE',
  })
})

test('editing one view makes it the truth for the other', () => {
  const body = bodyOf('{"a":1,"l":[7]}', 'application/json')
  body.edit(envelopeView).firstChild!.firstElement!.setText('2.0')
  assert.deepEqual(body.view(jsonView).value, { a: 2, l: 7 })
  body.edit(jsonView).value = { b: [] }
  assert.equal(printXml(body.view(envelopeView).firstChild!), '<jsonObject/>')
  assert.deepEqual(body.view(jsonView).value, { b: [] })
})

test('XML is seen as JSON by its payload, and no payload is no value', () => {
  assert.deepEqual(bodyOf(SOAP('<o xmlns="urn:o"><a>1</a></o>'), 'text/xml').view(jsonView).value, { o: { a: 1 } })
  assert.equal(bodyOf(SOAP(''), 'text/xml').view(jsonView).value, undefined)
  assert.equal(bodyOf('', 'application/json').view(jsonView).value, undefined)
  assert.equal(Body.ofView(jsonView, { value: undefined }, '').view(envelopeView).firstChild, undefined)
})

test('a changed copy leaves the original alone', () => {
  const body = bodyOf(SOAP('<a/>'), 'text/xml')
  body.view(envelopeView)
  const copy = body.fork()
  copy.edit(envelopeView).setPayload()
  assert.equal(copy.view(envelopeView).firstChild, undefined)
  assert.equal(body.view(envelopeView).firstChild?.local, 'a')
  assert.ok(body.raw)
})

test('header and body are made when they are needed and missing', () => {
  const envelope = newEnvelope('soap12')
  envelope.ensureHeader()
  envelope.ensureHeader()
  assert.equal(
    printXml(envelope.root),
    '<soapenv:Envelope xmlns:soapenv="http://www.w3.org/2003/05/soap-envelope"><soapenv:Header/><soapenv:Body/></soapenv:Envelope>',
  )
})

test('what was parsed or stands elsewhere can become the payload, with the prefixes it needs', () => {
  const envelope = newEnvelope('soap11')
  envelope.setPayload(parseXml('<!-- c --><a/>').root)
  assert.equal(printXml(envelope.root), SOAP('<a/>'))
  envelope.setPayload(...parseXml('<x xmlns:p="urn:p"><p:b/><c/></x>').root.childElements)
  assert.equal(printXml(envelope.root), SOAP('<p:b xmlns:p="urn:p"/><c/>'))
})
