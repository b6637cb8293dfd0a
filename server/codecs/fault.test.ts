import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Body, HeaderMap, Message } from '../kernel/message.ts'
import type { ByteSource, Format } from '../kernel/message.ts'
import { parseXml } from '../xml/reader.ts'
import { addAddressing, readAddressing } from './addressing.ts'
import { answerNeedsBody, prepareAnswer } from './answer.ts'
import { envelopeView, newEnvelope } from './envelope.ts'
import { faultReply, isFault, setFault } from './fault.ts'
import type { FaultParts } from './fault.ts'
import { jsonView } from './json.ts'
import { format } from './payloads.ts'

const S11 = 'http://schemas.xmlsoap.org/soap/envelope/'
const S12 = 'http://www.w3.org/2003/05/soap-envelope'

function sent(message: Message): [text: string, contentType: string | undefined] {
  const out = format(message)
  return [Buffer.from(out.bytes!).toString(), out.contentType]
}

test('every client gets a fault in its own language', () => {
  const parts: FaultParts = { code: 'Server', reason: 'store & forward failed', detail: 'the disk is full' }
  const cases: [client: Format, text: string, type: string][] = [
    [
      'soap11',
      `<soapenv:Envelope xmlns:soapenv="${S11}"><soapenv:Body><soapenv:Fault><faultcode>soapenv:Server</faultcode><faultstring>store &amp; forward failed</faultstring><detail>the disk is full</detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>`,
      'text/xml; charset=UTF-8',
    ],
    [
      'soap12',
      `<soapenv:Envelope xmlns:soapenv="${S12}"><soapenv:Body><soapenv:Fault><soapenv:Code><soapenv:Value>soapenv:Receiver</soapenv:Value></soapenv:Code><soapenv:Reason><soapenv:Text xml:lang="en">store &amp; forward failed</soapenv:Text></soapenv:Reason><soapenv:Detail>the disk is full</soapenv:Detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>`,
      'application/soap+xml; charset=UTF-8',
    ],
    ['pox', '<Exception>store &amp; forward failed</Exception>', 'application/xml; charset=UTF-8'],
    ['none', '<Exception>store &amp; forward failed</Exception>', 'application/xml; charset=UTF-8'],
    [
      'json',
      '{"Fault":{"faultcode":"soapenv:Server","faultstring":"store & forward failed","detail":"the disk is full"}}',
      'application/json; charset=UTF-8',
    ],
    ['text', 'store & forward failed', 'text/plain; charset=UTF-8'],
  ]
  for (const [client, text, type] of cases) {
    const message = faultReply(client, parts)
    assert.deepEqual(sent(message), [text, type], client)
    assert.equal(message.isResponse, true)
  }
})

test('role, node and detail elements stand where the version has them', () => {
  const parts: FaultParts = {
    code: 'DataEncodingUnknown',
    reason: 'r',
    role: 'urn:role',
    node: 'urn:node',
    detail: parseXml('<x><e>1</e></x>').root.children,
  }
  const two = faultReply('soap12', parts).body.view(envelopeView).fault!
  assert.equal(two.child('Node', S12)?.text, 'urn:node')
  assert.equal(two.child('Role', S12)?.text, 'urn:role')
  assert.equal(two.child('Detail', S12)?.firstElement?.text, '1')
  const one = faultReply('soap11', { ...parts, code: 'Client', detail: 'd' }).body.view(envelopeView).fault!
  assert.deepEqual(
    one.childElements.map(child => child.local),
    ['faultcode', 'faultstring', 'faultactor', 'detail'],
  )
})

test('makefault for plain XML says the detail, or else the reason', () => {
  const made = (parts: FaultParts): string => {
    const message = new Message({ body: Body.ofBytes(Buffer.from('<a/>'), 'application/xml') })
    setFault(message, 'pox', parts)
    return sent(message)[0]
  }
  assert.equal(made({ reason: 'r', detail: 'd' }), '<Exception>d</Exception>')
  assert.equal(
    made({ reason: 'r', detail: parseXml('<x><e>1</e></x>').root.children }),
    '<Exception><e>1</e></Exception>',
  )
  assert.equal(made({ reason: 'r', detail: '' }), '<Exception>r</Exception>')
  assert.equal(made({ reason: 'r' }), '<Exception>r</Exception>')
})

test('a fault made from a message keeps its SOAP headers and clears NO_ENTITY_BODY', () => {
  const message = new Message({ body: Body.ofBytes(Buffer.from('<a/>'), 'text/xml') })
  message.axis2.set('NO_ENTITY_BODY', true)
  addAddressing(message.body.edit(envelopeView), { to: 'urn:x' }, 'final')
  setFault(message, 'soap11', { reason: 'r' })
  assert.equal(readAddressing(message.body.view(envelopeView))?.addressing.to, 'urn:x')
  assert.match(sent(message)[0], /<faultstring>r<\/faultstring>/)
  assert.equal(isFault(message), true)
})

function replyOf(content: string, type: string, status: number): Message {
  const message = new Message({
    body: Body.ofBytes(Buffer.from(content), type),
    headers: HeaderMap.of({ 'Content-Type': type }),
    isResponse: true,
  })
  message.axis2.set('HTTP_SC', status)
  return message
}

