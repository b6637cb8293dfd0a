/**
 * Java's modified UTF-8: NUL in two bytes, and a character beyond U+FFFF as its two surrogates of three bytes each.
 * Anything else is UTF-8, so most texts are the same bytes in both and are not touched.
 */

/** Lead byte of a sequence of four, which Java does not have. */
const FOUR = 0xf0

export function toModified(utf8: Uint8Array): Uint8Array {
  if (!utf8.some(byte => byte === 0 || byte >= FOUR)) return utf8
  const out = Buffer.allocUnsafe(utf8.length * 2)
  let to = 0
  for (let at = 0; at < utf8.length; at++) {
    const byte = utf8[at]!
    if (byte === 0) {
      out[to++] = 0xc0
      out[to++] = 0x80
    } else if (byte >= FOUR && at + 3 < utf8.length) {
      const point = ((byte & 7) << 18) | (low(utf8, at + 1) << 12) | (low(utf8, at + 2) << 6) | low(utf8, at + 3)
      to = three(out, to, 0xd800 | ((point - 0x10000) >> 10))
      to = three(out, to, 0xdc00 | (point & 0x3ff))
      at += 3
    } else {
      out[to++] = byte
    }
  }
  return out.subarray(0, to)
}

/** Half of a pair without the other half, which Java allows and UTF-8 does not, becomes U+FFFD. */
export function fromModified(bytes: Uint8Array): Uint8Array {
  if (!needsChange(bytes)) return bytes
  const out = Buffer.allocUnsafe(bytes.length)
  let to = 0
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at]!
    if (first === 0xc0 && bytes[at + 1] === 0x80) {
      out[to++] = 0
      at += 2
    } else if (isSurrogate(bytes, at)) {
      const pair = isHigh(bytes, at) && isSurrogate(bytes, at + 3) && !isHigh(bytes, at + 3)
      to = pair ? four(out, to, unit(bytes, at), unit(bytes, at + 3)) : three(out, to, 0xfffd)
      at += pair ? 6 : 3
    } else {
      out[to++] = first
      at++
    }
  }
  return out.subarray(0, to)
}

function needsChange(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if (bytes[at] === 0xc0 || isSurrogate(bytes, at)) return true
  return false
}

function isSurrogate(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xed && bytes[at + 1]! >= 0xa0 && at + 2 < bytes.length
}

function isHigh(bytes: Uint8Array, at: number): boolean {
  return bytes[at + 1]! < 0xb0
}

function unit(bytes: Uint8Array, at: number): number {
  return 0xd000 | (low(bytes, at + 1) << 6) | low(bytes, at + 2)
}

function low(bytes: Uint8Array, at: number): number {
  return bytes[at]! & 0x3f
}

function three(out: Buffer, to: number, unit16: number): number {
  out[to] = 0xe0 | (unit16 >> 12)
  out[to + 1] = 0x80 | ((unit16 >> 6) & 0x3f)
  out[to + 2] = 0x80 | (unit16 & 0x3f)
  return to + 3
}

function four(out: Buffer, to: number, high: number, lowUnit: number): number {
  const point = 0x10000 + ((high & 0x3ff) << 10) + (lowUnit & 0x3ff)
  out[to] = 0xf0 | (point >> 18)
  out[to + 1] = 0x80 | ((point >> 12) & 0x3f)
  out[to + 2] = 0x80 | ((point >> 6) & 0x3f)
  out[to + 3] = 0x80 | (point & 0x3f)
  return to + 4
}
