import { defineMediator } from '../../schema/index.ts'

export default defineMediator({
  tag: 'respond',
  summary: 'Answers the caller with the current message, now.',
  details: `
    The message goes back as it is, headers included: after a request nobody replaced, that is an echo. Nothing
    after it runs. A second answer to the same request is ignored with a warning.`,
  fields: {},
  examples: [{ title: 'Answer', xml: '<respond/>' }],
  create: () => ({
    mediate(ctx) {
      const { message, exchange } = ctx
      delete message.addressing.to
      message.isResponse = true
      if (!exchange.reply(message, ctx) && exchange.hasCaller)
        ctx.log.warn('a second answer to the same request was ignored')
      return 'done'
    },
  }),
})
