import { nearest } from '../kernel/nearest.ts'
import type { XmlElement } from '../xml/tree.ts'
import { ElementDraft, encodeElement } from './element-draft.ts'
import { ElementSite, writtenText } from './element-site.ts'
import type { Field } from './fields.ts'
import type { AnyInboundKind } from './kinds.ts'
import { decodeFields } from './structure.ts'
import { text } from './types.ts'
import { PROTOCOLS } from './vocabulary.ts'

/** An inbound endpoint: the protocol decides which fields its parameters have. */
export interface ProtocolNode {
  readonly kind: AnyInboundKind
  readonly protocol: string
  readonly config: unknown
  /** Every parameter as written. */
  readonly parameters: Readonly<Record<string, string>>
}

const WRAPPER = 'parameters'

/** `protocol="…"` and what stands in `<parameters>`. */
export function byProtocol(options: { doc: string }): Field<ProtocolNode | undefined> {
  return {
    shape: { kind: 'byClass', role: 'inbound-endpoint', attribute: 'protocol', wrapper: WRAPPER, doc: options.doc },
    decode(site) {
      const inner = parametersOf(site)
      const kind = kindOf(site)
      if (!kind) {
        inner.otherParameters()
        return undefined
      }
      const parameters = writtenIn(inner.element)
      const config = decodeFields(inner, kind.fields)
      sayUnknown(inner, kind)
      inner.checkWith(() => kind.check?.(config, inner))
      if (inner !== site) inner.reportRest(kind.fields)
      return { kind, protocol: site.attribute('protocol')!.value.trim(), config, parameters }
    },
    encode(value, draft) {
      if (!value) return
      draft.attribute('protocol', text(), value.protocol)
      const inner = new ElementDraft(WRAPPER)
      encodeElement(inner, value.kind.fields, value.config as Record<string, unknown>)
      // A default somebody wrote out stays written out, and so does what nobody knows.
      for (const [name, given] of Object.entries(value.parameters))
        if (!inner.hasParameter(name)) inner.plainParameter(name, given)
      if (inner.element.childElements.length > 0) draft.append(inner.element)
    },
    present: () => true,
  }
}

/** Parameters that stand in the element itself are read, too. */
function parametersOf(site: ElementSite): ElementSite {
  const [wrapper, second] = site.children(WRAPPER)
  if (second)
    site.error('repeated-element', `<${WRAPPER}> may stand here only once`, second.offset, 'Remove all but one.')
  return wrapper ? new ElementSite(wrapper, site.decoding) : site
}

function writtenIn(element: XmlElement): Readonly<Record<string, string>> {
  const written: Record<string, string> = {}
  for (const child of element.childElements) {
    const name = child.local === 'parameter' ? child.attributeNode('name')?.value : undefined
    if (name !== undefined) written[name] = writtenText(child)
  }
  return written
}

function kindOf(site: ElementSite): AnyInboundKind | undefined {
  const { catalog } = site.decoding.env
  const attribute = site.attribute('protocol')
  const javaClass = site.attribute('class')
  const protocol = attribute?.value.trim() ?? ''
  const kind = catalog.byClass('inbound-endpoint', protocol) as AnyInboundKind | undefined
  if (kind) return kind
  const offered = catalog.classes('inbound-endpoint')
  const hint = `Offered: ${offered.join(', ')}.`
  if (protocol === '' && javaClass) {
    const { offset } = site.placeOf(javaClass)
    site.error('not-supported', `the class "${javaClass.value}" needs Java and is not supported`, offset, hint)
  } else if (protocol === '') site.missing('attribute "protocol"', `one of ${offered.join(', ')}`)
  else {
    const known = PROTOCOLS.has(protocol)
    const near = known ? undefined : nearest(protocol, offered)
    site.error(
      known ? 'not-supported' : 'unknown-class',
      `the protocol "${protocol}" is not supported`,
      attribute ? site.placeOf(attribute).offset : site.element.offset,
      near === undefined ? hint : `Did you mean "${near}"?`,
    )
  }
  return undefined
}

function sayUnknown(site: ElementSite, kind: AnyInboundKind): void {
  const known = Object.values(kind.fields as Record<string, { shape: { kind: string; name?: string } }>).flatMap(
    ({ shape }) => (shape.kind === 'parameter' ? [shape.name!] : []),
  )
  for (const name of Object.keys(site.otherParameters())) {
    const near = nearest(name, known)
    site.warn(
      'unknown-parameter',
      `an inbound endpoint for ${kind.name} has no parameter "${name}"`,
      site.parameter(name)?.offset ?? site.element.offset,
      near === undefined ? 'It has no effect here. Remove it.' : `It has no effect here. Did you mean "${near}"?`,
    )
  }
}
