import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IntegrationError } from '../../kernel/errors.ts'
import { greeting, textMessage } from '../../testing/openwire-peer.ts'
import { isOpenWire } from './greeting.ts'
import { MAGIC, readStructure, writeStructure } from './commands.ts'
import type { AnyStructure, Sent, Structure } from './commands.ts'
import { agree } from './negotiation.ts'
import { readMap } from './primitives.ts'
import { OpenWireReader } from './reader.ts'
import { OpenWireWriter } from './writer.ts'

function encode(structure: Sent): Buffer {
  const writer = new OpenWireWriter()
  writeStructure(writer, structure)
  return writer.finish()
}

const connectionId = { name: 'ConnectionId', value: 'ID:a' } as const
const consumerId = { name: 'ConsumerId', connectionId: 'ID:a', sessionId: 1, value: 7 } as const
const producerId = { name: 'ProducerId', connectionId: 'ID:a', value: 2, sessionId: 1 } as const
const messageId = {
  name: 'MessageId',
  textView: null,
  producerId,
  producerSequenceId: 2 ** 40,
  brokerSequenceId: -2,
} as const
const queue = { name: 'Queue', physicalName: 'orders' } as const

/** Enough of them that each kind of field occurs, with and without a value. */
const EXAMPLES: Sent[] = [
  { name: 'ConnectionInfo', commandId: 1, responseRequired: true, connectionId, userName: 'app', password: 'é' },
  { name: 'ConsumerInfo', consumerId, destination: queue, prefetchSize: 1, selector: "a = 'b'", priority: -1 },
  { name: 'MessageAck', consumerId, destination: queue, ackType: 4, firstMessageId: messageId, messageCount: 1 },
  { name: 'MessageAck', poisonCause: { className: 'java.lang.Throwable', message: 'four tries' } },
  { name: 'TransactionInfo', transactionId: { name: 'LocalTransactionId', value: 3, connectionId }, type: 2 },
  { name: 'RemoveInfo', objectId: consumerId, lastDeliveredSequenceId: -1 },
  { name: 'MessageDispatch', consumerId, destination: queue, message: textMessage('Grüße'), redeliveryCounter: 2 },
  { name: 'ExceptionResponse', correlationId: 5, exception: { className: 'a.B', message: 'no' } },
  { name: 'ConnectionControl', close: true, reconnectTo: 'tcp://b', token: Buffer.from([1, 2]) },
]

test('every structure is read as it was written', () => {
  for (const example of EXAMPLES) {
    const read = readStructure(encode(example)) as unknown as Record<string, unknown>
    for (const [field, value] of Object.entries(example))
      assert.deepEqual(read[field], value, `${example.name}.${field}`)
    assert.deepEqual(encode(read as unknown as Sent), encode(example))
  }
})

test('the bytes are those of the protocol: an acknowledgement of one message', () => {
  const ack: Sent = {
    name: 'MessageAck',
    commandId: 9,
    destination: queue,
    consumerId: { name: 'ConsumerId', connectionId: 'c', sessionId: 1, value: 2 },
    ackType: 4,
    firstMessageId: null,
    lastMessageId: null,
    messageCount: 1,
  }
  const expected = [
    '16', // type 22
    '00000009 00', // command 9, no answer wanted
    '01 64 01 0006 6f7264657273', // a queue, called orders
    '00', // no transaction
    '01 7a 01 0001 63 0000000000000001 0000000000000002', // consumer c:1:2
    '04', // individual
    '00 00', // no first, no last
    '00000001', // one message
    '00', // no cause
  ]
  assert.equal(encode(ack).toString('hex'), expected.join('').replaceAll(' ', ''))
})

/** As ActiveMQ Classic 5.18.3 sent it. */
const GREETING = Buffer.from(
  [
    'AAABUgFBY3RpdmVNUQAAAAwBAAABQAAAAA0AEVN0YWNrVHJhY2VFbmFibGVkAQEAD1BsYXRmb3JtRGV0YWlscwkABEphdmEADENh',
    'Y2hlRW5hYmxlZAEBABFUY3BOb0RlbGF5RW5hYmxlZAEBABJTaXplUHJlZml4RGlzYWJsZWQBAAAJQ2FjaGVTaXplBQAABAAADFBy',
    'b3ZpZGVyTmFtZQkACEFjdGl2ZU1RABRUaWdodEVuY29kaW5nRW5hYmxlZAEBAAxNYXhGcmFtZVNpemUGAAAAAAZAAAAAFU1heElu',
    'YWN0aXZpdHlEdXJhdGlvbgYAAAAAAAB1MAAgTWF4SW5hY3Rpdml0eUR1cmF0aW9uSW5pdGFsRGVsYXkGAAAAAAAAJxAAE01heEZy',
    'YW1lU2l6ZUVuYWJsZWQBAQAPUHJvdmlkZXJWZXJzaW9uCQAGNS4xOC4z',
  ].join(''),
  'base64',
)

