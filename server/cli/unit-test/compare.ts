import { isDeepStrictEqual } from 'node:util'
import { parseXml } from '../../xml/reader.ts'
import type { XmlElement, XmlNode } from '../../xml/tree.ts'

/** JSON by value, XML without the white space between its elements, anything else as trimmed text. */
export function isSame(actual: string, expected: string): boolean {
  const [left, right] = [actual.trim(), expected.trim()]
  if (left === right) return true
  const json = [jsonOf(left), jsonOf(right)]
  if (json[0] !== undefined && json[1] !== undefined) return isDeepStrictEqual(json[0], json[1])
  const xml = [xmlOf(left), xmlOf(right)]
  if (xml[0] && xml[1]) return isDeepStrictEqual(shapeOf(xml[0]), shapeOf(xml[1]))
  return false
}

function jsonOf(text: string): unknown {
  if (!/^[[{]/.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function xmlOf(text: string): XmlElement | undefined {
  if (!text.startsWith('<')) return undefined
  try {
    return parseXml(text).root
  } catch {
    return undefined
  }
}

/** What counts of an element: names by namespace, attributes in any order, texts trimmed. */
function shapeOf(element: XmlElement): unknown {
  const attributes = element.attributes.map(({ uri, local, value }) => `{${uri}}${local}=${value}`).sort()
  const children = element.children.flatMap((node: XmlNode) => {
    if (node.kind === 'element') return [shapeOf(node)]
    return node.kind === 'text' && node.value.trim() !== '' ? [node.value.trim()] : []
  })
  return [`{${element.uri}}${element.local}`, attributes, children]
}
