import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultOfSheet, made, sheet, transformed } from '../../testing/xslt-rig.ts'
import { DEFAULT_DECIMAL_FORMAT, formatNumber } from './format-number.ts'

const format = (value: number, pattern: string): string | undefined =>
  formatNumber(value, pattern, DEFAULT_DECIMAL_FORMAT)

for (const [value, pattern, expected] of [
  [1234567.891, '#,##0.00', '1,234,567.89'],
  [0, '#,##0.00', '0.00'],
  [0.5, '#', '0'],
  [1.5, '#', '2'],
  [2.5, '#', '2'],
  [0.125, '0.00', '0.12'],
  [0.375, '0.00', '0.38'],
  [2.345, '0.00', '2.35'],
  [1.005, '0.00', '1.00'],
  [-7.28159, '0.0##', '-7.282'],
  [-5, '0;(0)', '(5)'],
  [5, '0;(0)', '5'],
  [0.256, '0%', '26%'],
  [0.256, '#.0%', '25.6%'],
  [0.0256, '0.0‰', '25.6‰'],
  [1234, '00000', '01234'],
  [0.7, '.00', '.70'],
  [0.7, '#.#', '.7'],
  [0, '#', '0'],
  [0, '#.#', '0'],
  [12, '0.##', '12'],
  [1e21, '#,##0', '1,000,000,000,000,000,000,000'],
  [123456789012, '####,####', '1234,5678,9012'],
  [7, "'#'0", '#7'],
  [7, '$0.00', '$7.00'],
  [-7, '$0.00', '-$7.00'],
  [Number.NaN, '0.00', 'NaN'],
  [Number.POSITIVE_INFINITY, '0.00', 'Infinity'],
  [Number.NEGATIVE_INFINITY, '0', '-Infinity'],
  [-0.001, '0.00', '0.00'],
  [1, '0.0.0', undefined],
  [1, '0,0,0;0;0', undefined],
  [1, '#0#', undefined],
  [1, 'abc', undefined],
] as const) {
  test(`format-number(${value}, '${pattern}') gives ${expected}`, () => {
    assert.equal(format(value, pattern), expected)
  })
}

test('decimal formats give other symbols, by name', () => {
  const formats = `<xsl:decimal-format name="eu" decimal-separator="," grouping-separator="." NaN="-"/><xsl:decimal-format name="p:ar" zero-digit="&#x660;" minus-sign="~"/><xsl:decimal-format digit="?" infinity="oo"/>`
  const call = (expression: string): string =>
    transformed(
      sheet(`${formats}<xsl:template match="/"><xsl:value-of select="${expression}"/></xsl:template>`),
      '<r/>',
    )
  assert.equal(call("format-number(1234.5, '#.##0,00', 'eu')"), '1.234,50')
  assert.equal(call("format-number('x', '0', 'eu')"), '-')
  assert.equal(call("format-number(-1205.5, '٠.٠', 'p:ar')"), '~١٢٠٥.٥')
  assert.equal(call("format-number(1 div 0, '?')"), 'oo')
  assert.match(
    faultOfSheet(sheet(`<xsl:template match="/"><xsl:value-of select="format-number(1, '0', 'gone')"/></xsl:template>`))
      .message,
    /no <xsl:decimal-format name="gone">/,
  )
})

test('a node is a number as well (which others get wrong)', () => {
  assert.equal(made(`<xsl:value-of select="format-number(r/p, '0.0')"/>`, '<r><p>7</p></r>'), '7.0')
})

test('rounding agrees with exact arithmetic on generated numbers', () => {
  let seed = 7
  const random = (): number => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648
  for (let round = 0; round < 2000; round++) {
    // Eighths are exact, so that halves do occur.
    const value = Math.floor(random() * 80000) / 8
    const places = Math.floor(random() * 3)
    const scaled = BigInt(value * 8) * 10n ** BigInt(places)
    const whole = scaled / 8n
    const rest = scaled % 8n
    const rounded = rest > 4n || (rest === 4n && whole % 2n === 1n) ? whole + 1n : whole
    const digits = String(rounded).padStart(places + 1, '0')
    const expected = places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`
    assert.equal(format(value, places === 0 ? '0' : `0.${'0'.repeat(places)}`), expected, `${value} to ${places}`)
  }
})
