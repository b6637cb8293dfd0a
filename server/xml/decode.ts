import { isAscii, isUtf8 } from 'node:buffer'
import { lineStarts, positionIn } from './positions.ts'
import { XmlError } from './xml-error.ts'

const DECLARED = /^<\?xml\s[^>]*?\bencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']/

/**
 * Bytes to text: a byte order mark decides, then the charset of the content type, then the XML declaration, then
 * UTF-8 (RFC 7303 §3). The mark itself is not part of the text.
 */
export function decodeXml(bytes: Uint8Array, charset?: string): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf) return utf8(buffer.subarray(3))
  if (buffer[0] === 0xff && buffer[1] === 0xfe) return utf16(buffer.subarray(2), true)
  if (buffer[0] === 0xfe && buffer[1] === 0xff) return utf16(buffer.subarray(2), false)
  if (charset) return named(buffer, charset)
  if (buffer[0] === 0x3c && buffer[1] === 0) return utf16(buffer, true)
  if (buffer[0] === 0 && buffer[1] === 0x3c) return utf16(buffer, false)
  if (buffer[1] === 0x3f) {
    const declared = DECLARED.exec(buffer.toString('latin1', 0, 256))
    if (declared) return named(buffer, declared[1]!)
  }
  return utf8(buffer)
}

function named(buffer: Buffer, charset: string): string {
  switch (charset.toLowerCase()) {
    case 'utf-8':
    case 'utf8':
      return utf8(buffer)
    case 'us-ascii':
    case 'ascii':
      if (isAscii(buffer)) return buffer.toString('latin1')
      throw undecodable(
        buffer.toString('latin1'),
        /[^\0-\x7f]/,
        'the text is declared as US-ASCII and has a byte above 127',
      )
    case 'iso-8859-1':
    case 'latin1':
    case 'iso_8859-1':
      return buffer.toString('latin1')
    case 'utf-16':
      if (buffer[1] === 0 || buffer[0] === 0) return utf16(buffer, buffer[1] === 0)
      throw new XmlError('the text is declared as UTF-16 but its bytes are not', START, SAY)
    case 'utf-16le':
      return utf16(buffer, true)
    case 'utf-16be':
      return utf16(buffer, false)
    default:
      return other(buffer, charset)
  }
}

const START = { offset: 0, line: 1, column: 1 }
const SAY = 'Correct the encoding in the XML declaration or the charset of the content type, or save the text as UTF-8.'

function other(buffer: Buffer, charset: string): string {
  let decoder: InstanceType<typeof TextDecoder>
  try {
    decoder = new TextDecoder(charset, { fatal: true })
  } catch {
    throw new XmlError(`the encoding ${charset} is not known here`, START, SAY)
  }
  try {
    return decoder.decode(buffer)
  } catch {
    throw new XmlError(`the text is not valid ${charset}`, START, SAY)
  }
}

function utf8(buffer: Buffer): string {
  // Pure ASCII becomes a one-byte string: half the memory, and everything after it is faster.
  if (isAscii(buffer)) return buffer.toString('latin1')
  if (isUtf8(buffer)) return buffer.toString('utf8')
  throw undecodable(buffer.toString('utf8'), /\ufffd/, 'a byte is not valid UTF-8')
}

function utf16(buffer: Buffer, littleEndian: boolean): string {
  if (buffer.length % 2 === 1)
    throw new XmlError('the text is UTF-16 and ends in the middle of a character', START, SAY)
  return (littleEndian ? buffer : Buffer.from(buffer).swap16()).toString('utf16le')
}

function undecodable(text: string, wrong: RegExp, reason: string): XmlError {
  const offset = Math.max(0, text.search(wrong))
  return new XmlError(reason, { offset, ...positionIn(lineStarts(text), offset) }, SAY)
}
