/** What a service host makes of a service's answer: an envelope of the caller's version, addressing headers, faults. */
import type { Call, Format } from './call.ts'
import { ENVELOPES } from './call.ts'
import { escapeText } from './quotes.ts'

/** What a service answers. `accepted` means one-way: HTTP 202 and nothing else. */
export type Answer =
  | { readonly is: 'reply'; xml(): string; json?(): unknown; readonly headers?: Readonly<Record<string, string>> }
  | { readonly is: 'accepted' }
  | { readonly is: 'fault'; readonly by: 'sender' | 'receiver'; readonly reason: string }
  | { readonly is: 'document'; readonly type: string; readonly text: string }

export interface Service {
  readonly name: string
  /** Decides what a call wants: its action, then `rest` (the path below the service), then the body's name. */
  operationOf(call: Call, rest: string): string | undefined
  /** `addresses` are the URLs at which this service answers, as the caller would write them. */
  invoke(operation: string, call: Call, addresses: readonly string[]): Answer | Promise<Answer>
}

export interface HttpReply {
  readonly status: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

export const ACCEPTED: HttpReply = { status: 202, type: '', body: '' }

const MEDIA: Readonly<Record<Format, string>> = {
  soap11: 'text/xml; charset=UTF-8',
  soap12: 'application/soap+xml; charset=UTF-8',
  pox: 'application/xml; charset=UTF-8',
  json: 'application/json; charset=UTF-8',
}

const DECLARATION = "<?xml version='1.0' encoding='UTF-8'?>"

export function fault(by: 'sender' | 'receiver', reason: string): Answer {
  return { is: 'fault', by, reason }
}

export function render(answer: Answer, call: Call, operation: string): HttpReply {
  switch (answer.is) {
    case 'accepted':
      return ACCEPTED
    case 'document':
      return { status: 200, type: answer.type, body: answer.text }
    case 'fault':
      return renderFault(answer, call)
    case 'reply': {
      const { headers } = answer
      const more = headers ? { headers } : {}
      if (call.format === 'json' && answer.json) {
        return { status: 200, type: MEDIA.json, body: JSON.stringify(answer.json()), ...more }
      }
      if (call.format === 'json' || call.format === 'pox') {
        return { status: 200, type: MEDIA.pox, body: DECLARATION + answer.xml(), ...more }
      }
      const action = `urn:${operation}Response`
      const type = call.format === 'soap12' ? `${MEDIA.soap12}; action="${action}"` : MEDIA.soap11
      return { status: 200, type, body: envelope(call, call.format, action, answer.xml()), ...more }
    }
  }
}

export function renderFault(
  answer: { by: 'sender' | 'receiver'; reason: string },
  call: Call,
  status = 500,
): HttpReply {
  const reason = escapeText(answer.reason)
  const { format } = call
  if (format === 'json') {
    const code = answer.by === 'sender' ? 'soapenv:Client' : 'soapenv:Server'
    const body = JSON.stringify({ Fault: { faultcode: code, faultstring: answer.reason, detail: '' } })
    return { status, type: MEDIA.json, body }
  }
  if (format === 'soap12') {
    const code = answer.by === 'sender' ? 'soapenv:Sender' : 'soapenv:Receiver'
    const xml =
      `<soapenv:Fault><soapenv:Code><soapenv:Value>${code}</soapenv:Value></soapenv:Code>` +
      `<soapenv:Reason><soapenv:Text xml:lang="en-US">${reason}</soapenv:Text></soapenv:Reason><soapenv:Detail/></soapenv:Fault>`
    return { status, type: MEDIA.soap12, body: envelope(call, format, FAULT_ACTION, xml) }
  }
  const code = answer.by === 'sender' ? 'soapenv:Client' : 'soapenv:Server'
  const open = format === 'pox' ? `<soapenv:Fault xmlns:soapenv="${ENVELOPES.soap11}">` : '<soapenv:Fault>'
  const xml = `${open}<faultcode>${code}</faultcode><faultstring>${reason}</faultstring><detail/></soapenv:Fault>`
  if (format === 'pox') return { status, type: MEDIA.pox, body: DECLARATION + xml }
  return { status, type: MEDIA.soap11, body: envelope(call, format, FAULT_ACTION, xml) }
}

const FAULT_ACTION = 'http://www.w3.org/2005/08/addressing/soap/fault'

function envelope(call: Call, version: 'soap11' | 'soap12', action: string, payload: string): string {
  const { addressing } = call
  const header =
    addressing === undefined
      ? ''
      : `<soapenv:Header xmlns:wsa="${escapeText(addressing.namespace)}"><wsa:Action>${action}</wsa:Action>` +
        (addressing.messageId ? `<wsa:RelatesTo>${escapeText(addressing.messageId)}</wsa:RelatesTo>` : '') +
        '</soapenv:Header>'
  return (
    `${DECLARATION}<soapenv:Envelope xmlns:soapenv="${ENVELOPES[version]}">${header}` +
    `<soapenv:Body>${payload}</soapenv:Body></soapenv:Envelope>`
  )
}

/** Where the reply must go instead of down this connection, `none` for nowhere, undefined for the usual way. */
export function replyElsewhere(call: Call): string | undefined {
  const replyTo = call.addressing?.replyTo
  if (!replyTo || replyTo.endsWith('/anonymous')) return undefined
  return replyTo.endsWith('/none') ? 'none' : replyTo
}
