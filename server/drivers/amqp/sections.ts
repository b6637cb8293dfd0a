import { AmqpReader, unreadable } from './reader.ts'
import type { AmqpWriter } from './writer.ts'

/** A value behind a section's descriptor. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Where the parts of an encoded message lie (OASIS AMQP 1.0, part 3, section 3.2). */
export interface Sections {
  header?: Span
  messageAnnotations?: Span
  properties?: Span
  applicationProperties?: Span
  /** `value` and `sequence` may hold anything, `data` holds bytes; the last two may come in several pieces. */
  bodyKind: 'data' | 'value' | 'sequence' | 'none'
  readonly body: Span[]
  /** First byte behind header and delivery annotations: the part a broker may not change. */
  bare: number
}

export interface Header {
  readonly durable: boolean
  readonly priority: number
  readonly ttl?: number
  readonly deliveryCount: number
}

const HEADER = 0x70
const DELIVERY_ANNOTATIONS = 0x71
const MESSAGE_ANNOTATIONS = 0x72
const PROPERTIES = 0x73
const APPLICATION_PROPERTIES = 0x74
const DATA = 0x75
const SEQUENCE = 0x76
const VALUE = 0x77
const FOOTER = 0x78

export const sectionCode = {
  HEADER,
  MESSAGE_ANNOTATIONS,
  PROPERTIES,
  APPLICATION_PROPERTIES,
  DATA,
  SEQUENCE,
  VALUE,
} as const

const BY_SYMBOL = new Map<unknown, number>([
  ['amqp:header:list', HEADER],
  ['amqp:delivery-annotations:map', DELIVERY_ANNOTATIONS],
  ['amqp:message-annotations:map', MESSAGE_ANNOTATIONS],
  ['amqp:properties:list', PROPERTIES],
  ['amqp:application-properties:map', APPLICATION_PROPERTIES],
  ['amqp:data:binary', DATA],
  ['amqp:amqp-sequence:list', SEQUENCE],
  ['amqp:value:*', VALUE],
  ['amqp:footer:map', FOOTER],
])

/** Finds the parts of an encoded message without decoding any of them. */
export function sectionsOf(bytes: Buffer): Sections {
  const found: Sections = { bodyKind: 'none', body: [], bare: 0 }
  const reader = new AmqpReader(bytes)
  while (!reader.atEnd) {
    if (bytes[reader.at] !== 0x00) throw unreadable(`byte ${reader.at} does not begin a section`)
    reader.at++
    const descriptor = reader.value()
    const code = typeof descriptor === 'number' ? descriptor : BY_SYMBOL.get(descriptor)
    const start = reader.at
    reader.skip()
    note(found, code, { start, end: reader.at })
  }
  return found
}

function note(found: Sections, code: number | undefined, span: Span): void {
  switch (code) {
    case HEADER:
      found.header = span
      found.bare = span.end
      return
    case DELIVERY_ANNOTATIONS:
      found.bare = span.end
      return
    case MESSAGE_ANNOTATIONS:
      found.messageAnnotations = span
      return
    case PROPERTIES:
      found.properties = span
      return
    case APPLICATION_PROPERTIES:
      found.applicationProperties = span
      return
    case DATA:
      found.bodyKind = 'data'
      found.body.push(span)
      return
    case SEQUENCE:
      found.bodyKind = 'sequence'
      found.body.push(span)
      return
    case VALUE:
      found.bodyKind = 'value'
      found.body.push(span)
      return
    case FOOTER:
      return
    default:
      throw unreadable('it has a section AMQP 1.0 does not know')
  }
}

const NO_HEADER: Header = { durable: false, priority: 4, deliveryCount: 0 }

export function readHeader(bytes: Buffer, span: Span | undefined): Header {
  if (!span) return NO_HEADER
  const [durable, priority, ttl, , deliveryCount] = readList(bytes, span)
  return {
    durable: durable === true,
    priority: typeof priority === 'number' ? priority : 4,
    ...(typeof ttl === 'number' ? { ttl } : {}),
    deliveryCount: typeof deliveryCount === 'number' ? deliveryCount : 0,
  }
}

export function writeHeader(writer: AmqpWriter, header: Header): void {
  writer.section(HEADER)
  const list = writer.list()
  writer.boolean(header.durable)
  writer.ubyte(header.priority)
  if (header.ttl === undefined) writer.null()
  else writer.uint(header.ttl)
  writer.boolean(false)
  writer.uint(header.deliveryCount)
  writer.close(list, 5)
}

export function readList(bytes: Buffer, span: Span): unknown[] {
  const value = new AmqpReader(bytes, span.start, span.end).value()
  return Array.isArray(value) ? value : []
}

export function readMap(bytes: Buffer, span: Span | undefined): Map<unknown, unknown> {
  if (!span) return new Map()
  const value = new AmqpReader(bytes, span.start, span.end).value()
  return value instanceof Map ? value : new Map()
}

/** One value of a map with string keys, without decoding the others. */
export function findInMap(bytes: Buffer, span: Span | undefined, key: Buffer): unknown {
  if (!span) return undefined
  const reader = new AmqpReader(bytes, span.start, span.end)
  const count = reader.enter() ?? 0
  for (let index = 0; index + 1 < count; index += 2) {
    const name = reader.content()
    if (!name) reader.skip()
    else if (name.end - name.start === key.length && key.compare(bytes, name.start, name.end) === 0)
      return reader.value()
    reader.skip()
  }
  return undefined
}
