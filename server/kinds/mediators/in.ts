import { defineMediator, steps } from '../../schema/index.ts'

export default defineMediator({
  tag: 'in',
  summary: 'Runs its mediators on requests only.',
  details: `
    For sequences shared by both directions, such as \`main\`. A reply received by \`call\` counts as a request
    again; one received by \`send\` is a response.`,
  fields: { steps: steps({ doc: 'What to do with a request.' }) },
  examples: [{ title: 'Forward requests', xml: '<in><send/></in>' }],
  create({ steps }, env) {
    const flow = env.flow(steps)
    return { mediate: ctx => (ctx.message.isResponse ? 'next' : flow.mediate(ctx)) }
  },
})
