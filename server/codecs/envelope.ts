import type { Body, View } from '../kernel/message.ts'
import { clone } from '../xml/clone.ts'
import { parseXml } from '../xml/reader.ts'
import { XmlDocument, XmlElement, XmlText } from '../xml/tree.ts'
import type { XmlNode } from '../xml/tree.ts'
import { XmlError } from '../xml/xml-error.ts'
import { decodeText } from './charset.ts'
import { parseContentType } from './content-type.ts'
import type { ContentType } from './content-type.ts'
import { beginning, decodedBytes, textOfBytes, unreadable } from './decoded.ts'
import { readFormData } from './form-data.ts'
import { readForm } from './form.ts'
import { parseJson } from './json-text.ts'
import type { JsonValue } from './json-text.ts'
import { jsonToXml } from './json-xml.ts'
import { splitMultipart } from './multipart.ts'
import type { Part } from './multipart.ts'

export type SoapVersion = 'soap11' | 'soap12'

export const SOAP11 = 'http://schemas.xmlsoap.org/soap/envelope/'
export const SOAP12 = 'http://www.w3.org/2003/05/soap-envelope'
/** Of the wrappers that carry plain text and binary content through XML. */
export const PAYLOAD = 'http://ws.apache.org/commons/ns/payload'

/** The parts of a multipart/related message besides its root, and how the root was described. */
export interface Attachments {
  readonly rootHeaders: ReadonlyMap<string, string>
  readonly parts: readonly Part[]
}

/**
 * Any payload as a SOAP envelope, which is how XPath and the XML mediators see it (synapse-language B.6, E.3). A payload
 * that is none stands inside a SOAP 1.1 body.
 */
export class Envelope {
  readonly document: XmlDocument
  /** Whether the XML that arrived had an envelope of its own; undefined if it did not arrive as XML. */
  readonly arrived: 'envelope' | 'bare' | undefined
  readonly attachments: Attachments | undefined

  constructor(document: XmlDocument, arrived?: 'envelope' | 'bare', attachments?: Attachments) {
    this.document = document
    this.arrived = arrived
    this.attachments = attachments
  }

  get root(): XmlElement {
    return this.document.root
  }

  get soap(): SoapVersion {
    return this.root.uri === SOAP12 ? 'soap12' : 'soap11'
  }

  get header(): XmlElement | undefined {
    return this.root.child('Header', this.root.uri)
  }

  /** The header element, made if there is none. */
  ensureHeader(): XmlElement {
    const { root } = this
    const known = this.header
    if (known) return known
    const made = new XmlElement('Header', root.uri, root.prefix)
    root.insert(0, made)
    return made
  }

  /** The body element, made anew if a mediator has taken it away. */
  get body(): XmlElement {
    const { root } = this
    const known = root.child('Body', root.uri)
    if (known) return known
    const made = new XmlElement('Body', root.uri, root.prefix)
    root.append(made)
    return made
  }

  /** The first element of the body: the payload of everything that is not SOAP. */
  get firstChild(): XmlElement | undefined {
    return this.root.child('Body', this.root.uri)?.firstElement
  }

  get fault(): XmlElement | undefined {
    const first = this.firstChild
    return first?.is('Fault', this.root.uri) ? first : undefined
  }

  /** Puts these nodes in place of everything in the body. The root of a document leaves it for good. */
  setPayload(...nodes: XmlNode[]): void {
    const { body } = this
    body.clear()
    for (const node of nodes) {
      if (node.parent?.kind === 'document') body.push(node)
      else body.append(node)
    }
  }

  clone(): Envelope {
    return new Envelope(
      new XmlDocument(this.document.children.map(node => clone(node))),
      this.arrived,
      this.attachments,
    )
  }
}

export function newEnvelope(soap: SoapVersion, payload?: XmlNode): Envelope {
  return wrap(payload, soap, undefined)
}

/** An envelope that was read or made as a tree: its root must be a SOAP Envelope. */
export function envelopeOf(root: XmlElement): Envelope {
  if (!isEnvelope(root)) throw unreadable(`<${root.name}> is not a SOAP envelope`)
  return new Envelope(root.parent?.kind === 'document' ? root.parent : new XmlDocument([root]))
}

export function isEnvelope(element: XmlElement): boolean {
  return element.local === 'Envelope' && (element.uri === SOAP11 || element.uri === SOAP12)
}

function wrap(payload: XmlNode | undefined, soap: SoapVersion, arrived: 'bare' | undefined): Envelope {
  const uri = soap === 'soap12' ? SOAP12 : SOAP11
  const root = new XmlElement('Envelope', uri, 'soapenv')
  root.declare('soapenv', uri)
  const body = new XmlElement('Body', uri, 'soapenv')
  root.push(body)
  // A root read from a message leaves its document for good: nobody keeps that, and a copy would double the cost.
  if (payload) body.push(payload)
  return new Envelope(new XmlDocument([root]), arrived)
}

