/** Messages of JMS as messages of a flow, and back (synapse-language G.4, messaging-peers §2.1). */
import { isUtf8 } from 'node:buffer'
import type { ContentTypeRules } from './contracts.ts'
import type { JmsBody, JmsDestination, JmsMessage, JmsValue } from '../drivers/jms/contracts.ts'
import { isCarried } from '../kernel/carried-names.ts'
import { IntegrationError } from '../kernel/errors.ts'
import { Body, HeaderMap, Message } from '../kernel/message.ts'
import { parseXml } from '../xml/reader.ts'
import { XmlElement } from '../xml/tree.ts'
import { formatOf } from './client-format.ts'
import { parseContentType } from './content-type.ts'
import { envelopeView, PAYLOAD } from './envelope.ts'
import { format, setMessageType } from './payloads.ts'

const MAP_NAMESPACE = 'http://axis.apache.org/axis2/java/transports/jms/map-payload'
const MAP_KEY = /^[\p{L}_][\p{L}\p{N}_.-]*$/u
const BINARY = 'application/octet-stream'

/** How hyphens in names of headers become names of properties, for clients of strict JMS. */
export type Hyphens = 'none' | 'replace' | 'delete'

const DASHED = '_DASHED_'

// ── in ───────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface ReadingRules {
  readonly contentType: ContentTypeRules
  readonly hyphens: Hyphens
  /** Bytes; what collecting may make of a compressed body. */
  readonly limit: number
}

/** Throws `MESSAGE_UNREADABLE` for what no flow can look into. */
export function messageFrom(given: JmsMessage, rules: ReadingRules): Message {
  const content = contentOf(given.body)
  const contentType = typeOf(given, rules.contentType, content)
  const headers = headersOf(given, rules.hyphens)
  if (contentType !== '') headers.set('Content-Type', contentType)
  const action = headers.get('SOAPAction')?.replace(/^"(.*)"$/, '$1')
  const message = new Message({
    body: Body.ofBytes(content.bytes, contentType, { limit: rules.limit }),
    headers,
    addressing: {
      ...(action !== undefined && action !== '' && { action }),
      ...(given.messageId !== undefined && { messageId: given.messageId }),
    },
    format: formatOf(parseContentType(contentType)),
    facts: JMS_FACTS,
  })
  const correlation = given.correlationId ?? given.messageId
  if (correlation !== undefined) message.axis2.set('JMS_COORELATION_ID', correlation)
  return message
}

const JMS_FACTS = {
  fact: (_scope: 'default' | 'axis2', name: string) => (name === 'TRANSPORT_IN_NAME' ? 'jms' : undefined),
}

interface Content {
  readonly bytes: Uint8Array
  readonly kind: 'text' | 'bytes' | 'map' | 'none'
}

function contentOf(body: JmsBody): Content {
  switch (body.kind) {
    case 'text':
    case 'bytes':
      return { bytes: body.bytes, kind: body.kind }
    case 'map':
      return { bytes: Buffer.from(mapAsXml(body.entries)), kind: 'map' }
    case 'empty':
      return { bytes: new Uint8Array(0), kind: 'none' }
    case 'object':
      throw unreadable('a serialised Java object (ObjectMessage), which only Java can read')
    case 'stream':
      throw unreadable('a stream message')
    case 'unreadable':
      throw new IntegrationError('MESSAGE_UNREADABLE', body.reason)
  }
}

function unreadable(what: string): IntegrationError {
  return new IntegrationError(
    'MESSAGE_UNREADABLE',
    `the body is ${what}; send the payload as a text, bytes or map message`,
  )
}

function typeOf(given: JmsMessage, rules: ContentTypeRules, { bytes, kind }: Content): string {
  for (const name of rules.properties) {
    const value = given.properties.get(name)
    if (typeof value === 'string' && value !== '') return value
  }
  if (kind === 'map') return 'application/xml'
  const ruled =
    kind === 'bytes' ? (rules.bytes ?? rules.rest) : kind === 'text' ? (rules.text ?? rules.rest) : undefined
  if (ruled !== undefined) return ruled
  for (const [name, value] of given.properties) {
    if (typeof value === 'string' && /^content-?type$/i.test(name.replace(DASHED, '-')) && value !== '') return value
  }
  if (kind === 'none') return ''
  if (given.contentType !== undefined && (kind === 'text' || given.contentType !== BINARY)) return given.contentType
  return kind === 'text' ? guess(bytes) : BINARY
}

