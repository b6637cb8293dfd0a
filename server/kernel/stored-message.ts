import { randomUUID } from 'node:crypto'
import type { MessageContext } from './context.ts'
import type { StoredEnvelope, StoredMessage } from './contracts.ts'
import { IntegrationError } from './errors.ts'
import { Body, HeaderMap, Message, type Addressing } from './message.ts'

export interface SerialisedBody {
  readonly contentType: string
  readonly bytes: Uint8Array
  /** The bytes are not those that arrived: a Content-Encoding header no longer tells the truth about them. */
  readonly rebuilt?: boolean
}

/** What the store path needs to know about payloads; `codecs/` implements it. */
export interface PayloadWriter {
  /** The body as it would be sent now: untouched bytes, or the changed view written in the message's own type. */
  serialise(message: Message): SerialisedBody
  /** A value that survives JSON for a property, or undefined if it cannot be kept. XML becomes `{ xml }`. */
  keep(value: unknown): unknown
  /** The reverse of {@link keep}. */
  revive(value: unknown): unknown
}

/** Describe the exchange the message came from, not the message: they make no sense after a restore. */
const NOT_KEPT = new Set(['proxy.name', 'ERROR_CODE', 'ERROR_MESSAGE', 'ERROR_DETAIL', 'ERROR_EXCEPTION'])

/**
 * Takes a picture of the context's message for a store (store-and-forward §3, without its losses). The body must have
 * been collected. `HTTP_SC` is left out: a status of the past must not pass for one of the future (trap L5).
 */
