/** Which member of a load-balance group is next. */
export interface Balance {
  /** Index of the member whose turn it is. */
  next(): number
}

export function roundRobin(count: number): Balance {
  let at = count - 1
  return { next: () => (at = (at + 1) % count) }
}

/** Each member as many times in a row as it weighs. */
export function weightedRoundRobin(weights: readonly number[]): Balance {
  let at = 0
  let left = weights[0] ?? 1
  return {
    next() {
      if (left <= 0) {
        at = (at + 1) % weights.length
        left = weights[at]!
      }
      left--
      return at
    },
  }
}
