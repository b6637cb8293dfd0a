import { createHash } from 'node:crypto'
import type { Format, Message } from '../kernel/message.ts'
import { IntegrationError } from '../kernel/errors.ts'
import { removeAddressing } from './addressing.ts'
import { parseContentType } from './content-type.ts'
import type { PayloadKind } from './content-type.ts'
import { envelopeView } from './envelope.ts'
import { isFault, translateFault } from './fault.ts'
import { format, setMessageType } from './payloads.ts'
import { convert } from './soap-version.ts'

// Synapse-language E.9. What nobody has looked into passes as it is, unless the client could not read it.

/** True if {@link prepareAnswer} has to read a body that is still arriving: collect it before. */
export function answerNeedsBody(client: Format, answer: Message): boolean {
  return !answer.body.ready && !answer.body.isEmpty && (isForeign(client, answer) || wantsTag(answer))
}

/**
 * Makes an answer fit the client: SOAP of its version, a fault it understands, no addressing headers of another hop,
 * an ETag if the flow asks for one.
 */
export function prepareAnswer(client: Format, answer: Message, keepAddressing: boolean): void {
  fit(client, answer, keepAddressing)
  if (!wantsTag(answer) || answer.body.isEmpty) return
  const { bytes } = format(answer)
  if (bytes) answer.headers.set('ETag', `"${createHash('md5').update(bytes).digest('hex')}"`)
}

/** axis2 `HTTP_ETAG`, which only counts as a boolean (synapse-language C.3). */
function wantsTag(answer: Message): boolean {
  return answer.flag('HTTP_ETAG') === true
}

function fit(client: Format, answer: Message, keepAddressing: boolean): void {
  const { body } = answer
  if (!keepAddressing && body.changed === envelopeView) removeAddressing(body.view(envelopeView))
  if (body.isEmpty || !isForeign(client, answer) || !isReadable(answer)) return
  if (client === 'soap11' || client === 'soap12') {
    if (body.view(envelopeView).arrived === 'bare') return
    convert(body.edit(envelopeView), client)
    setMessageType(answer, client === 'soap12' ? 'application/soap+xml' : 'text/xml')
    return
  }
  const { fault } = body.view(envelopeView)
  if (fault) translateFault(answer, fault, client)
}

/** A back end that calls something XML that is none is passed on as it came: its status says what the client needs. */
function isReadable({ body }: Message): boolean {
  if (body.raw === null) return true
  try {
    body.view(envelopeView)
    return true
  } catch (thrown) {
    if (thrown instanceof IntegrationError) return false
    throw thrown
  }
}

/** SOAP of the other version for a SOAP client, or what may be a SOAP fault for any other client. */
function isForeign(client: Format, answer: Message): boolean {
  const kind = kindSent(answer)
  if (kind !== 'soap11' && kind !== 'soap12') return false
  if (client === 'soap11' || client === 'soap12') return kind !== client
  return isFault(answer) || statusOf(answer) >= 400
}

function kindSent(answer: Message): PayloadKind {
  const chosen = answer.hasAxis2 && answer.axis2.has('messageType') ? answer.axis2.get('messageType') : undefined
  return parseContentType(typeof chosen === 'string' ? chosen : answer.body.contentType).kind
}

function statusOf(answer: Message): number {
  return Number(answer.flag('HTTP_SC') ?? 0)
}
