import { detach, XmlElement, XmlText } from '../xml/tree.ts'
import type { XmlAttribute, XmlNode } from '../xml/tree.ts'
import { SOAP11, SOAP12 } from './envelope.ts'
import type { Envelope, SoapVersion } from './envelope.ts'
import { XML_NAMESPACE } from '../xml/names.ts'

const NEXT_11 = 'http://schemas.xmlsoap.org/soap/actor/next'
const NEXT_12 = 'http://www.w3.org/2003/05/soap-envelope/role/next'

/** Rewrites an envelope in place for the other SOAP version: names, header attributes, and a fault (E.9, H 40). */
export function convert(envelope: Envelope, to: SoapVersion): void {
  if (envelope.soap === to) return
  const { root, fault, header } = envelope
  const from = root.uri
  const uri = to === 'soap12' ? SOAP12 : SOAP11
  if (fault) {
    const facts = readFault(fault)
    remakeFault(fault, facts, to, root.prefix, uri)
  }
  for (const block of header?.childElements ?? []) convertAttributes(block, from, uri, to)
  for (const element of [root, ...root.childElements, ...(fault ? [fault] : [])]) {
    if (element.uri === from) element.uri = uri
    redeclare(element, from, uri)
  }
}

function redeclare(element: XmlElement, from: string, to: string): void {
  for (const { prefix, uri } of element.declarations) if (uri === from) element.declare(prefix, to)
}

function convertAttributes(block: XmlElement, from: string, uri: string, to: SoapVersion): void {
  for (const attribute of block.attributes.filter(attribute => attribute.uri === from)) {
    const { local, value, prefix } = attribute
    block.removeAttribute(local, from)
    if (to === 'soap12') {
      const name = local === 'actor' ? 'role' : local
      block.setAttribute(name, value === NEXT_11 ? NEXT_12 : value, uri, prefix)
    } else if (local === 'role') block.setAttribute('actor', value === NEXT_12 ? NEXT_11 : value, uri, prefix)
    else if (local === 'mustUnderstand')
      block.setAttribute(local, value === 'true' ? '1' : value === 'false' ? '0' : value, uri, prefix)
    else if (local !== 'relay') block.setAttribute(local, value, uri, prefix)
  }
}

/** What a fault of either version says. */
export interface FaultFacts {
  /** Local name, by the version it was read from. */
  readonly code: string
  /** A code of the application's own: text and the namespace its prefix stands for. */
  readonly subcode?: { readonly text: string; readonly uri: string | undefined }
  readonly reason: string
  readonly language?: string | undefined
  readonly role?: string | undefined
  readonly node?: string | undefined
  /** Still inside the fault they were read from. */
  readonly detail: readonly XmlNode[]
  readonly detailAttributes: readonly XmlAttribute[]
}

export function readFault(fault: XmlElement): FaultFacts {
  return fault.uri === SOAP12 ? readFault12(fault) : readFault11(fault)
}

function readFault11(fault: XmlElement): FaultFacts {
  // Some senders put the children into the SOAP namespace although the standard leaves them without one.
  const part = (local: string): XmlElement | undefined => fault.childElements.find(child => child.local === local)
  const codeElement = part('faultcode')
  const text = codeElement?.text.trim() ?? ''
  const { prefix, local } = splitName(text)
  const uri = prefix === '' ? undefined : codeElement?.lookupNamespace(prefix)
  const main = local.split('.')[0]!
  const standard = CODES_11.has(main) && (prefix === '' || uri === SOAP11)
  const detail = part('detail')
  const reason = part('faultstring')
  return {
    code: standard ? main : 'Server',
    ...(!standard && text !== '' && { subcode: { text, uri } }),
    reason: reason?.text ?? '',
    language: reason?.attribute('lang', XML_NAMESPACE),
    role: part('faultactor')?.text,
    detail: detail?.children ?? [],
    detailAttributes: detail?.attributes ?? [],
  }
}

