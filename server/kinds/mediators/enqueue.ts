import { branchOf, runBranch } from '../../kernel/branches.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { perServer } from '../../runtime/per-server.ts'
import { PriorityExecutor } from '../../runtime/priority-executor.ts'
import { attr, defineMediator, int, ref, text } from '../../schema/index.ts'

export default defineMediator({
  tag: 'enqueue',
  summary: 'Runs a sequence later, by its priority.',
  details: `
    The sequence gets a copy of the flow as soon as one of the 20 places of the executor is free; higher numbers go first.
    The flow goes on at once, and the caller gets no answer but what the sequence gives. Messages that wait are in memory:
    a restart loses them, so that what must not be lost belongs into a \`<store>\`.`,
  fields: {
    sequence: attr(ref('sequence'), { required: true, doc: 'What runs.' }),
    priority: attr(int(), { fallback: 1, doc: 'How urgent it is.' }),
    executor: attr(text(), { required: true, doc: 'Whose places it takes.' }),
  },
  examples: [{ title: 'Urgent', xml: '<enqueue sequence="work" priority="10" executor="orders"/>' }],
  create({ sequence, priority, executor }, env) {
    const places = perServer(env.services, `executor ${executor}`, () => new PriorityExecutor())
    return {
      // The copy is of what has arrived.
      needsBody: true,
      mediate(ctx) {
        const branch = branchOf(ctx)
        // What comes after this in the flow is not for the copy.
        branch.place = null
        branch.beside = ctx.work
        ctx.runtime.enter()
        const work = async (): Promise<void> => {
          try {
            await runBranch(branch, copy => copy.runtime.get(sequence).mediate(copy))
          } finally {
            ctx.runtime.leave()
          }
        }
        let ended = (): void => undefined
        const over = new Promise<void>(resolve => (ended = resolve))
        if (!places.add(priority, () => work().finally(ended))) {
          ctx.runtime.leave()
          throw new IntegrationError('MEDIATION_FAILED', `too much waits for the executor ${executor} already`, {
            retryable: true,
          })
        }
        // A message from a queue is acknowledged when the copy has come to its end.
        ctx.work?.join(over)
        ctx.exchange.expectAnswer()
        return 'next'
      },
    }
  },
})
