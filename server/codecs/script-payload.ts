import type { Message } from '../kernel/message.ts'
import { Body } from '../kernel/message.ts'
import { IntegrationError } from '../kernel/errors.ts'
import { parseXml } from '../xml/reader.ts'
import type { XmlElement } from '../xml/tree.ts'
import { printXml } from '../xml/writer.ts'
import { XmlError } from '../xml/xml-error.ts'
import { parseContentType } from './content-type.ts'
import { decodedText } from './decoded.ts'
import { envelopeView, PAYLOAD } from './envelope.ts'
import { jsonBody, jsonView } from './json.ts'
import { printJson } from './json-text.ts'

/** A payload as scripts see it: as texts. Read and written without trees where the bytes are what is asked for. */

export function payloadXmlText(message: Message): string | null {
  const payload = message.body.view(envelopeView).firstChild
  return payload ? printXml(payload) : null
}

export function setPayloadXmlText(message: Message, text: string): void {
  message.body.edit(envelopeView).setPayload(xmlOf(text))
}

export function envelopeText(message: Message): string {
  return printXml(message.body.view(envelopeView).root)
}

/** Null for no payload. */
export function payloadJsonText({ body }: Message): string | null {
  if (body.changed === null && parseContentType(body.contentType).kind === 'json') return decodedText(body) || null
  const { value } = body.view(jsonView)
  return value === undefined ? null : printJson({ value })
}

/** `checked`: the text is known to be JSON. */
export function setPayloadJsonText(message: Message, text: string, checked: boolean): void {
  const { body } = message
  const own = parseContentType(body.contentType)
  const type = own.kind === 'json' ? own.type : 'application/json'
  const made = checked ? Body.ofBytes(Buffer.from(text, 'utf8'), type) : jsonBody(text, type)
  body.discard()
  message.body = made
}

/** JSON or XML as text, or what a plain text says. */
export function payloadText(message: Message): string {
  const { body } = message
  const { kind } = parseContentType(body.contentType)
  if (body.changed === jsonView || (body.changed === null && kind === 'json')) return payloadJsonText(message) ?? ''
  const payload = body.view(envelopeView).firstChild
  if (!payload) return ''
  return payload.is('text', PAYLOAD) ? payload.text : printXml(payload)
}

/** Adds a block to the SOAP header. */
export function addHeaderBlock(message: Message, mustUnderstand: boolean, text: string): void {
  const block = xmlOf(text)
  const envelope = message.body.edit(envelopeView)
  const header = envelope.ensureHeader()
  block.parent = null
  if (mustUnderstand) {
    const prefix = envelope.root.prefix || 'soapenv'
    block.declare(prefix, envelope.root.uri)
    block.setAttribute('mustUnderstand', '1', envelope.root.uri, prefix)
  }
  header.append(block)
}

function xmlOf(text: string): XmlElement {
  try {
    return parseXml(text.trim()).root
  } catch (thrown) {
    if (!(thrown instanceof XmlError)) throw thrown
    throw new IntegrationError('MEDIATION_FAILED', `the text is not XML: ${thrown.message}`, { cause: thrown })
  }
}
