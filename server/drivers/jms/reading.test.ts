import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JmsBody, JmsMessage, JmsValue } from './contracts.ts'
import { fromJms } from './reading.ts'

const NOW = Date.UTC(2026, 0, 1)

function given(body: JmsBody, properties: Readonly<Record<string, JmsValue>> = {}): JmsMessage {
  return {
    body,
    properties: new Map(Object.entries(properties)),
    persistent: true,
    priority: 4,
    messageId: 'ID:theirs',
    raw: { bytes: Buffer.from('raw'), contentType: 'application/x-raw' },
  }
}

/** The beginning of what Java writes for an object of that class. */
function serialised(javaClass: string): Buffer {
  return Buffer.concat([
    Buffer.from([0xac, 0xed, 0x00, 0x05, 0x73, 0x72, 0x00, javaClass.length]),
    Buffer.from(`${javaClass}and so on`, 'latin1'),
  ])
}

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, n) => n))

test('BI-2: what Ballerina stored as a map is payload and headers again', () => {
  const entries = new Map<string, JmsValue>([
    ['PAYLOAD', ALL_BYTES],
    ['Company', 'WSO2'],
    ['Content-Type', 'application/json'],
  ])
  const { readable, message } = fromJms(given({ kind: 'map', entries }, { region: 'eu' }), NOW)
  assert.equal(readable, true)
  assert.deepEqual(message.body, ALL_BYTES)
  assert.equal(message.contentType, 'application/json')
  assert.deepEqual(message.headers, ['region', 'eu', 'Company', 'WSO2', 'Content-Type', 'application/json'])
  const text = fromJms(given({ kind: 'map', entries: new Map([['PAYLOAD', '{"a":1}']]) }), NOW)
  assert.deepEqual([text.message.contentType, text.message.body.toString()], ['application/json', '{"a":1}'])
})

test('any other map is XML, as Axis2 shows it', () => {
  const entries = new Map<string, JmsValue>([
    ['PAYLOAD', 7],
    ['name', 'a<b'],
  ])
  const { message } = fromJms(given({ kind: 'map', entries }), NOW)
  assert.match(message.body.toString(), /<PAYLOAD>7<\/PAYLOAD><name>a&lt;b<\/name>/)
})

test('WF-10: what the Java peers have stored is called by its name, and keeps every byte', () => {
  const name = 'org.apache.synapse.message.store.impl.commons.StorableMessage'
  const read = fromJms(given({ kind: 'object', bytes: serialised(name) }), NOW)
  assert.ok(!read.readable)
  assert.match(read.reason, /^it was stored by WSO2 EI, MI or Apache Synapse as a serialised Java object/)
  assert.deepEqual(read.message.body, serialised(name))
  assert.equal(read.message.contentType, 'application/x-java-serialized-object')
  assert.equal(read.message.id, 'theirs')
})

test('WF-10: a Java object is recognised by its first bytes, whatever kind of message it came in', () => {
  for (const kind of ['bytes', 'text', 'object'] as const) {
    const read = fromJms(given({ kind, bytes: serialised('com.example.Order') }), NOW)
    assert.ok(!read.readable)
    assert.match(read.reason, /ObjectMessage of com\.example\.Order/)
  }
  const truncated = fromJms(
    given({ kind: 'bytes', bytes: Buffer.from([0xac, 0xed, 0, 5, 0x73, 0x72, 0, 99, 0x61]) }),
    NOW,
  )
  assert.ok(!truncated.readable)
  assert.match(truncated.reason, /\(ObjectMessage\)/)
})

test('BI-12: what cannot be read keeps what was on the wire', () => {
  for (const body of [
    { kind: 'stream', items: [1] },
    { kind: 'unreadable', reason: 'broken' },
    { kind: 'map', entries: new Map([['no element', 1]]) },
  ] as const) {
    const read = fromJms(given(body), NOW)
    assert.ok(!read.readable)
    assert.deepEqual([read.message.body.toString(), read.message.contentType], ['raw', 'application/x-raw'])
  }
})
