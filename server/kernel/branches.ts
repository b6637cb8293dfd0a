/** Branches: copies of a flow that run on their own, as `clone` and `iterate` start them (synapse-language C.13). */
import type { MessageContext, Place } from './context.ts'
import type { Outcome } from './contracts.ts'
import { asIntegrationError, textOf } from './errors.ts'
import { noteFault, runSteps } from './flow.ts'
import type { Message } from './message.ts'

/** A copy of the flow where it is now, with a message of its own. The body has been collected before. */
export function branchOf(ctx: MessageContext, message?: Message): MessageContext {
  const branch = ctx.fork(message)
  branch.place = copyOf(ctx.place)
  return branch
}

/** The parent goes on meanwhile, so that a branch needs an idea of its own of where it was. */
function copyOf(place: Place | null): Place | null {
  return place && { ...place, outer: copyOf(place.outer) }
}

/**
 * Runs a branch to its end: `work`, and after a `call` in it all that comes after the mediator that started the branch.
 * Never rejects: a fault runs the handlers the branch has inherited, and leaves its siblings alone. Resolves with false
 * after a fault.
 */
export async function runBranch(
  branch: MessageContext,
  work: (branch: MessageContext) => Outcome | Promise<Outcome>,
): Promise<boolean> {
  let at = branch.place
  try {
    let outcome = await work(branch)
    for (; outcome === 'next' && branch.resumed && at !== null; at = at.outer) {
      branch.place = at.outer
      at.leave?.(branch)
      outcome = await runSteps(at.steps, branch, at.index + 1)
    }
    return true
  } catch (thrown) {
    await handleFault(thrown, at, branch)
    return false
  }
}

async function handleFault(thrown: unknown, from: Place | null, branch: MessageContext): Promise<void> {
  let error = asIntegrationError(thrown)
  for (let at = from; at !== null; at = at.outer) {
    const handler = at.onError && branch.runtime.find('sequence', at.onError.name)
    if (!handler) continue
    noteFault(branch, error)
    branch.place = null
    try {
      await handler.mediate(branch)
      return
    } catch (second) {
      error = asIntegrationError(second)
    }
  }
  branch.place = null
  try {
    if (branch.origin.onFault) return await branch.origin.onFault(error, branch)
  } catch (second) {
    error = asIntegrationError(second)
  }
  noteFault(branch, error)
  branch.exchange.noteUnhandled(error)
  branch.log.error(`a branch failed: ${textOf(error)}`, { errorCode: error.errorCode, at: error.at })
}

export interface BranchRules {
  /** The next one starts when the one before has ended, or waits for somebody else. */
  readonly sequential: boolean
  /** After a fault no further branch is started. Only for sequential ones. */
  readonly stopOnFault: boolean
  /** The parent goes on as soon as none of them is working any more; else it ends here, after them. */
  readonly continueParent: boolean
}

/** What became of branches: all of them are over, or all that are not wait for a back end or for one another. */
interface RunningBranches {
  readonly settled: Promise<void>
  readonly over: Promise<void>
}

/** Starts `count` branches of `parent`, made one after another by `start`, and does what it then has to do. */
export function runBranches(
  parent: MessageContext,
  count: number,
  start: (index: number) => Branch,
  rules: BranchRules,
): Promise<Outcome> {
  const ends: Promise<boolean>[] = []
  const pauses: Promise<unknown>[] = []
  const begin = (index: number): Promise<boolean | undefined> => {
    const { ctx, work } = start(index)
    if (rules.continueParent) ctx.beside = parent.work
    const waiting = new Promise<undefined>(resolve => (ctx.onWaiting = () => resolve(undefined)))
    const end = runBranch(ctx, work)
    ends.push(end)
    const pause = Promise.race([end, waiting])
    pauses.push(pause)
    return pause
  }
  const started = rules.sequential ? oneByOne(count, begin, rules.stopOnFault) : all(count, begin)
  return outcomeOf({ settled: allOf(started, pauses), over: allOf(started, ends) }, parent, rules.continueParent)
}

/** A branch that cannot be made is a fault of the parent, told once those that run are over. */
async function allOf(started: Promise<void>, running: readonly Promise<unknown>[]): Promise<void> {
  try {
    await started
  } finally {
    await Promise.all(running)
  }
}

export interface Branch {
  readonly ctx: MessageContext
  readonly work: (ctx: MessageContext) => Outcome | Promise<Outcome>
}

async function oneByOne(
  count: number,
  begin: (index: number) => Promise<boolean | undefined>,
  stopOnFault: boolean,
): Promise<void> {
  for (let index = 0; index < count; index++) {
    const ended = await begin(index)
    if (ended === false && stopOnFault) return
  }
}

async function all(count: number, begin: (index: number) => unknown): Promise<void> {
  for (let index = 0; index < count; index++) void begin(index)
}

/**
 * What the mediator that started the branches answers: the parent ends here after them, or goes on as soon as none of
 * them is working any more. What still waits then keeps the snapshot open.
 */
async function outcomeOf(
  { settled, over }: RunningBranches,
  ctx: MessageContext,
  continueParent: boolean,
): Promise<Outcome> {
  if (!continueParent) {
    // Whoever waits for this flow to get on would wait in vain: it does what its branches do.
    void settled.then(
      () => ctx.waiting(),
      () => undefined,
    )
    await over
    return 'done'
  }
  ctx.runtime.enter()
  ctx.work?.join(over)
  void over.catch(() => undefined).then(() => ctx.runtime.leave())
  await settled
  return 'next'
}
