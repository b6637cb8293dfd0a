/** The four states of a leaf endpoint as a pure function of state, event and time (synapse-language D.5). */

export interface BreakerPolicy {
  readonly suspend: {
    /** Codes that suspend; an empty list means every code. `-1` alone means none. */
    readonly errorCodes: readonly number[]
    /** Milliseconds of the first suspension. */
    readonly initialDuration?: number
    readonly progressionFactor: number
    readonly maximumDuration: number
  }
  readonly mark: {
    /** Codes that put the endpoint into `timeout` first. */
    readonly errorCodes: readonly number[]
    readonly retriesBeforeSuspension: number
    /** Milliseconds between retries in `timeout`. */
    readonly retryDelay: number
  }
}

export type BreakerState =
  | { readonly state: 'active'; readonly since: number }
  | { readonly state: 'timeout'; readonly since: number; readonly retriesLeft: number; readonly readyAt: number }
  | { readonly state: 'suspended'; readonly since: number; readonly duration: number; readonly readyAt: number }
  | { readonly state: 'off'; readonly since: number }

export type BreakerEvent =
  | { readonly kind: 'success' }
  | { readonly kind: 'failure'; readonly errorCode: number }
  | { readonly kind: 'switch-on' }
  | { readonly kind: 'switch-off' }

/** What Synapse suspends for when nothing is configured. */
const DEFAULT_SUSPENSION = 30_000

export function initialState(now: number): BreakerState {
  return { state: 'active', since: now }
}

/** Milliseconds since the epoch at which a message may be sent; 0 if now, infinity while switched off. */
export function readyAt(state: BreakerState): number {
  if (state.state === 'active') return 0
  return state.state === 'off' ? Number.POSITIVE_INFINITY : state.readyAt
}

export function nextState(state: BreakerState, event: BreakerEvent, now: number, policy: BreakerPolicy): BreakerState {
  if (event.kind === 'switch-off') return { state: 'off', since: now }
  if (event.kind === 'switch-on') return state.state === 'active' ? state : initialState(now)
  if (state.state === 'off') return state
  if (event.kind === 'success') return state.state === 'active' ? state : initialState(now)
  if (policy.mark.errorCodes.includes(event.errorCode)) return markedState(state, now, policy)
  const { errorCodes } = policy.suspend
  if (errorCodes.length === 0 || errorCodes.includes(event.errorCode)) return suspendedState(state, now, policy)
  return state
}

function markedState(state: BreakerState, now: number, policy: BreakerPolicy): BreakerState {
  // A suspended endpoint that fails its trial is suspended again, for longer.
  if (state.state === 'suspended') return suspendedState(state, now, policy)
  const { retriesBeforeSuspension, retryDelay } = policy.mark
  const left = state.state === 'timeout' ? state.retriesLeft - 1 : retriesBeforeSuspension
  if (left <= 0) return suspendedState(state, now, policy)
  return { state: 'timeout', since: now, retriesLeft: left, readyAt: now + retryDelay }
}

function suspendedState(state: BreakerState, now: number, policy: BreakerPolicy): BreakerState {
  const { initialDuration, progressionFactor, maximumDuration } = policy.suspend
  const first = initialDuration === undefined || initialDuration < 0 ? DEFAULT_SUSPENSION : initialDuration
  const wanted = state.state === 'suspended' ? state.duration * progressionFactor : first
  const duration = Math.min(Math.round(wanted), maximumDuration)
  return { state: 'suspended', since: now, duration, readyAt: now + duration }
}
