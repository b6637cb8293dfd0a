import { IntegrationError } from '../kernel/errors.ts'
import type { ByteSource, Format, Message } from '../kernel/message.ts'
import type { PayloadWriter } from '../kernel/stored-message.ts'
import { parseContentType } from './content-type.ts'
import type { ContentType } from './content-type.ts'
import { envelopeView, PAYLOAD } from './envelope.ts'
import { write } from './formatters.ts'
import type { Target } from './formatters.ts'
import { keep, revive } from './kept-values.ts'

/** A message as it goes out: the transport adds the headers of the message and sends exactly this. */
export interface Outgoing {
  /** Undefined: no Content-Type header. */
  readonly contentType: string | undefined
  /** Null exactly if {@link stream} is not. */
  readonly bytes: Uint8Array | null
  readonly stream: ByteSource | null
  /** For a request: value of the SOAPAction header, quotes included. Undefined: none is known. Null: none may be sent. */
  readonly soapAction: string | null | undefined
  /** The bytes are ours, not those that arrived: their Content-Encoding, digest and entity tag are gone. */
  readonly rebuilt: boolean
}

export interface FormatOptions {
  /** Method the request is sent with; absent for an answer. */
  readonly method?: string
  /** Whoever reads it does not speak SOAP: `text/xml` is plain XML to him. */
  readonly plain?: boolean
}

const NO_BYTES = new Uint8Array(0)

/** True if {@link format} cannot pass a streamed body through: collect it before. */
export function mustCollect(message: Message): boolean {
  if (message.body.ready) return false
  const chosen = chosenType(message)
  const { contentType } = message.body
  return isRecoded(message) || (chosen !== undefined && isOtherType(contentType, parseContentType(chosen)))
}

/** The outgoing form by synapse-language E.6 rules 3 to 6. Takes the stream if the body still is one. */
export function format(message: Message, options: FormatOptions = {}): Outgoing {
  const { body } = message
  const { method } = options
  const soapAction = method === undefined ? undefined : soapActionOf(message)
  if (hasNoBody(message, method)) {
    body.discard()
    return { contentType: undefined, bytes: NO_BYTES, stream: null, soapAction, rebuilt: false }
  }
  const chosen = chosenType(message)
  const rebuild =
    body.changed !== null ||
    isRecoded(message) ||
    (chosen !== undefined && isOtherType(body.contentType, parseContentType(chosen)))
  if (!rebuild) return untouched(message, chosen, soapAction)
  if (!body.ready) throw new IntegrationError('MEDIATION_FAILED', 'the body was converted before it was collected')
  const byHand = typeByHand(message, chosen)
  const target = targetOf(message, chosen, byHand)
  const written = write(body, options.plain ? { ...target, plain: true } : target)
  return {
    contentType: byHand !== undefined && !isMultipart(written.contentType) ? byHand : written.contentType,
    bytes: written.bytes,
    stream: null,
    soapAction: target.type.kind === 'soap12' ? null : soapAction,
    rebuilt: true,
  }
}

function untouched(message: Message, chosen: string | undefined, soapAction: string | undefined): Outgoing {
  const { body } = message
  const contentType = typeByHand(message, chosen) ?? relabelled(chosen, body.contentType) ?? withAction(message)
  const isSoap12 = parseContentType(contentType).kind === 'soap12'
  const stream = body.takeStream()
  return {
    contentType: contentType === '' ? undefined : contentType,
    bytes: stream === null ? (body.raw ?? NO_BYTES) : null,
    stream,
    soapAction: isSoap12 ? null : soapAction,
    rebuilt: false,
  }
}

/** The flow wants a text in another character set than it came in. */
function isRecoded(message: Message): boolean {
  const wanted = ownFlag(message, 'CHARACTER_SET_ENCODING')
  if (wanted === undefined) return false
  const { kind, charset = 'utf-8' } = parseContentType(message.body.contentType)
  return TEXTS.has(kind) && wanted.toLowerCase() !== charset.toLowerCase()
}

const TEXTS: ReadonlySet<string> = new Set(['soap11', 'soap12', 'pox', 'json', 'text'])

/** The flow's name for bytes that stay as they are, with the charset they are in. */
function relabelled(chosen: string | undefined, arrived: string): string | undefined {
  if (chosen === undefined) return undefined
  const old = parseContentType(arrived)
  const type = parseContentType(chosen)
  if (old.type === type.type) return undefined
  return old.charset === undefined || type.charset !== undefined ? chosen : `${chosen}; charset=${old.charset}`
}

