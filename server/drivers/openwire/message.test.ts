import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateSync } from 'node:zlib'
import type { StoredMessage } from '../../kernel/contracts.ts'
import { textMessage } from '../../testing/openwire-peer.ts'
import type { JmsBody, JmsMessage } from '../jms/contracts.ts'
import { toJms } from '../jms/mapping.ts'
import { fromJms } from '../jms/reading.ts'
import { decodeBody, encodeBody } from './bodies.ts'
import { readStructure, writeStructure } from './commands.ts'
import type { Message } from './commands.ts'
import { decodeMessage, encodeMessage } from './message.ts'
import { OpenWireWriter } from './writer.ts'

const producerId = { name: 'ProducerId', connectionId: 'ID:us', value: 3, sessionId: 1 } as const
const destination = { name: 'Queue', physicalName: 'Orders_Queue' } as const

function overTheWire(message: JmsMessage, compress = false): Message {
  const writer = new OpenWireWriter()
  writeStructure(writer, encodeMessage(message, { destination, producerId, sequence: 5, compress, now: 1000 }))
  return readStructure(writer.finish()) as unknown as Message
}

function stored(change: Partial<StoredMessage> = {}): StoredMessage {
  return {
    id: 'f3b1',
    storedAt: 1_700_000_000_000,
    contentType: 'text/xml; charset=UTF-8',
    body: Buffer.from('<order>é € 🚀 \0</order>'),
    headers: ['Host', 'localhost:8280', 'content-type', 'text/xml; charset=UTF-8', 'SOAPAction', '"urn:placeOrder"'],
    envelope: {
      to: 'http://localhost:9000/services/SimpleStockQuoteService',
      action: 'urn:placeOrder',
      rest: false,
      properties: { OUT_ONLY: 'true', nested: { a: [1, null] }, JMS_MSG_P_count: 7, JMS_MSG_P_JMSXGroupID: 'g' },
      axis2: {},
    },
    ...change,
  }
}

function plain(body: JmsBody): JmsMessage {
  return { body, properties: new Map(), persistent: true, priority: 4 }
}

test('a stored message comes back the same, whole and compressed', () => {
  for (const compress of [false, true]) {
    for (const message of [
      stored(),
      stored({
        contentType: 'image/png',
        body: Buffer.from(Array.from({ length: 256 }, (_, index) => index)),
        headers: [],
      }),
      stored({ body: Buffer.alloc(0), headers: ['Set-Cookie', 'a=1', 'set-cookie', 'b=2'] }),
      stored({ contentType: 'application/json', body: Buffer.from(`{"a":"${'x'.repeat(100_000)}"}`), headers: [] }),
    ]) {
      const read = fromJms(decodeMessage(overTheWire(toJms(message), compress), 0), 0)
      assert.ok(read.readable)
      assert.deepEqual({ ...read.message, body: Buffer.from(read.message.body) }, message)
    }
  }
})

test('any JMS reader sees a persistent text message with its headers, its group and its typed properties', () => {
  const wire = overTheWire({ ...toJms(stored()), timeToLive: 500 })
  assert.deepEqual(
    [wire.name, wire.persistent, wire.priority, wire.groupID, wire.timestamp, wire.expiration],
    ['TextMessage', true, 4, 'g', 1_700_000_000_000, 1500],
  )
  const { properties } = decodeMessage(wire, 0)
  assert.deepEqual([properties.get('SOAPAction'), properties.get('count')], ['"urn:placeOrder"', 7])
  assert.equal(properties.has('JMSXGroupID'), false)
})

test('each kind of body comes back as it was, whole and compressed', () => {
  const bodies: JmsBody[] = [
    { kind: 'text', bytes: Buffer.from('Grüße 🚀') },
    { kind: 'bytes', bytes: Buffer.from([0, 1, 255]) },
    { kind: 'object', bytes: Buffer.from([0xac, 0xed, 0, 5]) },
    { kind: 'empty' },
    { kind: 'stream', items: ['a', 1, 2 ** 40, -0.5, true, null, 2n ** 62n, Buffer.from([7])] },
    {
      kind: 'map',
      entries: new Map<string, string | number>([
        ['symbol', 'IBM'],
        ['price', 12.5],
      ]),
    },
  ]
  for (const body of bodies) {
    for (const compress of [false, true]) {
      const read = decodeMessage(overTheWire(plain(body), compress), 0)
      assert.deepEqual(withBuffers(read.body), withBuffers(body), `${body.kind}, compressed: ${compress}`)
    }
  }
})

