import { IntegrationError } from '../kernel/errors.ts'
import type { Body } from '../kernel/message.ts'
import { printXml } from '../xml/writer.ts'
import type { XmlElement } from '../xml/tree.ts'
import { encodeText } from './charset.ts'
import { parseContentType, printContentType, printParameter } from './content-type.ts'
import type { ContentType } from './content-type.ts'
import { envelopeView, PAYLOAD } from './envelope.ts'
import type { Envelope } from './envelope.ts'
import { newBoundary, printFormData } from './form-data.ts'
import { printForm } from './form.ts'
import { jsonView } from './json.ts'
import { printJson } from './json-text.ts'
import type { JsonValue } from './json-text.ts'
import { joinMultipart } from './multipart.ts'
import { convert } from './soap-version.ts'
import { inlineIncludes } from './xop.ts'

/** What a body is to be written as. */
export interface Target {
  readonly type: ContentType
  /** Chosen by the flow: SOAP gets an envelope and plain XML none, however the message arrived. */
  readonly chosen: boolean
  readonly charset: string
  /** The charset parameter is left out of the content type. */
  readonly silentCharset: boolean
  readonly action: string | undefined
  /** `text/xml` is plain XML: a REST client asked. */
  readonly plain?: boolean
  /** Attachments go along even if the type alone would leave them behind. */
  readonly withAttachments: boolean
}

export interface Written {
  readonly contentType: string
  readonly bytes: Uint8Array
}

/** Writes a body whose view is the truth, or has to become another type (synapse-language E.6 rule 4). */
export function write(body: Body, target: Target): Written {
  const { kind } = target.type
  switch (kind) {
    case 'json': {
      const { value } = body.view(jsonView)
      const root = body.view(jsonView) as { value: JsonValue }
      return textual(value === undefined ? '' : printJson(root), target)
    }
    case 'form':
      return { contentType: target.type.type, bytes: Buffer.from(printForm(body.view(envelopeView).firstChild)) }
    case 'form-data': {
      const { boundary, bytes } = printFormData(body.view(envelopeView).firstChild)
      return { contentType: printContentType(target.type.type, { boundary }), bytes }
    }
    default:
      return writeXml(body.view(envelopeView), target)
  }
}

function writeXml(envelope: Envelope, target: Target): Written {
  const { kind } = target.type
  const { attachments } = envelope
  if (attachments && (kind === 'related' || target.withAttachments)) return writeRelated(envelope, attachments, target)
  const whole = attachments ? inlineIncludes(envelope, attachments.parts) : envelope
  const payload = whole.firstChild
  switch (kind) {
    case 'soap11':
    case 'soap12':
      if (whole.arrived === 'bare' && !target.chosen) return textual(printPayload(payload), target)
      if (kind === 'soap11' && target.plain && payload !== undefined) return textual(printXml(payload), target)
      return textual(printXml(inVersion(whole, kind).root), target)
    case 'pox':
      if (whole.arrived === 'envelope' && !target.chosen) return textual(printXml(whole.root), target)
      return textual(printPayload(payload), target)
    case 'text':
      return textual(payload?.text ?? '', target)
    case 'binary':
      return { contentType: target.type.type, bytes: Buffer.from(payload?.text ?? '', 'base64') }
    case 'other':
      return writeOther(whole, payload, target)
    default:
      return textual(printXml(inVersion(whole, whole.soap).root), { ...target, type: parseContentType('text/xml') })
  }
}

/** A type without formatter of its own: the wrappers say what it is, everything else is XML. */
function writeOther(envelope: Envelope, payload: XmlElement | undefined, target: Target): Written {
  if (payload?.is('binary', PAYLOAD))
    return { contentType: target.type.type, bytes: Buffer.from(payload.text, 'base64') }
  if (payload?.is('text', PAYLOAD)) return textual(payload.text, target)
  if (envelope.arrived === 'bare' || target.type.type.startsWith('text/')) return textual(printPayload(payload), target)
  return textual(printXml(envelope.root), target)
}

function printPayload(payload: XmlElement | undefined): string {
  return payload === undefined ? '' : printXml(payload)
}

/** As it is if the version is right: what is sent may be sent again, so the message itself is not converted. */
function inVersion(envelope: Envelope, version: 'soap11' | 'soap12'): Envelope {
  if (envelope.soap === version) return envelope
  const copy = envelope.clone()
  convert(copy, version)
  return copy
}

function writeRelated(envelope: Envelope, attachments: NonNullable<Envelope['attachments']>, target: Target): Written {
  const boundary = newBoundary()
  const { soap } = envelope
  const rootType = soap === 'soap12' ? 'application/soap+xml' : 'text/xml'
  const headers = new Map(attachments.rootHeaders)
  if (!headers.has('content-id')) headers.set('content-id', '<root.message@holdfast>')
  const known = parseContentType(headers.get('content-type') ?? '')
  const parameters = { ...Object.fromEntries(known.parameters), charset: 'UTF-8' }
  headers.set('content-type', printContentType(known.type || rootType, parameters))
  if (headers.has('content-transfer-encoding')) headers.set('content-transfer-encoding', 'binary')
  const root = envelope.arrived === 'bare' ? printPayload(envelope.firstChild) : printXml(envelope.root)
  const own = target.type.kind === 'related' ? Object.fromEntries(target.type.parameters) : {}
  return {
    contentType: printContentType('multipart/related', {
      ...own,
      boundary,
      type: own['type'] ?? known.type ?? rootType,
      start: headers.get('content-id'),
    }),
    bytes: joinMultipart([{ headers, bytes: Buffer.from(root, 'utf8') }, ...attachments.parts], boundary),
  }
}

/** Text in the wanted charset, or in UTF-8 and saying so where that charset has no place for some character. */
function textual(text: string, target: Target): Written {
  const bytes = encodeText(text, target.charset)
  if (bytes) return { contentType: typeWith(target, target.silentCharset ? undefined : target.charset), bytes }
  return { contentType: typeWith(target, 'UTF-8'), bytes: Buffer.from(text, 'utf8') }
}

function typeWith({ type, action }: Target, charset: string | undefined): string {
  const { size } = type.parameters
  const isPlain = size === 0 || (size === 1 && type.parameters.has('charset'))
  if (isPlain && (type.kind !== 'soap12' || action === undefined))
    return charset === undefined ? type.type : type.type + printParameter('charset', charset)
  const parameters: Record<string, string | undefined> = { ...Object.fromEntries(type.parameters), charset }
  if (type.kind === 'soap12' && action !== undefined) parameters['action'] = action
  if (type.kind !== 'soap12') parameters['action'] = undefined
  return printContentType(type.type, parameters)
}

/** Children of the payload as a query string, for a request that carries no body. */
export function queryOf(body: Body): string {
  if (!body.ready) throw new IntegrationError('MEDIATION_FAILED', 'the body was looked at before it was collected')
  return printForm(body.view(envelopeView).firstChild)
}
