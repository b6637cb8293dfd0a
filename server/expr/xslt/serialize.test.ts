import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseXml } from '../../xml/reader.ts'
import { sheet } from '../../testing/xslt-rig.ts'
import { compileStylesheet } from './stylesheet.ts'

const written = (output: string, content: string, source = '<r/>'): string =>
  compileStylesheet(sheet(`<xsl:output ${output}/><xsl:template match="/">${content}</xsl:template>`))
    .transform(parseXml(source))
    .text()

test('xml has a declaration unless it is left out, and a document type if asked for', () => {
  assert.equal(
    written('encoding="utf-8" standalone="yes"', '<a/>'),
    '<?xml version="1.0" encoding="utf-8" standalone="yes"?><a/>',
  )
  assert.equal(written('omit-xml-declaration="yes"', '<a/>'), '<a/>')
  assert.equal(
    written('omit-xml-declaration="yes" doctype-system="a.dtd" doctype-public="P"', '<a/>'),
    '<!DOCTYPE a PUBLIC "P" "a.dtd"><a/>',
  )
})

test('indentation adds white space only where there is no text', () => {
  assert.equal(
    written('indent="yes" omit-xml-declaration="yes"', '<a><b><c/></b><d>x<e/></d></a>'),
    '<a>\n  <b>\n    <c/>\n  </b>\n  <d>x<e/></d>\n</a>\n',
  )
})

test('the text of some elements becomes CDATA', () => {
  assert.equal(
    written('omit-xml-declaration="yes" cdata-section-elements="b p:c"', '<a>&lt;<b>&lt;x]]&gt;</b><p:c>y</p:c></a>'),
    '<a>&lt;<b><![CDATA[<x]]]]><![CDATA[>]]></b><p:c xmlns:p="urn:p"><![CDATA[y]]></p:c></a>',
  )
})

test('text is written as it is', () => {
  assert.equal(written('method="text"', '<a>&lt;&amp;<b>x</b></a><!--c-->'), '<&x')
})

test('text without escaping stays raw, and text that looks like our marks is harmless', () => {
  assert.equal(
    written(
      'omit-xml-declaration="yes"',
      '<a b="{r}"><xsl:text disable-output-escaping="yes">&lt;x/&gt;</xsl:text>&lt;<xsl:value-of select="r" disable-output-escaping="yes"/></a>',
      '<r>&amp;0:</r>',
    ),
    '<a b="&amp;0:"><x/>&lt;&0:</a>',
  )
})

test('html: void elements, booleans, scripts, and a meta element in the head', () => {
  assert.equal(
    written(
      '',
      '<html><head><script>if (a &lt; b) c()</script></head><body><br/><input checked="checked" value="&lt;"/><p/></body></html>',
    ),
    '<html><head><META http-equiv="Content-Type" content="text/html; charset=UTF-8"><script>if (a < b) c()</script></head><body><br><input checked value="<"><p></p></body></html>',
  )
})

test('the last word on output counts, lists add up', () => {
  const sheetText = sheet(
    `<xsl:output method="html" cdata-section-elements="a"/><xsl:output method="xml" omit-xml-declaration="yes" cdata-section-elements="b"/><xsl:template match="/"><r><a>1</a><b>2</b></r></xsl:template>`,
  )
  assert.equal(
    compileStylesheet(sheetText).transform(parseXml('<r/>')).text(),
    '<r><a><![CDATA[1]]></a><b><![CDATA[2]]></b></r>',
  )
})
