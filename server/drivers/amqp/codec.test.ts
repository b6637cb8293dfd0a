import assert from 'node:assert/strict'
import { test } from 'node:test'
import rhea from 'rhea'
import type { StoredMessage } from '../../kernel/contracts.ts'
import { toJms } from '../jms/mapping.ts'
import { fromJms } from '../jms/reading.ts'
import type { ReadMessage } from '../jms/reading.ts'
import { decodeAmqp } from './decode.ts'
import { encodeAmqp } from './encode.ts'

const NOW = 1_700_000_000_000

function stored(change: Partial<StoredMessage> = {}): StoredMessage {
  return {
    id: 'f3b1',
    storedAt: NOW,
    contentType: 'text/xml; charset=UTF-8',
    body: Buffer.from('<order>é €</order>'),
    headers: ['Host', 'localhost:8280', 'content-type', 'text/xml; charset=UTF-8', 'SOAPAction', '"urn:placeOrder"'],
    envelope: {
      to: 'http://localhost:9000/services/SimpleStockQuoteService',
      action: 'urn:placeOrder',
      messageId: 'urn:uuid:1',
      soap: 'soap11',
      rest: false,
      method: 'POST',
      service: 'Proxy1',
      properties: { OUT_ONLY: 'true', count: 3, flag: false, nested: { a: [1, null] } },
      axis2: { ContentType: 'text/xml' },
    },
    ...change,
  }
}

function toAmqp(message: StoredMessage, queue: string): Buffer {
  return encodeAmqp(toJms(message), { kind: 'queue', name: queue })
}

function fromAmqp(bytes: Buffer, now: number): ReadMessage {
  return fromJms(decodeAmqp(bytes), now)
}

function roundTrip(message: StoredMessage): StoredMessage {
  const read = fromAmqp(toAmqp(message, 'Orders_Queue'), 0)
  assert.ok(read.readable)
  return { ...read.message, body: Buffer.from(read.message.body) }
}

/** Encoded by rhea, as another program would. */
function foreign(message: object): Buffer {
  return rhea.message.encode(message)
}

test('a stored SOAP message comes back the same', () => {
  assert.deepEqual(roundTrip(stored()), stored())
})

test('bytes that are not the text they claim to be come back byte for byte', () => {
  const latin1 = stored({
    contentType: 'text/plain; charset=ISO-8859-1',
    body: Buffer.from([0xe9, 0x00, 0xff]),
    headers: [],
  })
  assert.deepEqual(roundTrip(latin1), latin1)
  const broken = stored({ body: Buffer.from([0x3c, 0xc3, 0x28]) })
  assert.deepEqual(roundTrip(broken), broken)
})

test('a byte order mark, an empty body and a body beyond 255 bytes survive', () => {
  for (const body of [Buffer.from('\uFEFF<a/>'), Buffer.alloc(0), Buffer.from(`{"a":"${'x'.repeat(100_000)}"}`)]) {
    const message = stored({ contentType: 'application/json', body, headers: [] })
    assert.deepEqual(roundTrip(message), message)
  }
})

test('headers that repeat, differ in case only or are called like ours survive in order', () => {
  const message = stored({
    headers: [
      'Set-Cookie',
      'a=1',
      'set-cookie',
      'b=2',
      'SYN_To',
      'elsewhere',
      'OrigMessageID',
      'fake',
      'JMSPriority',
      '9',
    ],
  })
  assert.deepEqual(roundTrip(message), message)
})

test('a Content-Type header that says something else than the content type survives', () => {
  const message = stored({ headers: ['Content-Type', 'text/plain', 'X', '1'] })
  assert.deepEqual(roundTrip(message), message)
})

test('a message without any header gets none', () => {
  assert.deepEqual(roundTrip(stored({ headers: [] })).headers, [])
})

test('properties for JMS readers are typed and do not turn into headers', () => {
  const message = stored()
  const properties = {
    JMS_MSG_P_region: 'EU',
    JMS_MSG_P_count: 7,
    JMS_MSG_P_big: 2 ** 40,
    JMS_MSG_P_ratio: 0.5,
    JMS_MSG_P_ok: true,
  }
  const typed = stored({ envelope: { ...message.envelope, properties } })
  const seen = rhea.message.decode(toAmqp(typed, 'q')).application_properties
  assert.deepEqual([seen.region, seen.count, seen.big, seen.ratio, seen.ok], ['EU', 7, 2 ** 40, 0.5, true])
  assert.deepEqual(roundTrip(typed), typed)
})

test('any AMQP reader sees a durable text message with its type, its headers and its id', () => {
  const seen = rhea.message.decode(toAmqp(stored(), 'Orders_Queue'))
  assert.equal(seen.durable, true)
  assert.equal(seen.body, '<order>é €</order>')
  assert.equal(seen.content_type, 'text/xml; charset=UTF-8')
  assert.equal(seen.to, 'Orders_Queue')
  assert.equal(seen.message_id, 'ID:f3b1')
  assert.equal(seen.creation_time.getTime(), NOW)
  assert.equal(seen.message_annotations['x-opt-jms-msg-type'], 5)
  assert.equal(seen.application_properties['_AMQ_DUPL_ID'], 'f3b1')
  assert.equal(seen.application_properties.SOAPAction, '"urn:placeOrder"')
  assert.equal(seen.application_properties.SYN_Action, 'urn:placeOrder')
})

