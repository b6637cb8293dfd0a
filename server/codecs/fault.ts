import { Body, Message } from '../kernel/message.ts'
import type { Format } from '../kernel/message.ts'
import { clone } from '../xml/clone.ts'
import { XmlElement, XmlText } from '../xml/tree.ts'
import type { XmlNode } from '../xml/tree.ts'
import { envelopeView, newEnvelope, payloadElement } from './envelope.ts'
import type { Envelope, SoapVersion } from './envelope.ts'
import { jsonView } from './json.ts'
import { xmlToJson } from './json-xml.ts'
import { setMessageType } from './payloads.ts'
import { fillFault, readFault } from './soap-version.ts'
import type { FaultFacts } from './soap-version.ts'

export interface FaultParts {
  /** Local name in either version: `Server` and `Receiver` mean the same. Absent: the server's fault. */
  readonly code?: string
  readonly reason: string
  readonly detail?: string | readonly XmlNode[]
  /** Becomes `faultactor` in SOAP 1.1. */
  readonly role?: string
  /** SOAP 1.2 only. */
  readonly node?: string
}

/** Says of a message that it is a fault, whatever its body looks like: answered with 500 unless the flow decides. */
const FAULT_FLAG = 'FAULT_RESPONSE'

/**
 * A whole answer, in the language of the client (P1): SOAP of its version, JSON, plain text, or an `<Exception>`. Where
 * there is room for one sentence only, it is the reason.
 */
export function faultReply(client: Format, parts: FaultParts): Message {
  const message = new Message({ body: Body.empty(), isResponse: true, format: client })
  const hasRoom = client === 'soap11' || client === 'soap12' || client === 'json'
  setFault(message, client, hasRoom ? parts : { reason: parts.reason })
  return message
}

/**
 * Puts a fault in place of the message's body. SOAP headers of an envelope that is there already stay (C.8), so the body
 * must have been collected if it may be one.
 */
export function setFault(message: Message, format: Format, parts: FaultParts): void {
  message.format = format
  message.axis2.set(FAULT_FLAG, true)
  switch (format) {
    case 'soap11':
    case 'soap12':
      return replaceBody(message, faultEnvelope(format, parts, soapHeaders(message.body)), TYPES[format])
    case 'json': {
      const { firstChild } = faultEnvelope('soap11', parts)
      message.body = Body.ofView(jsonView, xmlToJson(firstChild!, AS_TEXT), 'application/json')
      return setMessageType(message, 'application/json')
    }
    case 'text':
      return replaceBody(message, newEnvelope('soap11', payloadElement('text', parts.reason)), 'text/plain')
    default:
      return replaceBody(message, newEnvelope('soap11', exceptionElement(parts)), 'application/xml')
  }
}

const TYPES: Readonly<Record<SoapVersion, string>> = { soap11: 'text/xml', soap12: 'application/soap+xml' }
const AS_TEXT = { autoPrimitive: false, emptyAsText: true }

function replaceBody(message: Message, envelope: Envelope, type: string): void {
  message.body.discard()
  message.body = Body.ofView(envelopeView, envelope, type)
  message.axis2.delete('NO_ENTITY_BODY')
  setMessageType(message, type)
}

function soapHeaders(body: Body): XmlElement | undefined {
  return body.changed === envelopeView ? body.view(envelopeView).header : undefined
}

export function faultEnvelope(soap: SoapVersion, parts: FaultParts, header?: XmlElement): Envelope {
  const envelope = newEnvelope(soap)
  const { root } = envelope
  if (header && header.uri === root.uri) root.insert(0, clone(header))
  const fault = new XmlElement('Fault', root.uri, root.prefix)
  envelope.body.append(fault)
  fillFault(fault, factsOf(parts), soap, root.prefix, root.uri)
  return envelope
}

function factsOf({ code, reason, detail, role, node }: FaultParts): FaultFacts {
  const nodes = typeof detail === 'string' ? [new XmlText(detail)] : (detail ?? [])
  return { code: code ?? 'Server', reason, role, node, detail: nodes, detailAttributes: [] }
}

/** Plain XML has no faults of its own: Synapse's `<Exception>`, saying the detail or else the reason (C.8). */
function exceptionElement({ reason, detail }: FaultParts): XmlElement {
  const element = new XmlElement('Exception')
  if (typeof detail === 'string' || detail === undefined) element.setText(detail || reason)
  else if (detail.length > 0) element.append(...detail)
  else element.setText(reason)
  return element
}

/** True for what is known to be a fault without parsing anything. */
export function isFault(message: Message): boolean {
  if (message.flag(FAULT_FLAG) === true) return true
  const { body } = message
  return body.changed === envelopeView && body.view(envelopeView).fault !== undefined
}

/** Says a SOAP fault in the words of a client that does not speak SOAP (E.9 rule 2). */
export function translateFault(message: Message, fault: XmlElement, client: Format): void {
  const { code, reason, detail, role, node } = readFault(fault)
  const parts = {
    code,
    reason,
    ...(client === 'json' && detail.length > 0 && { detail: detail.map(child => clone(child)) }),
    ...(role !== undefined && { role }),
    ...(node !== undefined && { node }),
  }
  setFault(message, client, parts)
}
