import { IntegrationError } from '../../kernel/errors.ts'
import type { JmsBody, JmsDestination, JmsMessage, JmsValue } from '../jms/contracts.ts'
import { DESTINATIONS, DUPLICATE_ID, JAVA_OBJECT } from './encode.ts'
import { AmqpReader } from './reader.ts'
import { readHeader, readList, readMap, sectionsOf } from './sections.ts'
import type { Sections } from './sections.ts'

const NOTHING: JmsMessage = { body: { kind: 'empty' }, properties: new Map(), persistent: false, priority: 4 }

/** The message in the AMQP bytes of a transfer. Never throws: what is wrong with it is its body. */
export function decodeAmqp(bytes: Buffer): JmsMessage {
  const raw = { bytes, contentType: 'application/amqp' }
  let message = { ...NOTHING, raw }
  try {
    const sections = sectionsOf(bytes)
    message = { ...headersOf(bytes, sections), raw }
    return { ...message, body: bodyOf(bytes, sections, message.contentType) }
  } catch (thrown) {
    if (!(thrown instanceof IntegrationError)) throw thrown
    return { ...message, body: { kind: 'unreadable', reason: thrown.message } }
  }
}

function headersOf(bytes: Buffer, sections: Sections): JmsMessage {
  const { durable, priority, ttl, deliveryCount } = readHeader(bytes, sections.header)
  const fields = sections.properties ? readList(bytes, sections.properties) : []
  const [id, userId, , type, replyTo, correlationId, contentType, , expiry, created, groupId, groupSequence] = fields
  const annotations = readMap(bytes, sections.messageAnnotations)
  const properties = propertiesOf(readMap(bytes, sections.applicationProperties))
  const duplicateId = properties.get(DUPLICATE_ID)
  properties.delete(DUPLICATE_ID)
  const messageId = idOf(id)
  const correlated = idOf(correlationId)
  const timestamp = typeof created === 'number' ? created : undefined
  const expiration = typeof expiry === 'number' ? expiry : ttl && timestamp !== undefined ? timestamp + ttl : undefined
  return {
    body: { kind: 'empty' },
    properties,
    persistent: durable,
    priority,
    deliveryCount,
    ...(messageId !== undefined && { messageId }),
    ...(correlated !== undefined && { correlationId: correlated }),
    ...(typeof replyTo === 'string' && { replyTo: replyToOf(replyTo, annotations) }),
    ...(typeof type === 'string' && { type }),
    ...(timestamp !== undefined && { timestamp }),
    ...(expiration !== undefined && { expiration }),
    ...(Buffer.isBuffer(userId) && { userId: userId.toString() }),
    ...(typeof groupId === 'string' && { groupId }),
    ...(typeof groupSequence === 'number' && { groupSequence: groupSequence | 0 }),
    ...(typeof duplicateId === 'string' && { duplicateId }),
    ...(typeof contentType === 'string' && { contentType }),
  }
}

function replyToOf(name: string, annotations: Map<unknown, unknown>): JmsDestination {
  const kind = annotations.get('x-opt-jms-reply-to')
  return { kind: (typeof kind === 'number' && DESTINATIONS[kind]) || 'queue', name }
}

/** Ids of other types appear in JMS with their type in front (messaging-peers §3.4). */
function idOf(id: unknown): string | undefined {
  if (typeof id === 'string') return id === '' ? undefined : id
  if (typeof id === 'number' || typeof id === 'bigint') return `ID:AMQP_ULONG:${id}`
  return Buffer.isBuffer(id) ? `ID:AMQP_BINARY:${id.toString('hex')}` : undefined
}

function propertiesOf(map: Map<unknown, unknown>): Map<string, JmsValue> {
  const properties = new Map<string, JmsValue>()
  for (const [name, value] of map) {
    if (typeof name === 'string' && isSimple(value)) properties.set(name, value)
  }
  return properties
}

function isSimple(value: unknown): value is JmsValue {
  return typeof value !== 'object' || value === null || value instanceof Uint8Array
}

function bodyOf(bytes: Buffer, { bodyKind, body }: Sections, contentType: string | undefined): JmsBody {
  if (bodyKind === 'none' || body.length === 0) return { kind: 'empty' }
  if (bodyKind === 'data') {
    const parts = body.map(span => dataOf(bytes, span.start, span.end))
    const kind = contentType === JAVA_OBJECT ? 'object' : 'bytes'
    return { kind, bytes: parts.length === 1 ? parts[0]! : Buffer.concat(parts) }
  }
  if (bodyKind === 'sequence') return { kind: 'stream', items: body.flatMap(span => itemsOf(readList(bytes, span))) }
  const reader = new AmqpReader(bytes, body[0]!.start, body[0]!.end)
  const simple = reader.content()
  if (simple) return { kind: simple.text ? 'text' : 'bytes', bytes: bytes.subarray(simple.start, simple.end) }
  const value = reader.value()
  if (value === null) return { kind: 'empty' }
  if (value instanceof Map) return { kind: 'map', entries: entriesOf(value) }
  if (Array.isArray(value)) return { kind: 'stream', items: itemsOf(value) }
  throw unreadableKind('a single value that is neither text, bytes nor a map')
}

function entriesOf(map: Map<unknown, unknown>): Map<string, JmsValue> {
  const entries = new Map<string, JmsValue>()
  for (const [name, value] of map) {
    if (typeof name !== 'string' || !isSimple(value))
      throw unreadableKind('a map of other things than names and values')
    entries.set(name, value)
  }
  return entries
}

function itemsOf(list: readonly unknown[]): JmsValue[] {
  return list.map(item => {
    if (!isSimple(item)) throw unreadableKind('a sequence of other things than simple values')
    return item
  })
}

function dataOf(bytes: Buffer, start: number, end: number): Buffer {
  const content = new AmqpReader(bytes, start, end).content()
  if (!content || content.text) throw unreadableKind('a data section without bytes')
  return bytes.subarray(content.start, content.end)
}

function unreadableKind(what: string): IntegrationError {
  return new IntegrationError(
    'MESSAGE_UNREADABLE',
    `the body is ${what}; send the payload as a text, bytes or map message`,
  )
}
