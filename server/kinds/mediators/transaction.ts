import type { MessageContext } from '../../kernel/context.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { FlowWork } from '../../kernel/flow-work.ts'
import { beginTransaction, commit, isBeside, isOwn, rollBack } from '../../runtime/transactions.ts'
import { attr, defineMediator, oneOf } from '../../schema/index.ts'

const ACTIONS = ['new', 'use-existing-or-new', 'fault-if-no-tx', 'commit', 'rollback', 'suspend', 'resume'] as const

export default defineMediator({
  tag: 'transaction',
  summary:
    'Begins or ends a transaction: what the flow sends and stores meanwhile takes effect together, or not at all.',
  details: `
    A transaction is local to one broker: the first \`jms:/…\` address or JMS store that the flow uses decides which. Sends
    with \`send\`, \`call\` and \`callout\`, and \`store\`, take part by themselves, and parallel branches are waited for
    before a commit. Whatever is sent in it is one-way: nobody could answer before the commit. A flow that mixes two brokers,
    or a broker and a database, in one transaction is refused at deployment: keep to one of them and make it the outbox, that
    is, store the message for the other one in a message store there, and let a message processor forward it.

    \`new\` faults if there is a transaction already, \`fault-if-no-tx\`, \`commit\` and \`rollback\` if there is none. The
    transaction of a queue listener belongs to the listener and ends with the flow: \`use-existing-or-new\` uses it,
    \`rollback\` makes sure that it is rolled back, and \`commit\` in it is a fault. One that is still open when its flow has
    come to its end, or after a minute, is rolled back, and whoever waits for the flow is told. A branch that goes on beside
    its parent (\`continueParent\`) ends at a commit: its parent is the one to commit.`,
  fields: {
    action: attr(oneOf(...ACTIONS), { required: true, doc: 'What to do.' }),
  },
  examples: [
    { title: 'Begin', xml: '<transaction action="new"/>' },
    { title: 'Let everything take effect', xml: '<transaction action="commit"/>' },
  ],
  create({ action }, { at, services }) {
    const place = `<transaction> at ${at.file}:${at.line}:${at.column}`
    const fault = (why: string): IntegrationError => new IntegrationError('TRANSACTION_FAILED', why, { at })
    const begin = (ctx: MessageContext): 'next' => {
      beginTransaction(ctx, place, services.clock)
      return 'next'
    }
    return {
      mediate(ctx) {
        const current = ctx.work?.transaction ?? null
        switch (action!) {
          case 'new':
            if (current)
              throw fault(
                `there is a transaction already, of ${current.owner}: end it first, or use use-existing-or-new`,
              )
            return begin(ctx)
          case 'use-existing-or-new':
            return current ? 'next' : begin(ctx)
          case 'fault-if-no-tx':
            if (!current) throw fault('there is no transaction here')
            return 'next'
          case 'suspend': {
            const work = (ctx.work ??= new FlowWork())
            if (work.suspended) throw fault('a transaction is suspended already')
            work.suspended = work.transaction
            work.transaction = null
            return 'next'
          }
          case 'resume':
            if (current) throw fault(`there is a transaction already, of ${current.owner}`)
            if (!ctx.work?.suspended) throw fault('no transaction is suspended here')
            ctx.work.transaction = ctx.work.suspended
            ctx.work.suspended = null
            return 'next'
          case 'rollback':
            if (!current) throw fault('there is no transaction to roll back')
            if (isOwn(current)) return rollBack(ctx, current, `asked for by ${place}`).then(() => 'next' as const)
            current.spoil(`asked for by ${place}`)
            return 'next'
          case 'commit':
            if (!current) throw fault('there is no transaction to commit')
            if (isOwn(current) && isBeside(ctx)) {
              ctx.log.warn(`${place}: the branch ends here; the flow that goes on beside it is the one to commit`)
              return 'done'
            }
            if (isOwn(current)) return commit(ctx, current).then(() => 'next' as const)
            throw fault(
              `the transaction belongs to ${current.owner} and is committed when the flow has come to its end`,
            )
        }
      },
    }
  },
})
