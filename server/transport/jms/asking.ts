/** What senders of requests have in common, whatever the broker: how long they wait, where the reply comes in, how they fail. */
import type { JmsDestination, JmsMessage } from '../../drivers/jms/index.ts'
import type { Clock } from '../../kernel/clock.ts'
import { asIntegrationError, IntegrationError } from '../../kernel/errors.ts'
import type { Message } from '../../kernel/message.ts'
import type { Place } from './places.ts'

/** How long a request waits for its reply where nothing else is said, as with the peer. */
const WAIT_REPLY = 30_000

/** An axis2 property of the message, if it says anything. */
export function given(message: Message, name: string): string | undefined {
  const value = message.flag(name)
  return value === undefined || value === '' ? undefined : String(value)
}

/** Milliseconds: as the message says in `property`, and never longer than its endpoint waits. */
export function waitOf(message: Message, property: string, timeoutMs: number): number {
  const wanted = Number(given(message, property) ?? WAIT_REPLY)
  return Math.min(Number.isFinite(wanted) && wanted > 0 ? wanted : WAIT_REPLY, timeoutMs)
}

export interface Question {
  readonly place: Place
  readonly clock: Clock
  readonly to: JmsDestination
  /** What the reply may be correlated with. */
  readonly ids: readonly string[]
  readonly waitMs: number
  readonly message: (replyTo: JmsDestination) => JmsMessage
  readonly noReply: () => IntegrationError
}

/** Asks with a reply queue that lasts as long as the connection. */
export async function byTemporaryQueue(question: Question): Promise<JmsMessage> {
  const { place, clock, to, ids, waitMs, message, noReply } = question
  const replies = await place.replies.temporary(place.deadlineMs)
  const asked = message(replies.destination)
  const { reply, cancel } = replies.wait(ids)
  // Told where it is awaited; an earlier failure of the send must not leave it alone.
  reply.catch(() => undefined)
  const patience = new AbortController()
  try {
    await place.put(to, asked)
    const late = clock.sleep(waitMs, patience.signal).then(() => null)
    const came = await Promise.race([reply, late])
    if (came) return came
    throw noReply()
  } finally {
    patience.abort()
    cancel()
  }
}

/** In the words of endpoints, so that their timeouts and suspensions apply (synapse-language D.6). */
export function asEndpointFailure(thrown: unknown): IntegrationError {
  const failure = asIntegrationError(thrown)
  if (failure.code !== 'STORE_UNAVAILABLE' && failure.code !== 'BROKER_REFUSED') return failure
  const code = failure.ambiguous ? 'SEND_FAILED' : 'CONNECT_FAILED'
  return new IntegrationError(code, failure.message, { cause: failure, ambiguous: failure.ambiguous })
}
