import { defineMediator } from '../../schema/index.ts'

export default defineMediator({
  tag: 'drop',
  summary: 'Ends the flow for this message.',
  details: `
    Nothing after it runs, in this sequence or in those around it. A caller who has no answer yet gets an
    empty 202, unless something before has promised to answer.`,
  fields: {},
  examples: [{ title: 'Stop here', xml: '<drop/>' }],
  create: () => ({
    mediate(ctx) {
      delete ctx.message.addressing.to
      return 'done'
    },
  }),
})
