import type { SourceRef } from '../kernel/contracts.ts'
import type { XmlAttribute, XmlDocument, XmlElement, XmlNode } from './tree.ts'

/** Where a node of an artifact was written; nodes made by a program take the place of the nearest one that was. */
export function whereIs(node: XmlNode | XmlAttribute): SourceRef {
  let offset = node.offset
  let at: XmlElement | XmlDocument | null = node.parent
  while (at !== null && at.kind === 'element') {
    if (offset < 0) offset = at.offset
    at = at.parent
  }
  if (at === null) return { file: '', line: 1, column: 1 }
  return { file: at.file, ...at.positionOf(Math.max(0, offset)) }
}
