import { randomUUID } from 'node:crypto'
import { isCarried } from '../../kernel/carried-names.ts'
import type { StoredEnvelope, StoredMessage } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import type { JmsBody, JmsMessage, JmsValue } from './contracts.ts'
import { own, USER_PREFIX } from './mapping.ts'
import type { RestOfEnvelope } from './mapping.ts'

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
const NOTHING = { bytes: Buffer.alloc(0), contentType: '' }
const MAP_NAMESPACE = 'http://axis.apache.org/axis2/java/transports/jms/map-payload'
const MAP_KEY = /^[\p{L}_][\p{L}\p{N}_.-]*$/u

/** What is known of a message before its body is looked at. */
interface Facts {
  readonly id: string
  readonly storedAt: number
  readonly declared: string
  readonly deliveryCount: number
  readonly properties: ReadonlyMap<string, JmsValue>
}

/** The reverse of {@link toJms}, and as much of that as can be done for what anybody else put into the queue. */
export function fromJms(given: JmsMessage, now: number): ReadMessage {
  const message = unwrapped(given)
  const facts = factsOf(message, now)
  try {
    return read(facts, contentOf(message.body))
  } catch (thrown) {
    if (!(thrown instanceof IntegrationError)) throw thrown
    const { bytes, contentType } = message.raw ?? NOTHING
    return unread(facts, bytes, contentType, thrown.message)
  }
}

const PAYLOAD = 'PAYLOAD'

/** A map message of Ballerina's message store has the payload under one key, beside an entry for each header (BI-2). */
function unwrapped(message: JmsMessage): JmsMessage {
  if (message.body.kind !== 'map') return message
  const { entries } = message.body
  const payload = entries.get(PAYLOAD)
  if (typeof payload !== 'string' && !(payload instanceof Uint8Array)) return message
  const properties = new Map(message.properties)
  for (const [name, value] of entries) if (name !== PAYLOAD) properties.set(name, value)
  const body: JmsBody =
    typeof payload === 'string' ? { kind: 'text', bytes: Buffer.from(payload) } : { kind: 'bytes', bytes: payload }
  return { ...message, body, properties }
}

function factsOf(message: JmsMessage, now: number): Facts {
  const { properties, messageId, timestamp, contentType, deliveryCount } = message
  return {
    id: identity(properties, messageId),
    storedAt: timestamp ?? now,
    declared: contentType ?? '',
    deliveryCount: deliveryCount ?? 0,
    properties,
  }
}

