import type { MessageContext } from '../../kernel/context.ts'
import type { Outcome } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { sendOptions } from '../../kernel/sending.ts'
import type { Message } from '../../kernel/message.ts'
import { attr, defineMediator, endpoint, flag } from '../../schema/index.ts'

export default defineMediator({
  tag: 'call',
  summary: 'Sends the message to an endpoint and goes on with the reply.',
  details: `
    The reply takes the place of the message; default-scope properties stay. Afterwards the message counts as a request
    again. An HTTP error status is an ordinary reply (look at \`$axis2:HTTP_SC\`), except with \`blocking="true"\`, where a
    status other than 2xx, 400 and 500 is a fault; a blocking call also keeps the request's transport headers, unless the
    property BLOCKING_SENDER_PRESERVE_REQ_HEADERS is false. With OUT_ONLY the flow goes on with the request.`,
  fields: {
    blocking: attr(flag(), {
      fallback: false,
      doc: "Treats most HTTP errors as faults and keeps the request's headers.",
    }),
    initAxis2ClientOptions: attr(flag(), { doc: 'Java engine detail.', ignored: 'There is no Axis2 client here.' }),
    endpoint: endpoint({ doc: "Where to send. Absent: the message's `To`." }),
  },
  examples: [
    { title: 'Ask a back end, go on with its reply', xml: '<call><endpoint key="quotes"/></call>' },
    { title: 'HTTP errors as faults', xml: '<call blocking="true"><endpoint key="quotes"/></call>' },
  ],
  create({ blocking, endpoint }, env) {
    const target = endpoint ? env.endpoint(endpoint) : env.services.defaultEndpoint
    return {
      async mediate(ctx): Promise<Outcome> {
        const request = ctx.message
        const oneWay = ctx.isOn('OUT_ONLY')
        if (oneWay) {
          await request.body.collect()
          const taken = await target.send(request.fork(), ctx, sendOptions(ctx, oneWay))
          taken?.body.discard()
          return 'next'
        }
        request.isResponse = false
        if (!blocking) ctx.waiting()
        const reply = await target.send(request, ctx, sendOptions(ctx, false))
        if (reply === null) return 'next'
        if (blocking) await afterBlocking(request, reply, ctx)
        else ctx.resumed = true
        reply.isResponse = false
        ctx.message = reply
        return 'next'
      },
    }

    async function afterBlocking(request: Message, reply: Message, ctx: MessageContext): Promise<void> {
      const status = Number(reply.flag('HTTP_SC') ?? 200)
      const readable = (status === 400 || status === 500) && reply.headers.has('Content-Type')
      if (!readable && (status < 200 || status > 299)) {
        reply.body.discard()
        request.axis2.set('HTTP_SC', status)
        throw new IntegrationError(
          'TRANSPORT_ERROR',
          `Transport error: ${status} Error: ${String(reply.flag('HTTP_SC_DESC') ?? '')}`.trim(),
          { at: env.at },
        )
      }
      await reply.body.collect()
      if (String(ctx.properties.get('BLOCKING_SENDER_PRESERVE_REQ_HEADERS')) === 'false') return
      const contentType = reply.headers.get('Content-Type')
      reply.headers = request.headers.clone()
      if (contentType === undefined) reply.headers.delete('Content-Type')
      else reply.headers.set('Content-Type', contentType)
    }
  },
})
