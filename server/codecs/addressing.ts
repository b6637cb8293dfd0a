import type { Addressing, Message } from '../kernel/message.ts'
import { remove, XmlElement } from '../xml/tree.ts'
import { envelopeView } from './envelope.ts'
import type { Envelope } from './envelope.ts'

export type AddressingVersion = 'final' | 'submission'

const NAMESPACES: Readonly<Record<AddressingVersion, string>> = {
  final: 'http://www.w3.org/2005/08/addressing',
  submission: 'http://schemas.xmlsoap.org/ws/2004/08/addressing',
}
export function isAddressing(uri: string): boolean {
  return uri === NAMESPACES.final || uri === NAMESPACES.submission
}

/** What the WS-Addressing headers say, by which version; undefined if there are none. */
export function readAddressing(envelope: Envelope): { version: AddressingVersion; addressing: Addressing } | undefined {
  const addressing: Addressing = {}
  let version: AddressingVersion | undefined
  for (const block of envelope.header?.childElements ?? []) {
    if (!isAddressing(block.uri)) continue
    version ??= block.uri === NAMESPACES.final ? 'final' : 'submission'
    const field = FIELDS[block.local]
    if (!field || addressing[field] !== undefined) continue
    const text = isReference(field) ? block.child('Address', block.uri)?.text : block.text
    if (text !== undefined) addressing[field] = text.trim()
  }
  return version && { version, addressing }
}

/** A SOAP request that has come by its path only may say in its headers where it is to go: then that is its address. */
export async function readAddressed(request: Message): Promise<void> {
  const { addressing, body } = request
  if ((request.format !== 'soap11' && request.format !== 'soap12') || /^https?:/i.test(addressing.to ?? '')) return
  await body.collect()
  const found = readAddressing(body.view(envelopeView))
  if (found) Object.assign(addressing, found.addressing)
}

const FIELDS: Readonly<Record<string, keyof Addressing>> = {
  To: 'to',
  From: 'from',
  Action: 'action',
  ReplyTo: 'replyTo',
  FaultTo: 'faultTo',
  RelatesTo: 'relatesTo',
  MessageID: 'messageId',
}

function isReference(field: keyof Addressing): boolean {
  return field === 'from' || field === 'replyTo' || field === 'faultTo'
}

/** Takes all WS-Addressing headers out; true if there were any. */
export function removeAddressing(envelope: Envelope): boolean {
  const blocks = envelope.header?.childElements.filter(block => isAddressing(block.uri)) ?? []
  for (const block of blocks) remove(block)
  return blocks.length > 0
}

/** Writes the headers anew; those that were there are replaced. */
export function addAddressing(envelope: Envelope, addressing: Addressing, version: AddressingVersion): void {
  removeAddressing(envelope)
  const uri = NAMESPACES[version]
  const header = envelope.ensureHeader()
  header.declare('wsa', uri)
  for (const [local, field] of Object.entries(FIELDS)) {
    const text = addressing[field]
    if (text === undefined) continue
    const block = new XmlElement(local, uri, 'wsa')
    if (isReference(field)) {
      const address = new XmlElement('Address', uri, 'wsa')
      address.setText(text)
      block.append(address)
    } else block.setText(text)
    header.append(block)
  }
}
