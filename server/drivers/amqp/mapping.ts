import { isUtf8 } from 'node:buffer'
import type { StoredEnvelope, StoredMessage } from '../../kernel/contracts.ts'
import { identityOf } from '../../kernel/stored-message.ts'
import { sectionCode, writeHeader } from './sections.ts'
import { AmqpWriter } from './writer.ts'

/** Names of the application properties that are ours (messaging-peers §3.4). */
export const own = {
  id: 'OrigMessageID',
  contentType: 'Content-Type',
  duplicateId: '_AMQ_DUPL_ID',
  method: 'SYN_Method',
  to: 'SYN_To',
  action: 'SYN_Action',
  rest: 'SYN_Props',
  headers: 'SYN_Headers',
} as const

/** What SYN_Props holds as JSON: everything of the envelope that has no property of its own. */
export interface RestOfEnvelope extends Omit<StoredEnvelope, 'to' | 'action' | 'method'> {
  /** The content type was known although no header said so. */
  readonly noTypeHeader?: true
}

/** Default-scope properties with this prefix become properties of the JMS message, without it (store-and-forward §1.5). */
export const USER_PREFIX = 'JMS_MSG_P_'

const TEXT_MESSAGE = 5
const BYTES_MESSAGE = 3
const QUEUE = 0
const BINARY = 'application/octet-stream'

const RESERVED = /^(?:OrigMessageID$|SYN_|_AMQ_|JMS|x-opt-)/i

/** Made anew for every message would be a kilobyte of garbage each; encoding is synchronous, so one is enough. */
const writer = new AmqpWriter()

/**
 * The message as AMQP bytes: payload as text or bytes so that any JMS client reads it, each transport header a string
 * property, the rest as `SYN_…`. Encoded once per message, whatever number of sends it takes.
 */
export function toAmqp(message: StoredMessage, queue: string): Buffer {
  const { envelope } = message
  const text = isText(message)
  const priority = whole(envelope.properties['JMS_PROD_PRIORITY'], 0, 9)
  const ttl = whole(envelope.properties['JMS_PROD_TIME_TO_LIVE'], 1, 2 ** 32 - 1)
  // Durable whatever JMS_PROD_DELIVERY_MODE says: a 202 promises that the broker keeps it (P1).
  writeHeader(writer, { durable: true, priority: priority ?? 4, deliveryCount: 0, ...(ttl !== undefined && { ttl }) })
  writeAnnotations(text)
  writeProperties(message, queue, text)
  writeApplicationProperties(message)
  writer.bodyAhead(text ? sectionCode.VALUE : sectionCode.DATA, text ? 0xb1 : 0xb0, message.body.length)
  return writer.finish(message.body)
}

function writeAnnotations(text: boolean): void {
  writer.section(sectionCode.MESSAGE_ANNOTATIONS)
  const map = writer.map()
  writer.symbol('x-opt-jms-msg-type')
  writer.byte(text ? TEXT_MESSAGE : BYTES_MESSAGE)
  writer.symbol('x-opt-jms-dest')
  writer.byte(QUEUE)
  writer.close(map, 4)
}

function writeProperties({ id, storedAt, contentType }: StoredMessage, queue: string, text: boolean): void {
  writer.section(sectionCode.PROPERTIES)
  const list = writer.list()
  writer.string(`ID:${id}`)
  writer.null()
  writer.string(queue)
  writer.null()
  writer.null()
  writer.null()
  // Brokers turn a data section of a textual type into a text message; octet-stream keeps its bytes as they are.
  if (text && contentType) writer.symbol(contentType)
  else if (text) writer.null()
  else writer.symbol(BINARY)
  writer.null()
  writer.null()
  writer.timestamp(storedAt)
  writer.close(list, 10)
}

function writeApplicationProperties(message: StoredMessage): void {
  const { envelope, headers } = message
  const { to, action, method, ...rest } = envelope
  let count = 0
  const text = (name: string, value: string): void => {
    writer.string(name)
    writer.string(value)
    count += 2
  }
  writer.section(sectionCode.APPLICATION_PROPERTIES)
  const map = writer.map()
  text(own.id, message.id)
  text(own.duplicateId, identityOf(message))
  if (to !== undefined) text(own.to, to)
  if (action !== undefined) text(own.action, action)
  if (method !== undefined) text(own.method, method)
  const { plain, typeHeader } = headersFitIntoProperties(message)
  if (!plain) text(own.headers, JSON.stringify(headers))
  const kept: RestOfEnvelope = plain && !typeHeader ? { ...rest, noTypeHeader: true } : rest
  text(own.rest, JSON.stringify(kept))
  if (!plain || !typeHeader) text(own.contentType, message.contentType)
  writeHeaders(headers, plain, text)
  for (const [name, value] of Object.entries(envelope.properties)) {
    if (
      name.startsWith(USER_PREFIX) &&
      name.length > USER_PREFIX.length &&
      writeTyped(name.slice(USER_PREFIX.length), value)
    )
      count += 2
  }
  writer.close(map, count)
}

/** Headers that do not fit travel in SYN_Headers; the others are written beside it, for readers that know nothing of us. */
function writeHeaders(headers: readonly string[], plain: boolean, text: (name: string, value: string) => void): void {
  const written = plain ? undefined : new Set(['content-type'])
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at]!
    const lower = written && name.toLowerCase()
    if (written && (RESERVED.test(name) || written.has(lower!))) continue
    written?.add(lower!)
    text(name, headers[at + 1]!)
  }
}

/** Whether each header can be one property and come back the same, and whether one of them gives the content type. */
function headersFitIntoProperties({ headers, contentType, envelope }: StoredMessage): {
  plain: boolean
  typeHeader: boolean
} {
  let typeHeader = false
  const seen = new Set<string>()
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at]!
    const lower = name.toLowerCase()
    if (seen.has(lower) || RESERVED.test(name) || USER_PREFIX + name in envelope.properties)
      return { plain: false, typeHeader }
    seen.add(lower)
    if (lower !== 'content-type') continue
    if (headers[at + 1] !== contentType) return { plain: false, typeHeader }
    typeHeader = true
  }
  return { plain: true, typeHeader }
}

/** False for a value that no JMS property can hold. */
function writeTyped(name: string, value: unknown): boolean {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return false
  writer.string(name)
  if (typeof value === 'string') writer.string(value)
  else if (typeof value === 'boolean') writer.boolean(value)
  else if (!Number.isSafeInteger(value)) writer.double(value)
  else if (value === (value | 0)) writer.int(value)
  else writer.long(value)
  return true
}

const TEXTUAL =
  /^(?:text\/|application\/(?:[^;]*\+)?(?:xml|json)\b|application\/(?:javascript|ecmascript|x-www-form-urlencoded)\b)/i
const CHARSET = /;\s*charset\s*=\s*"?([^\s";]+)/i

/** Text only where the bytes come back the same: they must be UTF-8 and be called so. */
function isText({ contentType, body }: StoredMessage): boolean {
  if (!TEXTUAL.test(contentType)) return false
  const charset = CHARSET.exec(contentType)?.[1]?.toLowerCase()
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii') return false
  return isUtf8(body)
}

function whole(value: unknown, least: number, most: number): number | undefined {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most
    ? number
    : undefined
}
