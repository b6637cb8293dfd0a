const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

/** What `SYSTEM_DATE` looks like without a pattern: the short form of the US locale. */
export const SHORT_DATE = 'M/d/yy, h:mm a'

const PART = /'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+/g

/** Milliseconds since the epoch in the server's time zone, by the letters of `java.text.SimpleDateFormat`. */
export function formatDate(time: number, pattern: string): string {
  const date = new Date(time)
  return pattern.replace(PART, (part: string, quoted: string | undefined, letter: string | undefined) => {
    if (quoted !== undefined) return quoted === '' ? "'" : quoted.replaceAll("''", "'")
    return letter === undefined ? part : field(letter, part.length, date)
  })
}

function field(letter: string, width: number, date: Date): string {
  const number = (value: number): string => String(value).padStart(width, '0')
  switch (letter) {
    case 'G':
      return date.getFullYear() > 0 ? 'AD' : 'BC'
    case 'y':
    case 'u':
      return letter === 'u'
        ? number(date.getDay() || 7)
        : width === 2
          ? String(date.getFullYear() % 100).padStart(2, '0')
          : number(date.getFullYear())
    case 'Y':
      return width === 2 ? String(weekYear(date) % 100).padStart(2, '0') : number(weekYear(date))
    case 'M':
    case 'L': {
      const name = MONTHS[date.getMonth()]!
      return width > 3 ? name : width === 3 ? name.slice(0, 3) : number(date.getMonth() + 1)
    }
    case 'd':
      return number(date.getDate())
    case 'D':
      return number(dayOfYear(date))
    case 'E': {
      const name = DAYS[date.getDay()]!
      return width > 3 ? name : name.slice(0, 3)
    }
    case 'F':
      return number(Math.ceil(date.getDate() / 7))
    case 'w':
      return number(weekOf(date))
    case 'W':
      return number(Math.ceil((date.getDate() + new Date(date.getFullYear(), date.getMonth(), 1).getDay()) / 7))
    case 'a':
      return date.getHours() < 12 ? 'AM' : 'PM'
    case 'H':
      return number(date.getHours())
    case 'k':
      return number(date.getHours() || 24)
    case 'K':
      return number(date.getHours() % 12)
    case 'h':
      return number(date.getHours() % 12 || 12)
    case 'm':
      return number(date.getMinutes())
    case 's':
      return number(date.getSeconds())
    case 'S':
      return number(date.getMilliseconds())
    case 'z':
      return zoneName(date, width > 3 ? 'long' : 'short')
    case 'Z':
      return offset(date, 'Z', width)
    case 'X':
      return offset(date, 'X', width)
    default:
      return letter.repeat(width)
  }
}

function offset(date: Date, letter: 'Z' | 'X', width: number): string {
  const minutes = -date.getTimezoneOffset()
  if (letter === 'X' && minutes === 0) return 'Z'
  const size = Math.abs(minutes)
  const hours = String(Math.trunc(size / 60)).padStart(2, '0')
  const rest = String(size % 60).padStart(2, '0')
  const sign = minutes < 0 ? '-' : '+'
  if (letter === 'Z' || width === 2) return `${sign}${hours}${rest}`
  return width === 1 ? `${sign}${hours}` : `${sign}${hours}:${rest}`
}

function zoneName(date: Date, style: 'short' | 'long'): string {
  const parts = new Intl.DateTimeFormat('en-US', { timeZoneName: style }).formatToParts(date)
  return parts.find(part => part.type === 'timeZoneName')?.value ?? ''
}

function dayOfYear(date: Date): number {
  return (
    Math.round(
      (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - Date.UTC(date.getFullYear(), 0, 1)) / 86_400_000,
    ) + 1
  )
}

/** Weeks of the US locale: they begin on Sunday, and the week with January 1 is the first. */
function weekYear(date: Date): number {
  const saturday = new Date(date.getFullYear(), date.getMonth(), date.getDate() + 6 - date.getDay())
  return saturday.getFullYear()
}

function weekOf(date: Date): number {
  const year = weekYear(date)
  const firstDay = new Date(year, 0, 1).getDay()
  const days = Math.round(
    (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - Date.UTC(year, 0, 1)) / 86_400_000,
  )
  return Math.floor((days + firstDay) / 7) + 1
}
