/** Pieces of XML on their way from one place to another: out of paths and properties, into bodies. */
import { IntegrationError } from '../kernel/errors.ts'
import { clone } from '../xml/clone.ts'
import { graft, type Graft } from '../xml/graft.ts'
import { parseXml } from '../xml/reader.ts'
import { remove, XmlAttribute, XmlElement, XmlText, type XmlNode } from '../xml/tree.ts'
import { checkOverlap } from './copy-limits.ts'
import { envelopeOf, isEnvelope, payloadElement, type Envelope } from './envelope.ts'
import { printJsonValue, type JsonValue } from './json-text.ts'

export function isTreeNode(value: unknown): value is XmlNode {
  return value instanceof XmlElement || value instanceof XmlText
}

/** Whatever a path gives, or a property holds, as nodes that can be put somewhere. */
export function copies(value: unknown): readonly XmlNode[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value) && value.every(item => isTreeNode(item) || item instanceof XmlAttribute)) {
    checkOverlap(value.filter(isTreeNode))
    return value.map(item => (item instanceof XmlAttribute ? new XmlText(item.value) : clone(item)))
  }
  if (isTreeNode(value)) return [clone(value)]
  if (typeof value === 'object') return [new XmlText(printJsonValue(value as JsonValue))]
  return [new XmlText(String(value as string | number | boolean))]
}

/** Puts nodes in place of the payload, into its first element, or after that. Text is wrapped into an element. */
export function putIntoBody(envelope: Envelope, nodes: readonly XmlNode[], how: Graft): void {
  const [only] = nodes
  const content = only instanceof XmlElement && isEnvelope(only) ? envelopeOf(only).body.childElements : nodes
  const first = envelope.firstChild
  if (how !== 'replace' && first) {
    graft(first, content, how)
    return
  }
  envelope.setPayload(...content.map(node => (node instanceof XmlText ? payloadElement('text', node.value) : node)))
}

/** The envelope that is to take the place of another one, as a tree or as text. */
export function envelopeIn([only]: readonly XmlNode[]): Envelope {
  const root = only instanceof XmlText && only.value.trim().startsWith('<') ? parseXml(only.value).root : only
  if (root instanceof XmlElement && isEnvelope(root)) return envelopeOf(root)
  throw new IntegrationError('MEDIATION_FAILED', 'only a SOAP envelope can take the place of the envelope')
}

/** Takes away what a path has selected. */
export function takeAway(node: unknown): void {
  if (node instanceof XmlAttribute) node.parent?.removeAttribute(node.local, node.uri)
  else if (isTreeNode(node)) remove(node)
}
