import { randomUUID } from 'node:crypto'
import { XmlElement } from '../xml/tree.ts'
import { parseContentType } from './content-type.ts'
import { textOfBytes } from './decoded.ts'
import { addField } from './form.ts'
import { keyOfName } from './key-names.ts'
import { dispositionOf, joinMultipart, splitMultipart } from './multipart.ts'
import type { Part } from './multipart.ts'

/**
 * multipart/form-data as an element: text fields are text, files are base64 with their name and type as attributes, so
 * that the way back ({@link printFormData}) makes the same parts again.
 */
export function readFormData(bytes: Uint8Array, boundary: string | undefined): XmlElement {
  const root = new XmlElement('mediate')
  for (const part of splitMultipart(bytes, boundary)) {
    const disposition = dispositionOf(part)
    const file = disposition.get('filename')
    const type = part.headers.get('content-type')
    const { kind, charset } = parseContentType(type ?? 'text/plain')
    const isText = file === undefined && (kind === 'text' || kind === 'none')
    const value = isText
      ? textOfBytes(part.bytes, charset)
      : Buffer.from(part.bytes.buffer, part.bytes.byteOffset, part.bytes.byteLength).toString('base64')
    const element = addField(root, disposition.get('name') ?? 'part', value)
    if (isText) continue
    if (file !== undefined) element.setAttribute('filename', file)
    element.setAttribute('content-type', type ?? 'application/octet-stream')
  }
  return root
}

export function printFormData(root: XmlElement | undefined): { boundary: string; bytes: Uint8Array } {
  const parts: Part[] = []
  for (const child of root?.childElements ?? []) {
    const file = child.attribute('filename')
    const type = child.attribute('content-type')
    const isFile = file !== undefined || type !== undefined
    const disposition =
      `form-data; name="${quoted(keyOfName(child.local))}"` + (file === undefined ? '' : `; filename="${quoted(file)}"`)
    parts.push({
      headers: new Map([
        ['content-disposition', disposition],
        ['content-type', type ?? (isFile ? 'application/octet-stream' : 'text/plain; charset=UTF-8')],
      ]),
      bytes: isFile ? Buffer.from(child.text, 'base64') : Buffer.from(child.text, 'utf8'),
    })
  }
  const boundary = newBoundary()
  return { boundary, bytes: joinMultipart(parts, boundary) }
}

function quoted(text: string): string {
  return text.replace(/["\\]/g, '\\$&').replace(/[\r\n]/g, ' ')
}

/** Long and random enough not to occur in any part. */
export function newBoundary(): string {
  return `MIMEBoundary_${randomUUID().replaceAll('-', '')}`
}
