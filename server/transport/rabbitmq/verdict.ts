import type { MessageContext } from '../../kernel/context.ts'

/** What becomes of a message after its flow. */
export type Verdict =
  | { readonly kind: 'acknowledge' }
  /** To the dead-letter exchange of the queue, or away where it has none. */
  | { readonly kind: 'reject'; readonly reason: string }
  /** Back into the queue, after a pause. */
  | { readonly kind: 'requeue'; readonly reason: string }

export interface Judged {
  readonly ctx: MessageContext
  /** What failed and was handled by no sequence; null: nothing. */
  readonly failure: string | null
  /** False: the flow has no say. */
  readonly asked: boolean
  /** Whether it is known that rejected messages are kept somewhere. */
  readonly hasDeadLetters: boolean
}

const ACKNOWLEDGE: Verdict = { kind: 'acknowledge' }

/**
 * What the flow asked for (messaging-peers §2.1), in whatever letters and in the axis2 or default scope. A flow that asked
 * for nothing and failed did not do its work: the message stays.
 */
export function verdictOf({ ctx, failure, asked, hasDeadLetters }: Judged): Verdict {
  if (!asked) return ACKNOWLEDGE
  const said = (name: string): string | undefined => {
    const value = ctx.operation.get(name) ?? ctx.properties.get(name) ?? ctx.message.flag(name)
    return value === undefined ? undefined : String(value).trim().toLowerCase()
  }
  const decision = said('ACK_DECISION')
  const because = (name: string): string => {
    const error = failure ?? ctx.properties.get('ERROR_MESSAGE')
    return `the flow asked for it (${name})${error === undefined ? '' : ` after: ${String(error)}`}`
  }
  if (said('SET_REQUEUE_ON_ROLLBACK') === 'true' || decision === 'set_requeue_on_rollback')
    return { kind: 'requeue', reason: because('SET_REQUEUE_ON_ROLLBACK') }
  if (said('SET_ROLLBACK_ONLY') === 'true' || decision === 'set_rollback_only')
    return { kind: 'reject', reason: because('SET_ROLLBACK_ONLY') }
  const acknowledge = said('ACKNOWLEDGE')
  if (acknowledge === 'false')
    return { kind: hasDeadLetters ? 'reject' : 'requeue', reason: because('ACKNOWLEDGE false') }
  if (acknowledge === 'true' || decision === 'acknowledge') return ACKNOWLEDGE
  if (said('ACK_ON_SUCCESS') === 'true' && ctx.properties.get('ERROR_MESSAGE') !== undefined)
    return { kind: 'requeue', reason: because('ACK_ON_SUCCESS') }
  return failure === null ? ACKNOWLEDGE : { kind: 'requeue', reason: failure }
}
