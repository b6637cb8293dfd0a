import { randomUUID } from 'node:crypto'
import { branchOf, runBranches } from '../../kernel/branches.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { targetFields, targetOf } from '../../runtime/branch-target.ts'
import { attr, children, defineMediator, dynamicString, dynamicText, flag, text } from '../../schema/index.ts'

/** More copies than this of one message are taken for a mistake in the expression. */
const MOST_ITERATIONS = 100_000

export default defineMediator({
  tag: 'clone',
  summary: 'Sends copies of the message to several targets.',
  details: `
    One copy for each \`<target>\`, all at the same time unless \`sequential\`; then the next begins when the one before
    has ended or waits for a back end. The flow ends here unless \`continueParent\`. A fault in a copy is handled by the
    sequences around it and leaves the others alone. Each copy carries \`messageSequence\` (such as 0/2) and
    \`aggregateCorelation\`, by which \`<aggregate>\` finds the replies that belong together. A copy that made a
    \`<call>\` goes on after the clone.`,
  fields: {
    id: attr(text(), { doc: 'By which `<aggregate id="…">` finds its copies.' }),
    continueParent: attr(flag(), { fallback: false, doc: 'True: the flow goes on with the message itself.' }),
    sequential: attr(flag(), { fallback: false, doc: 'True: one copy after another.' }),
    iterations: attr(dynamicText(), {
      doc: 'How many copies go to the only target; CLONED_ITERATION_INDEX counts them from 0.',
    }),
    targets: children('target', targetFields, { min: 1, doc: 'Where a copy goes, and what happens to it.' }),
  },
  examples: [
    {
      title: 'Two back ends at once',
      xml: `<clone id="both"><target><endpoint key="first"/></target><target><endpoint key="second"/></target></clone>`,
    },
    {
      title: 'A copy for the audit',
      xml: '<clone continueParent="true"><target><sequence><store messageStore="audit"/></sequence></target></clone>',
    },
  ],
  check({ iterations, targets }, site) {
    if (iterations !== undefined && targets.length > 1) {
      site.warn(
        'one-too-many',
        'iterations have no effect with several targets',
        site.element.offset,
        'Keep one target, or remove "iterations".',
      )
    }
  },
  create({ id, continueParent, sequential, iterations, targets }, env) {
    const works = targets.map(target => targetOf(target, env))
    const suffix = id === undefined ? '' : `.${id}`
    return {
      needsBody: true,
      mediate(ctx) {
        const repeated = iterations !== undefined && works.length === 1
        const count = repeated ? countOf(dynamicString(iterations, ctx)) : works.length
        const correlation = randomUUID()
        const outcome = runBranches(
          ctx,
          count,
          index => {
            const branch = branchOf(ctx)
            delete branch.message.addressing.messageId
            const { properties } = branch
            properties.set('aggregateCorelation', correlation)
            if (id !== undefined) properties.set(`aggregateCorelation${suffix}`, correlation)
            properties.set(`messageSequence${suffix}`, `${index}/${count}`)
            if (repeated) properties.set('CLONED_ITERATION_INDEX', index)
            const work = works[repeated ? 0 : index]!
            return { ctx: branch, work: copy => work.mediate(copy) }
          },
          { sequential, stopOnFault: sequential && ctx.isOn('STOP_TARGET_EXECUTION_ON_FAILURE'), continueParent },
        )
        // The message ends here, and waits for the branches only.
        if (!continueParent) ctx.message.body.forgetViews()
        return outcome
      },
    }
  },
})

function countOf(given: string): number {
  const count = Number(given)
  if (Number.isInteger(count) && count >= 0 && count <= MOST_ITERATIONS) return count
  throw new IntegrationError(
    'MEDIATION_FAILED',
    `"${given.slice(0, 40)}" is not a number of iterations between 0 and ${MOST_ITERATIONS}`,
  )
}
