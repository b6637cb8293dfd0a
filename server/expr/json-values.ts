/** A JSON value in a holder, so that the root has a place like every other value. */
export interface JsonRoot {
  readonly value: unknown
}

/** A selected value and where it stands: assigning to `holder[key]` replaces it in place. */
export interface JsonMatch {
  readonly value: unknown
  readonly holder: object
  readonly key: string | number
}

const tag = Object.prototype.toString

/** A JSON object: no array, and no number that keeps more digits than a number can. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isNumber(value)
}

/** A number, or one in an object that keeps more digits than a number can. */
export function isNumber(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'object' && tag.call(value) === '[object Number]')
}
