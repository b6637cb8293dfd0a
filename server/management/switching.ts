/** What MI's resources for processors, tasks and inbound endpoints have in common: operators turn them on and off. */
import type { Actor } from '../kernel/contracts.ts'
import { maskText } from '../kernel/secrets.ts'
import type { ApiAnswer, ApiRequest, AuditEntry, Managed } from './api.ts'
import { audit, failure, isAnswer, iso, ok, refusal, textsOf } from './api.ts'

interface Switchable {
  readonly state: Observed
  activate(by: Actor): Promise<void>
  deactivate(by: Actor, reason: string): Promise<void>
}

interface Observed {
  readonly wanted: 'active' | 'inactive'
  readonly observed: string
  readonly reason?: string
  readonly since: number
}

/** Something else that may be asked for in place of a status. */
export interface Extra<T> {
  readonly said: string
  readonly action: AuditEntry['action']
  readonly run: (one: T, by: Actor) => void
}

export interface Switching<T extends Switchable> {
  readonly type: AuditEntry['type']
  readonly find: (managed: Managed, name: string) => T | undefined
  readonly unknown: () => ApiAnswer
  readonly extras?: Readonly<Record<string, Extra<T>>>
}

/** Wanted and observed state apart (P7), as every page shows them. */
export function observedState({ wanted, observed, since, reason }: Observed): Record<string, unknown> {
  return { wanted, observed, since: iso(since), ...(reason !== undefined && { reason: maskText(reason) }) }
}

/** `{"name": …, "status": "active"|"inactive"}`. */
export async function change<T extends Switchable>(
  { type, find, unknown, extras = {} }: Switching<T>,
  managed: Managed,
  request: ApiRequest,
): Promise<ApiAnswer> {
  const texts = textsOf(request.body, 'name', 'status')
  if (isAnswer(texts)) return texts
  const [name, wanted] = [texts[0]!, texts[1]!.toLowerCase()]
  const one = find(managed, name)
  if (!one) return unknown()
  const extra = Object.hasOwn(extras, wanted) ? extras[wanted] : undefined
  const done = extra ?? DONE[wanted]
  if (!done) return refusal(400, 'Provided state is not valid')
  const by = { by: `operator:${request.user}` }
  try {
    if (extra) extra.run(one, by)
    else if (wanted === 'active') await one.activate(by)
    else await one.deactivate(by, `deactivated by ${request.user} through the management API`)
  } catch (thrown) {
    return failure(`${name} : could not be ${done.said}`, thrown)
  }
  audit(managed.log, { by: request.user, action: done.action, type, info: { name } })
  const { observed, reason } = one.state
  // Flat strings only: clients decode the answer to a write as a map of texts.
  return ok({
    Message: `${name} : is ${done.said}`,
    observed,
    ...(reason !== undefined && { reason: maskText(reason) }),
  })
}

const DONE: Readonly<Partial<Record<string, { readonly said: string; readonly action: AuditEntry['action'] }>>> =
  Object.assign(Object.create(null), {
    active: { said: 'activated', action: 'enabled' },
    inactive: { said: 'deactivated', action: 'disabled' },
  })
