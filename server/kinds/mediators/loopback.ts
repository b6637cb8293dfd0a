import { defineMediator } from '../../schema/index.ts'

export default defineMediator({
  tag: 'loopback',
  summary: 'Leaves the in flow and goes on with the out flow; nothing after it runs.',
  details: `
    The message becomes a response without a \`To\` address, as if a back end had answered with it, and the out sequence of
    the same service runs on it. In the out flow it does nothing but log a warning.`,
  fields: {},
  examples: [{ title: 'Answer by the out sequence', xml: '<loopback/>' }],
  create(_config, env) {
    return {
      async mediate(ctx) {
        const { message, origin } = ctx
        if (message.isResponse) {
          ctx.log.warn('<loopback> has no effect in the out flow', { at: env.at })
          return 'next'
        }
        message.isResponse = true
        delete message.addressing.to
        ctx.place = null
        if (origin.onReply) await origin.onReply.mediate(ctx)
        else ctx.log.warn('<loopback> found no out flow to go on with', { at: env.at })
        return 'done'
      },
    }
  },
})
