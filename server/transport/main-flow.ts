import { readAddressed } from '../codecs/addressing.ts'
import { faultReply } from '../codecs/fault.ts'
import type { MessageContext, Origin } from '../kernel/context.ts'
import type { Endpoint } from '../kernel/contracts.ts'
import { asIntegrationError, IntegrationError } from '../kernel/errors.ts'
import { noteFault } from '../kernel/flow.ts'

/** A message that says where it goes in its WS-Addressing headers is looked into; any other goes to its `To`. */
export function toAddressed(implicit: Endpoint): Endpoint {
  return {
    name: implicit.name,
    async send(request, ctx, options) {
      await readAddressed(request)
      const { to } = request.addressing
      if (to === undefined || !/^https?:/i.test(to)) {
        throw new IntegrationError(
          'NO_ADDRESS',
          `the message has no address to go to (To is "${to ?? ''}"); name an endpoint or set the To header`,
        )
      }
      return implicit.send(request, ctx, options)
    },
  }
}

/** A reply to what `main` has sent runs `main` again, in the other direction (synapse-language B.6). */
export const MAIN: Origin = {
  label: 'main',
  kind: 'main',
  name: 'main',
  onReply: {
    mediate(ctx) {
      const main = ctx.runtime.find('sequence', 'main')
      if (main) return main.mediate(ctx)
      ctx.exchange.reply(ctx.message, ctx)
      return 'done'
    },
  },
  onFault: tellFault,
}

async function tellFault(thrown: unknown, ctx: MessageContext): Promise<void> {
  const error = asIntegrationError(thrown)
  noteFault(ctx, error)
  ctx.exchange.noteFault(error)
  if (ctx.message.isResponse) ctx.message.axis2.set('HTTP_SC', 500)
  const fault = ctx.runtime.find('sequence', 'fault')
  if (fault) await fault.mediate(ctx)
  else ctx.log.error(`the main sequence failed: ${error.message}`, { error })
}

/** Requests no service claims. */
export async function handleMain(ctx: MessageContext): Promise<void> {
  const main = ctx.runtime.find('sequence', 'main')
  if (!main) {
    ctx.message.body.discard()
    const reply = faultReply(ctx.message.format, {
      code: 'Client',
      reason: `nothing is deployed for ${ctx.message.addressing.to ?? 'this path'}; services are listed at /services/`,
    })
    reply.axis2.set('HTTP_SC', 404)
    ctx.exchange.reply(reply, ctx)
    return
  }
  try {
    await readAddressed(ctx.message)
    await main.mediate(ctx)
  } catch (thrown) {
    await tellFault(thrown, ctx)
  }
}
