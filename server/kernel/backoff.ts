/** How pauses between retries grow. All times in milliseconds. */
export interface Backoff {
  readonly interval: number
  readonly maxInterval: number
  readonly growth: 'fixed' | 'linear' | 'exponential'
  /** Of exponential growth. */
  readonly factor: number
}

/** The pause after the `failures`-th failure in a row, counted from 1. */
export function pauseAfter(failures: number, { interval, maxInterval, growth, factor }: Backoff): number {
  const steps = Math.max(1, failures)
  const grown =
    growth === 'fixed' ? interval : growth === 'linear' ? interval * steps : interval * factor ** (steps - 1)
  return Math.min(grown, Math.max(interval, maxInterval))
}
