import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Body, Message } from '../kernel/message.ts'
import { printXml } from '../xml/writer.ts'
import { envelopeView } from './envelope.ts'
import { splitMultipart } from './multipart.ts'
import { format } from './payloads.ts'

function bytesOf(lines: readonly string[], end = '\r\n'): Buffer {
  return Buffer.from(lines.join(end), 'latin1')
}

const FORM = bytesOf([
  'preamble',
  '--b',
  'Content-Disposition: form-data; name="who"',
  '',
  'J\xc3\xbcrgen',
  '--b',
  'Content-Disposition: form-data; name="my file"; filename="a \\"b\\".bin"',
  'Content-Type: application/x-thing',
  '',
  '\x00\xff\r\n--bx',
  '--b--',
  'epilogue',
])

test('parts are split at their boundary and nowhere else', () => {
  const parts = splitMultipart(FORM, 'b')
  assert.equal(parts.length, 2)
  assert.equal(Buffer.from(parts[1]!.bytes).toString('latin1'), '\x00\xff\r\n--bx')
  assert.equal(parts[1]!.headers.get('content-type'), 'application/x-thing')
})

test('bare line feeds, blanks after the boundary, folded headers and a missing end are forgiven', () => {
  const sloppy = bytesOf(
    ['--b  ', 'Content-Type: text/plain;', ' charset=utf-8', '', 'one', '--b', '', 'two', ''],
    '\n',
  )
  const parts = splitMultipart(sloppy, 'b')
  assert.deepEqual(
    parts.map(part => Buffer.from(part.bytes).toString()),
    ['one', 'two\n'],
  )
  assert.equal(parts[0]!.headers.get('content-type'), 'text/plain; charset=utf-8')
})

test('transfer encodings are undone', () => {
  const encoded = bytesOf([
    '--b',
    'Content-Transfer-Encoding: base64',
    '',
    'aGkK',
    '--b',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    'a=3D=C3=A4=',
    'b',
    '--b--',
  ])
  const [first, second] = splitMultipart(encoded, 'b')
  assert.equal(Buffer.from(first!.bytes).toString(), 'hi\n')
  assert.equal(Buffer.from(second!.bytes).toString(), 'a=äb')
  assert.equal(first!.headers.get('content-transfer-encoding'), 'binary')
})

test('thousands of parts, endless headers and lines that are no headers are refused', () => {
  const many = bytesOf([...Array.from({ length: 1001 }, () => '--b\r\n\r\nx'), '--b--'])
  const long = bytesOf(['--b', `X: ${'y'.repeat(20_000)}`, '', 'x', '--b--'])
  const none = bytesOf(['--b', 'no header', '', 'x', '--b--'])
  assert.throws(() => splitMultipart(many, 'b'), { code: 'PAYLOAD_UNREADABLE', message: /more than 1000 parts/ })
  assert.throws(() => splitMultipart(long, 'b'), { code: 'PAYLOAD_UNREADABLE', message: /longer than 16384 bytes/ })
  assert.throws(() => splitMultipart(none, 'b'), {
    code: 'PAYLOAD_UNREADABLE',
    message: /"no header", which is no header line/,
  })
})

test('a form with a file is seen as fields and base64, and goes out with the same parts after a change', () => {
  const body = Body.ofBytes(FORM, 'multipart/form-data; boundary="b"')
  const seen = body.view(envelopeView)
  assert.equal(
    printXml(seen.firstChild!),
    '<mediate><who>Jürgen</who><my_JsonReader_20_file filename="a &quot;b&quot;.bin" content-type="application/x-thing">AP8NCi0tYng=</my_JsonReader_20_file></mediate>',
  )
  body.edit(envelopeView).firstChild!.firstElement!.setText('Ärger')
  const { contentType, bytes } = format(new Message({ body }))
  const again = Body.ofBytes(bytes!, contentType!)
  assert.match(contentType!, /^multipart\/form-data; boundary=MIMEBoundary_\w+$/)
  const parts = splitMultipart(bytes!, /boundary=(.*)$/.exec(contentType!)![1])
  assert.equal(parts[1]!.headers.get('content-disposition'), 'form-data; name="my file"; filename="a \\"b\\".bin"')
  assert.deepEqual(Buffer.from(parts[1]!.bytes), Buffer.from('\x00\xff\r\n--bx', 'latin1'))
  assert.equal(again.view(envelopeView).firstChild!.firstElement!.text, 'Ärger')
})

const MTOM_TYPE = 'multipart/related; boundary=m; type="application/xop+xml"; start="<root@x>"; start-info="text/xml"'
const MTOM = bytesOf([
  '--m',
  'Content-ID: <pic@x>',
  'Content-Type: image/png',
  'Content-Transfer-Encoding: binary',
  '',
  '\x89PNG\r\n\x00',
  '--m',
  'Content-ID: <root@x>',
  'Content-Type: application/xop+xml; charset=UTF-8; type="text/xml"',
  '',
  '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><up><n>1</n><pic>' +
    '<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:pic%40x"/></pic></up></s:Body></s:Envelope>',
  '--m--',
  '',
])

function mtom(): Message {
  return new Message({ body: Body.ofBytes(MTOM, MTOM_TYPE), format: 'soap11' })
}

test('MTOM is seen by its start part and leaves byte for byte when it was only looked at', () => {
  const message = mtom()
  assert.equal(message.body.view(envelopeView).firstChild?.local, 'up')
  const sent = format(message)
  assert.equal(sent.bytes, MTOM)
  assert.equal(sent.contentType, MTOM_TYPE)
})

test('after a change MTOM goes out with the new root and the old attachments', () => {
  const message = mtom()
  message.body.edit(envelopeView).firstChild!.firstElement!.setText('2')
  const { contentType, bytes } = format(message)
  assert.match(contentType!, /^multipart\/related; .*type="application\/xop\+xml"; start="<root@x>"/)
  const envelope = Body.ofBytes(bytes!, contentType!).view(envelopeView)
  assert.equal(envelope.firstChild!.firstElement!.text, '2')
  assert.deepEqual(Buffer.from(envelope.attachments!.parts[0]!.bytes), Buffer.from('\x89PNG\r\n\x00', 'latin1'))
})

test('for a receiver of plain SOAP the attachments are put into the envelope', () => {
  const message = mtom()
  message.axis2.set('messageType', 'text/xml')
  const text = Buffer.from(format(message).bytes!).toString()
  assert.match(text, /<pic>iVBORw0KAA==<\/pic>/)
  assert.doesNotMatch(text, /Include/)
  message.axis2.set('enableMTOM', 'true')
  assert.match(format(message).contentType!, /^multipart\/related/)
})
