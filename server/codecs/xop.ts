import { XmlText, replace } from '../xml/tree.ts'
import { descendants } from '../xml/tree.ts'
import type { XmlElement } from '../xml/tree.ts'
import type { Envelope } from './envelope.ts'
import type { Part } from './multipart.ts'

const XOP = 'http://www.w3.org/2004/08/xop/include'

/**
 * The envelope with the content of its parts where `xop:Include` pointed to them, for a receiver that gets no
 * attachments. The one given is returned if nothing points anywhere; it is never changed.
 */
export function inlineIncludes(envelope: Envelope, parts: readonly Part[]): Envelope {
  if (includes(envelope.root).length === 0) return envelope
  const copy = envelope.clone()
  for (const include of includes(copy.root)) {
    const part = partOf(include.attribute('href') ?? '', parts)
    if (!part) continue
    const { buffer, byteOffset, byteLength } = part.bytes
    replace(include, new XmlText(Buffer.from(buffer, byteOffset, byteLength).toString('base64')))
  }
  return copy
}

function includes(root: XmlElement): XmlElement[] {
  const found: XmlElement[] = []
  for (const node of descendants(root)) if (node.kind === 'element' && node.is('Include', XOP)) found.push(node)
  return found
}

function partOf(href: string, parts: readonly Part[]): Part | undefined {
  if (!href.startsWith('cid:')) return undefined
  const id = href.slice(4)
  let decoded = id
  try {
    decoded = decodeURIComponent(id)
  } catch {
    // Not percent-encoded after all: compared as it is.
  }
  return parts.find(part => {
    const own = part.headers.get('content-id')
    return own === `<${id}>` || own === `<${decoded}>` || own === id
  })
}
