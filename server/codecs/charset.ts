import { decodeXml } from '../xml/decode.ts'

// Bytes 0x80 to 0x9F of windows-1252 by the Encoding standard. Node from 20.18.3 on decodes them as control characters
// (nodejs/node issue 56542), so the euro sign and typographic quotes are ours to read and write.
const WINDOWS_1252 =
  '\u20AC\x81\u201A\u0192\u201E\u2026\u2020\u2021\u02C6\u2030\u0160\u2039\u0152\x8D\u017D\x8F' +
  '\x90\u2018\u2019\u201C\u201D\u2022\u2013\u2014\u02DC\u2122\u0161\u203A\u0153\x9D\u017E\u0178'

function isWindows1252(charset: string): boolean {
  return /^(windows-1252|cp1252|x-cp1252)$/i.test(charset)
}

/** Text by a byte order mark, the charset given, an XML declaration, or as UTF-8; throws XmlError if it is not that. */
export function decodeText(bytes: Uint8Array, charset?: string): string {
  const text = decodeXml(bytes, charset)
  if (charset === undefined || !isWindows1252(charset)) return text
  return text.replace(/[\x80-\x9f]/g, character => WINDOWS_1252[character.charCodeAt(0) - 0x80]!)
}

export function isUtf8Name(charset: string): boolean {
  return /^utf-?8$/i.test(charset)
}

function isLatin1(charset: string): boolean {
  return /^(iso[-_]?8859[-_]1|latin-?1)$/.test(charset)
}

/** Undefined if `charset` is not one we can write, or has no place for some character of `text`. */
export function encodeText(text: string, charset: string): Uint8Array | undefined {
  if (isUtf8Name(charset)) return Buffer.from(text, 'utf8')
  const name = charset.toLowerCase()
  if (name === 'us-ascii' || name === 'ascii') return onlyUpTo(text, 0x7f) ? Buffer.from(text, 'latin1') : undefined
  if (isLatin1(name)) return onlyUpTo(text, 0xff) ? Buffer.from(text, 'latin1') : undefined
  if (/^utf-?16(le|be)?$/.test(name)) return utf16(text, name)
  const table = singleByteTable(name)
  if (!table) return undefined
  const bytes = Buffer.allocUnsafe(text.length)
  for (let at = 0; at < text.length; at++) {
    const byte = table.get(text.charCodeAt(at))
    if (byte === undefined) return undefined
    bytes[at] = byte
  }
  return bytes
}

function onlyUpTo(text: string, highest: number): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > highest) return false
  return true
}

/** Plain `UTF-16` is written big-endian with a mark, as Java does and as every reader understands. */
function utf16(text: string, name: string): Uint8Array {
  const big = !name.endsWith('le')
  const marked = name.endsWith('6') ? `\uFEFF${text}` : text
  const bytes = Buffer.from(marked, 'utf16le')
  return big ? bytes.swap16() : bytes
}

const tables = new Map<string, Map<number, number> | null>()

/** The reverse of a one-byte charset, found by decoding each of its 256 bytes. Null for all other charsets. */
function singleByteTable(name: string): Map<number, number> | null {
  const known = tables.get(name)
  if (known !== undefined) return known
  let table: Map<number, number> | null = new Map()
  try {
    const decoder = new TextDecoder(name)
    for (let byte = 0; byte < 256; byte++) {
      const decoded = decoder.decode(Uint8Array.of(byte))
      const character = byte >= 0x80 && byte < 0xa0 && isWindows1252(name) ? WINDOWS_1252[byte - 0x80]! : decoded
      if (character.length !== 1) {
        table = null
        break
      }
      if (character !== '\uFFFD') table.set(character.charCodeAt(0), byte)
    }
    // A multi-byte charset answers U+FFFD for its lead bytes: nothing above ASCII, or far too little.
    if (table && table.size < 200) table = null
  } catch {
    return null
  }
  tables.set(name, table)
  return table
}
