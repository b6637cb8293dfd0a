import { isUtf8 } from 'node:buffer'
import type { StoredEnvelope, StoredMessage } from '../../kernel/contracts.ts'
import { identityOf } from '../../kernel/stored-message.ts'
import type { JmsMessage, JmsValue } from './contracts.ts'

/** Names of the properties that are ours (messaging-peers §3.4). */
export const own = {
  id: 'OrigMessageID',
  contentType: 'Content-Type',
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

/** In JMS the group of a message is a property, and here, too. */
const GROUP_ID = 'JMSXGroupID'

const BINARY = 'application/octet-stream'

const RESERVED = /^(?:OrigMessageID$|SYN_|_AMQ_|JMS|x-opt-)/i

/**
 * The message as JMS has it: payload as text or bytes so that any JMS client reads it, each transport header a string
 * property, the rest as `SYN_…`. Made once per message, whatever number of sends it takes.
 */
export function toJms(message: StoredMessage): JmsMessage {
  const { envelope, id, storedAt, contentType } = message
  const text = isText(message)
  const properties = propertiesOf(message)
  const group = properties.get(GROUP_ID)
  properties.delete(GROUP_ID)
  const timeToLive = whole(envelope.properties['JMS_PROD_TIME_TO_LIVE'], 1, 2 ** 32 - 1)
  return {
    body: { kind: text ? 'text' : 'bytes', bytes: message.body },
    properties,
    // Whatever JMS_PROD_DELIVERY_MODE says: a 202 promises that the broker keeps it (P1).
    persistent: true,
    priority: whole(envelope.properties['JMS_PROD_PRIORITY'], 0, 9) ?? 4,
    messageId: `ID:${id}`,
    timestamp: storedAt,
    duplicateId: identityOf(message),
    ...(timeToLive !== undefined && { timeToLive }),
    ...(typeof group === 'string' && { groupId: group }),
    // Brokers turn bytes of a textual type into a text message; octet-stream keeps its bytes as they are.
    ...(text ? contentType && { contentType } : { contentType: BINARY }),
  }
}

function propertiesOf(message: StoredMessage): Map<string, JmsValue> {
  const { envelope, headers } = message
  const { to, action, method, ...rest } = envelope
  const properties = new Map<string, JmsValue>([[own.id, message.id]])
  if (to !== undefined) properties.set(own.to, to)
  if (action !== undefined) properties.set(own.action, action)
  if (method !== undefined) properties.set(own.method, method)
  const { plain, typeHeader } = headersFitIntoProperties(message)
  if (!plain) properties.set(own.headers, JSON.stringify(headers))
  const kept: RestOfEnvelope = plain && !typeHeader ? { ...rest, noTypeHeader: true } : rest
  properties.set(own.rest, JSON.stringify(kept))
  if (!plain || !typeHeader) properties.set(own.contentType, message.contentType)
  addHeaders(headers, plain, properties)
  for (const [name, value] of Object.entries(envelope.properties)) {
    if (name.startsWith(USER_PREFIX) && name.length > USER_PREFIX.length && isJmsValue(value))
      properties.set(name.slice(USER_PREFIX.length), value)
  }
  return properties
}

/** Headers that do not fit travel in SYN_Headers; the others are written beside it, for readers that know nothing of us. */
function addHeaders(headers: readonly string[], plain: boolean, properties: Map<string, JmsValue>): void {
  const written = plain ? undefined : new Set(['content-type'])
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at]!
    const lower = written && name.toLowerCase()
    if (written && (RESERVED.test(name) || written.has(lower!))) continue
    written?.add(lower!)
    properties.set(name, headers[at + 1]!)
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

function isJmsValue(value: unknown): value is JmsValue {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
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