test("ActiveMQ's own greeting is understood", () => {
  const read = readStructure(GREETING.subarray(4))
  assert.ok(read?.name === 'WireFormatInfo')
  const { version, maxFrameSize, idleTimeout, peer } = agree({ idleTimeout: 10_000 }, read)
  assert.deepEqual([version, maxFrameSize, idleTimeout], [12, 104_857_600, 10_000])
  assert.deepEqual(peer, { product: 'ActiveMQ', version: '5.18.3' })
  assert.ok(isOpenWire(GREETING))
})

test('of every wish the smaller one is agreed on; a peer that is too old or has frames without a length is refused', () => {
  const theirs = (given: Parameters<typeof greeting>[0]) =>
    ({ ...greeting(given), magic: MAGIC }) as Structure<'WireFormatInfo'>
  const wishes = { idleTimeout: 10_000, maxFrameSize: 1000 }
  assert.equal(agree(wishes, theirs({ version: 13 })).version, 12)
  assert.equal(agree(wishes, theirs({ version: 10 })).version, 10)
  assert.equal(agree(wishes, theirs({ properties: { MaxFrameSize: 500n } })).maxFrameSize, 500)
  assert.equal(agree(wishes, theirs({ properties: { MaxInactivityDuration: 0n } })).idleTimeout, 0)
  assert.throws(() => agree(wishes, theirs({ version: 9 })), /version 9 of OpenWire/)
  assert.throws(() => agree(wishes, theirs({ properties: { SizePrefixDisabled: true } })), /sizePrefixDisabled/)
})

test('a frame of a type that we do not know can be passed over; inside of another one it cannot', () => {
  assert.equal(readStructure(Buffer.from([200, 1, 2, 3])), undefined)
  const inside = encode({ name: 'RemoveInfo', objectId: consumerId })
  inside[inside.indexOf(122)] = 200
  assert.throws(() => readStructure(inside), /a structure of type 200/)
})

test('a structure in the place of another is refused', () => {
  const wrong = encode({ name: 'MessageAck', consumerId })
  wrong[wrong.indexOf(122)] = 123
  assert.throws(() => readStructure(wrong), /ProducerId in the place of Consumer/)
})

test('wherever a frame breaks off, it is refused with a reason', () => {
  for (const example of EXAMPLES) {
    const whole = encode(example)
    for (let length = 1; length < whole.length; length++) {
      assert.throws(() => readStructure(whole.subarray(0, length)), {
        code: 'MESSAGE_UNREADABLE',
        message: /it ends in the middle/,
      })
    }
  }
})

/** A generator of numbers that gives the same ones every time. */
function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

test('10,000 frames with bytes changed, cut, repeated or put in are read or refused, and nothing else happens', () => {
  const random = dice(42)
  const below = (limit: number): number => Math.floor(random() * limit)
  let refused = 0
  let read = 0
  for (let round = 0; round < 10_000; round++) {
    let bytes = Buffer.from(encode(EXAMPLES[below(EXAMPLES.length)]!))
    for (let changes = 1 + below(4); changes > 0; changes--) {
      const at = below(bytes.length)
      const how = below(4)
      if (how === 0) bytes[at] = below(256)
      else if (how === 1) bytes = bytes.subarray(0, Math.max(1, at))
      else if (how === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(below(bytes.length))])
      else bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([0x7f, 0xff, 0xff, 0xff]), bytes.subarray(at)])
      if (bytes.length === 0) bytes = Buffer.from([0])
    }
    try {
      look(readStructure(bytes))
      read++
    } catch (thrown) {
      assert.ok(thrown instanceof IntegrationError, `round ${round}: ${String(thrown)}`)
      refused++
    }
  }
  assert.ok(refused > 1000 && read > 1000, `${refused} refused, ${read} read`)
})

/** Properties are read later than the frame they came in. */
function look(structure: AnyStructure | undefined): void {
  if (structure?.name === 'MessageDispatch' && structure.message?.marshalledProperties)
    readMap(new OpenWireReader(structure.message.marshalledProperties))
}
