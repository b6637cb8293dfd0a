import type { XmlElement } from '../../xml/tree.ts'
import { attributeOr, invalid } from './fault.ts'
import { DEFAULT_DECIMAL_FORMAT } from './format-number.ts'
import type { DecimalFormat } from './format-number.ts'

const ATTRIBUTES: Readonly<Record<string, keyof DecimalFormat>> = {
  'decimal-separator': 'decimalSeparator',
  'grouping-separator': 'groupingSeparator',
  infinity: 'infinity',
  'minus-sign': 'minusSign',
  NaN: 'notANumber',
  percent: 'percent',
  'per-mille': 'perMille',
  'zero-digit': 'zeroDigit',
  digit: 'digit',
  'pattern-separator': 'patternSeparator',
}

/** What an `xsl:decimal-format` says, the rest as usual. */
export function decimalFormatOf(element: XmlElement): DecimalFormat {
  const format: Record<keyof DecimalFormat, string> = { ...DEFAULT_DECIMAL_FORMAT }
  for (const [attribute, property] of Object.entries(ATTRIBUTES)) {
    const value = element.attribute(attribute)
    if (value === undefined) continue
    if (property !== 'infinity' && property !== 'notANumber' && [...value].length !== 1)
      throw invalid(attributeOr(element, attribute), `${attribute}="${value}" must be one character`)
    format[property] = value
  }
  return format
}
