/** A Quartz cron expression, taken apart. */
export interface QuartzCron {
  /** As written. */
  readonly source: string
  /** The same for a cron library: six fields, days of the week from 0, no year. */
  readonly expression: string
  /** Years in which it fires; null: every year. */
  readonly years: ReadonlySet<number> | null
}

interface FieldRule {
  readonly name: string
  readonly low: number
  readonly high: number
  readonly names?: readonly string[]
}

const SECONDS: FieldRule = { name: 'seconds', low: 0, high: 59 }
const MINUTES: FieldRule = { name: 'minutes', low: 0, high: 59 }
const HOURS: FieldRule = { name: 'hours', low: 0, high: 23 }
const DAYS: FieldRule = { name: 'day of month', low: 1, high: 31 }
const MONTHS: FieldRule = {
  name: 'month',
  low: 1,
  high: 12,
  names: ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'],
}
/** Quartz counts from Sunday as 1. */
const WEEKDAYS: FieldRule = {
  name: 'day of week',
  low: 1,
  high: 7,
  names: ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'],
}
const YEARS: FieldRule = { name: 'year', low: 1970, high: 2099 }

/** Completes "expected …". */
export const QUARTZ_EXPECTED =
  'a Quartz cron expression such as "0 0/5 * * * ?" (seconds minutes hours day month weekday [year])'

/** Takes a Quartz expression apart, or throws a RangeError that says what is wrong with it. */
export function parseQuartz(source: string): QuartzCron {
  const fields = source.trim().split(/\s+/)
  if (fields.length < 6 || fields.length > 7) {
    throw new RangeError(`it has ${fields.length} fields; Quartz has six or seven, the first being seconds`)
  }
  const [seconds, minutes, hours, day, month, weekday, year] = fields.map(field => field.toUpperCase()) as [
    string,
    string,
    string,
    string,
    string,
    string,
    string | undefined,
  ]
  if (day === '?' && weekday === '?') throw new RangeError('only one of day of month and day of week may be "?"')
  if (day !== '?' && weekday !== '?') {
    throw new RangeError('one of day of month and day of week must be "?": Quartz does not combine the two')
  }
  const expression = [
    list(seconds, SECONDS),
    list(minutes, MINUTES),
    list(hours, HOURS),
    day === '?' ? '*' : (specialDay(day) ?? list(day, DAYS)),
    list(month, MONTHS),
    weekday === '?' ? '*' : weekdays(weekday),
  ].join(' ')
  return { source, expression, years: year === undefined || year === '*' ? null : new Set(numbers(year, YEARS)) }
}

/** The last day, the last but n, a weekday near a day: the library knows these under the same names. */
function specialDay(field: string): string | undefined {
  if (/^(?:L|LW|L-([12]?\d|30)|(?:[1-9]|[12]\d|3[01])W)$/.test(field)) return field
  if (/[LW]/.test(field)) throw wrong(field, DAYS, 'L, LW, L-n and nW stand alone')
  return undefined
}

function weekdays(field: string): string {
  if (field === '*') return '*'
  if (field === 'L') return '6'
  const nth = /^(\w+?)(#[1-5]|L)$/.exec(field)
  if (nth) return `${single(nth[1]!, WEEKDAYS) - 1}${nth[2]}`
  if (field.includes('#')) throw wrong(field, WEEKDAYS, 'n#k stands alone, with k from 1 to 5')
  const days = numbers(field, WEEKDAYS).map(day => day - 1)
  return days.length === 7 ? '*' : days.join(',')
}

/** Every value of the field, spelled out; `*` where it is all of them. */
function list(field: string, rule: FieldRule): string {
  const values = numbers(field, rule)
  return values.length === rule.high - rule.low + 1 ? '*' : values.join(',')
}

function numbers(field: string, rule: FieldRule): number[] {
  const values = new Set<number>()
  for (const part of field.split(',')) {
    const [range, step, ...rest] = part.split('/') as [string, string | undefined, ...string[]]
    if (rest.length > 0) throw wrong(part, rule, 'it has two slashes')
    const every = step === undefined ? 1 : whole(step, part, rule)
    if (every < 1) throw wrong(part, rule, 'the step must be at least 1')
    for (const value of span(range, step !== undefined, part, rule)) {
      if (value.index % every === 0) values.add(value.number)
    }
  }
  return [...values].sort((a, b) => a - b)
}

/** The numbers of `*`, `5`, `2-6`, or `22-2`, which goes over the end and on from the beginning. */
function* span(
  range: string,
  stepped: boolean,
  part: string,
  rule: FieldRule,
): Generator<{ number: number; index: number }> {
  const { low, high } = rule
  let from = low
  let to = high
  if (range !== '*' && !(range === '' && stepped)) {
    const [first, last, ...rest] = range.split('-') as [string, string | undefined, ...string[]]
    if (rest.length > 0) throw wrong(part, rule, 'it has two dashes')
    from = single(first, rule)
    to = last === undefined ? (stepped ? high : from) : single(last, rule)
  }
  const size = high - low + 1
  const count = to >= from ? to - from + 1 : to + size - from + 1
  for (let index = 0; index < count; index++) yield { number: low + ((from - low + index) % size), index }
}

function single(text: string, rule: FieldRule): number {
  const named = rule.names?.indexOf(text) ?? -1
  if (named >= 0) return named + rule.low
  const value = whole(text, text, rule)
  if (value < rule.low || value > rule.high) {
    throw wrong(
      text,
      rule,
      `it must be from ${rule.low} to ${rule.high}${rule.names ? ` or one of ${rule.names.join(', ')}` : ''}`,
    )
  }
  return value
}

function whole(text: string, part: string, rule: FieldRule): number {
  if (!/^\d+$/.test(text)) throw wrong(part, rule, `"${text}" is not a number`)
  return Number(text)
}

function wrong(part: string, rule: FieldRule, why: string): RangeError {
  return new RangeError(`${rule.name} "${part}": ${why}`)
}
