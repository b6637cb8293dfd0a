import { branchOf, runBranch } from '../../kernel/branches.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { targetFields, targetOf } from '../../runtime/branch-target.ts'
import { PacedQueue } from '../../runtime/paced-queue.ts'
import { perServer } from '../../runtime/per-server.ts'
import { attr, child, defineMediator, int, milliseconds, text } from '../../schema/index.ts'

export default defineMediator({
  tag: 'sampler',
  summary: 'Lets only so many messages per time through; the others wait for their turn.',
  details: `
    In each \`unitTime\` the oldest \`rate\` messages go to the target, the others wait in a queue, each with its caller still
    waiting for an answer. The flow ends here. A reply does not go through a sampler: it ends, with a
    warning. Messages that wait are in memory: a restart loses them, and above 10,000 a message is a fault. What must not be
    lost belongs into a \`<store>\` with a processor that has an \`interval\`.`,
  fields: {
    id: attr(text(), { doc: 'Samplers of one name share a queue and its pace; absent: a queue of its own.' }),
    rate: attr(int({ min: 1 }), { fallback: 1, doc: 'How many messages go on in each unit of time.' }),
    unitTime: attr(milliseconds({ min: 1 }), { fallback: 1000, doc: 'The unit of time in milliseconds.' }),
    queue: child(
      'messageQueue',
      { class: attr(text(), { doc: 'A Java class.', ignored: 'The queue is in memory.' }) },
      { doc: 'How messages wait.' },
    ),
    target: child('target', targetFields, { required: true, doc: 'What becomes of a message whose turn it is.' }),
  },
  examples: [
    {
      title: 'Ten orders a second',
      xml: '<sampler id="orders" rate="10" unitTime="1000"><target sequence="takeOrder"/></sampler>',
    },
  ],
  create({ id, rate, unitTime, target }, env) {
    const { services, at } = env
    const name = id ?? `${at.file}:${at.line}:${at.column}`
    const queue = perServer(services, `sampler ${name}`, () => new PacedQueue(services.clock))
    const work = targetOf(target, env)
    return {
      // The copy is of what has arrived.
      needsBody: true,
      mediate(ctx) {
        if (ctx.message.isResponse) {
          ctx.log.warn('a sampler has met a reply; the flow ends here, and the reply goes nowhere', { at: env.at })
          return 'done'
        }
        const branch = branchOf(ctx)
        // What comes after this in the flow is not for the message that waited.
        branch.place = null
        branch.beside = ctx.work
        ctx.runtime.enter()
        const run = async (): Promise<void> => {
          try {
            await runBranch(branch, copy => work.mediate(copy))
          } finally {
            branch.runtime.leave()
          }
        }
        let ended = (): void => undefined
        const over = new Promise<void>(resolve => (ended = resolve))
        if (!queue.add(() => run().finally(ended), rate, unitTime)) {
          ctx.runtime.leave()
          throw new IntegrationError('MEDIATION_FAILED', `too much waits for the sampler ${name} already`, {
            retryable: true,
          })
        }
        ctx.work?.join(over)
        ctx.exchange.expectAnswer()
        return 'done'
      },
    }
  },
})
