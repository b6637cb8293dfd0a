import type { LazySignal } from '../../kernel/context.ts'
import { forwardedHeaders } from '../../kernel/forwarding.ts'
import { HeaderMap } from '../../kernel/headers.ts'
import { Body, Message, type BodyOptions, type ByteSource, type Format } from '../../kernel/message.ts'
import type { HttpRequest } from './client.ts'
import type { HttpReply } from './exchange.ts'

/** What the sender of a message decides; the rest is read from the message's own control properties (E.5). */
export interface Outgoing {
  readonly url: string
  /** Default: the message's own. */
  readonly method?: string
  /** The body as it is to be sent; formatting is the caller's business. */
  readonly body: Uint8Array | ByteSource | null
  /** `''` sends none. */
  readonly contentType: string
  /** Written quoted; SOAP 1.1 only. Absent: a SOAPAction header the message carries is passed on. */
  /** Null: the request has none, whatever its caller sent. */
  readonly soapAction?: string | null | undefined
  /** Further headers, name and value alternating; they replace those of the message. */
  readonly extra?: readonly string[]
  /** Lower-case names among Date, Server and User-Agent to pass on. */
  readonly preserve?: ReadonlySet<string> | undefined
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | LazySignal | undefined
  readonly oneWay?: boolean | undefined
}

const BODILESS = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE'])

/** True if the body may not be sent in chunks, so that a stream of unknown length has to be collected first. */
export function needsLength(message: Message): boolean {
  return message.isOn('DISABLE_CHUNKING') || message.isOn('FORCE_HTTP_1.0')
}

/** A message as a request to a back end: all its headers but those of the connection it came on (synapse-language E.6). */
export function outgoingRequest(message: Message, outgoing: Outgoing): HttpRequest {
  const method = outgoing.method ?? message.method
  const body = message.flag('NO_ENTITY_BODY') === true ? null : unlessEmpty(outgoing.body)
  const headers = forwardedHeaders(message.headers.flat, {
    withoutContentType: true,
    preserve: outgoing.preserve,
  })
  if (outgoing.contentType !== '' && (body !== null || !BODILESS.has(method))) {
    headers.push('Content-Type', outgoing.contentType)
  }
  const { soapAction } = outgoing
  if (soapAction === null) removeHeader(headers, 'SOAPAction')
  else if (soapAction !== undefined) replaceHeader(headers, 'SOAPAction', `"${soapAction}"`)
  const { extra } = outgoing
  if (extra) for (let at = 0; at < extra.length; at += 2) replaceHeader(headers, extra[at]!, extra[at + 1]!)
  const host = message.flag('REQUEST_HOST_HEADER')
  if (typeof host === 'string' && host !== '') headers.push('Host', host)
  return {
    url: outgoing.url,
    method,
    headers,
    body,
    timeoutMs: outgoing.timeoutMs,
    signal: outgoing.signal,
    oneWay: outgoing.oneWay,
    http10: message.isOn('FORCE_HTTP_1.0'),
    lastOnConnection: message.isOn('NO_KEEPALIVE'),
    absoluteUri: message.isOn('POST_TO_URI'),
  }
}

/**
 * A reply as a message: the status goes where flows look for it, and an empty body is marked so that an answer made
 * from it has none either (synapse-language E.7). `format` is what its content type means; codecs know. `limit` and
 * `room` bound a streamed body if somebody has to collect it.
 */
export function replyMessage(reply: HttpReply, format: Format, limit: number, room?: BodyOptions['room']): Message {
  const { status, body } = reply
  const empty = body instanceof Uint8Array && body.length === 0
  const contentType = reply.contentType === '' && !empty ? 'application/octet-stream' : reply.contentType
  const encoding = encodingOf(reply.headers)
  const options = { limit, ...(encoding !== undefined && { encoding }), ...(room && { room }) }
  const message = new Message({
    body: empty
      ? Body.empty(contentType)
      : body instanceof Uint8Array
        ? Body.ofBytes(body, contentType, options)
        : Body.ofStream(body, contentType, options),
    headers: new HeaderMap(reply.headers),
    isResponse: true,
    format: empty ? 'none' : format,
  })
  message.axis2.set('HTTP_SC', status)
  if (reply.reason !== '') message.axis2.set('HTTP_SC_DESC', reply.reason)
  if (status === 202) message.axis2.set('SC_ACCEPTED', true)
  if (empty) message.axis2.set('NO_ENTITY_BODY', true)
  return message
}

/** Content-Encoding of a flat list of headers, if it has one. */
function encodingOf(flat: readonly string[]): string | undefined {
  for (let at = 0; at < flat.length; at += 2) {
    if (flat[at]!.length === 16 && flat[at]!.toLowerCase() === 'content-encoding') return flat[at + 1]
  }
  return undefined
}

function unlessEmpty(body: Uint8Array | ByteSource | null): Uint8Array | ByteSource | null {
  return body !== null && body.length === 0 ? null : body
}

function replaceHeader(flat: string[], name: string, value: string): void {
  removeHeader(flat, name)
  flat.push(name, value)
}

function removeHeader(flat: string[], name: string): void {
  const lower = name.toLowerCase()
  for (let at = flat.length - 2; at >= 0; at -= 2) {
    if (flat[at]!.length === name.length && flat[at]!.toLowerCase() === lower) flat.splice(at, 2)
  }
}