/** Text that says nothing about itself. */
function guess(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 2048)).toString('utf8')
  const first = start.replace(/^\uFEFF/, '').trimStart()[0]
  if (first === '{' || first === '[') return 'application/json'
  if (first !== '<') return 'text/plain'
  if (start.includes('http://schemas.xmlsoap.org/soap/envelope/')) return 'text/xml'
  return start.includes('http://www.w3.org/2003/05/soap-envelope') ? 'application/soap+xml' : 'application/xml'
}

/** Properties, and what JMS has in fields of its own, by the names Axis2 gives them. */
function headersOf(given: JmsMessage, hyphens: Hyphens): HeaderMap {
  const flat: string[] = []
  for (const [name, value] of given.properties) {
    if (value === null || value instanceof Uint8Array || isCarried(name)) continue
    flat.push(hyphens === 'replace' ? name.replaceAll(DASHED, '-') : name, String(value))
  }
  const field = (name: string, value: string | number | undefined): void => {
    if (value !== undefined) flat.push(name, String(value))
  }
  field('JMS_COORELATION_ID', given.correlationId)
  field('JMS_MESSAGE_ID', given.messageId)
  field('JMS_DELIVERY_MODE', given.persistent ? 2 : 1)
  field('JMS_PRIORITY', given.priority)
  field('JMS_TIMESTAMP', given.timestamp)
  field('JMS_EXPIRATION', given.expiration)
  field('JMS_REPLY_TO', given.replyTo?.name)
  field('JMS_TYPE', given.type)
  field('JMSXGroupID', given.groupId)
  field('JMSXGroupSeq', given.groupSequence)
  return new HeaderMap(flat)
}

