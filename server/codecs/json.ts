import { Body } from '../kernel/message.ts'
import type { View } from '../kernel/message.ts'
import { parseContentType } from './content-type.ts'
import { decodedBytes, textOfBytes } from './decoded.ts'
import { envelopeView } from './envelope.ts'
import type { Envelope } from './envelope.ts'
import { cloneRoot, parseJson } from './json-text.ts'
import type { JsonValue } from './json-text.ts'
import { xmlToJson } from './json-xml.ts'

/**
 * A JSON payload. The value stands in a holder so that an edit can replace it as a whole; undefined is no payload at
 * all. Numbers are plain numbers that print as they were written while they stay in their place (see json-text.ts).
 */
export interface JsonBody {
  value: JsonValue | undefined
}

export const jsonView: View<JsonBody> = {
  name: 'json',
  read(body) {
    if (body.changed) return jsonOf(body.view(envelopeView))
    const type = parseContentType(body.contentType)
    if (type.kind !== 'json') return jsonOf(body.view(envelopeView))
    const bytes = decodedBytes(body)
    return bytes.length === 0 ? { value: undefined } : parseJson(textOfBytes(bytes, type.charset))
  },
  clone: body => (body.value === undefined ? { value: undefined } : cloneRoot(body as { value: JsonValue })),
}

/** What the payload of an envelope is as JSON (synapse-language E.8). */
export function jsonOf(envelope: Envelope): JsonBody {
  const payload = envelope.firstChild
  return payload === undefined ? { value: undefined } : xmlToJson(payload)
}

/** A body of JSON text that leaves exactly as written; throws PAYLOAD_UNREADABLE if it is none. */
export function jsonBody(text: string, contentType: string): Body {
  parseJson(text)
  return Body.ofBytes(Buffer.from(text, 'utf8'), contentType)
}
