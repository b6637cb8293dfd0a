import { readParameters } from './content-type.ts'
import { unreadable } from './decoded.ts'

/** One part as it came: its header lines by lower-case name, and its bytes. */
export interface Part {
  readonly headers: ReadonlyMap<string, string>
  readonly bytes: Uint8Array
}

const MOST_PARTS = 1000
const LONGEST_HEAD = 16 * 1024
const CR = 13
const LF = 10
const DASH = 45

/**
 * Splits a multipart body (RFC 2046 §5.1) without copying it. Tolerates bare line feeds and a missing closing delimiter,
 * which some senders leave out; a body in which the boundary never occurs is refused.
 */
export function splitMultipart(bytes: Uint8Array, boundary: string | undefined): Part[] {
  if (!boundary) throw unreadable('a multipart body whose content type names no boundary')
  if (boundary.length > 200) throw unreadable(`a multipart boundary of ${boundary.length} characters; 70 are allowed`)
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const delimiter = Buffer.from(`--${boundary}`, 'latin1')
  const parts: Part[] = []
  let at = nextDelimiter(buffer, delimiter, 0)
  if (at < 0) throw unreadable(`the boundary "${boundary.slice(0, 70)}" does not occur in the multipart body`)
  for (;;) {
    at += delimiter.length
    if (buffer[at] === DASH && buffer[at + 1] === DASH) return parts
    const start = lineAfter(buffer, at)
    const next = nextDelimiter(buffer, delimiter, start)
    const end = next < 0 ? buffer.length : withoutLineEnd(buffer, start, next)
    if (parts.length >= MOST_PARTS) throw unreadable(`a multipart body of more than ${MOST_PARTS} parts is not read`)
    if (start <= end && !(next < 0 && start >= buffer.length)) parts.push(readPart(buffer.subarray(start, end)))
    if (next < 0) return parts
    at = next
  }
}

/** Offset of the next delimiter that begins a line and is not the beginning of a longer boundary; -1 if there is none. */
function nextDelimiter(buffer: Buffer, delimiter: Buffer, from: number): number {
  for (let at = buffer.indexOf(delimiter, from); at >= 0; at = buffer.indexOf(delimiter, at + 1)) {
    if (at > 0 && buffer[at - 1] !== LF) continue
    const after = buffer[at + delimiter.length]
    const ends = after === undefined || after === CR || after === LF || after === 32 || after === 9
    if (ends || (after === DASH && buffer[at + delimiter.length + 1] === DASH)) return at
  }
  return -1
}

function lineAfter(buffer: Buffer, at: number): number {
  const end = buffer.indexOf(LF, at)
  return end < 0 ? buffer.length : end + 1
}

function withoutLineEnd(buffer: Buffer, start: number, at: number): number {
  let end = at
  if (end > start && buffer[end - 1] === LF) end--
  if (end > start && buffer[end - 1] === CR) end--
  return end
}

function readPart(buffer: Buffer): Part {
  const headers = new Map<string, string>()
  let at = 0
  let last = ''
  for (;;) {
    const end = buffer.indexOf(LF, at)
    const stop = end < 0 ? buffer.length : end
    if (stop > LONGEST_HEAD) throw unreadable(`the header of a part is longer than ${LONGEST_HEAD} bytes`)
    const line = buffer.toString('utf8', at, stop).trimEnd()
    at = end < 0 ? buffer.length : end + 1
    if (line === '') break
    if (last !== '' && (line.startsWith(' ') || line.startsWith('\t'))) {
      headers.set(last, `${headers.get(last)} ${line.trim()}`)
      continue
    }
    const colon = line.indexOf(':')
    if (colon <= 0) throw unreadable(`a part begins with "${line.slice(0, 60)}", which is no header line`)
    last = line.slice(0, colon).trim().toLowerCase()
    headers.set(last, line.slice(colon + 1).trim())
    if (end < 0) break
  }
  const bytes = buffer.subarray(at)
  const decoded = decodeTransfer(bytes, headers.get('content-transfer-encoding'))
  if (decoded !== bytes) headers.set('content-transfer-encoding', 'binary')
  return { headers, bytes: decoded }
}

function decodeTransfer(bytes: Buffer, encoding: string | undefined): Buffer {
  switch (encoding?.toLowerCase()) {
    case 'base64':
      return Buffer.from(bytes.toString('latin1'), 'base64')
    case 'quoted-printable':
      return quotedPrintable(bytes)
    default:
      return bytes
  }
}

function quotedPrintable(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1').replace(/[ \t]*=[ \t]*\r?\n/g, '')
  return Buffer.from(
    text.replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
}

/** Parts joined with `boundary`, their bytes as they are. */
export function joinMultipart(parts: readonly Part[], boundary: string): Uint8Array {
  const chunks: Uint8Array[] = []
  for (const { headers, bytes } of parts) {
    let head = `--${boundary}\r\n`
    for (const [name, value] of headers) head += `${printedName(name)}: ${value.replace(/[\r\n]+/g, ' ')}\r\n`
    chunks.push(Buffer.from(`${head}\r\n`, 'utf8'), bytes, Buffer.from('\r\n'))
  }
  chunks.push(Buffer.from(`--${boundary}--\r\n`))
  return Buffer.concat(chunks)
}

function printedName(name: string): string {
  return name.replace(/(^|-)([a-z])/g, letter => letter.toUpperCase())
}

/** Parameters of a Content-Disposition: `name`, `filename`. */
export function dispositionOf(part: Part): ReadonlyMap<string, string> {
  const text = part.headers.get('content-disposition') ?? ''
  const semicolon = text.indexOf(';')
  return semicolon < 0 ? new Map() : readParameters(text, semicolon + 1)
}