/** The type that arrived, its SOAP 1.2 action brought up to date if the flow has changed it. */
function withAction(message: Message): string {
  const { contentType } = message.body
  const { action } = message.addressing
  const type = parseContentType(contentType)
  if (type.kind !== 'soap12' || action === undefined || message.isResponse || action === (type.action ?? ''))
    return contentType
  return contentType.replace(/;\s*action\s*=\s*("[^"]*"|[^;]*)/i, '') + `; action="${action.replace(/["\\\r\n]/g, '')}"`
}

// ── which type ───────────────────────────────────────────────────────────────────────────────────────────────────

/** axis2 `messageType` if the flow has set it; what a transport reports under that name is no choice. */
function chosenType(message: Message): string | undefined {
  return ownFlag(message, 'messageType')
}

function ownFlag(message: Message, name: string): string | undefined {
  if (!message.hasAxis2 || !message.axis2.has(name)) return undefined
  const value = message.axis2.get(name)
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Sets the type the message is sent as from now on, as the property `messageType` does (synapse-language E.5). */
export function setMessageType(message: Message, type: string): void {
  message.axis2.set('messageType', type)
  message.axis2.set('ContentType', type)
  message.headers.delete('content-type')
}

/** Whether bytes of the one type have to be parsed and written anew to become the other; a mere label does not count. */
function isOtherType(arrived: string, chosen: ContentType): boolean {
  const old = parseContentType(arrived)
  if (old.type === chosen.type || old.kind === chosen.kind) return false
  switch (chosen.kind) {
    case 'other':
    case 'binary':
    case 'none':
      return false
    case 'text':
      return old.kind !== 'json' && old.kind !== 'other' && old.kind !== 'none'
    default:
      return true
  }
}

/** A Content-Type the flow has put there itself: a transport header first, then axis2 `ContentType` (E.6 rule 3). */
function typeByHand(message: Message, chosen: string | undefined): string | undefined {
  const header = message.headers.get('content-type')
  if (
    header !== undefined &&
    header !== message.arrivedType &&
    header !== message.body.contentType &&
    header !== chosen
  )
    return header
  const label = ownFlag(message, 'ContentType')
  return label === undefined || label === chosen ? undefined : label
}

const FALLBACKS: Readonly<Record<Format, string>> = {
  soap11: 'text/xml',
  soap12: 'application/soap+xml',
  pox: 'application/xml',
  json: 'application/json',
  text: 'text/plain',
  binary: 'application/octet-stream',
  form: 'application/x-www-form-urlencoded',
  none: '',
}

function targetOf(message: Message, chosen: string | undefined, byHand: string | undefined): Target {
  const type = parseContentType(chosen ?? ownType(message))
  const charset =
    ownFlag(message, 'CHARACTER_SET_ENCODING') ??
    (byHand === undefined ? undefined : parseContentType(byHand).charset) ??
    type.charset ??
    'UTF-8'
  return {
    type,
    chosen: chosen !== undefined,
    charset,
    silentCharset: message.flag('setCharacterEncoding') === 'false' || message.flag('setCharacterEncoding') === false,
    action: message.isResponse ? undefined : message.addressing.action,
    withAttachments: message.isOn('enableMTOM') || message.isOn('enableSwA'),
  }
}

/** The type of a changed body nobody has chosen one for: as it came, if the payload still can be that. */
function ownType(message: Message): string {
  const { body } = message
  const own = body.contentType || FALLBACKS[message.format]
  const { kind } = parseContentType(own)
  if (kind === 'json') return own
  if (body.changed !== null && body.changed !== envelopeView) return 'application/json'
  if (kind !== 'none' && kind !== 'binary' && kind !== 'text') return own
  const payload = body.view(envelopeView).firstChild
  if (payload?.is('text', PAYLOAD)) return kind === 'text' ? own : 'text/plain'
  if (payload?.is('binary', PAYLOAD)) return kind === 'binary' ? own : 'application/octet-stream'
  if (kind === 'none' && payload?.is('xformValues', '')) return FALLBACKS.form
  return 'application/xml'
}

function isMultipart(contentType: string): boolean {
  return contentType.startsWith('multipart/')
}

// ── body or none ─────────────────────────────────────────────────────────────────────────────────────────────────

function hasNoBody(message: Message, method: string | undefined): boolean {
  if (message.flag('NO_ENTITY_BODY') === true) return true
  if (method === undefined) return false
  return (
    method === 'GET' || method === 'HEAD' || ((method === 'DELETE' || method === 'OPTIONS') && message.body.isEmpty)
  )
}

/** The action in quotes, for everything but SOAP 1.2, which has it in the content type (E.6 rule 5). */
function soapActionOf(message: Message): string | undefined {
  const { action } = message.addressing
  if (action === undefined) return message.headers.get('soapaction')
  return `"${action.replace(/["\r\n]/g, '')}"`
}

// ── for stores ───────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * What stores write. Bytes nobody changed are stored as they arrived, in the type they arrived in: a type chosen by the
 * flow is a property, is stored with them, and converts when they are sent.
 */
export const payloads: PayloadWriter = {
  serialise(message) {
    const { body } = message
    if (!body.ready) throw new IntegrationError('MEDIATION_FAILED', 'the body was stored before it was collected')
    if (body.changed === null) return { contentType: body.contentType, bytes: body.raw ?? NO_BYTES }
    return {
      ...write(body, { ...targetOf(message, chosenType(message), undefined), silentCharset: false }),
      rebuilt: true,
    }
  },
  keep,
  revive,
}
