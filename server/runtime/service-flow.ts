/** What proxies and the resources of APIs have in common: in, out and fault sequences (synapse-language E.1, G.1). */
import type { MessageContext } from '../kernel/context.ts'
import type { Mediator, Ref } from '../kernel/contracts.ts'
import { asIntegrationError, IntegrationError, textOf } from '../kernel/errors.ts'
import { noteFault, withHandler } from '../kernel/flow.ts'
import { attr, child, ref, steps, type ConfigOf, type KindEnv, type StepNode } from '../schema/index.ts'

const written = {
  onError: attr(ref('sequence'), { doc: 'Runs when a mediator in this sequence fails.' }),
  steps: steps({ doc: 'What to do.' }),
}

/** The three sequences, each by name or written in place. */
export const sequenceFields = {
  inSequenceKey: attr(ref('sequence'), { name: 'inSequence', doc: 'Named sequence for requests.' }),
  outSequenceKey: attr(ref('sequence'), { name: 'outSequence', doc: 'Named sequence for replies.' }),
  faultSequenceKey: attr(ref('sequence'), { name: 'faultSequence', doc: 'Named sequence for faults.' }),
  inSequence: child('inSequence', written, { doc: 'What to do with a request.' }),
  outSequence: child('outSequence', written, { doc: 'What to do with a reply.' }),
  faultSequence: child('faultSequence', written, { doc: 'What to do when something failed.' }),
}

export interface ServiceFlow {
  readonly inFlow: Mediator | undefined
  /** What becomes of a reply to `send`: the out flow, or the caller. */
  readonly onReply: Mediator
  /** What becomes of a fault nobody further in has handled. */
  readonly onFault: (thrown: unknown, ctx: MessageContext) => Promise<void>
}

export function serviceFlow(config: ConfigOf<typeof sequenceFields>, env: KindEnv): ServiceFlow {
  const outFlow = sequenceOf(config.outSequenceKey, config.outSequence, env)
  const faultFlow = sequenceOf(config.faultSequenceKey, config.faultSequence, env)
  return {
    inFlow: sequenceOf(config.inSequenceKey, config.inSequence, env),
    onReply: outFlow ?? toCaller,
    onFault: (thrown, ctx) => handleFault(thrown, faultFlow, ctx),
  }
}

/** Gives the message to the caller as it is. */
export const toCaller: Mediator = {
  mediate(ctx) {
    ctx.exchange.reply(ctx.message, ctx)
    return 'done'
  },
}

/** A sequence by name beats one written in place (synapse-language E.1). */
function sequenceOf(
  key: Ref<'sequence'> | undefined,
  inPlace: { steps: readonly StepNode[]; onError: Ref<'sequence'> | undefined } | undefined,
  env: KindEnv,
): Mediator | undefined {
  if (key) return { mediate: ctx => ctx.runtime.get(key).mediate(ctx) }
  if (!inPlace) return undefined
  const flow = env.flow(inPlace.steps)
  return inPlace.onError ? withHandler(flow, inPlace.onError) : flow
}

/** The fault sequence of the service, else the one named `fault`; what that throws is told to the caller. */
export async function handleFault(
  thrown: unknown,
  faultFlow: Mediator | undefined,
  ctx: MessageContext,
): Promise<void> {
  const error = asIntegrationError(thrown)
  noteFault(ctx, error)
  ctx.exchange.noteFault(error)
  // A fault on the way back is an error of ours, whatever the back end had said before.
  if (ctx.message.isResponse) ctx.message.axis2.set('HTTP_SC', 500)
  const handler = faultFlow ?? ctx.runtime.find('sequence', 'fault')
  if (!handler) {
    ctx.exchange.noteUnhandled(error)
    ctx.log.error(`Executing default "fault" sequence: ${error.message}`, { errorCode: error.errorCode, at: error.at })
    return
  }
  try {
    await handler.mediate(ctx)
  } catch (second) {
    ctx.log.error(`the fault sequence failed: ${textOf(second)}`, { cause: error.message })
    ctx.exchange.noteFault(second instanceof IntegrationError ? second : error)
    ctx.exchange.noteUnhandled(error)
  }
}
