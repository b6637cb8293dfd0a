import { XmlAttribute, XmlComment, XmlElement, XmlPi, XmlText } from '../xml/tree.ts'
import type { MessageViews } from './environment.ts'
import type { XPathNode, XPathValue } from './xpath/values.ts'

type TreeNode = XmlElement | XmlText | XmlAttribute | XmlComment | XmlPi

function isNode(value: unknown): value is TreeNode {
  return (
    value instanceof XmlElement ||
    value instanceof XmlText ||
    value instanceof XmlAttribute ||
    value instanceof XmlComment ||
    value instanceof XmlPi
  )
}

/** True for what `enrich` and `property type="OM"` store: nodes, and nothing else. */
export function isNodeList(value: unknown): value is XPathNode[] {
  return Array.isArray(value) && value.length > 0 && value.every(isNode)
}

/** What somebody has put into a property, parameter or variable, as XPath sees it: XML as nodes, JSON as its text. */
export function toXPathValue(value: unknown, views: MessageViews): XPathValue {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return value
    case 'undefined':
      return null
    case 'object':
      break
    default:
      return String(value)
  }
  if (value === null) return null
  if (isNode(value)) return [value]
  if (isNodeList(value)) return value
  // A document, or an envelope kept by enrich.
  const root = (value as { root?: unknown }).root
  if (root instanceof XmlElement) return [root]
  return views.printJson(value, [value], 0)
}
