/** A number as Java prints a double: `3.0`, `0.001`, `1.0E7`. What XPath results look like in Synapse. */
export function javaDouble(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  const size = Math.abs(value)
  if (size === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  if (size >= 1e-3 && size < 1e7) {
    const text = String(value)
    return text.includes('.') ? text : `${text}.0`
  }
  const [digits, exponent] = value.toExponential().split('e') as [string, string]
  return `${digits.includes('.') ? digits : `${digits}.0`}E${Number(exponent)}`
}

/** As `java.net.URLEncoder`: form encoding, a blank becomes `+`. */
export function formEncode(text: string, encoding: BufferEncoding): string {
  let encoded = ''
  for (const byte of Buffer.from(text, encoding)) {
    const character = String.fromCharCode(byte)
    if (byte === 32) encoded += '+'
    else if (/[\w.*-]/.test(character)) encoded += character
    else encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}
