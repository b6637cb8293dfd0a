import type { JmsDestination, JmsMessage, JmsValue } from '../jms/contracts.ts'
import { sectionCode, writeHeader } from './sections.ts'
import { AmqpWriter } from './writer.ts'

/** How JMS kinds and destinations are told to other JMS clients (messaging-peers §3.4). */
const KINDS = { empty: 0, object: 1, map: 2, bytes: 3, stream: 4, text: 5 } as const
export const DESTINATIONS: readonly JmsDestination['kind'][] = ['queue', 'topic', 'temporary-queue', 'temporary-topic']
export const JAVA_OBJECT = 'application/x-java-serialized-object'
export const DUPLICATE_ID = '_AMQ_DUPL_ID'

const BINARY = 'application/octet-stream'

/** Made anew for every message would be a kilobyte of garbage each; encoding is synchronous, so one is enough. */
const writer = new AmqpWriter()

/** The message as the AMQP bytes of a transfer. */
export function encodeAmqp(message: JmsMessage, destination: JmsDestination): Buffer {
  const { body, persistent, priority, timeToLive } = message
  if (body.kind === 'unreadable') throw new TypeError('what cannot be read cannot be sent')
  // Always there: without a header the message is not persistent to ActiveMQ.
  const ttl = timeToLive !== undefined && { ttl: timeToLive }
  writeHeader(writer, { durable: persistent, priority, deliveryCount: 0, ...ttl })
  writeAnnotations(message, KINDS[body.kind], destination)
  writeProperties(message, destination)
  writeApplicationProperties(message)
  switch (body.kind) {
    case 'text':
      writer.bodyAhead(sectionCode.VALUE, 0xb1, body.bytes.length)
      return writer.finish(body.bytes)
    case 'bytes':
    case 'object':
      writer.bodyAhead(sectionCode.DATA, 0xb0, body.bytes.length)
      return writer.finish(body.bytes)
    case 'map': {
      writer.section(sectionCode.VALUE)
      const map = writer.map()
      for (const [name, value] of body.entries) {
        writer.string(name)
        write(value)
      }
      writer.close(map, body.entries.size * 2)
      return writer.finish()
    }
    case 'stream': {
      writer.section(sectionCode.SEQUENCE)
      const list = writer.list()
      for (const item of body.items) write(item)
      writer.close(list, body.items.length)
      return writer.finish()
    }
    case 'empty':
      writer.section(sectionCode.VALUE)
      writer.null()
      return writer.finish()
  }
}

function writeAnnotations({ replyTo, deliveryDelay }: JmsMessage, kind: number, destination: JmsDestination): void {
  let count = 4
  writer.section(sectionCode.MESSAGE_ANNOTATIONS)
  const map = writer.map()
  writer.symbol('x-opt-jms-msg-type')
  writer.byte(kind)
  writer.symbol('x-opt-jms-dest')
  writer.byte(DESTINATIONS.indexOf(destination.kind))
  if (replyTo) {
    writer.symbol('x-opt-jms-reply-to')
    writer.byte(DESTINATIONS.indexOf(replyTo.kind))
    count += 2
  }
  if (deliveryDelay !== undefined) {
    writer.symbol('x-opt-delivery-delay')
    writer.long(deliveryDelay)
    count += 2
  }
  writer.close(map, count)
}

function writeProperties(message: JmsMessage, { name }: JmsDestination): void {
  const { messageId, userId, type, replyTo, correlationId, timestamp, groupId, groupSequence } = message
  const {
    contentType = message.body.kind === 'object' ? JAVA_OBJECT : message.body.kind === 'bytes' ? BINARY : undefined,
  } = message
  const text = (value: string | undefined): void => (value === undefined ? writer.null() : writer.string(value))
  writer.section(sectionCode.PROPERTIES)
  const list = writer.list()
  text(messageId)
  if (userId === undefined) writer.null()
  else writer.binary(Buffer.from(userId))
  writer.string(name)
  text(type)
  text(replyTo?.name)
  text(correlationId)
  if (contentType === undefined) writer.null()
  else writer.symbol(contentType)
  writer.null()
  writer.null()
  if (timestamp === undefined) writer.null()
  else writer.timestamp(timestamp)
  text(groupId)
  if (groupSequence === undefined) writer.null()
  // -1 closes a group; in a field without a sign it is the largest number.
  else writer.uint(groupSequence >>> 0)
  writer.close(list, 12)
}

function writeApplicationProperties({ properties, duplicateId }: JmsMessage): void {
  writer.section(sectionCode.APPLICATION_PROPERTIES)
  const map = writer.map()
  for (const [name, value] of properties) {
    writer.string(name)
    write(value)
  }
  if (duplicateId !== undefined) {
    writer.string(DUPLICATE_ID)
    writer.string(duplicateId)
  }
  writer.close(map, (properties.size + (duplicateId === undefined ? 0 : 1)) * 2)
}

function write(value: JmsValue): void {
  if (value === null) writer.null()
  else if (typeof value === 'string') writer.string(value)
  else if (typeof value === 'boolean') writer.boolean(value)
  else if (typeof value === 'bigint') writer.long(value)
  else if (typeof value !== 'number') writer.binary(value)
  else if (!Number.isSafeInteger(value) || Object.is(value, -0)) writer.double(value)
  else if (value === (value | 0)) writer.int(value)
  else writer.long(value)
}
