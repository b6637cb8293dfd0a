import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Message } from 'amqplib'
import type { StoredMessage } from '../../kernel/contracts.ts'
import { stored } from '../../testing/store-rig.ts'
import { fromJms, toJms } from '../jms/index.ts'
import { deathsIn, decode, encode } from './message.ts'

/** What comes out of a queue after `encode`d went in. */
function roundTrip(message: StoredMessage): StoredMessage {
  const { content, options } = encode(toJms(message), 'other')
  const read = fromJms(decode(came(content, { ...options, deliveryMode: 2 })), 0)
  assert.ok(read.readable)
  return read.message
}

function came(content: Buffer, properties: Readonly<Record<string, unknown>>, redelivered = false): Message {
  return {
    content,
    properties: properties as unknown as Message['properties'],
    fields: { deliveryTag: 1, redelivered, exchange: '', routingKey: 'q' },
  }
}

test('a stored message comes back whole: bytes, headers in order, properties, times to the millisecond', () => {
  const message: StoredMessage = {
    ...stored('', { OUT_ONLY: 'true', 'n°': 7, JMS_MSG_P_region: 'eu' }, 'the-id'),
    storedAt: Date.UTC(2026, 0, 1) + 123,
    contentType: 'application/octet-stream',
    body: Buffer.from(Array.from({ length: 256 }, (_, n) => n)),
    headers: ['Company', 'WSO2', 'X-A', '1', 'X-A', '2', 'Content-Type', 'application/octet-stream'],
  }
  assert.deepEqual(roundTrip(message), message)
  const text = { ...stored('<å/>', {}, 'text'), headers: ['Content-Type', 'text/xml', 'Content-Encoding', 'gzip'] }
  assert.deepEqual(roundTrip(text), text)
})

test('other programs see payload, content type, id, priority and expiry where RabbitMQ has them', () => {
  const properties = { JMS_PROD_PRIORITY: '7', JMS_PROD_TIME_TO_LIVE: '60000' }
  const { content, options } = encode(toJms(stored('<a/>', properties, 'a')), 'other')
  assert.equal(content.toString(), '<a/>')
  const { contentType, messageId, persistent, priority, expiration, timestamp } = options
  assert.deepEqual(
    { contentType, messageId, persistent, priority, expiration, timestamp },
    {
      contentType: 'text/xml',
      messageId: 'a',
      persistent: true,
      priority: 7,
      expiration: '60000',
      timestamp: Date.UTC(2026, 0, 1) / 1000,
    },
  )
})

test('a message without an id gets one, so that its return can be told from others', () => {
  const { options } = encode({ body: { kind: 'empty' }, properties: new Map(), persistent: true, priority: 4 }, 'mine')
  assert.equal(options.messageId, 'mine')
})

test('earlier deliveries are counted as far as the queue counts them', () => {
  const count = (headers: object, redelivered: boolean): number | undefined =>
    decode(came(Buffer.alloc(0), { headers }, redelivered)).deliveryCount
  assert.equal(count({}, false), 0)
  assert.equal(count({}, true), 1)
  assert.equal(count({ 'x-delivery-count': 3 }, true), 3)
})

test('deaths are counted for the queue they happened in', () => {
  const headers = {
    'x-death': [
      { queue: 'retry', count: 9, reason: 'expired' },
      { queue: 'orders', count: 2, reason: 'rejected' },
    ],
  }
  assert.equal(deathsIn(came(Buffer.alloc(0), { headers }), 'orders'), 2)
  assert.equal(deathsIn(came(Buffer.alloc(0), { headers }), 'other'), 0)
  assert.equal(deathsIn(came(Buffer.alloc(0), {}), 'orders'), 0)
})
