/** What a run found: ratios of medians with their spread, and whether the goals for them are met. */

export interface Goal {
  readonly atMost?: number
  readonly atLeast?: number
}

const WIDTH = 62

export class Report {
  readonly #missed: string[] = []
  #goals = 0
  #workload = ''

  heading(name: string, what: string): void {
    this.#workload = name
    console.log(`\n${name}: ${what}`)
  }

  line(text: string): void {
    console.log(`  ${text}`)
  }

  ratio(what: string, mine: readonly number[], theirs: readonly number[], goal?: Goal): void {
    const value = median(mine) / median(theirs)
    this.line(
      `${what.padEnd(WIDTH)} ${value.toFixed(2).padStart(6)}${this.#judge(what, value, goal)}   spread ${spread(mine)} and ${spread(theirs)}`,
    )
  }

  /** A figure that is no ratio by itself. */
  figure(what: string, value: number, unit: string, goal?: Goal): void {
    this.line(
      `${what.padEnd(WIDTH)} ${value.toFixed(value < 10 ? 2 : 0).padStart(6)} ${unit}${this.#judge(what, value, goal)}`,
    )
  }

  summary(): void {
    if (this.#goals === 0) return
    console.log(`\n${this.#goals - this.#missed.length} of ${this.#goals} goals met`)
    for (const miss of this.#missed) console.log(`  missed: ${miss}`)
  }

  #judge(what: string, value: number, goal: Goal | undefined): string {
    if (!goal) return ''
    this.#goals++
    const met = value <= (goal.atMost ?? Infinity) && value >= (goal.atLeast ?? -Infinity)
    const asked = goal.atMost === undefined ? `at least ${goal.atLeast}` : `at most ${goal.atMost}`
    if (!met) this.#missed.push(`${this.#workload}, ${what}: ${value.toFixed(2)}, ${asked} asked for`)
    return met ? `  (goal: ${asked})` : `  MISSED (goal: ${asked})`
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export function spread(values: readonly number[]): string {
  return `${Math.round(((Math.max(...values) - Math.min(...values)) / median(values)) * 100)}%`
}