test('binary payloads are octet-stream data, so that no broker makes text of them', () => {
  const seen = rhea.message.decode(toAmqp(stored({ contentType: 'image/png', body: Buffer.from([0x89, 1, 2]) }), 'q'))
  assert.equal(seen.content_type, 'application/octet-stream')
  assert.equal(seen.message_annotations['x-opt-jms-msg-type'], 3)
  assert.deepEqual([...seen.body.content], [0x89, 1, 2])
  assert.equal(seen.application_properties['Content-Type'], 'image/png')
})

test('priority and time to live come from the JMS_PROD_ properties, and delivery stays persistent', () => {
  const properties = { JMS_PROD_PRIORITY: '7', JMS_PROD_TIME_TO_LIVE: 60_000, JMS_PROD_DELIVERY_MODE: '1' }
  const seen = rhea.message.decode(toAmqp(stored({ envelope: { properties, axis2: {} } }), 'q'))
  assert.deepEqual([seen.priority, seen.ttl, seen.durable], [7, 60_000, true])
})

test('a text message of another program is readable, its properties are headers and its type is guessed', () => {
  const soap = '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"/>'
  const read = fromAmqp(
    foreign({
      message_id: 'ID:abc',
      body: soap,
      application_properties: { SOAPAction: '"urn:x"', n: 5, JMS_AMQP_HEADER: true },
    }),
    NOW,
  )
  assert.ok(read.readable)
  const { message } = read
  assert.equal(message.id, 'abc')
  assert.equal(message.contentType, 'text/xml')
  assert.equal(message.envelope.soap, 'soap11')
  assert.equal(message.envelope.action, 'urn:x')
  assert.deepEqual(message.headers, ['SOAPAction', '"urn:x"', 'n', '5'])
  assert.equal(Buffer.from(message.body).toString(), soap)
})

test('the content type of foreign text is guessed from how it begins', () => {
  const guess = (body: string): string => fromAmqp(foreign({ body }), NOW).message.contentType
  assert.deepEqual(
    [guess(' {"a":1}'), guess('[1]'), guess('hello'), guess('<a/>')],
    ['application/json', 'application/json', 'text/plain', 'text/xml'],
  )
})

test('a declared content type wins over a guess, and a Content-Type property over that', () => {
  const body = rhea.message.data_section(Buffer.from('<a/>'))
  assert.equal(fromAmqp(foreign({ body, content_type: 'application/xml' }), NOW).message.contentType, 'application/xml')
  const both = {
    body,
    content_type: 'application/octet-stream',
    application_properties: { 'content-type': 'text/xml' },
  }
  assert.equal(fromAmqp(foreign(both), NOW).message.contentType, 'text/xml')
})

test('a body in several data sections is one body', () => {
  const body = rhea.message.data_sections([Buffer.from('ab'), Buffer.from('cd')])
  assert.equal(Buffer.from(fromAmqp(foreign({ body }), NOW).message.body).toString(), 'abcd')
})

test("a map message becomes the XML that Axis2's JMS transport shows", () => {
  const read = fromAmqp(foreign({ body: { symbol: 'A&B', price: 1.5, open: true } }), NOW)
  assert.equal(
    Buffer.from(read.message.body).toString(),
    '<JMSMap xmlns="http://axis.apache.org/axis2/java/transports/jms/map-payload"><symbol>A&amp;B</symbol><price>1.5</price><open>true</open></JMSMap>',
  )
})

test('a serialised Java object is told apart, with its bytes kept for the quarantine store', () => {
  const object = Buffer.from([0xac, 0xed, 0x00, 0x05, 0x73, 0x72])
  const read = fromAmqp(foreign({ message_id: 'ID:obj', body: rhea.message.data_section(object) }), NOW)
  assert.equal(read.readable, false)
  assert.match(read.readable ? '' : read.reason, /serialised Java object/)
  assert.deepEqual([read.message.id, read.message.contentType], ['obj', 'application/x-java-serialized-object'])
  assert.deepEqual(Buffer.from(read.message.body), object)
})

test('a stream message, a map with impossible keys and broken JSON of ours are unreadable, never lost', () => {
  const cases = [
    { body: rhea.message.sequence_section([1, 2]) },
    { body: { 'not a name': 1 } },
    { body: 12 },
    { body: 'x', application_properties: { OrigMessageID: 'broken', SYN_Props: '{' } },
  ]
  for (const message of cases) {
    const bytes = foreign(message)
    const read = fromAmqp(bytes, NOW)
    assert.equal(read.readable, false)
    assert.deepEqual(Buffer.from(read.message.body), bytes)
  }
})

test('bytes that are no AMQP message are unreadable, wherever they break off', () => {
  const whole = toAmqp(stored(), 'q')
  for (let length = 1; length < whole.length; length++) {
    const read = fromAmqp(whole.subarray(0, length), NOW)
    if (!read.readable) assert.match(read.reason, /cannot be decoded|SYN_ property/)
  }
  assert.equal(fromAmqp(Buffer.from('GET / HTTP/1.1'), NOW).readable, false)
})

test('how often a broker has delivered before is told', () => {
  const read = fromAmqp(foreign({ delivery_count: 4, body: 'x' }), NOW)
  assert.ok(read.readable)
  assert.equal(read.deliveryCount, 4)
})
