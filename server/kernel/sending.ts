import { randomUUID } from 'node:crypto'
import { branchOf, runBranches, type Branch } from './branches.ts'
import type { MessageContext } from './context.ts'
import type { Endpoint, Mediator, Outcome, SendOptions } from './contracts.ts'

/**
 * Sends the message and gives the flow over to its reply: `receive`, else the out flow of the service. The flow that
 * sent it is at its end.
 */
export async function sendAway(
  endpoint: Endpoint,
  ctx: MessageContext,
  receive: Mediator | undefined = ctx.origin.onReply,
): Promise<Outcome> {
  const { message, exchange } = ctx
  const oneWay = ctx.isOn('OUT_ONLY')
  // The caller asked not to wait for what the back end says.
  if (message.isOn('FORCE_SC_ACCEPTED')) exchange.acknowledge(202)
  if (!oneWay) exchange.expectAnswer()
  message.isResponse = false
  if (endpoint.recipients) {
    await message.body.collect()
    const recipients = endpoint.recipients(ctx)
    if (recipients) return sendToEach(recipients, ctx, receive)
  }
  ctx.waiting()
  const reply = await endpoint.send(message, ctx, sendOptions(ctx, oneWay))
  if (reply === null || oneWay) {
    reply?.body.discard()
    return 'done'
  }
  ctx.message = reply
  // What comes after it in the flow is given up: the reply begins anew.
  ctx.place = null
  if (receive) await receive.mediate(ctx)
  else reply.body.discard()
  return 'done'
}

/** Names a send because of a message that may come again, so that it can be recognised if it comes again, too (P5). */
export function sendOptions({ keys }: MessageContext, oneWay: boolean): SendOptions {
  return keys === null ? { oneWay } : { oneWay, deliveryId: keys.next(), attempt: keys.attempt }
}

/** A copy to each: every reply gives its own copy of the flow over, and a failure is a fault of that copy. */
function sendToEach(
  recipients: readonly Endpoint[],
  ctx: MessageContext,
  receive: Mediator | undefined,
): Promise<Outcome> {
  const correlation = randomUUID()
  const start = (index: number): Branch => {
    const branch = branchOf(ctx)
    delete branch.message.addressing.messageId
    branch.properties.set('aggregateCorelation', correlation)
    branch.properties.set('messageSequence', `${index}/${recipients.length}`)
    return { ctx: branch, work: copy => sendAway(recipients[index]!, copy, receive) }
  }
  const rules = { sequential: false, stopOnFault: false, continueParent: false }
  return runBranches(ctx, recipients.length, start, rules)
}
