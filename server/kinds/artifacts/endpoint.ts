import type { MessageContext } from '../../kernel/context.ts'
import type { Endpoint, Ref } from '../../kernel/contracts.ts'
import { aroundEndpoint } from '../../kernel/around-endpoint.ts'
import { asIntegrationError, textOf } from '../../kernel/errors.ts'
import { noteFault } from '../../kernel/flow.ts'
import { attr, defineArtifact, endpointBody, ref, text } from '../../schema/index.ts'

export default defineArtifact({
  role: 'endpoint',
  tag: 'endpoint',
  nameAttribute: 'name',
  nameOf: ({ name }) => name ?? '',
  summary: 'A back end under a name.',
  details: 'Its state (active, timeout, suspended, switched off) is shared by everything that refers to it.',
  fields: {
    name: attr(text(), { required: true, doc: 'How others refer to it.' }),
    onError: attr(ref('sequence'), { doc: 'Runs when sending fails; the fault handlers of the flow run afterwards.' }),
    body: endpointBody({ doc: 'What kind of endpoint it is.' }),
  },
  examples: [
    {
      title: 'The sample back end',
      xml: '<endpoint name="SimpleStockQuoteService"><address uri="http://127.0.0.1:9000/services/SimpleStockQuoteService"/></endpoint>',
    },
  ],
  create({ onError, body }, env): Endpoint {
    const endpoint = env.endpoint({ ...body!, name: env.name })
    if (!onError) return endpoint
    return aroundEndpoint(endpoint, next => async (request, ctx, options) => {
      try {
        return await next(request, ctx, options)
      } catch (thrown) {
        const error = asIntegrationError(thrown, env.at)
        noteFault(ctx, error)
        await runQuietly(ctx, onError)
        throw error
      }
    })
  },
})

/** What goes wrong in the handler must not hide why the endpoint failed. */
async function runQuietly(ctx: MessageContext, handler: Ref<'sequence'>): Promise<void> {
  try {
    await ctx.runtime.get(handler).mediate(ctx)
  } catch (thrown) {
    ctx.log.error(`the error sequence ${handler.name} of an endpoint failed: ${textOf(thrown)}`)
  }
}
