import { randomUUID } from 'node:crypto'
import type { StoredEnvelope, StoredMessage } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { own, USER_PREFIX } from './mapping.ts'
import type { RestOfEnvelope } from './mapping.ts'
import { AmqpReader } from './reader.ts'
import { readHeader, readList, readMap, sectionsOf } from './sections.ts'
import type { Sections } from './sections.ts'

/**
 * A message read from a queue. One that cannot be read keeps its bytes in `message`, so that the quarantine store can
 * hold it and nothing is acknowledged away.
 */
export type ReadMessage =
  | { readonly readable: true; readonly message: StoredMessage; readonly deliveryCount: number }
  | {
      readonly readable: false
      readonly message: StoredMessage
      readonly deliveryCount: number
      readonly reason: string
    }

interface Content {
  readonly bytes: Uint8Array
  /** Content type to use where the message names none. */
  readonly guess: string
}

const JAVA_OBJECT = 'application/x-java-serialized-object'
const MAP_NAMESPACE = 'http://axis.apache.org/axis2/java/transports/jms/map-payload'
const MAP_KEY = /^[\p{L}_][\p{L}\p{N}_.-]*$/u

/** What is known of a message before its body is looked at. */
interface Facts {
  readonly id: string
  readonly storedAt: number
  readonly declared: string
  readonly deliveryCount: number
  readonly application: Map<unknown, unknown>
}

/** The reverse of {@link toAmqp}, and as much of that as can be done for what anybody else put into the queue. */
export function fromAmqp(bytes: Buffer, now: number): ReadMessage {
  let facts: Facts = { id: randomUUID(), storedAt: now, declared: '', deliveryCount: 0, application: new Map() }
  try {
    const sections = sectionsOf(bytes)
    facts = factsOf(bytes, sections, now)
    return read(facts, contentOf(bytes, sections))
  } catch (thrown) {
    if (!(thrown instanceof IntegrationError)) throw thrown
    return unread(facts, bytes, 'application/amqp', thrown.message)
  }
}

function factsOf(bytes: Buffer, sections: Sections, now: number): Facts {
  const fields = sections.properties ? readList(bytes, sections.properties) : []
  const application = readMap(bytes, sections.applicationProperties)
  return {
    id: identity(application, fields[0]),
    storedAt: typeof fields[9] === 'number' ? fields[9] : now,
    declared: typeof fields[6] === 'string' ? fields[6] : '',
    deliveryCount: readHeader(bytes, sections.header).deliveryCount,
    application,
  }
}

function read(facts: Facts, content: Content): ReadMessage {
  const { application, declared, deliveryCount } = facts
  if (declared === JAVA_OBJECT || isJavaObject(content.bytes)) {
    const reason =
      'it is a serialised Java object (ObjectMessage), which only the program that wrote it can read; send the payload as a text or bytes message'
    return unread(facts, content.bytes, JAVA_OBJECT, reason)
  }
  const isOurs = typeof application.get(own.id) === 'string' && typeof application.get(own.rest) === 'string'
  return { readable: true, message: isOurs ? ours(facts, content) : foreign(facts, content), deliveryCount }
}

function unread(
  { id, storedAt, deliveryCount }: Facts,
  body: Uint8Array,
  contentType: string,
  reason: string,
): ReadMessage {
  const message = { id, storedAt, contentType, body, headers: [], envelope: { properties: {}, axis2: {} } }
  return { readable: false, message, deliveryCount, reason }
}

function ours({ id, storedAt, declared, application }: Facts, content: Content): StoredMessage {
  const { noTypeHeader, ...rest } = parse(application.get(own.rest)) as RestOfEnvelope
  const [to, action, method] = [application.get(own.to), application.get(own.action), application.get(own.method)]
  const whole = application.get(own.headers)
  const properties = rest.properties ?? {}
  return {
    id,
    storedAt,
    contentType: typeOf(application) ?? (declared || content.guess),
    body: content.bytes,
    headers:
      typeof whole === 'string'
        ? (parse(whole) as readonly string[])
        : headersOf(application, name => noTypeHeader === true && name === own.contentType, properties),
    envelope: {
      ...rest,
      properties,
      axis2: rest.axis2 ?? {},
      ...(typeof to === 'string' && { to }),
      ...(typeof action === 'string' && { action }),
      ...(typeof method === 'string' && { method }),
    },
  }
}

function foreign({ id, storedAt, declared, application }: Facts, content: Content): StoredMessage {
  const contentType = typeOf(application) ?? (declared || content.guess)
  const action = application.get(own.action) ?? application.get('SOAPAction')
  const to = application.get(own.to)
  const soap = soapOf(contentType, content.bytes)
  const envelope: StoredEnvelope = {
    rest: soap === undefined,
    ...(soap !== undefined && { soap }),
    ...(typeof to === 'string' && { to }),
    ...(typeof action === 'string' && { action: action.replace(/^"(.*)"$/, '$1') }),
    properties: {},
    axis2: {},
  }
  return { id, storedAt, contentType, body: content.bytes, headers: headersOf(application, isNever, {}), envelope }
}

