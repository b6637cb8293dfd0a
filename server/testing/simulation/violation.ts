/** A promise of design.md that was broken. */
export class Violation extends Error {
  /** `P1` to `P9`, `leak`, or `defect`. */
  readonly promise: string
  /** Number of the message that went wrong, if it is about one. */
  readonly about: number | undefined

  constructor(promise: string, text: string, about?: number) {
    super(`${promise}: ${text}`)
    this.promise = promise
    this.about = about
  }
}

/** An exception nobody caught. */
export function defect(thrown: unknown): Violation {
  const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
  return new Violation('defect', text)
}
