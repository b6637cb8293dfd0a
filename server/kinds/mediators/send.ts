import type { MessageContext } from '../../kernel/context.ts'
import type { Outcome } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { attr, defineMediator, dynamicNeedsBody, dynamicRef, endpoint, flag, resolveRef } from '../../schema/index.ts'

export default defineMediator({
  tag: 'send',
  summary: 'Sends the message to an endpoint, or back to the caller; nothing after it runs.',
  details: `
    With an endpoint, or as a request with a \`To\` address, the message goes out, and its reply runs the sequence named
    by \`receive\`, else the out sequence of the service, else straight back to the caller. A response without an
    endpoint is the answer to the caller. With property OUT_ONLY set to true no reply is expected. A back end that
    answers 4xx, 5xx or a SOAP fault has replied: only a broken or refused connection or a timeout is a fault.`,
  fields: {
    receive: attr(dynamicRef('sequence'), { doc: 'Runs on the reply instead of the out sequence.' }),
    buildmessage: attr(flag(), { fallback: false, doc: 'Collects the body before sending instead of streaming it.' }),
    endpoint: endpoint({ doc: "Where to send. Absent: the message's `To`, or the caller for a response." }),
  },
  examples: [
    { title: 'Through a named endpoint', xml: '<send><endpoint key="orders"/></send>' },
    { title: 'Back to the caller', xml: '<send/>' },
  ],
  create({ receive, buildmessage, endpoint }, env) {
    const target = endpoint && env.endpoint(endpoint)
    const implicit = env.services.defaultEndpoint
    return {
      needsBody: buildmessage || dynamicNeedsBody(receive),
      mediate(ctx) {
        const { message, exchange } = ctx
        if (target === undefined && (message.isResponse || ctx.isOn('RESPONSE'))) {
          message.isResponse = true
          delete message.addressing.to
          if (!exchange.reply(message, ctx) && exchange.hasCaller)
            ctx.log.warn('a second answer to the same request was ignored')
          return 'done'
        }
        if (target === undefined && message.addressing.to === undefined) {
          throw new IntegrationError('NO_ADDRESS', 'the message has no To address and <send> names no endpoint', {
            at: env.at,
          })
        }
        return sendOut(ctx)
      },
    }

    async function sendOut(ctx: MessageContext): Promise<Outcome> {
      const { message, exchange } = ctx
      const oneWay = ctx.isOn('OUT_ONLY')
      // The caller asked not to wait for what the back end says.
      if (message.isOn('FORCE_SC_ACCEPTED')) exchange.acknowledge(202)
      if (!oneWay) exchange.expectAnswer()
      message.isResponse = false
      ctx.waiting()
      const reply = await (target ?? implicit).send(message, ctx, { oneWay })
      if (reply === null || oneWay) {
        reply?.body.discard()
        return 'done'
      }
      ctx.message = reply
      // What comes after <send> is given up: the reply begins anew.
      ctx.place = null
      if (receive) {
        await ctx.runtime.get(resolveRef(receive, ctx)).mediate(ctx)
      } else if (ctx.origin.onReply) {
        await ctx.origin.onReply.mediate(ctx)
      } else {
        reply.body.discard()
      }
      return 'done'
    }
  },
})
