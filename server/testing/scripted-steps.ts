import type { MessageContext } from '../kernel/context.ts'
import type { Outcome, Sequence } from '../kernel/contracts.ts'

/** What a test does in the middle of a flow, by the name of the sequence that stands for it. */
export type ScriptedSteps = ReadonlyMap<string, (ctx: MessageContext) => unknown>

/** Sequences that run these, the body collected, and go on. */
export function sequencesOf(steps: ScriptedSteps): Record<string, Sequence> {
  return Object.fromEntries(
    [...steps].map(([name, run]): [string, Sequence] => [
      name,
      {
        name,
        steps: [],
        async mediate(ctx): Promise<Outcome> {
          await ctx.message.body.collect()
          await run(ctx)
          return 'next'
        },
      },
    ]),
  )
}
