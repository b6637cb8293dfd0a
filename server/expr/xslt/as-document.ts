import { XmlDocument } from '../../xml/tree.ts'
import type { XmlElement } from '../../xml/tree.ts'

/** For the time of `work` an element of a message is the root of a document, without being copied. */
export function asDocument<T>(element: XmlElement, work: (document: XmlDocument) => T): T {
  const { parent, slot } = element
  if (parent?.kind === 'document') return work(parent)
  try {
    return work(new XmlDocument([element]))
  } finally {
    element.parent = parent
    element.slot = slot
  }
}
