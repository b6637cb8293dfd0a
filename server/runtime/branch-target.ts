/** Where a branch or a route goes: the `<target>` of clone, iterate and the routers (synapse-language C.13). */
import type { MessageContext } from '../kernel/context.ts'
import type { Mediator, Outcome } from '../kernel/contracts.ts'
import { sendAway } from '../kernel/sending.ts'
import type { Field } from '../schema/fields.ts'
import { attr, child, endpoint, ref, steps, text, type ConfigOf, type KindEnv } from '../schema/index.ts'

export const targetFields = {
  to: attr(text(), { doc: 'Address set on the message.' }),
  soapAction: attr(text(), { doc: 'Action set on the message.' }),
  inline: child('sequence', { steps: steps({ doc: 'What to do.' }) }, { doc: 'What to do, written in place.' }),
  sequence: unlessWritten('sequence', attr(ref('sequence'), { doc: 'The sequence to run.' })),
  endpoint: endpoint({ doc: 'Where to send, written in place.' }),
  endpointKey: unlessWritten('endpoint', attr(ref('endpoint'), { name: 'endpoint', doc: 'The endpoint to send to.' })),
}

export type Target = ConfigOf<typeof targetFields>

/** Beside the element of that name the attribute means nothing; tools write placeholders into it (`sequence="anon"`). */
function unlessWritten<T>(tag: string, field: Field<T | undefined>): Field<T | undefined> {
  return {
    ...field,
    decode(site, key) {
      if (!site.hasChild(tag)) return field.decode(site, key)
      site.attribute(tag)
      return undefined
    },
  }
}

/** Readdresses the message, then does exactly one of the four things, in this order. Nothing to do is no fault. */
export function targetOf({ to, soapAction, inline, sequence, endpoint, endpointKey }: Target, env: KindEnv): Mediator {
  const mediate = workOf({ inline, sequence, endpoint, endpointKey }, env)
  if (to === undefined && soapAction === undefined) return { mediate }
  return {
    mediate(ctx) {
      const { addressing } = ctx.message
      if (to !== undefined) addressing.to = to
      if (soapAction !== undefined) addressing.action = soapAction
      return mediate(ctx)
    },
  }
}

function workOf(
  { inline, sequence, endpoint, endpointKey }: Omit<Target, 'to' | 'soapAction'>,
  env: KindEnv,
): (ctx: MessageContext) => Outcome | Promise<Outcome> {
  if (inline) {
    const flow = env.flow(inline.steps)
    return ctx => flow.mediate(ctx)
  }
  if (sequence) return ctx => ctx.runtime.get(sequence).mediate(ctx)
  const node = endpoint ?? (endpointKey && { at: env.at, target: endpointKey, properties: [] })
  if (!node) return () => 'next'
  const there = env.endpoint(node)
  return ctx => sendAway(there, ctx)
}
