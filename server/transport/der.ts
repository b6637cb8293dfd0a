/** As much of DER (X.690) as one certificate needs. */

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return encoded(0x30, ...parts)
}

export function set(...parts: readonly Uint8Array[]): Buffer {
  return encoded(0x31, ...parts)
}

/** Context-specific and constructed: `[number]` in the ASN.1 of a standard. */
export function tagged(number: number, ...parts: readonly Uint8Array[]): Buffer {
  return encoded(0xa0 | number, ...parts)
}

/** Context-specific and primitive, as the names of a subjectAltName are. */
export function implicit(number: number, content: Uint8Array): Buffer {
  return encoded(0x80 | number, content)
}

/** A positive integer, most significant byte first. */
export function integer(bytes: Uint8Array): Buffer {
  return encoded(0x02, bytes[0]! & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes)
}

export function boolean(value: boolean): Buffer {
  return encoded(0x01, Buffer.from([value ? 0xff : 0]))
}

export function bitString(bytes: Uint8Array): Buffer {
  return encoded(0x03, Buffer.from([0]), bytes)
}

export function octetString(bytes: Uint8Array): Buffer {
  return encoded(0x04, bytes)
}

export function utf8(text: string): Buffer {
  return encoded(0x0c, Buffer.from(text))
}

export function generalizedTime(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replace(/[-:T]/g, '').slice(0, 14)
  return encoded(0x18, Buffer.from(`${digits}Z`))
}

export function objectId(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split('.').map(Number)
  const bytes = [first! * 40 + second!]
  for (const part of rest) {
    const groups = [part & 0x7f]
    for (let left = part >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80)
    bytes.push(...groups)
  }
  return encoded(0x06, Buffer.from(bytes))
}

function encoded(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
