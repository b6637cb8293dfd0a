import { addAddressing } from '../codecs/addressing.ts'
import { formatOf } from '../codecs/client-format.ts'
import { parseContentType } from '../codecs/content-type.ts'
import { envelopeView } from '../codecs/envelope.ts'
import { queryOf } from '../codecs/formatters.ts'
import { format, mustCollect, setMessageType } from '../codecs/payloads.ts'
import { convert } from '../codecs/soap-version.ts'
import type { HttpClient } from '../drivers/http/client.ts'
import { needsLength, outgoingRequest, replyMessage } from '../drivers/http/message.ts'
import type { MessageContext } from '../kernel/context.ts'
import type { SendOptions } from '../kernel/contracts.ts'
import type { Message } from '../kernel/message.ts'
import type { HttpSender, HttpTarget } from '../schema/services.ts'

export interface OutboundSettings {
  /** Header that carries the id of a stored message; empty: none (P5). */
  readonly deliveryIdHeader: string
  /** Bytes; a reply that has to be collected may be no larger. */
  readonly maxBodySize: number
  /** Lower-case names among Date, Server and User-Agent to pass on. */
  readonly preserveHeaders: ReadonlySet<string>
}

/** Joins the codecs and the HTTP client: a message goes out in its format, the reply comes back as a message. */
export function httpSender(client: HttpClient, settings: OutboundSettings): HttpSender {
  return {
    async send(request, target, ctx, options) {
      const method = methodOf(request, target)
      if (target.format !== undefined || target.addressing !== undefined) await reformat(request, target, ctx)
      // A bare send after a failure goes where this one went, as in Synapse.
      request.addressing.to = target.url
      const url = target.format === 'get' ? withQuery(target.url, await query(request)) : target.url
      if (mustCollect(request) || needsLength(request)) await request.body.collect()
      const outgoing = format(request, { method })
      if (outgoing.rebuilt) request.headers.delete('content-encoding')
      else request.body.forgetViews()
      const reply = await client.request(
        outgoingRequest(request, {
          url,
          method,
          body: outgoing.stream ?? outgoing.bytes,
          contentType: outgoing.contentType ?? '',
          soapAction: outgoing.soapAction == null ? outgoing.soapAction : bare(outgoing.soapAction),
          extra: deliveryHeaders(options),
          preserve: settings.preserveHeaders,
          timeoutMs: options.timeoutMs,
          // A caller that leaves does not stop what it has started: its message may already count at the back end.
          signal: ctx.exchange.hasCaller ? undefined : ctx.abort,
          oneWay: options.oneWay,
        }),
      )
      const room = ctx.exchange.hasCaller ? ctx.exchange : undefined
      return replyMessage(reply, formatOf(parseContentType(reply.contentType)), settings.maxBodySize, room)
    },
  }

  function deliveryHeaders({ deliveryId, attempt }: SendOptions): readonly string[] {
    if (deliveryId === undefined || settings.deliveryIdHeader === '') return NONE
    const headers = [settings.deliveryIdHeader, deliveryId]
    if (attempt !== undefined && attempt > 1) headers.push('X-Delivery-Attempt', String(attempt))
    return headers
  }
}

const NONE: readonly string[] = []

function methodOf(request: Message, target: HttpTarget): string {
  if (target.format === 'get') return 'GET'
  if (target.format === 'soap11' || target.format === 'soap12' || target.format === 'pox') return 'POST'
  if (target.method !== undefined) return target.method
  const wanted = request.flag('HTTP_METHOD')
  return typeof wanted === 'string' && wanted !== '' ? wanted.toUpperCase() : request.method
}

/** What the endpoint's `format` asks for (synapse-language D.2), and its WS-Addressing headers. */
export async function reformat(request: Message, target: HttpTarget, ctx: MessageContext): Promise<void> {
  const { format: wanted } = target
  const { body } = request
  if (wanted === 'soap11' || wanted === 'soap12') {
    await body.collect()
    if (request.format !== wanted) {
      convert(body.edit(envelopeView), wanted)
      setMessageType(request, wanted === 'soap11' ? 'text/xml' : 'application/soap+xml')
      request.format = wanted
    }
  } else if (wanted === 'pox') {
    await body.collect()
    setMessageType(request, 'application/xml')
  }
  if (target.addressing !== undefined) {
    await body.collect()
    const { action } = request.addressing
    const addressing = { to: target.url, messageId: ctx.messageId, ...(action !== undefined && { action }) }
    addAddressing(body.edit(envelopeView), addressing, target.addressing)
  }
}

async function query(request: Message): Promise<string> {
  await request.body.collect()
  return queryOf(request.body)
}

function withQuery(url: string, query: string): string {
  if (query === '') return url
  return url.includes('?') ? `${url}&${query}` : `${url}?${query}`
}

function bare(quoted: string): string {
  return quoted.startsWith('"') && quoted.endsWith('"') && quoted.length > 1 ? quoted.slice(1, -1) : quoted
}