function readFault12(fault: XmlElement): FaultFacts {
  const part = (local: string): XmlElement | undefined => fault.child(local, SOAP12)
  const code = part('Code')
  const value = code?.child('Value', SOAP12)
  const sub = code?.child('Subcode', SOAP12)?.child('Value', SOAP12)
  const subText = sub?.text.trim() ?? ''
  const detail = part('Detail')
  const reason = part('Reason')?.child('Text', SOAP12)
  return {
    code: splitName(value?.text.trim() ?? 'Receiver').local,
    ...(subText !== '' && { subcode: { text: subText, uri: sub?.lookupNamespace(splitName(subText).prefix) } }),
    reason: reason?.text ?? '',
    language: reason?.attribute('lang', XML_NAMESPACE),
    role: part('Role')?.text,
    node: part('Node')?.text,
    detail: detail?.children ?? [],
    detailAttributes: detail?.attributes ?? [],
  }
}

function splitName(text: string): { prefix: string; local: string } {
  const colon = text.indexOf(':')
  return colon < 0 ? { prefix: '', local: text } : { prefix: text.slice(0, colon), local: text.slice(colon + 1) }
}

const CODES_11 = new Set([
  'VersionMismatch',
  'MustUnderstand',
  'Client',
  'Server',
  'Sender',
  'Receiver',
  'DataEncodingUnknown',
])

/** The code as this version calls it. */
export function codeFor(version: SoapVersion, code: string): string {
  if (version === 'soap12') return code === 'Server' ? 'Receiver' : code === 'Client' ? 'Sender' : code
  if (code === 'Receiver') return 'Server'
  return code === 'Sender' || code === 'DataEncodingUnknown' ? 'Client' : code
}

function remakeFault(fault: XmlElement, facts: FaultFacts, to: SoapVersion, prefix: string, uri: string): void {
  const detail = facts.detail.map(node => detach(node))
  fault.clear()
  fillFault(fault, { ...facts, detail }, to, prefix, uri)
}

/** Puts the children of a fault into an empty one; `prefix` stands for the SOAP namespace where the fault will be. */
export function fillFault(
  fault: XmlElement,
  facts: FaultFacts,
  version: SoapVersion,
  prefix: string,
  uri: string,
): void {
  const qualified = (local: string): string => (prefix === '' ? local : `${prefix}:${local}`)
  const code = qualified(codeFor(version, facts.code))
  if (version === 'soap11') {
    addText(fault, 'faultcode', code)
    const reason = addText(fault, 'faultstring', facts.reason)
    if (facts.language) reason.setAttribute('lang', facts.language, XML_NAMESPACE, 'xml')
    const actor = facts.role ?? facts.node
    if (actor !== undefined) addText(fault, 'faultactor', actor)
    addDetail(fault, new XmlElement('detail'), facts)
    return
  }
  const codeElement = new XmlElement('Code', uri, prefix)
  addText(codeElement, 'Value', code, uri, prefix)
  if (facts.subcode) addSubcode(codeElement, facts.subcode, uri, prefix)
  fault.append(codeElement)
  const reason = new XmlElement('Reason', uri, prefix)
  addText(reason, 'Text', facts.reason, uri, prefix).setAttribute('lang', facts.language ?? 'en', XML_NAMESPACE, 'xml')
  fault.append(reason)
  if (facts.node !== undefined) addText(fault, 'Node', facts.node, uri, prefix)
  if (facts.role !== undefined) addText(fault, 'Role', facts.role, uri, prefix)
  addDetail(fault, new XmlElement('Detail', uri, prefix), facts)
}

function addSubcode(
  code: XmlElement,
  subcode: { text: string; uri: string | undefined },
  uri: string,
  prefix: string,
): void {
  const element = new XmlElement('Subcode', uri, prefix)
  const value = addText(element, 'Value', subcode.text, uri, prefix)
  const own = splitName(subcode.text).prefix
  if (own !== '' && subcode.uri !== undefined) value.declare(own, subcode.uri)
  code.append(element)
}

function addDetail(fault: XmlElement, element: XmlElement, { detail, detailAttributes }: FaultFacts): void {
  if (detail.length === 0 && detailAttributes.length === 0) return
  for (const { local, value, uri, prefix } of detailAttributes) element.setAttribute(local, value, uri, prefix)
  element.append(...detail)
  fault.append(element)
}

function addText(parent: XmlElement, local: string, text: string, uri = '', prefix = ''): XmlElement {
  const element = new XmlElement(local, uri, prefix)
  if (text !== '') element.append(new XmlText(text))
  parent.append(element)
  return element
}