const FAULT11 = `<s:Envelope xmlns:s="${S11}"><s:Body><s:Fault><faultcode>s:Server</faultcode><faultstring>why</faultstring><detail><e>1</e></detail></s:Fault></s:Body></s:Envelope>`

function prepared(client: Format, reply: Message): [text: string, contentType: string | undefined] {
  prepareAnswer(client, reply, false)
  return sent(reply)
}

test('a SOAP 1.2 client behind a SOAP 1.1 back end gets SOAP 1.2, faults included (trap H40)', () => {
  const [text, type] = prepared('soap12', replyOf(FAULT11, 'text/xml', 500))
  assert.match(text, /<s:Value>s:Receiver<\/s:Value>/)
  assert.equal(type, 'application/soap+xml; charset=UTF-8')
  const [other, otherType] = prepared('soap11', replyOf(FAULT11.replaceAll(S11, S12), 'application/soap+xml', 500))
  assert.match(other, new RegExp(`xmlns:s="${S11}"`))
  assert.equal(otherType, 'text/xml; charset=UTF-8')
})

test('a client that speaks no SOAP gets a SOAP fault as an exception or as JSON, with the status of the fault', () => {
  for (const client of ['pox', 'none', 'form'] satisfies Format[]) {
    const reply = replyOf(FAULT11, 'text/xml', 500)
    assert.deepEqual(prepared(client, reply), ['<Exception>why</Exception>', 'application/xml; charset=UTF-8'])
  }
  const [text, type] = prepared('json', replyOf(FAULT11, 'text/xml', 500))
  assert.equal(text, '{"Fault":{"faultcode":"soapenv:Server","faultstring":"why","detail":{"e":"1"}}}')
  assert.equal(type, 'application/json; charset=UTF-8')
})

test('answers the client understands pass byte for byte', () => {
  const cases: [client: Format, content: string, type: string, status: number][] = [
    ['soap11', FAULT11, 'text/xml;charset=utf-8', 500],
    ['soap11', '{"a":1.0}', 'application/json', 200],
    ['json', 'not even XML', 'text/xml', 200],
    ['none', '<s/>', 'text/xml', 200],
    ['soap12', '', 'text/xml', 202],
  ]
  for (const [client, content, type, status] of cases)
    assert.deepEqual(prepared(client, replyOf(content, type, status)), [content, type])
})

test('plain XML labelled text/xml is not turned into anything for a SOAP 1.2 client', () => {
  assert.deepEqual(prepared('soap12', replyOf('<a/>', 'text/xml', 200)), ['<a/>', 'text/xml'])
})

test('only what has to be converted has to be collected', () => {
  const source: ByteSource = { async *[Symbol.asyncIterator]() {} }
  const streamed = (type: string, status = 200): Message => {
    const message = new Message({ body: Body.ofStream(source, type), isResponse: true })
    message.axis2.set('HTTP_SC', status)
    return message
  }
  assert.equal(answerNeedsBody('soap11', streamed('text/xml')), false)
  assert.equal(answerNeedsBody('soap12', streamed('text/xml')), true)
  assert.equal(answerNeedsBody('json', streamed('text/xml')), false)
  assert.equal(answerNeedsBody('json', streamed('text/xml', 500)), true)
  assert.equal(answerNeedsBody('json', streamed('application/json', 500)), false)
})

test('addressing headers of an envelope the flow has built stay only if they are to be preserved', () => {
  const make = (): Message => {
    const envelope = newEnvelope('soap11')
    addAddressing(envelope, { to: 'urn:x' }, 'final')
    return new Message({ body: Body.ofView(envelopeView, envelope, 'text/xml'), isResponse: true })
  }
  const [removed, kept] = [make(), make()]
  prepareAnswer('soap11', removed, false)
  prepareAnswer('soap11', kept, true)
  assert.equal(readAddressing(removed.body.view(envelopeView)), undefined)
  assert.equal(readAddressing(kept.body.view(envelopeView))?.addressing.to, 'urn:x')
})

test('a fault is known without parsing what passes through', () => {
  assert.equal(isFault(replyOf('not XML', 'text/xml', 500)), false)
  assert.equal(isFault(new Message({ body: Body.ofView(jsonView, { value: {} }, 'application/json') })), false)
})

test('HTTP_ETAG names what is sent, and only counts as a boolean', () => {
  const tagOf = (content: string, flag: unknown): string | undefined => {
    const answer = new Message({ body: Body.ofBytes(Buffer.from(content), 'application/json') })
    answer.axis2.set('HTTP_ETAG', flag)
    prepareAnswer('json', answer, false)
    return answer.headers.get('ETag')
  }
  assert.match(tagOf('{"a":1}', true)!, /^"[0-9a-f]{32}"$/)
  assert.equal(tagOf('{"a":1}', true), tagOf('{"a":1}', true))
  assert.notEqual(tagOf('{"a":1}', true), tagOf('{"a":2}', true))
  assert.equal(tagOf('{"a":1}', 'true'), undefined)
})
