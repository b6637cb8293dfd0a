import type { Mediator } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { sendAway } from '../../kernel/sending.ts'
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
    const receiving: Mediator | undefined = receive && {
      mediate: ctx => ctx.runtime.get(resolveRef(receive, ctx)).mediate(ctx),
    }
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
        return sendAway(target ?? implicit, ctx, receiving)
      },
    }
  },
})
