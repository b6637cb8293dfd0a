import { guardedRegExp } from '../kernel/guarded-regex.ts'

/** The opposite of `formatDate`, for the letters that dates are written with. */

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const LONG_MONTHS = 'january|february|march|april|may|june|july|august|september|october|november|december'
const SHORT_MONTHS = MONTHS.join('|')
const DAYS = 'mon|tue|wed|thu|fri|sat|sun'
const LONG_DAYS = 'monday|tuesday|wednesday|thursday|friday|saturday|sunday'

const PART = /'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+/g

/**
 * Milliseconds since the epoch of a local date, time or both; undefined if the text is not written by the pattern or
 * is no date (February 30). What the pattern leaves out is that of January 1, 1970, 0:00.
 */
export function parseDate(text: string, pattern: string): number | undefined {
  const letters: string[] = []
  let regex = ''
  for (const [part, literal, letter] of pattern.matchAll(PART)) {
    if (letter === undefined) regex += escaped(literal === undefined ? part : literal.replaceAll("''", "'") || "'")
    else {
      const field = fieldRegex(letter, part.length)
      if (field === undefined) return undefined
      letters.push(letter)
      regex += `(${field})`
    }
  }
  const found = guardedRegExp(`^${regex}$`, 'i').exec(text)
  if (!found) return undefined
  const fields = { y: 1970, M: 1, d: 1, H: 0, m: 0, s: 0, S: 0 }
  let afternoon: boolean | undefined
  for (const [index, letter] of letters.entries()) {
    const value = found[index + 1]!
    if (letter === 'a') afternoon = value.toLowerCase() === 'pm'
    else if (letter === 'E') continue
    else if (letter === 'M' || letter === 'L') fields.M = monthOf(value)
    else if (letter === 'S') fields.S = Math.trunc(Number(`0.${value}`) * 1000)
    else if (letter === 'y' || letter === 'u') fields.y = value.length === 2 ? 2000 + Number(value) : Number(value)
    else if (letter === 'h' || letter === 'K' || letter === 'k') fields.H = Number(value) % (letter === 'k' ? 24 : 12)
    else fields[letter as 'd' | 'H' | 'm' | 's'] = Number(value)
  }
  if (afternoon) fields.H += 12
  const { y, M, d, H, m, s, S } = fields
  const date = new Date(y, M - 1, d, H, m, s, S)
  const isReal = date.getMonth() === M - 1 && date.getDate() === d && H < 24 && m < 60 && s < 60
  return isReal ? date.getTime() : undefined
}

function fieldRegex(letter: string, width: number): string | undefined {
  switch (letter) {
    case 'y':
    case 'u':
      return width === 2 ? String.raw`\d{2}` : String.raw`\d{${Math.min(width, 4)},9}`
    case 'M':
    case 'L':
      return width > 3 ? LONG_MONTHS : width === 3 ? SHORT_MONTHS : digits(width)
    case 'd':
    case 'H':
    case 'k':
    case 'h':
    case 'K':
    case 'm':
    case 's':
      return digits(width)
    case 'S':
      return String.raw`\d{${width}}`
    case 'E':
      return width > 3 ? LONG_DAYS : DAYS
    case 'a':
      return 'am|pm'
    default:
      return undefined
  }
}

function digits(width: number): string {
  return width === 1 ? String.raw`\d{1,2}` : String.raw`\d{2}`
}

function monthOf(value: string): number {
  const number = Number(value)
  return Number.isNaN(number) ? MONTHS.indexOf(value.slice(0, 3).toLowerCase()) + 1 : number
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`)
}
