/** What groups of endpoints have in common: which member may be tried, and what its failure means (synapse-language D.5). */
import type { MessageContext } from '../kernel/context.ts'
import type { Endpoint, Log, SendOptions } from '../kernel/contracts.ts'
import { asIntegrationError, IntegrationError } from '../kernel/errors.ts'
import type { Message } from '../kernel/message.ts'

/** Most members tried for one message after the first; absent: each once. */
const RETRIES = 'maximum.failover.retries'

export interface GroupTry {
  readonly name: string
  readonly log: Log
  readonly request: Message
  readonly ctx: MessageContext
  readonly options: SendOptions | undefined
  /** A member has answered. */
  readonly answered?: (member: Endpoint, reply: Message | null) => void
}

export function isReady(endpoint: Endpoint, ctx: MessageContext): boolean {
  return endpoint.readyAt?.(ctx) === undefined
}

/** When the first of them will be ready; undefined if one is. */
export function groupReadyAt(members: readonly Endpoint[], ctx: MessageContext): number | undefined {
  let first: number | undefined
  for (const member of members) {
    const at = member.readyAt?.(ctx)
    if (at === undefined) return undefined
    if (first === undefined || at < first) first = at
  }
  return first
}

export function noReadyMember(name: string, cause?: IntegrationError): IntegrationError {
  const why =
    cause === undefined ? 'no ready child endpoints' : `no ready child endpoints; the last one tried: ${cause.message}`
  return new IntegrationError('NO_READY_CHILD', `endpoint group ${name}: ${why}`, cause === undefined ? {} : { cause })
}

/**
 * Sends to the members in the given order, past those that rest, until one answers. Each gets the message as it came to
 * the group: the body has to be in memory for that. Where Synapse would try a member that never rests for ever, each is
 * tried once unless `maximum.failover.retries` says how often.
 */
export async function sendToFirst(members: readonly Endpoint[], group: GroupTry): Promise<Message | null> {
  const { request, ctx, options, name, log } = group
  const given = retriesOf(ctx)
  const several = members.length > 1 || given !== undefined
  if (several) await request.body.collect()
  let retries = given ?? members.length - 1
  let last: IntegrationError | undefined
  const most = given === undefined ? members.length : Number.POSITIVE_INFINITY
  for (let index = 0; index < most; index++) {
    const member = members[index % members.length]!
    if (!isReady(member, ctx)) {
      if (members.every(other => !isReady(other, ctx))) break
      continue
    }
    const attempt = several ? request.fork() : request
    try {
      const reply = await member.send(attempt, ctx, options)
      addressLike(request, attempt)
      group.answered?.(member, reply)
      return reply
    } catch (thrown) {
      const error = asIntegrationError(thrown)
      // It began to rest, or was switched off, since it was asked; or it is not deployed. Nothing was sent (P8).
      if (error.code === 'ENDPOINT_SUSPENDED' || error.code === 'ENDPOINT_UNKNOWN') {
        if (error.code === 'ENDPOINT_UNKNOWN') log.warn(`Endpoint : ${name} passes over a member: ${error.message}`)
        if (retries-- <= 0) break
        continue
      }
      // Nothing another back end could do better: the message itself cannot be sent, or nobody waits any more.
      if (!error.retryable || ctx.abort.aborted) throw error
      addressLike(request, attempt)
      last = error.code === 'NO_READY_CHILD' && error.cause === undefined ? last : error
      if (member.mayTryElsewhere?.(error) === false) {
        log.warn(`Endpoint : ${name} tries no other member after this failure of ${member.name}: ${error.message}`)
        break
      }
      if (retries-- <= 0) break
      log.warn(`Endpoint : ${name} detected a failure of its member ${member.name}: ${error.message}`)
    }
  }
  throw noReadyMember(name, last)
}

function retriesOf(ctx: MessageContext): number | undefined {
  const given = Number(ctx.properties.get(RETRIES) ?? Number.NaN)
  return Number.isInteger(given) && given >= 0 ? given : undefined
}

/** A bare send after a failure goes where this one went, as in Synapse. */
function addressLike(request: Message, attempt: Message): void {
  const { to } = attempt.addressing
  if (to !== undefined) request.addressing.to = to
}