export const envelopeView: View<Envelope> = {
  name: 'envelope',
  read(body) {
    const { changed } = body
    return changed ? ofJson(body.view(changed) as { value: JsonValue | undefined }) : readEnvelope(body)
  },
  clone: envelope => envelope.clone(),
}

function ofJson(root: { value: JsonValue | undefined }): Envelope {
  return wrap(root.value === undefined ? undefined : jsonToXml(root as { value: JsonValue }), 'soap11', undefined)
}

function readEnvelope(body: Body): Envelope {
  const type = parseContentType(body.contentType)
  const bytes = decodedBytes(body)
  if (type.kind === 'form' || (type.kind === 'none' && bytes.length === 0)) return readFields(body, bytes, type)
  if (bytes.length === 0) return wrap(undefined, type.kind === 'soap12' ? 'soap12' : 'soap11', undefined)
  switch (type.kind) {
    case 'soap11':
    case 'soap12':
    case 'pox':
      return readXml(bytes, type)
    case 'json':
      return ofJson(parseJson(textOfBytes(bytes, type.charset)))
    case 'form-data':
      return wrap(readFormData(bytes, type.parameters.get('boundary')), 'soap11', undefined)
    case 'related':
      return readRelated(bytes, type)
    case 'text':
      return wrap(payloadElement('text', plainText(bytes, type.charset)), 'soap11', undefined)
    case 'other':
      if (startsLikeXml(bytes)) return readXml(bytes, type)
      if (type.type.startsWith('text/'))
        return wrap(payloadElement('text', plainText(bytes, type.charset)), 'soap11', undefined)
      return wrap(payloadElement('binary', base64(bytes)), 'soap11', undefined)
    default:
      return wrap(payloadElement('binary', base64(bytes)), 'soap11', undefined)
  }
}

function readFields(body: Body, bytes: Uint8Array, type: ContentType): Envelope {
  if (bytes.length === 0 && body.query === '') return wrap(undefined, 'soap11', undefined)
  return wrap(readForm(body.query, textOfBytes(bytes, type.charset).trim()), 'soap11', undefined)
}

function readXml(bytes: Uint8Array, type: ContentType): Envelope {
  let text = ''
  let document: XmlDocument
  try {
    text = decodeText(bytes, type.charset)
    document = parseXml(text)
  } catch (thrown) {
    throw thrown instanceof XmlError ? malformed(thrown, text) : thrown
  }
  const { root } = document
  if (isEnvelope(root)) {
    if (!root.child('Body', root.uri)) throw unreadable('the SOAP envelope has no Body')
    return new Envelope(document, 'envelope')
  }
  if (type.kind === 'soap12')
    throw unreadable(`the body is ${type.type}, but its root is <${root.name}>, not a SOAP envelope`)
  return wrap(root, 'soap11', 'bare')
}

function malformed(error: XmlError, text: string): Error {
  const at = text === '' ? '' : `, at "${beginning(text, error.offset)}"`
  return unreadable(
    `the body is not well-formed XML: ${error.reason} (line ${error.line}, column ${error.column}${at})`,
    error,
  )
}

/** MTOM and SOAP with attachments: the root part is the envelope, the others go along untouched. */
function readRelated(bytes: Uint8Array, type: ContentType): Envelope {
  const parts = splitMultipart(bytes, type.parameters.get('boundary'))
  const start = type.parameters.get('start')
  const rootPart = (start && parts.find(part => part.headers.get('content-id') === start)) || parts[0]
  if (!rootPart) throw unreadable('the multipart/related body has no parts')
  const rootType = parseContentType(rootPart.headers.get('content-type') ?? type.parameters.get('type') ?? 'text/xml')
  const envelope = readXml(rootPart.bytes, rootType)
  const others = parts.filter(part => part !== rootPart)
  return new Envelope(envelope.document, envelope.arrived, { rootHeaders: rootPart.headers, parts: others })
}

/** The wrapper that carries plain text or base64 through XML. */
export function payloadElement(local: 'text' | 'binary', text: string): XmlElement {
  const element = new XmlElement(local, PAYLOAD)
  if (text !== '') element.push(new XmlText(text))
  return element
}

/** Text without charset that is not UTF-8 is taken for ISO-8859-1, the default HTTP once had: nothing is lost by it. */
function plainText(bytes: Uint8Array, charset: string | undefined): string {
  if (charset !== undefined) return textOfBytes(bytes, charset)
  try {
    return decodeText(bytes)
  } catch {
    return decodeText(bytes, 'iso-8859-1')
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

function startsLikeXml(bytes: Uint8Array): boolean {
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  while (bytes[at] === 32 || bytes[at] === 10 || bytes[at] === 13 || bytes[at] === 9) at++
  return bytes[at] === 0x3c
}