const isNever = (): boolean => false

function headersOf(
  application: Map<unknown, unknown>,
  leaveOut: (name: string) => boolean,
  properties: Readonly<Record<string, unknown>>,
): string[] {
  const headers: string[] = []
  for (const [name, value] of application) {
    if (typeof name !== 'string' || /^(?:OrigMessageID$|SYN_|_AMQ_|JMS_AMQP_)/.test(name)) continue
    if (leaveOut(name) || USER_PREFIX + name in properties) continue
    if (typeof value === 'string') headers.push(name, value)
    else if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
      headers.push(name, String(value))
  }
  return headers
}

/** Content-Type as a property, in whatever spelling: a header name has none of its own. */
function typeOf(application: Map<unknown, unknown>): string | undefined {
  for (const [name, value] of application) {
    if (typeof name === 'string' && typeof value === 'string' && name.toLowerCase() === 'content-type') return value
  }
  return undefined
}

function identity(application: Map<unknown, unknown>, messageId: unknown): string {
  const given = application.get(own.id)
  if (typeof given === 'string' && given !== '') return given
  if (typeof messageId === 'string' && messageId !== '')
    return messageId.startsWith('ID:') ? messageId.slice(3) : messageId
  if (typeof messageId === 'number' || typeof messageId === 'bigint') return `AMQP_ULONG:${messageId}`
  if (Buffer.isBuffer(messageId)) return `AMQP_BINARY:${messageId.toString('hex')}`
  // Nothing names it: it gets a new name at every delivery, so a repeated one cannot be recognised.
  return randomUUID()
}

function contentOf(bytes: Buffer, { bodyKind, body }: Sections): Content {
  if (bodyKind === 'none' || body.length === 0) return { bytes: bytes.subarray(0, 0), guess: '' }
  if (bodyKind === 'data') {
    const parts = body.map(span => dataOf(bytes, span.start, span.end))
    return { bytes: parts.length === 1 ? parts[0]! : Buffer.concat(parts), guess: 'application/octet-stream' }
  }
  if (bodyKind === 'sequence') throw unreadableKind('an AMQP sequence (a stream message)')
  const reader = new AmqpReader(bytes, body[0]!.start, body[0]!.end)
  const simple = reader.content()
  if (simple) {
    const inner = bytes.subarray(simple.start, simple.end)
    return { bytes: inner, guess: simple.text ? guessText(inner) : 'application/octet-stream' }
  }
  const value = reader.value()
  if (value === null) return { bytes: bytes.subarray(0, 0), guess: '' }
  if (value instanceof Map) return { bytes: Buffer.from(mapAsXml(value)), guess: 'application/xml' }
  throw unreadableKind('a single value that is neither text, bytes nor a map')
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

/** A map message as Axis2's JMS transport shows it to a flow. */
function mapAsXml(map: Map<unknown, unknown>): string {
  let inner = ''
  for (const [key, value] of map) {
    if (typeof key !== 'string' || !MAP_KEY.test(key))
      throw unreadableKind('a map with a key that cannot be an XML element')
    inner += `<${key}>${escape(Buffer.isBuffer(value) ? value.toString('base64') : String(value ?? ''))}</${key}>`
  }
  return `<JMSMap xmlns="${MAP_NAMESPACE}">${inner}</JMSMap>`
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function guessText(bytes: Buffer): string {
  const start = bytes
    .toString('utf8', 0, 64)
    .replace(/^\uFEFF/, '')
    .trimStart()
  if (start.startsWith('<')) return 'text/xml'
  return start.startsWith('{') || start.startsWith('[') ? 'application/json' : 'text/plain'
}

function soapOf(contentType: string, bytes: Uint8Array): 'soap11' | 'soap12' | undefined {
  if (/^application\/soap\+xml\b/i.test(contentType)) return 'soap12'
  if (!/\bxml\b/i.test(contentType)) return undefined
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 2048)).toString('latin1')
  if (start.includes('http://schemas.xmlsoap.org/soap/envelope/')) return 'soap11'
  return start.includes('http://www.w3.org/2003/05/soap-envelope') ? 'soap12' : undefined
}

/** The stream magic of Java's object serialisation, version 5. */
function isJavaObject(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0xac && bytes[1] === 0xed && bytes[2] === 0x00 && bytes[3] === 0x05
}

function parse(text: unknown): unknown {
  try {
    return JSON.parse(String(text))
  } catch (cause) {
    throw new IntegrationError('MESSAGE_UNREADABLE', 'a SYN_ property of the message is not JSON', { cause })
  }
}
