/** The symbols of `xsl:decimal-format`; each but infinity and NaN is one character. */
export interface DecimalFormat {
  readonly decimalSeparator: string
  readonly groupingSeparator: string
  readonly infinity: string
  readonly minusSign: string
  readonly notANumber: string
  readonly percent: string
  readonly perMille: string
  readonly zeroDigit: string
  readonly digit: string
  readonly patternSeparator: string
}

export const DEFAULT_DECIMAL_FORMAT: DecimalFormat = {
  decimalSeparator: '.',
  groupingSeparator: ',',
  infinity: 'Infinity',
  minusSign: '-',
  notANumber: 'NaN',
  percent: '%',
  perMille: '‰',
  zeroDigit: '0',
  digit: '#',
  patternSeparator: ';',
}

interface Picture {
  readonly prefix: string
  readonly suffix: string
  readonly leastInteger: number
  readonly leastFraction: number
  readonly mostFraction: number
  /** Digits in a group; 0: none. */
  readonly group: number
  readonly scale: 1 | 100 | 1000
}

const pictures = new WeakMap<DecimalFormat, Map<string, readonly [Picture, Picture | undefined] | null>>()
const MOST_PICTURES = 100

/**
 * format-number() of XSLT 1.0 §12.3: the patterns of Java's DecimalFormat as of JDK 1.1, with its rounding, which takes
 * a half to the even neighbour. Undefined if the pattern is none.
 */
export function formatNumber(value: number, pattern: string, symbols: DecimalFormat): string | undefined {
  let known = pictures.get(symbols)
  if (!known || known.size > MOST_PICTURES) pictures.set(symbols, (known = new Map()))
  let parsed = known.get(pattern)
  if (parsed === undefined) known.set(pattern, (parsed = parsePattern(pattern, symbols)))
  if (parsed === null) return undefined
  if (Number.isNaN(value)) return symbols.notANumber
  const [positive, negative] = parsed
  const isNegative = value < 0 || Object.is(value, -0)
  const magnitude = Math.abs(value) * positive.scale
  const body = Number.isFinite(magnitude) ? digitsOf(magnitude, positive, symbols) : symbols.infinity
  // A number that is rounded to nothing has no sign.
  const vanishes = !new RegExp(`[^${escapeClass(symbols)}]`, 'u').test(body)
  if (!isNegative || (vanishes && !Object.is(value, -0) && Number.isFinite(value))) {
    return positive.prefix + body + positive.suffix
  }
  if (Object.is(value, -0)) return positive.prefix + body + positive.suffix
  return negative
    ? negative.prefix + body + negative.suffix
    : symbols.minusSign + positive.prefix + body + positive.suffix
}

function escapeClass({ zeroDigit, decimalSeparator, groupingSeparator }: DecimalFormat): string {
  return (zeroDigit + decimalSeparator + groupingSeparator).replaceAll(/[\\\]^-]/g, '\\$&')
}

function parsePattern(pattern: string, symbols: DecimalFormat): readonly [Picture, Picture | undefined] | null {
  const [first, second, more] = splitUnquoted(pattern, symbols.patternSeparator)
  if (more !== undefined) return null
  const positive = parsePicture(first!, symbols)
  if (!positive) return null
  if (second === undefined) return [positive, undefined]
  const negative = parsePicture(second, symbols)
  return negative && [positive, negative]
}

function splitUnquoted(pattern: string, separator: string): string[] {
  const parts = ['']
  let quoted = false
  for (const character of pattern) {
    if (character === "'") quoted = !quoted
    if (character === separator && !quoted) parts.push('')
    else parts[parts.length - 1] += character
  }
  return parts
}

/** Prefix, digits and signs, suffix; quotes in prefix and suffix take the meaning from a sign. */
function parsePicture(picture: string, symbols: DecimalFormat): Picture | null {
  const { digit, zeroDigit, decimalSeparator, groupingSeparator, percent, perMille, minusSign } = symbols
  const signs = new Set([digit, zeroDigit, decimalSeparator, groupingSeparator])
  let prefix = ''
  let body = ''
  let suffix = ''
  let scale: 1 | 100 | 1000 = 1
  let quoted = false
  const characters = [...picture]
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index]!
    if (character === "'") {
      if (characters[index + 1] !== "'") {
        quoted = !quoted
        continue
      }
      index++
    } else if (!quoted && signs.has(character)) {
      if (suffix !== '') return null
      body += character
      continue
    } else if (!quoted && character === percent) scale = 100
    else if (!quoted && character === perMille) scale = 1000
    const text = !quoted && character === '-' ? minusSign : character
    if (body === '') prefix += text
    else suffix += text
  }
  const [integer = '', fraction = '', more] = body.split(decimalSeparator)
  if (more !== undefined || body === '' || fraction.includes(groupingSeparator)) return null
  const digits = integer.replaceAll(groupingSeparator, '')
  const zeros = [...digits].filter(one => one === zeroDigit).length
  const fractionZeros = [...fraction].filter(one => one === zeroDigit).length
  // Optional digits stand outside: left of the point before the required ones, right of it after them.
  if (digits.includes(zeroDigit + digit) || fraction.includes(digit + zeroDigit)) return null
  const lastGroup = integer.lastIndexOf(groupingSeparator)
  return {
    prefix,
    suffix,
    leastInteger: zeros === 0 && fraction === '' && digits !== '' ? 1 : zeros,
    leastFraction: fractionZeros,
    mostFraction: [...fraction].length,
    group: lastGroup < 0 ? 0 : integer.length - lastGroup - groupingSeparator.length,
    scale,
  }
}

function digitsOf(value: number, picture: Picture, symbols: DecimalFormat): string {
  const { leastInteger, leastFraction, mostFraction, group } = picture
  const [whole, part = ''] = fixed(value, Math.min(mostFraction, 100)).split('.')
  let fraction = part.replace(/0+$/, '').padEnd(leastFraction, '0')
  let integer = whole!.replace(/^0+/, '').padStart(leastInteger, '0')
  if (integer === '' && fraction === '') integer = '0'
  if (group > 0) integer = grouped(integer, group, symbols.groupingSeparator)
  if (fraction !== '') fraction = symbols.decimalSeparator + fraction
  const text = integer + fraction
  if (symbols.zeroDigit === '0') return text
  const zero = symbols.zeroDigit.codePointAt(0)!
  const localised = (digits: string): string =>
    digits.replaceAll(/[0-9]/g, one => String.fromCodePoint(zero + Number(one)))
  return text === ''
    ? ''
    : localised(integer) +
        (fraction === '' ? '' : symbols.decimalSeparator + localised(fraction.slice(symbols.decimalSeparator.length)))
}

export function grouped(digits: string, size: number, separator: string): string {
  let text = ''
  for (let index = 0; index < digits.length; index++) {
    if (index > 0 && (digits.length - index) % size === 0) text += separator
    text += digits[index]!
  }
  return text
}

/** Decimal digits with `places` behind the point; an exact half goes to the even neighbour, as in Java. */
function fixed(value: number, places: number): string {
  if (value >= 1e21) return BigInt(value).toString()
  const text = value.toFixed(places)
  if (places > 75) return text
  // Twenty places further on a double that is not an exact half has shown what it is.
  const exact = value.toFixed(places + 25)
  const behind = exact.slice(exact.length - 25)
  if (!/^50*$/.test(behind)) return text
  const below = exact.slice(0, exact.length - 25).replace(/\.$/, '')
  return /[02468]$/.test(below) ? below : text
}
