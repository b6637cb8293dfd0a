import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Body, HeaderMap, Message } from '../../kernel/message.ts'
import type { HttpReply } from './exchange.ts'
import { needsLength, outgoingRequest, replyMessage, type Outgoing } from './message.ts'

function request(headers: string[] = [], parts: { method?: string } = {}): Message {
  return new Message({ body: Body.empty(), headers: new HeaderMap(headers), ...parts })
}

function outgoing(more: Partial<Outgoing> = {}): Outgoing {
  return { url: 'http://127.0.0.1:1/x', body: Buffer.from('<a/>'), contentType: 'text/xml', ...more }
}

function reply(more: Partial<HttpReply> = {}): HttpReply {
  return { status: 200, reason: 'OK', headers: [], contentType: 'text/xml', body: Buffer.from('<a/>'), ...more }
}

test('all headers of a message are forwarded but those of the connection it came on', () => {
  const came = `Host: us | X-B: 1 | x-a: 2 | Connection: close, X-Hop | x-hop: 3 | Content-Length: 4 | Transfer-Encoding: chunked |
    User-Agent: curl | Expect: 100-continue | Authorization: Basic x | content-type: text/plain | Date: today | Server: s | X-B: 5`
  const message = request(came.split('|').flatMap(line => line.trim().split(': ')))
  const { headers } = outgoingRequest(message, outgoing())
  assert.deepEqual(headers, [
    'X-B',
    '1',
    'x-a',
    '2',
    'Authorization',
    'Basic x',
    'X-B',
    '5',
    'Content-Type',
    'text/xml',
  ])
})

test('headers a client says of itself are kept where the settings ask for it', () => {
  const message = request(['User-Agent', 'curl', 'Server', 's'])
  const { headers } = outgoingRequest(message, outgoing({ preserve: new Set(['user-agent']) }))
  assert.deepEqual(headers, ['User-Agent', 'curl', 'Content-Type', 'text/xml'])
})

test('a known action is written quoted in place of what the message carried', () => {
  const message = request(['soapaction', '"urn:old"'])
  const { headers } = outgoingRequest(message, outgoing({ soapAction: 'urn:new', extra: ['Idempotency-Key', '7'] }))
  assert.deepEqual(headers, ['Content-Type', 'text/xml', 'SOAPAction', '"urn:new"', 'Idempotency-Key', '7'])
})

test('a request in SOAP 1.2 does not pass on the SOAPAction of its caller', () => {
  const message = request(['soapaction', '"urn:old"', 'X-A', '1'])
  const { headers } = outgoingRequest(message, outgoing({ contentType: 'application/soap+xml', soapAction: null }))
  assert.deepEqual(headers, ['X-A', '1', 'Content-Type', 'application/soap+xml'])
})

test('GET and DELETE without payload have neither body nor type, DELETE with payload has both', () => {
  for (const method of ['GET', 'DELETE']) {
    const bare = outgoingRequest(request([], { method }), outgoing({ body: new Uint8Array(0) }))
    assert.equal(bare.body, null)
    assert.deepEqual(bare.headers, [])
  }
  const full = outgoingRequest(request([], { method: 'DELETE' }), outgoing())
  assert.deepEqual(full.headers, ['Content-Type', 'text/xml'])
})

test('NO_ENTITY_BODY leaves the body out only as a boolean', () => {
  const message = request()
  message.axis2.set('NO_ENTITY_BODY', 'true')
  assert.notEqual(outgoingRequest(message, outgoing()).body, null)
  message.axis2.set('NO_ENTITY_BODY', true)
  assert.equal(outgoingRequest(message, outgoing()).body, null)
})

test('control properties become what the client is asked for', () => {
  const message = request()
  for (const name of ['FORCE_HTTP_1.0', 'NO_KEEPALIVE', 'POST_TO_URI']) message.axis2.set(name, 'true')
  message.axis2.set('REQUEST_HOST_HEADER', 'virtual.example')
  const made = outgoingRequest(message, outgoing())
  assert.deepEqual([made.http10, made.lastOnConnection, made.absoluteUri], [true, true, true])
  assert.deepEqual(made.headers.slice(-2), ['Host', 'virtual.example'])
})

test('a message tells whether its body may be sent in chunks', () => {
  const message = request()
  assert.equal(needsLength(message), false)
  message.axis2.set('DISABLE_CHUNKING', 'true')
  assert.equal(needsLength(message), true)
})

test('the status of a reply is where flows look for it', () => {
  const message = replyMessage(reply({ status: 404, reason: 'Not Found' }), 'soap11', 0)
  assert.equal(message.isResponse, true)
  assert.equal(message.flag('HTTP_SC'), 404)
  assert.equal(message.flag('HTTP_SC_DESC'), 'Not Found')
  assert.equal(message.format, 'soap11')
  assert.deepEqual(message.body.raw, Buffer.from('<a/>'))
})

test('an empty reply is marked so that an answer made of it is empty, and 202 stays 202', () => {
  const message = replyMessage(reply({ status: 202, body: new Uint8Array(0), contentType: '' }), 'soap11', 0)
  assert.equal(message.flag('NO_ENTITY_BODY'), true)
  assert.equal(message.flag('SC_ACCEPTED'), true)
  assert.equal(message.format, 'none')
})

test('a reply with a body but no type is binary', () => {
  assert.equal(replyMessage(reply({ contentType: '' }), 'binary', 0).body.contentType, 'application/octet-stream')
})
