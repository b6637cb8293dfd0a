import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultOfSheet, made, sheet, transformed } from '../../testing/xslt-rig.ts'

const value = (attributes: string): string => made(`<xsl:number ${attributes}/>`)

for (const [attributes, expected] of [
  ['value="5"', '5'],
  ['value="5" format="001"', '005'],
  ['value="28" format="a"', 'ab'],
  ['value="703" format="A"', 'AAA'],
  ['value="1994" format="I"', 'MCMXCIV'],
  ['value="9" format="(i)"', '(ix)'],
  ['value="1234567" grouping-separator="," grouping-size="3"', '1,234,567'],
  ['value="2.5"', '3'],
  ['value="12" format="&#x661;"', '١٢'],
  ['value="4000" format="I"', '4000'],
  ['value="3" format="*"', '*3'],
  ['value="0" format="a"', '0'],
] as const) {
  test(`xsl:number ${attributes} gives ${expected}`, () => {
    assert.equal(value(attributes), expected)
  })
}

const DOC =
  '<doc><chapter><title/><sect><fig/></sect><sect><fig/><fig/></sect></chapter><chapter><sect><fig/></sect><appendix><sect/></appendix></chapter></doc>'

const numbered = (match: string, number: string): string =>
  transformed(
    sheet(
      `<xsl:template match="${match}">${number};<xsl:apply-templates/></xsl:template><xsl:template match="text()"/>`,
    ),
    DOC,
  )

test('single counts siblings of the same name, or what count asks for on the way up', () => {
  assert.equal(numbered('sect', '<xsl:number/>'), '1;2;1;1;')
  assert.equal(numbered('fig', '<xsl:number count="chapter"/>'), '1;1;1;2;')
  assert.equal(numbered('sect', '<xsl:number count="sect|title"/>'), '2;3;1;1;')
})

test('multiple gives a number for each level, joined as the format says', () => {
  assert.equal(
    numbered('fig', '<xsl:number level="multiple" count="chapter|sect|fig" format="1.a.i"/>'),
    '1.a.i;1.b.i;1.b.ii;2.a.i;',
  )
  assert.equal(
    numbered('sect', '<xsl:number level="multiple" count="chapter|sect" format="1-1)" from="appendix"/>'),
    '1-1);1-2);2-1);1);',
  )
})

test('any counts through the document, anew after from', () => {
  assert.equal(numbered('fig', '<xsl:number level="any"/>'), '1;2;3;4;')
  assert.equal(numbered('fig', '<xsl:number level="any" from="chapter"/>'), '1;2;3;1;')
  assert.equal(numbered('fig', '<xsl:number level="any" count="sect|fig"/>'), '2;4;5;7;')
})

test('numbering every node of a long list stays linear', () => {
  const list = `<l>${'<i/>'.repeat(20000)}</l>`
  const each = (level: string): string =>
    sheet(`<xsl:template match="i"><xsl:number level="${level}" count="i" format="1 "/></xsl:template>`)
  for (const level of ['single', 'any']) assert.match(transformed(each(level), list), /^1 2 3 .* 20000 $/)
})

test('a level that is none is refused', () => {
  assert.match(
    faultOfSheet(sheet('<xsl:template match="/"><xsl:number level="some"/></xsl:template>')).message,
    /level="some" must be single or multiple or any/,
  )
})
