import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultOfSheet, made, sheet, transformed } from '../../testing/xslt-rig.ts'

const sorted = (sorts: string, values: readonly string[]): string =>
  made(
    `<xsl:for-each select="r/i">${sorts}<xsl:value-of select="."/><xsl:if test="position() != last()">,</xsl:if></xsl:for-each>`,
    `<r>${values.map(one => `<i>${one}</i>`).join('')}</r>`,
  )

test('text is sorted as people do, numbers by value with what is none first', () => {
  assert.equal(sorted('<xsl:sort/>', ['b', 'B', 'a', 'ä', 'c']), 'a,ä,b,B,c')
  assert.equal(sorted('<xsl:sort/>', ['10', '9', '1']), '1,10,9')
  assert.equal(sorted('<xsl:sort data-type="number"/>', ['10', '9', 'x', '-1']), 'x,-1,9,10')
  assert.equal(sorted('<xsl:sort data-type="number" order="descending"/>', ['10', '9', 'x', '-1']), '10,9,-1,x')
})

test('case-order and lang decide what text cannot', () => {
  assert.equal(sorted('<xsl:sort case-order="upper-first"/>', ['a', 'A', 'b', 'B']), 'A,a,B,b')
  assert.equal(sorted('<xsl:sort case-order="lower-first"/>', ['A', 'a', 'B', 'b']), 'a,A,b,B')
  assert.equal(sorted('<xsl:sort lang="sv"/>', ['ö', 'z', 'o']), 'o,z,ö')
  assert.equal(sorted('<xsl:sort lang="de"/>', ['ö', 'z', 'o']), 'o,ö,z')
})

test('several keys, each with its own order; equal ones stay in document order', () => {
  const source = '<r><i a="2" b="x" n="1"/><i a="1" b="y" n="2"/><i a="2" b="y" n="3"/><i a="1" b="y" n="4"/></r>'
  const s = `<xsl:apply-templates select="r/i"><xsl:sort select="@a" data-type="number"/><xsl:sort select="@b" order="{'descending'}"/></xsl:apply-templates>`
  const text = transformed(
    sheet(
      `<xsl:template match="/">${s}</xsl:template><xsl:template match="i"><xsl:value-of select="concat(position(), ':', @n, ' ')"/></xsl:template>`,
    ),
    source,
  )
  assert.equal(text, '1:2 2:4 3:3 4:1 ')
})

test('in a key position() is that before sorting, and current() the node', () => {
  assert.equal(
    sorted('<xsl:sort select="position()" data-type="number" order="descending"/>', ['a', 'b', 'c']),
    'c,b,a',
  )
  assert.equal(sorted('<xsl:sort select="current()"/>', ['c', 'a']), 'a,c')
})

test('an order or language that is none is a fault', () => {
  const bad = (sort: string): string =>
    faultOfSheet(
      sheet(`<xsl:template match="/"><xsl:for-each select="r/i">${sort}</xsl:for-each></xsl:template>`),
      '<r><i/><i/></r>',
    ).message
  assert.match(bad('<xsl:sort order="up"/>'), /order="up" must be ascending or descending/)
  assert.match(bad('<xsl:sort lang="no language"/>'), /is not a language/)
})

test('sorting agrees with the sorting of the language on generated numbers', () => {
  let seed = 3
  const random = (): number => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648
  const values = Array.from({ length: 500 }, () => String(Math.floor(random() * 200) / 4))
  const expected = values.toSorted((a, b) => Number(a) - Number(b))
  assert.equal(sorted('<xsl:sort data-type="number"/>', values), expected.join(','))
})
