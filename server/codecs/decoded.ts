import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib'
import { IntegrationError, systemCode, textOf } from '../kernel/errors.ts'
import type { Body } from '../kernel/message.ts'
import { XmlError } from '../xml/xml-error.ts'
import { decodeText } from './charset.ts'
import { parseContentType } from './content-type.ts'

/** What a body without limit of its own (one from a store) may grow to when it is decompressed. */
const LARGEST_INFLATED = 64 * 1024 * 1024

/** Several encodings one upon the other beyond this are an attack. */
const MOST_ENCODINGS = 3

/** The bytes a body consists of once Content-Encoding is undone. The body must not have been changed. */
export function decodedBytes(body: Body): Uint8Array {
  const raw = body.raw
  if (raw === null) throw new IntegrationError('MEDIATION_FAILED', 'the body was looked at before it was collected')
  if (body.encoding === '' || raw.length === 0) return raw
  const encodings = body.encoding
    .toLowerCase()
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '' && name !== 'identity')
  if (encodings.length > MOST_ENCODINGS) {
    throw unreadable(`${encodings.length} content encodings one upon the other; at most ${MOST_ENCODINGS} are read`)
  }
  let bytes: Uint8Array = raw
  for (const name of encodings.reverse()) bytes = decompress(name, bytes, body.limit || LARGEST_INFLATED)
  return bytes
}

function decompress(encoding: string, bytes: Uint8Array, limit: number): Uint8Array {
  const options = { maxOutputLength: limit }
  try {
    switch (encoding) {
      case 'gzip':
      case 'x-gzip':
        return gunzipSync(bytes, options)
      case 'deflate':
        // By the standard with a zlib header; some senders leave it out.
        return (bytes[0]! & 0x0f) === 8 ? inflateSync(bytes, options) : inflateRawSync(bytes, options)
      case 'br':
        return brotliDecompressSync(bytes, options)
    }
  } catch (cause) {
    if (systemCode(cause) === 'ERR_BUFFER_TOO_LARGE') {
      throw new IntegrationError(
        'BODY_TOO_LARGE',
        `the ${encoding} body is larger than ${limit} bytes when decompressed; raise http.max_body_size or do not look into it`,
      )
    }
    throw unreadable(`the body is not what Content-Encoding: ${encoding} says: ${textOf(cause)}`, cause)
  }
  throw unreadable(`the content encoding "${encoding.slice(0, 40)}" is not known; gzip, deflate and br are`)
}

/** The text of a body by its charset, without byte order mark. */
export function decodedText(body: Body): string {
  return textOfBytes(decodedBytes(body), parseContentType(body.contentType).charset)
}

export function textOfBytes(bytes: Uint8Array, charset: string | undefined): string {
  try {
    return decodeText(bytes, charset)
  } catch (thrown) {
    if (thrown instanceof XmlError) {
      throw unreadable(`${thrown.reason} (line ${thrown.line}, column ${thrown.column})`, thrown)
    }
    throw thrown
  }
}

export function unreadable(message: string, cause?: unknown): IntegrationError {
  return new IntegrationError('PAYLOAD_UNREADABLE', message, { cause })
}

/** The first characters around the trouble, fit for one line of a log. */
export function beginning(text: string, from = 0): string {
  const piece = text.slice(Math.max(0, from), from + 60).replace(/[\s\p{Cc}]+/gu, ' ')
  return from + 60 < text.length ? `${piece}…` : piece
}