function read(facts: Facts, content: Content): ReadMessage {
  const { properties, declared, deliveryCount } = facts
  if (content.guess === JAVA_OBJECT || declared === JAVA_OBJECT || isJavaObject(content.bytes)) {
    return unread(facts, content.bytes, JAVA_OBJECT, aboutObject(content.bytes))
  }
  const isOurs = typeof properties.get(own.id) === 'string' && typeof properties.get(own.rest) === 'string'
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

function ours({ id, storedAt, declared, properties: given }: Facts, content: Content): StoredMessage {
  const { noTypeHeader, ...rest } = parse(given.get(own.rest)) as RestOfEnvelope
  const [to, action, method] = [given.get(own.to), given.get(own.action), given.get(own.method)]
  const whole = given.get(own.headers)
  const properties = rest.properties ?? {}
  return {
    id,
    storedAt,
    contentType: typeOf(given) ?? (declared || content.guess),
    body: content.bytes,
    headers:
      typeof whole === 'string'
        ? (parse(whole) as readonly string[])
        : headersOf(given, name => noTypeHeader === true && name === own.contentType, properties),
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

function foreign({ id, storedAt, declared, properties }: Facts, content: Content): StoredMessage {
  const contentType = typeOf(properties) ?? (declared || content.guess)
  const action = properties.get(own.action) ?? properties.get('SOAPAction')
  const to = properties.get(own.to)
  const soap = soapOf(contentType, content.bytes)
  const envelope: StoredEnvelope = {
    rest: soap === undefined,
    ...(soap !== undefined && { soap }),
    ...(typeof to === 'string' && { to }),
    ...(typeof action === 'string' && { action: action.replace(/^"(.*)"$/, '$1') }),
    properties: {},
    axis2: {},
  }
  return { id, storedAt, contentType, body: content.bytes, headers: headersOf(properties, isNever, {}), envelope }
}

const isNever = (): boolean => false

function headersOf(
  given: ReadonlyMap<string, JmsValue>,
  leaveOut: (name: string) => boolean,
  properties: Readonly<Record<string, unknown>>,
): string[] {
  const headers: string[] = []
  for (const [name, value] of given) {
    if (isCarried(name)) continue
    if (leaveOut(name) || USER_PREFIX + name in properties) continue
    if (typeof value === 'string') headers.push(name, value)
    else if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
      headers.push(name, String(value))
  }
  return headers
}

/** Content-Type as a property, in whatever spelling: a header name has none of its own. */
function typeOf(properties: ReadonlyMap<string, JmsValue>): string | undefined {
  for (const [name, value] of properties) {
    if (typeof value === 'string' && name.toLowerCase() === 'content-type') return value
  }
  return undefined
}

function identity(properties: ReadonlyMap<string, JmsValue>, messageId: string | undefined): string {
  const given = properties.get(own.id)
  if (typeof given === 'string' && given !== '') return given
  if (messageId) return messageId.startsWith('ID:') ? messageId.slice(3) : messageId
  // Nothing names it: it gets a new name at every delivery, so a repeated one cannot be recognised.
  return randomUUID()
}

function contentOf(body: JmsBody): Content {
  switch (body.kind) {
    case 'empty':
      return { bytes: NOTHING.bytes, guess: '' }
    case 'text':
      return { bytes: body.bytes, guess: guessText(body.bytes) }
    case 'bytes':
      return { bytes: body.bytes, guess: 'application/octet-stream' }
    case 'object':
      return { bytes: body.bytes, guess: JAVA_OBJECT }
    case 'map':
      return { bytes: Buffer.from(mapAsXml(body.entries)), guess: 'application/xml' }
    case 'stream':
      throw unreadableKind('a stream message')
    case 'unreadable':
      throw new IntegrationError('MESSAGE_UNREADABLE', body.reason)
  }
}

function unreadableKind(what: string): IntegrationError {
  return new IntegrationError(
    'MESSAGE_UNREADABLE',
    `the body is ${what}; send the payload as a text, bytes or map message`,
  )
}

/** A map message as Axis2's JMS transport shows it to a flow. */
function mapAsXml(map: ReadonlyMap<string, JmsValue>): string {
  let inner = ''
  for (const [key, value] of map) {
    if (!MAP_KEY.test(key)) throw unreadableKind('a map with a key that cannot be an XML element')
    inner += `<${key}>${escape(value instanceof Uint8Array ? Buffer.from(value).toString('base64') : String(value ?? ''))}</${key}>`
  }
  return `<JMSMap xmlns="${MAP_NAMESPACE}">${inner}</JMSMap>`
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function guessText(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 64))
    .toString('utf8')
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

/** What the Java peers keep in JMS queues, RabbitMQ and tables. */
const STORABLE = /^org\.apache\.synapse\.message\.store\.impl\.\w+\.StorableMessage$/

function aboutObject(bytes: Uint8Array): string {
  const name = classOf(bytes)
  if (name !== undefined && STORABLE.test(name)) {
    return `it was stored by WSO2 EI, MI or Apache Synapse as a serialised Java object (${name}), which only those can read; let them deliver what they have stored, or send the payload as a text or bytes message`
  }
  return `it is a serialised Java object (ObjectMessage${name ? ` of ${name}` : ''}), which only the program that wrote it can read; send the payload as a text or bytes message`
}

/** Behind the magic of a serialised object: TC_OBJECT, TC_CLASSDESC, and the name of its class. */
function classOf(bytes: Uint8Array): string | undefined {
  if (bytes[4] !== 0x73 || bytes[5] !== 0x72 || bytes.length < 8) return undefined
  const end = 8 + ((bytes[6]! << 8) | bytes[7]!)
  const name = end <= bytes.length ? Buffer.from(bytes.subarray(8, end)).toString('latin1') : ''
  return /^[\w.$[\];]+$/.test(name) ? name : undefined
}

function parse(text: unknown): unknown {
  try {
    return JSON.parse(String(text))
  } catch (cause) {
    throw new IntegrationError('MESSAGE_UNREADABLE', 'a SYN_ property of the message is not JSON', { cause })
  }
}
