import type { MessageContext } from '../kernel/context.ts'
import type { Clock } from '../kernel/clock.ts'
import { IntegrationError, textOf } from '../kernel/errors.ts'
import { FlowWork } from '../kernel/flow-work.ts'
import { Transaction } from '../kernel/transaction.ts'

/** Longer than this nobody keeps what others wait for. */
const LONGEST = 60_000

/** Transactions that a mediator began: it may end them. Those of listeners end with the flow. */
const own = new WeakSet<Transaction>()

/** True for one that `<transaction>` began, and may end; false for that of a listener. */
export function isOwn(transaction: Transaction): boolean {
  return own.has(transaction)
}

/** Begins one for this flow. It is rolled back when the flow, or its time, ends before it is committed. */
export function beginTransaction(ctx: MessageContext, owner: string, clock: Clock): void {
  const work = (ctx.work ??= new FlowWork())
  const transaction = new Transaction(owner, { strict: true })
  own.add(transaction)
  work.transaction = transaction
  const giveUp = (why: string): void => {
    timer.cancel()
    if (transaction.ended) return
    ctx.log.warn(`the transaction of ${owner} is rolled back: ${why}`)
    // The flow does not leave it: what it still does is refused, rather than done without what came before.
    end(ctx, transaction, () => transaction.rollback(why)).catch((thrown: unknown) =>
      ctx.log.debug('a rollback was not answered; the broker rolls back by itself', { reason: textOf(thrown) }),
    )
  }
  const timer = clock.after(LONGEST, () => giveUp(`it was open for ${LONGEST} ms`))
  ctx.exchange.whenOver(() => {
    const open = !transaction.ended
    giveUp('the flow ended without <transaction action="commit"/>')
    if (open) nothingDone(ctx, transaction)
  })
}

/** Whoever waits for the flow must not take it for done (P1): the caller is told, a message taken comes again. */
function nothingDone({ exchange }: MessageContext, { rollbackOnly }: Transaction): void {
  const error = new IntegrationError('TRANSACTION_FAILED', `the transaction was rolled back: ${rollbackOnly}`)
  exchange.noteFault(error)
  exchange.noteUnhandled(error)
}

/** Resolves when everything done in it holds; rejects when nothing does. */
export async function commit(ctx: MessageContext, transaction: Transaction): Promise<void> {
  // What parallel branches send belongs to it, too.
  await ctx.work?.over()
  leave(ctx, transaction)
  await end(ctx, transaction, () => transaction.commit())
}

export async function rollBack(ctx: MessageContext, transaction: Transaction, why: string): Promise<void> {
  leave(ctx, transaction)
  await end(ctx, transaction, () => transaction.rollback(why))
}

/** True for a branch that the flow waits for before it ends the transaction: it would wait for itself. */
export function isBeside({ work, beside }: MessageContext): boolean {
  return work !== null && work === beside
}

async function end(ctx: MessageContext, transaction: Transaction, how: () => Promise<void>): Promise<void> {
  try {
    await how()
  } finally {
    await release(ctx, transaction)
  }
}

/** What the flow does from now on is not part of it. */
function leave({ work }: MessageContext, transaction: Transaction): void {
  if (work?.transaction === transaction) work.transaction = null
  if (work?.suspended === transaction) work.suspended = null
}

async function release(ctx: MessageContext, transaction: Transaction): Promise<void> {
  try {
    await transaction.release()
  } catch (thrown) {
    ctx.log.debug('a session did not close cleanly', { reason: textOf(thrown) })
  }
}
