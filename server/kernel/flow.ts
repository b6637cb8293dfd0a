import type { MessageContext, Place } from './context.ts'
import type { Mediator, Outcome, Ref, Step } from './contracts.ts'
import { asIntegrationError, IntegrationError } from './errors.ts'

/** Sequences inside sequences beyond this are taken for an endless loop. */
const DEEPEST = 128

/**
 * Runs compiled steps. Stays synchronous as long as every step does: most mediators only look or note something, and
 * a promise for each would cost more than their work. The body is collected just before the first step that needs it.
 */
export function runSteps(steps: readonly Step[], ctx: MessageContext, from = 0): Outcome | Promise<Outcome> {
  return from < steps.length ? run({ steps, index: from, outer: ctx.place }, ctx) : 'next'
}

function run(place: Place, ctx: MessageContext): Outcome | Promise<Outcome> {
  const { steps } = place
  for (; place.index < steps.length; place.index++) {
    const step = steps[place.index]!
    ctx.place = place
    try {
      if (step.mediator.needsBody) {
        const arriving = ctx.message.body.collect()
        if (arriving) return resumeAfter(arriving, place, ctx)
      }
      const outcome = step.mediator.mediate(ctx)
      if (outcome === 'next') continue
      if (outcome !== 'done') return finishStep(outcome, place, ctx)
      ctx.place = place.outer
      return 'done'
    } catch (thrown) {
      ctx.place = place.outer
      throw asIntegrationError(thrown, step.at)
    }
  }
  ctx.place = place.outer
  return 'next'
}

async function resumeAfter(arriving: Promise<void>, place: Place, ctx: MessageContext): Promise<Outcome> {
  try {
    await arriving
  } catch (thrown) {
    ctx.place = place.outer
    throw asIntegrationError(thrown, place.steps[place.index]!.at)
  }
  return run(place, ctx)
}

async function finishStep(pending: Promise<Outcome>, place: Place, ctx: MessageContext): Promise<Outcome> {
  let outcome: Outcome
  try {
    outcome = await pending
  } catch (thrown) {
    ctx.place = place.outer
    throw asIntegrationError(thrown, place.steps[place.index]!.at)
  }
  if (outcome === 'done') {
    ctx.place = place.outer
    return 'done'
  }
  place.index++
  return run(place, ctx)
}

/** Runs `work` one level deeper; more than {@link DEEPEST} levels is an endless loop of sequences. */
export function nested(ctx: MessageContext, work: () => Outcome | Promise<Outcome>): Outcome | Promise<Outcome> {
  if (ctx.depth >= DEEPEST) {
    throw new IntegrationError(
      'TOO_DEEP',
      `sequences call one another ${DEEPEST} levels deep; look for a sequence that reaches itself`,
    )
  }
  ctx.depth++
  try {
    const outcome = work()
    if (typeof outcome === 'string') {
      ctx.depth--
      return outcome
    }
    return outcome.finally(() => ctx.depth--)
  } catch (thrown) {
    ctx.depth--
    throw thrown
  }
}

/** Runs `work`; a fault is noted on the context and handed to `onFault`, whose own faults go further out. */
export function guarded(
  ctx: MessageContext,
  work: () => Outcome | Promise<Outcome>,
  onFault: (error: IntegrationError) => Outcome | Promise<Outcome>,
): Outcome | Promise<Outcome> {
  const handle = (thrown: unknown): Outcome | Promise<Outcome> => {
    const error = asIntegrationError(thrown)
    noteFault(ctx, error)
    return onFault(error)
  }
  try {
    const outcome = work()
    return typeof outcome === 'string' ? outcome : outcome.catch(handle)
  } catch (thrown) {
    return handle(thrown)
  }
}

/**
 * Sets the four ERROR_ properties, or none: an error noted earlier and not removed stays (synapse-language C.0).
 */
export function noteFault(ctx: MessageContext, error: IntegrationError): void {
  const { properties } = ctx
  ctx.exchange.noteFault(error)
  if (properties.has('ERROR_CODE')) return
  properties.set('ERROR_CODE', error.errorCode)
  properties.set('ERROR_MESSAGE', error.message.split('\n', 1)[0])
  const place = error.at ? `${error.at.file}:${error.at.line}:${error.at.column}: ` : ''
  properties.set('ERROR_DETAIL', `${place}${error.message} (${error.code})`)
  properties.set('ERROR_EXCEPTION', `${error.code}: ${error.message}`)
}

/**
 * A sequence with its own fault handler: a fault inside runs the sequence named by `onError`, and the flow ends. A
 * handler that is not deployed must not hide the fault: it goes on to whoever is outside.
 */
export function withHandler(inside: Mediator, onError: Ref<'sequence'>): Mediator {
  return {
    mediate(ctx) {
      const { place } = ctx
      ctx.place = { outer: place, steps: [], index: 0, onError }
      return guarded(
        ctx,
        () => inside.mediate(ctx),
        error => {
          const handler = ctx.runtime.find('sequence', onError.name)
          if (!handler) throw error
          // Control never returns to the sequence that failed.
          ctx.place = null
          const outcome = handler.mediate(ctx)
          return typeof outcome === 'string' ? 'done' : outcome.then(() => 'done' as const)
        },
      )
    },
  }
}
