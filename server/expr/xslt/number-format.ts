import { grouped } from './format-number.ts'

export interface NumberFormat {
  readonly groupingSeparator: string
  readonly groupingSize: number
}

/** Numbers as text by the format of `xsl:number` (XSLT 1.0 §7.7.1): `1.a.i`, `01`, `(A)`. */
export function formatNumbers(numbers: readonly number[], format: string, options: NumberFormat): string {
  const tokens = format.match(/[\p{L}\p{N}]+|[^\p{L}\p{N}]+/gu) ?? []
  const isWord = (token: string | undefined): boolean => token !== undefined && /^[\p{L}\p{N}]/u.test(token)
  const prefix = isWord(tokens[0]) || tokens.length === 0 ? '' : tokens.shift()!
  const suffix = tokens.length > 0 && !isWord(tokens.at(-1)) ? tokens.pop()! : ''
  const words = tokens.filter(isWord)
  const separators = tokens.filter(token => !isWord(token))
  let text = ''
  for (const [index, number] of numbers.entries()) {
    if (index > 0) text += separators[Math.min(index, words.length - 1) - 1] ?? separators.at(-1) ?? '.'
    text += formatOne(number, words[Math.min(index, words.length - 1)] ?? '1', options)
  }
  return prefix + text + suffix
}

const LONGEST_ROMAN = 3999

function formatOne(number: number, token: string, options: NumberFormat): string {
  if (!Number.isFinite(number)) return String(number)
  const value = Math.round(number)
  if (value < 1) return decimal(value, 1, '0', options)
  switch (token) {
    case 'a':
      return alphabetic(value, 'abcdefghijklmnopqrstuvwxyz')
    case 'A':
      return alphabetic(value, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ')
    case 'α':
      return alphabetic(value, 'αβγδεζηθικλμνξοπρστυφχψω')
    case 'Α':
      return alphabetic(value, 'ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ')
    case 'i':
      return value > LONGEST_ROMAN ? String(value) : roman(value).toLowerCase()
    case 'I':
      return value > LONGEST_ROMAN ? String(value) : roman(value)
  }
  const characters = [...token]
  const last = characters.at(-1)!
  // `0001`: as many digits as the token has, of the family its last one is of.
  if (/^\p{Nd}+$/u.test(token) && /^\p{Nd}$/u.test(last)) {
    const zero = String.fromCodePoint(last.codePointAt(0)! - 1)
    if (characters.slice(0, -1).every(character => character === zero))
      return decimal(value, characters.length, zero, options)
  }
  return decimal(value, 1, '0', options)
}

function decimal(value: number, width: number, zero: string, options: NumberFormat): string {
  const sign = value < 0 ? '-' : ''
  let digits = BigInt(Math.abs(value)).toString().padStart(width, '0')
  if (options.groupingSize > 0 && options.groupingSeparator !== '')
    digits = grouped(digits, options.groupingSize, options.groupingSeparator)
  if (zero !== '0') {
    const first = zero.codePointAt(0)!
    digits = digits.replaceAll(/[0-9]/g, one => String.fromCodePoint(first + Number(one)))
  }
  return sign + digits
}

function alphabetic(value: number, letters: string): string {
  let text = ''
  for (let rest = value; rest > 0; rest = Math.floor((rest - 1) / letters.length))
    text = letters[(rest - 1) % letters.length]! + text
  return text
}

const ROMAN: readonly (readonly [number, string])[] = [
  [1000, 'M'],
  [900, 'CM'],
  [500, 'D'],
  [400, 'CD'],
  [100, 'C'],
  [90, 'XC'],
  [50, 'L'],
  [40, 'XL'],
  [10, 'X'],
  [9, 'IX'],
  [5, 'V'],
  [4, 'IV'],
  [1, 'I'],
]

function roman(value: number): string {
  let rest = value
  let text = ''
  for (const [worth, letters] of ROMAN) {
    while (rest >= worth) {
      text += letters
      rest -= worth
    }
  }
  return text
}
