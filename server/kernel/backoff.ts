/** How pauses between retries grow. All times in milliseconds. */
export interface Backoff {
  readonly interval: number
  readonly maxInterval: number
  /** Linear is Ballerina's: the first retry comes at once, and each pause is longer by interval × factor (BI-3). */
  readonly growth: 'fixed' | 'linear' | 'exponential'
  /** Of exponential and linear growth. */
  readonly factor: number
}

/** The pause after the `failures`-th failure in a row, counted from 1. */
export function pauseAfter(failures: number, backoff: Backoff): number {
  const { interval, maxInterval } = backoff
  return Math.min(grown(Math.max(1, failures), backoff), Math.max(interval, maxInterval))
}

function grown(failures: number, { interval, growth, factor }: Backoff): number {
  switch (growth) {
    case 'fixed':
      return interval
    case 'exponential':
      return interval * factor ** (failures - 1)
    case 'linear':
      return failures === 1 ? 0 : interval + Math.round((failures - 2) * interval * factor)
  }
}