export function capture(
  ctx: MessageContext,
  payloads: PayloadWriter,
  now: number,
  id: string = newMessageId(),
): StoredMessage {
  const { message } = ctx
  const { contentType, bytes, rebuilt } = payloads.serialise(message)
  const properties: Record<string, unknown> = {}
  for (const [name, value] of ctx.properties) {
    if (NOT_KEPT.has(name)) continue
    const kept = payloads.keep(value)
    if (kept !== undefined) properties[name] = kept
  }
  const axis2: Record<string, unknown> = {}
  if (message.hasAxis2) {
    for (const [name, value] of message.axis2) {
      if (name === 'HTTP_SC') continue
      if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') axis2[name] = value
    }
  }
  const { format } = message
  const soap = format === 'soap11' || format === 'soap12'
  const envelope: Writable<StoredEnvelope> = {
    rest: !soap,
    method: message.method,
    service: ctx.origin.name,
    properties,
    axis2,
  }
  noteAddressing(message.addressing, envelope)
  if (soap) envelope.soap = format
  return {
    id,
    storedAt: now,
    contentType,
    body: bytes,
    headers: rebuilt ? headersForRebuilt(message, contentType) : [...message.headers.flat],
    envelope,
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** What is there of it, and nothing that says it is not: spread objects would say the same at twenty times the cost. */
function noteAddressing(from: Readonly<Kept>, to: Writable<Kept>): void {
  if (from.to !== undefined) to.to = from.to
  if (from.action !== undefined) to.action = from.action
  if (from.replyTo !== undefined) to.replyTo = from.replyTo
  if (from.faultTo !== undefined) to.faultTo = from.faultTo
  if (from.relatesTo !== undefined) to.relatesTo = from.relatesTo
  if (from.messageId !== undefined) to.messageId = from.messageId
}

/** The part of the addressing a store keeps. */
type Kept = Pick<StoredEnvelope, 'to' | 'action' | 'replyTo' | 'faultTo' | 'relatesTo' | 'messageId'>

/** Headers of the bytes that arrived say nothing about those that are stored; one set by the flow stays. */
function headersForRebuilt(message: Message, contentType: string): readonly string[] {
  const kept = message.headers.clone()
  kept.delete('content-encoding')
  if (kept.get('content-type') === message.arrivedType) kept.set('content-type', contentType)
  return kept.flat
}

/** Given once, at the moment a store promises to keep the message; every later hop uses the same (P5). */
export function newMessageId(): string {
  return randomUUID()
}

/**
 * What windows of seen messages compare. A message that was moved on on purpose and comes back is another arrival of the
 * same message: a broker that still remembers the first one must not drop it.
 */
export function identityOf({ id, envelope }: StoredMessage): string {
  return envelope.hop === undefined ? id : `${id}:${envelope.hop}`
}

/** The message for another store: given up, set aside, or moved by an operator. Not for the way back from a failover store. */
export function movedOn(message: StoredMessage): StoredMessage {
  return { ...message, envelope: { ...message.envelope, hop: (message.envelope.hop ?? 0) + 1 } }
}

/** Behind the name of a store, or of whatever brought it in: where its messages are kept that cannot be used. */
export const QUARANTINE_SUFFIX = '.quarantine'

/**
 * A record that cannot be used where it was, as a message that operators can look at, move and delete like any other:
 * itself where it can be read, else its bytes; and why it was set aside.
 */
export function setAside(record: Uint8Array, store: string, reason: string, now: number): StoredMessage {
  const why = { QUARANTINE_STORE: store, QUARANTINE_REASON: reason }
  try {
    const message = decodeStored(record)
    const { envelope } = message
    return { ...message, envelope: { ...envelope, properties: { ...envelope.properties, ...why } } }
  } catch (thrown) {
    if (!(thrown instanceof IntegrationError)) throw thrown
    return {
      id: newMessageId(),
      storedAt: now,
      contentType: 'application/octet-stream',
      body: record,
      headers: [],
      envelope: { properties: why, axis2: {} },
    }
  }
}

/** A fresh message for one attempt: the stored record itself is never handed to a flow (P4). */
export function restoreMessage(stored: StoredMessage): Message {
  const { envelope } = stored
  const headers = new HeaderMap([...stored.headers])
  const encoding = headers.get('content-encoding')
  const addressing: Addressing = {}
  noteAddressing(envelope, addressing)
  const message = new Message({
    body: Body.ofBytes(stored.body, stored.contentType, encoding === undefined ? {} : { encoding }),
    headers,
    addressing,
    method: envelope.method ?? 'POST',
    format: envelope.soap ?? 'none',
  })
  for (const name in envelope.axis2) message.axis2.set(name, envelope.axis2[name])
  return message
}

/** Puts the stored default-scope properties back on a context made for {@link restoreMessage}. */
export function restoreProperties(stored: StoredMessage, ctx: MessageContext, payloads: PayloadWriter): void {
  const { properties } = stored.envelope
  for (const name in properties) ctx.properties.set(name, payloads.revive(properties[name]))
}

// ── the record in a journal: version, length of the description, description as JSON, body ──────────────────────────

const VERSION = 1
const HEAD = 5

interface Description {
  readonly id: string
  readonly at: number
  readonly type: string
  readonly headers: readonly string[]
  readonly envelope: StoredEnvelope
}

/** The record as chunks, so that the body is not copied here. */
export function encodeStored(stored: StoredMessage): readonly Uint8Array[] {
  const description: Description = {
    id: stored.id,
    at: stored.storedAt,
    type: stored.contentType,
    headers: stored.headers,
    envelope: stored.envelope,
  }
  const json = JSON.stringify(description)
  const length = Buffer.byteLength(json)
  const head = Buffer.allocUnsafe(HEAD + length)
  head.writeUInt8(VERSION, 0)
  head.writeUInt32LE(length, 1)
  head.write(json, HEAD, 'utf8')
  return [head, stored.body]
}

/** Throws `MESSAGE_UNREADABLE` naming what is wrong; the caller puts the record in quarantine. */
export function decodeStored(record: Uint8Array): StoredMessage {
  const bytes = Buffer.from(record.buffer, record.byteOffset, record.byteLength)
  if (bytes.length < HEAD)
    throw new IntegrationError('MESSAGE_UNREADABLE', 'the stored record is shorter than its head')
  const version = bytes.readUInt8(0)
  if (version !== VERSION) {
    throw new IntegrationError(
      'MESSAGE_UNREADABLE',
      `the stored record has version ${version}; this server reads version ${VERSION}`,
    )
  }
  const end = HEAD + bytes.readUInt32LE(1)
  if (end > bytes.length)
    throw new IntegrationError('MESSAGE_UNREADABLE', 'the stored record ends inside its description')
  let description: Description
  try {
    description = JSON.parse(bytes.toString('utf8', HEAD, end)) as Description
  } catch (cause) {
    throw new IntegrationError('MESSAGE_UNREADABLE', 'the description of the stored record is not JSON', { cause })
  }
  return {
    id: description.id,
    storedAt: description.at,
    contentType: description.type,
    headers: description.headers,
    envelope: description.envelope,
    body: bytes.subarray(end),
  }
}
