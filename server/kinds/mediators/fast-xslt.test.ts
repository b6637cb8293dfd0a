import assert from 'node:assert/strict'
import { test } from 'node:test'
import { envelopeView } from '../../codecs/envelope.ts'
import { payloads } from '../../codecs/payloads.ts'
import { printXml } from '../../xml/writer.ts'
import { faultOf, mediate, memoryRegistry, type Given, type TestContext } from '../../testing/rig.ts'

const XSL = 'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"'
const sheet = (body: string): string => `<xsl:stylesheet version="1.0" ${XSL}>${body}</xsl:stylesheet>`

function given(text: string, more: Given = {}): Given {
  const entry = { key: 'a', contentType: 'application/xml', text: () => text }
  return { body: '<order><id>7</id></order>', runtime: memoryRegistry({ 'local-entry': { a: entry } }), ...more }
}

function sent(ctx: TestContext): { contentType: string; text: string } {
  const { contentType, bytes } = payloads.serialise(ctx.message)
  return { contentType, text: Buffer.from(bytes).toString() }
}

test('what the stylesheet writes is the new payload byte by byte', async () => {
  const invoice = sheet(
    '<xsl:output encoding="ISO-8859-1"/><xsl:template match="/order"><invoice>é<xsl:value-of select="id"/></invoice></xsl:template>',
  )
  const { ctx, outcome } = await mediate('<fastXSLT key="a"/>', given(invoice))
  assert.equal(outcome, 'next')
  assert.deepEqual(sent(ctx), {
    contentType: 'application/xml; charset=UTF-8',
    text: '<?xml version="1.0" encoding="UTF-8"?><invoice>é7</invoice>',
  })
  assert.equal(printXml(ctx.message.body.view(envelopeView).firstChild!), '<invoice>é7</invoice>')
})

test('of SOAP the whole envelope is the source', async () => {
  const body =
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><id>3</id></s:Body></s:Envelope>'
  const name = sheet('<xsl:template match="/*"><was><xsl:value-of select="local-name()"/></was></xsl:template>')
  const { ctx } = await mediate('<fastXSLT key="a"/>', given(name, { body, contentType: 'text/xml' }))
  assert.match(sent(ctx).text, /<was>Envelope<\/was>$/)
})

test('properties become parameters, and what resource names is found', async () => {
  const main = sheet(
    '<xsl:param name="p"/><xsl:template match="/"><x><xsl:value-of select="concat($p, document(\'d.xml\')/d)"/></x></xsl:template>',
  )
  const entries = {
    a: { key: 'a', contentType: 'application/xml', text: () => main },
    data: { key: 'data', contentType: 'application/xml', text: () => '<d>2</d>' },
  }
  const { ctx } = await mediate(
    '<fastXSLT key="a"><property name="p" value="1"/><resource location="d.xml" key="data"/></fastXSLT>',
    given(main, { runtime: memoryRegistry({ 'local-entry': entries }) }),
  )
  assert.match(sent(ctx).text, /<x>12<\/x>$/)
})

test('text is sent as it is; a payload that was no XML changes its type', async () => {
  const text = sheet(
    '<xsl:output method="text"/><xsl:template match="/">id <xsl:value-of select="//id"/></xsl:template>',
  )
  assert.equal(sent((await mediate('<fastXSLT key="a"/>', given(text))).ctx).text, 'id 7')
  const { ctx } = await mediate('<fastXSLT key="a"/>', given(text, { body: { id: 8 } }))
  assert.deepEqual(sent(ctx), { contentType: 'text/plain; charset=UTF-8', text: 'id 8' })
})

test('an empty body is left alone, a stylesheet that is not there is a fault', async () => {
  const { ctx } = await mediate('<fastXSLT key="a"/>', given(sheet(''), { body: '', contentType: 'text/xml' }))
  assert.equal(sent(ctx).text, '')
  assert.equal((await faultOf(mediate('<fastXSLT key="b"/>', given(sheet(''))))).code, 'ENTRY_UNKNOWN')
})
