import { isUtf8 } from 'node:buffer'
import type { Message, MessagePropertyHeaders, Options } from 'amqplib'
import { IntegrationError } from '../../kernel/errors.ts'
import type { JmsBody, JmsMessage, JmsValue } from '../jms/contracts.ts'

export interface Encoded {
  readonly content: Buffer
  readonly options: Options.Publish & { messageId: string }
}

/** RabbitMQ counts seconds in its own field; its plug-in for timestamps has the rest in this header, and so have we. */
const MILLISECONDS = 'timestamp_in_ms'
const CONTENT_TYPE = 'Content-Type'

/** What the broker notes about a message is not a part of it. */
const OF_THE_BROKER =
  /^(?:x-(?:death|first-death-|last-death-|delivery-count$|acquired-count$|delay$)|timestamp_in_ms$)/

/** `id` tells messages in flight apart and is used where the message has none. */
export function encode(message: JmsMessage, id: string): Encoded {
  const { body, properties, timestamp, timeToLive, correlationId, replyTo, type, deliveryDelay, messageId } = message
  const headers: Record<string, unknown> = {}
  for (const [name, value] of properties) headers[name] = typeof value === 'bigint' ? String(value) : value
  if (timestamp !== undefined) headers[MILLISECONDS] = timestamp
  // Read by the plug-in for delayed messages; without it, it is a header like any other.
  if (deliveryDelay !== undefined) headers['x-delay'] = deliveryDelay
  const named = properties.get(CONTENT_TYPE)
  const contentType = typeof named === 'string' ? named : message.contentType
  return {
    content: contentOf(body),
    options: {
      headers,
      persistent: message.persistent,
      priority: message.priority,
      messageId: messageId?.replace(/^ID:/, '') ?? id,
      ...(contentType !== undefined && { contentType }),
      ...(timestamp !== undefined && { timestamp: Math.floor(timestamp / 1000) }),
      ...(timeToLive !== undefined && { expiration: String(timeToLive) }),
      ...(correlationId !== undefined && { correlationId }),
      ...(replyTo !== undefined && { replyTo: replyTo.name }),
      ...(type !== undefined && { type }),
    },
  }
}

function contentOf(body: JmsBody): Buffer {
  switch (body.kind) {
    case 'text':
    case 'bytes':
    case 'object':
      return Buffer.from(body.bytes.buffer, body.bytes.byteOffset, body.bytes.length)
    case 'empty':
      return Buffer.alloc(0)
    default:
      throw new IntegrationError('NOT_SUPPORTED', `RabbitMQ knows bytes only, and no ${body.kind} messages`)
  }
}

/** As JMS would have it. The broker of 0-9-1 knows bytes only, so what is UTF-8 counts as text. */
export function decode({ content, properties, fields }: Message): JmsMessage {
  const { contentType, contentEncoding, correlationId, replyTo, type, messageId, timestamp, priority } =
    properties as Partial<Record<keyof typeof properties, unknown>>
  const headers = (properties.headers ?? {}) as MessagePropertyHeaders
  const milliseconds: unknown = headers[MILLISECONDS]
  const at =
    typeof milliseconds === 'number' ? milliseconds : typeof timestamp === 'number' ? timestamp * 1000 : undefined
  return {
    body: content.length === 0 ? { kind: 'empty' } : { kind: isUtf8(content) ? 'text' : 'bytes', bytes: content },
    properties: propertiesOf(headers, contentEncoding),
    persistent: properties.deliveryMode === 2,
    priority: typeof priority === 'number' ? priority : 4,
    deliveryCount: deliveriesOf(headers, fields.redelivered),
    raw: { bytes: content, contentType: typeof contentType === 'string' ? contentType : 'application/octet-stream' },
    ...(typeof contentType === 'string' && { contentType }),
    ...(typeof messageId === 'string' && { messageId }),
    ...(typeof correlationId === 'string' && { correlationId }),
    ...(typeof replyTo === 'string' && { replyTo: { kind: 'queue' as const, name: replyTo } }),
    ...(typeof type === 'string' && { type }),
    ...(at !== undefined && { timestamp: at }),
  }
}

/** A quorum queue counts; a classic one only says that it was not the first time. */
function deliveriesOf(headers: MessagePropertyHeaders, redelivered: boolean): number {
  const counted: unknown = headers['x-delivery-count']
  return typeof counted === 'number' ? counted : redelivered ? 1 : 0
}

function propertiesOf(headers: MessagePropertyHeaders, contentEncoding: unknown): Map<string, JmsValue> {
  const found = new Map<string, JmsValue>()
  for (const [name, value] of Object.entries(headers) as [string, unknown][]) {
    if (OF_THE_BROKER.test(name)) continue
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') found.set(name, value)
    else if (value instanceof Uint8Array) found.set(name, value)
  }
  // WSO2 writes a character set here; only a real encoding of the bytes means anything to whoever reads them.
  if (typeof contentEncoding === 'string' && /^(?:gzip|x-gzip|deflate|br)$/i.test(contentEncoding)) {
    found.set('Content-Encoding', contentEncoding)
  }
  return found
}

/** How often a queue of that name has dead-lettered the message (`x-death`), rejected or expired. */
export function deathsIn(message: Message, queue: string): number {
  const deaths: unknown = message.properties.headers?.['x-death']
  if (!Array.isArray(deaths)) return 0
  let most = 0
  for (const death of deaths as { readonly queue?: unknown; readonly count?: unknown }[]) {
    if (death.queue === queue && typeof death.count === 'number') most = Math.max(most, death.count)
  }
  return most
}
