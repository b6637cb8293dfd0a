import { printXml } from '../xml/writer.ts'
import { javaDouble } from './java-text.ts'
import { stringOf, type XPathNode, type XPathValue } from './xpath/values.ts'
import { GivenUp, Work } from './xpath/work.ts'

/**
 * The string value of Synapse (F.2), which is not that of XPath: an element without text of its own gives its XML,
 * several nodes are put together.
 */
export function synapseText(value: XPathValue): string {
  if (value === null) return ''
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return typeof value === 'number' ? javaDouble(value) : String(value)
  if (value.length === 1) return nodeText(value[0]!)
  let text = ''
  for (const node of value) {
    text += node.kind === 'element' ? printXml(node) : nodeText(node)
    if (text.length > MOST_CHARACTERS)
      throw new GivenUp(
        'EXPRESSION_FAILED',
        `the text of ${value.length} nodes has more than ${MOST_CHARACTERS} characters; select fewer nodes`,
      )
  }
  return text
}

/** Of nodes that may stand within one another; one node is never too long. */
const MOST_CHARACTERS = 50_000_000

function nodeText(node: XPathNode): string {
  switch (node.kind) {
    case 'element':
      return node.ownText.trim() || printXml(node)
    case 'document':
      return node.children.map(child => (child.kind === 'element' ? printXml(child) : '')).join('')
    default:
      return stringOf(node, ONE_TEXT)
  }
}

/** Leaf nodes cost nothing to read. */
const ONE_TEXT = new Work(Number.POSITIVE_INFINITY)