function withBuffers(body: JmsBody): unknown {
  return 'bytes' in body ? { ...body, bytes: Buffer.from(body.bytes).toString('hex') } : body
}

test('numbers have the types JMS readers expect: int, long or double', () => {
  const wire = overTheWire({
    ...plain({ kind: 'empty' }),
    properties: new Map<string, number | bigint>([
      ['i', 7],
      ['l', 2 ** 40],
      ['d', 0.5],
      ['b', 7n],
      ['z', -0],
    ]),
    deliveryDelay: 1500,
  })
  const bytes = Buffer.from(wire.marshalledProperties!)
  const typeOf = (name: string): number =>
    bytes[bytes.indexOf(`\0${String.fromCharCode(name.length)}${name}`) + 2 + name.length]!
  assert.deepEqual(['i', 'l', 'd', 'b', 'z'].map(typeOf), [5, 6, 7, 6, 7])
  assert.equal(typeOf('AMQ_SCHEDULED_DELAY'), 6)
})

test('bytes that Java has compressed begin with their length; what is unpacked behind it is cut off', () => {
  const packed = deflateSync(Buffer.concat([Buffer.from('<a/>'), Buffer.alloc(60)]))
  const content = Buffer.concat([Buffer.from([0, 0, 0, 4]), packed])
  const body = decodeBody({ name: 'BytesMessage', content, compressed: true })
  assert.equal(body.kind === 'bytes' && Buffer.from(body.bytes).toString(), '<a/>')
})

test('who wrote a message, how often it came and to whom a reply goes are told', () => {
  const replyTo = { name: 'TemporaryQueue', physicalName: 'ID:x:1' } as const
  const message = decodeMessage(
    textMessage('<a/>', { redeliveryCounter: 1, replyTo, correlationId: 'c', userID: 'u' }),
    3,
  )
  assert.equal(message.messageId, 'ID:other:1:1:1')
  assert.deepEqual(
    [message.deliveryCount, message.replyTo, message.correlationId, message.userId],
    [3, { kind: 'temporary-queue', name: 'ID:x:1' }, 'c', 'u'],
  )
})

test('a body that is broken, or unpacks to too much, is unreadable with everything kept for the quarantine store', () => {
  const bomb = deflateSync(Buffer.alloc(300 * 1024 * 1024))
  const broken: Partial<Message>[] = [
    { content: Buffer.from([0, 0, 0, 9, 65]) },
    { content: Buffer.from('no zlib'), compressed: true },
    { content: bomb, compressed: true },
    { name: 'MapMessage', content: Buffer.from([0, 0, 0, 2, 0, 1, 65]) },
    { name: 'MapMessage', content: Buffer.from([0x7f, 0xff, 0xff, 0xff]) },
    { name: 'StreamMessage', content: Buffer.from([99]) },
    { name: 'BytesMessage', content: Buffer.from([0x7f, 0, 0, 0]), compressed: true },
    { marshalledProperties: Buffer.from([0, 0, 0, 1]) },
  ]
  for (const given of broken) {
    const message = decodeMessage(textMessage('<a/>', given), 0)
    assert.equal(message.body.kind, 'unreadable')
    const read = fromJms(message, 0)
    assert.equal(read.readable, false)
    const kept = readStructure(read.message.body) as unknown as Message
    assert.deepEqual(Buffer.from(kept.content!), Buffer.from(given.content ?? textMessage('<a/>').content!))
  }
})

test('what ActiveMQ puts into properties beyond JMS is passed over', () => {
  const writer = new OpenWireWriter()
  writer.int(2)
  writer.string('nested')
  writer.byte(12)
  writer.int(1)
  writer.byte(5)
  writer.int(7)
  writer.string('plain')
  writer.byte(1)
  writer.boolean(true)
  const message = decodeMessage(textMessage('<a/>', { marshalledProperties: writer.finish() }), 0)
  assert.deepEqual([...message.properties], [['plain', true]])
})

test('what Artemis adds to a message is no header of it', () => {
  const message = {
    ...toJms(stored({ headers: [] })),
    properties: new Map([...toJms(stored({ headers: [] })).properties, ['__AMQ_CID', 'x']]),
  }
  assert.deepEqual(fromJms(decodeMessage(overTheWire(message), 0), 0).message.headers, [])
})

test('compressing is asked for in the address and costs nothing otherwise', () => {
  const content = Buffer.from('x'.repeat(1000))
  const body = { kind: 'bytes', bytes: content } as const
  assert.equal(encodeBody(body, false).content, content)
  const packed = encodeBody(body, true)
  assert.ok(packed.compressed && packed.content!.length < 50)
})
