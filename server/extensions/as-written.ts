import type { MessageContext } from '../kernel/context.ts'
import type { Expression } from '../kernel/contracts.ts'
import type { ElementSite } from '../schema/element-site.ts'
import type { Field } from '../schema/fields.ts'
import { clone } from '../xml/clone.ts'
import type { XmlElement } from '../xml/tree.ts'
import { printXml } from '../xml/writer.ts'
import type { ExtensionProperties } from './api.ts'

/** A value as an extension gets it: the same for every message, or computed for each. */
export type Given = string | Expression

/** An element whose children this server knows nothing of: for an extension they are properties. */
export interface AsWritten {
  readonly element: XmlElement
  readonly given: ReadonlyMap<string, Given>
}

/**
 * Everything in the element. Attributes are properties by their name, `<property name>` by that name, and every other
 * child by its own: text, or XML as its text. A value in braces, or an attribute `expression`, is an expression.
 */
export function asWritten(options: { doc: string }): Field<AsWritten> {
  return {
    shape: { kind: 'inline', doc: options.doc, required: false },
    decode(site) {
      const { element } = site
      const given = new Map<string, Given>()
      for (const { local, uri, value } of element.attributes) {
        if (uri !== '') continue
        site.attribute(local)
        given.set(local, valueOf(value, element, site))
      }
      const own = site.text()
      if (own !== '') given.set('text', valueOf(own, element, site))
      for (const child of site.remainingElements()) takeChild(child, given, site)
      return { element, given }
    },
    encode({ element }, draft) {
      const copy = clone(element)
      draft.element.local = copy.local
      // They are declared on the draft: what moves there need not take them along.
      copy.declarationList = []
      for (const { prefix, uri } of element.declarations) if (prefix !== '') draft.element.declare(prefix, uri)
      for (const { local, value, uri, prefix } of copy.attributes) draft.element.setAttribute(local, value, uri, prefix)
      // oxlint-disable-next-line unicorn/no-useless-spread -- each one leaves the copy as it is appended
      for (const node of [...copy.children]) draft.element.append(node)
    },
    present: () => true,
  }
}

function takeChild(child: XmlElement, given: Map<string, Given>, site: ElementSite): void {
  const name = (child.local === 'property' ? child.attribute('name') : undefined) ?? child.local
  const value = child.attribute('value')
  const expression = child.attribute('expression')
  if (value !== undefined) given.set(free(name, given), valueOf(value, child, site))
  else if (expression !== undefined) given.set(free(name, given), compiled(expression, child, site) ?? expression)
  else if (child.firstElement) given.set(free(name, given), printXml(clone(child)))
  else given.set(free(name, given), valueOf(child.ownText.trim(), child, site))
}

/** The second one of a name is `name.2`. */
function free(name: string, given: ReadonlyMap<string, Given>): string {
  let free = name
  for (let count = 2; given.has(free); count++) free = `${name}.${count}`
  return free
}

/** Text in braces is an expression if it can be one: JSON stands in braces, too. */
function valueOf(text: string, element: XmlElement, site: ElementSite): Given {
  const inner = /^\{(.*)\}$/s.exec(text.trim())?.[1]
  if (inner !== undefined) return compiled(inner, element, site) ?? text
  return text.trim().startsWith('${') ? (compiled(text.trim(), element, site) ?? text) : text
}

function compiled(source: string, element: XmlElement, { decoding }: ElementSite): Expression | undefined {
  try {
    return decoding.env.compile(source, prefix => element.lookupNamespace(prefix), decoding.at(element.offset))
  } catch {
    return undefined
  }
}

/** The properties for this message. */
export function propertiesOf(given: ReadonlyMap<string, Given>, ctx: MessageContext): ExtensionProperties {
  const properties: Record<string, string> = {}
  for (const [name, value] of given) properties[name] = typeof value === 'string' ? value : value.string(ctx)
  return properties
}

export function givenNeedsBody(given: ReadonlyMap<string, Given>): boolean {
  return [...given.values()].some(value => typeof value !== 'string' && value.needsBody)
}
