import type { Clock } from '../kernel/clock.ts'

/** Registers a callback for "look again now"; returns how to take it back. */
export type Wake = (again: () => void) => () => void

export interface Rest {
  /** Undefined: until something wakes it. */
  readonly ms: number | undefined
  /** Any of these ends it, too. */
  readonly signals: readonly (AbortSignal | undefined)[]
  readonly wake?: Wake | undefined
}

/** Waits for the time, a signal or a wake-up, whichever comes first. Never rejects and leaves nothing behind. */
export function rest(clock: Clock, { ms, signals, wake }: Rest): Promise<void> {
  if (signals.some(signal => signal?.aborted)) return Promise.resolve()
  return new Promise(resolve => {
    const end = (): void => {
      timer?.cancel()
      forget?.()
      for (const signal of signals) signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = ms === undefined || ms === Infinity ? null : clock.after(ms, end)
    const forget = wake?.(end)
    for (const signal of signals) signal?.addEventListener('abort', end, { once: true })
  })
}

/** Wakes when either does. */
export function either(first: Wake | undefined, second: Wake | undefined): Wake | undefined {
  if (!first || !second) return first ?? second
  return again => {
    const forgetFirst = first(again)
    const forgetSecond = second(again)
    return () => {
      forgetFirst()
      forgetSecond()
    }
  }
}