function mapAsXml(map: ReadonlyMap<string, JmsValue>): string {
  let inner = ''
  for (const [key, value] of map) {
    if (!MAP_KEY.test(key)) throw unreadable('a map with a key that cannot be an XML element')
    inner += `<${key}>${escaped(value instanceof Uint8Array ? Buffer.from(value).toString('base64') : String(value ?? ''))}</${key}>`
  }
  return `<JMSMap xmlns="${MAP_NAMESPACE}">${inner}</JMSMap>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

// ── out ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface WritingRules {
  /** The property that names the content type; absent: `Content-Type`. */
  readonly contentTypeProperty: string | undefined
  readonly hyphens: Hyphens
  readonly messageId: string
  readonly now: number
  readonly replyTo?: JmsDestination
  /** In place of what the message itself says. */
  readonly correlationId?: string
  readonly duplicateId?: string
}

/** Headers of one connection of HTTP, which say nothing about the message. */
const OF_ONE_HOP =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-length|content-type|host|expect|accept-encoding)$/i
/** Fields of JMS and properties brokers keep for themselves; what of them is wanted is looked for by name. */
const RESERVED = /^(?:JMS|_AMQ_|x-opt-)/i

/** The message as it goes out, in the type the flow has chosen. Its body has been collected. */
export function jmsFrom(message: Message, rules: WritingRules): JmsMessage {
  const kind = String(option(message, 'JMS_MESSAGE_TYPE') ?? '')
  const map = kind === 'JMS_BYTE_MESSAGE' || kind === 'JMS_TEXT_MESSAGE' ? undefined : mapIn(message)
  if (kind === 'JMS_MAP_MESSAGE' && !map) {
    throw new IntegrationError(
      'MEDIATION_FAILED',
      `JMS_MESSAGE_TYPE is JMS_MAP_MESSAGE, but the body is no <JMSMap xmlns="${MAP_NAMESPACE}">`,
    )
  }
  textAsText(message)
  const { bytes, contentType = '' } = format(message)
  const content = bytes ?? new Uint8Array(0)
  const properties = propertiesOf(message, rules.hyphens)
  const body: JmsBody = map
    ? { kind: 'map', entries: map }
    : { kind: textOrBytes(kind, contentType, content), bytes: content }
  const isText = body.kind === 'text'
  if (!map && contentType !== '')
    properties.set(hyphened(rules.contentTypeProperty ?? 'Content-Type', rules.hyphens), contentType)
  const type = option(message, 'JMS_TYPE')
  const group = option(message, 'JMSXGroupID')
  const sequence = whole(option(message, 'JMSXGroupSeq'), -1, 2 ** 31 - 1)
  const timeToLive = whole(option(message, 'JMS_TIME_TO_LIVE'), 1, 2 ** 53)
  const delay = whole(option(message, 'JMS_MESSAGE_DELAY'), 1, 2 ** 53)
  const correlationId =
    rules.correlationId ?? text(option(message, 'JMS_COORELATION_ID')) ?? message.addressing.relatesTo
  return {
    body,
    properties,
    persistent: Number(message.flag('JMS_DELIVERY_MODE') ?? 2) !== 1,
    priority: whole(option(message, 'JMS_PRIORITY'), 0, 9) ?? 4,
    messageId: rules.messageId,
    timestamp: rules.now,
    ...(correlationId !== undefined && { correlationId }),
    ...(rules.replyTo && { replyTo: rules.replyTo }),
    ...(rules.duplicateId !== undefined && { duplicateId: rules.duplicateId }),
    ...(type !== undefined && { type: String(type) }),
    ...(timeToLive !== undefined && { timeToLive }),
    ...(delay !== undefined && { deliveryDelay: delay }),
    ...(group !== undefined && { groupId: String(group) }),
    ...(sequence !== undefined && { groupSequence: sequence }),
    // Brokers turn bytes of a textual type into a text message; octet-stream keeps its bytes as they are.
    ...(isText ? contentType !== '' && { contentType } : body.kind === 'bytes' && { contentType: BINARY }),
  }
}

/** A property of the axis2 scope, else a transport header. */
function option(message: Message, name: string): unknown {
  return message.flag(name) ?? message.headers.get(name)
}

function text(value: unknown): string | undefined {
  return value === undefined || value === '' ? undefined : String(value)
}

function textOrBytes(kind: string, contentType: string, content: Uint8Array): 'text' | 'bytes' {
  if (kind === 'JMS_BYTE_MESSAGE') return 'bytes'
  const { kind: payload, charset } = parseContentType(contentType)
  const binary = payload === 'binary' || payload === 'related' || payload === 'form-data'
  // A text message is Unicode: bytes in another character set would not come back the same.
  const unicode = charset === undefined || /^(?:utf-?8|us-ascii)$/i.test(charset)
  if (kind === 'JMS_TEXT_MESSAGE' && isUtf8(content)) return 'text'
  return binary || !unicode || !isUtf8(content) ? 'bytes' : 'text'
}

/** The wrapper of a text is not part of it. */
function textAsText(message: Message): void {
  if (message.body.changed !== envelopeView) return
  if (message.body.view(envelopeView).firstChild?.is('text', PAYLOAD)) setMessageType(message, 'text/plain')
}

function mapIn(message: Message): Map<string, JmsValue> | undefined {
  const { body } = message
  if (body.changed !== null && body.changed !== envelopeView) return undefined
  if (body.raw && !Buffer.from(body.raw.buffer, body.raw.byteOffset, body.raw.byteLength).includes(MAP_NAMESPACE))
    return undefined
  const root = body.changed === envelopeView ? body.view(envelopeView).firstChild : rootOf(body.raw)
  if (!(root instanceof XmlElement) || !root.is('JMSMap', MAP_NAMESPACE)) return undefined
  return new Map(root.childElements.map(element => [element.local, element.text]))
}

function rootOf(raw: Uint8Array | null): XmlElement | undefined {
  if (!raw) return undefined
  const { root } = parseXml(raw)
  if (root.local !== 'Envelope') return root
  return root.childElements.find(({ local }) => local === 'Body')?.childElements[0]
}

function propertiesOf(message: Message, hyphens: Hyphens): Map<string, JmsValue> {
  const properties = new Map<string, JmsValue>()
  const { flat } = message.headers
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const name = flat[at]!
    if (OF_ONE_HOP.test(name) || RESERVED.test(name)) continue
    properties.set(hyphened(name, hyphens), flat[at + 1]!)
  }
  const { action } = message.addressing
  if (action !== undefined && action !== '') properties.set('SOAPAction', action)
  return properties
}

function hyphened(name: string, hyphens: Hyphens): string {
  if (hyphens === 'none' || !name.includes('-')) return name
  return name.replaceAll('-', hyphens === 'replace' ? DASHED : '')
}

function whole(value: unknown, least: number, most: number): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most
    ? number
    : undefined
}
