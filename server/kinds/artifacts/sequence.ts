import type { Mediator, Sequence } from '../../kernel/contracts.ts'
import { nested, runSteps, withHandler } from '../../kernel/flow.ts'
import { attr, defineArtifact, ref, steps, text } from '../../schema/index.ts'

export default defineArtifact({
  role: 'sequence',
  tag: 'sequence',
  nameAttribute: 'name',
  nameOf: ({ name }) => name ?? '',
  summary: 'Mediators under a name, run in order.',
  details: `
    \`main\` runs for requests no service claims; \`fault\` runs when a service without a fault sequence fails.
    \`onError\` names the sequence that handles a fault of this one; the flow then ends.`,
  fields: {
    name: attr(text(), { required: true, doc: 'How others refer to it.' }),
    onError: attr(ref('sequence'), { doc: 'Runs when a mediator in this sequence fails.' }),
    steps: steps({ doc: 'What to do.' }),
  },
  examples: [
    { title: 'A sequence with its own error handling', xml: '<sequence name="work" onError="sorry"><log/></sequence>' },
  ],
  create({ onError, steps: nodes }, env): Sequence {
    const { steps } = env.flow(nodes)
    const plain: Mediator = { mediate: ctx => nested(ctx, () => runSteps(steps, ctx)) }
    const { mediate } = onError ? withHandler(plain, onError) : plain
    return { name: env.name, steps, ...(onError && { onError }), mediate }
  },
})
