import { defineMediator, steps } from '../../schema/index.ts'

export default defineMediator({
  tag: 'out',
  summary: 'Runs its mediators on replies only.',
  details: 'For sequences shared by both directions, such as `main`.',
  fields: { steps: steps({ doc: 'What to do with a reply.' }) },
  examples: [{ title: 'Pass replies back', xml: '<out><send/></out>' }],
  create({ steps }, env) {
    const flow = env.flow(steps)
    return { mediate: ctx => (ctx.message.isResponse ? flow.mediate(ctx) : 'next') }
  },
})
