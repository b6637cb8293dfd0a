import assert from 'node:assert/strict'
import { test } from 'node:test'
import { envelopeView, payloadElement } from '../../codecs/envelope.ts'
import { payloads } from '../../codecs/payloads.ts'
import type { LocalEntry } from '../../kernel/contracts.ts'
import { XmlElement } from '../../xml/tree.ts'
import { printXml } from '../../xml/writer.ts'
import { contextOf, faultOf, mediate, memoryRegistry, type Given, type TestContext } from '../../testing/rig.ts'

const XSL = 'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"'
const ORDER =
  '<t:order xmlns:t="urn:test"><t:id>7</t:id><t:lines><t:line>a</t:line><t:line>b</t:line></t:lines></t:order>'

const sheet = (body: string, top = ''): string =>
  `<xsl:stylesheet version="1.0" ${XSL} xmlns:t="urn:test" exclude-result-prefixes="t">${top}${body}</xsl:stylesheet>`

const INVOICE = sheet('<xsl:template match="/t:order"><invoice><xsl:value-of select="t:id"/></invoice></xsl:template>')

function given(stylesheets: Readonly<Record<string, string>>, more: Given = {}): Given {
  const entries = Object.entries(stylesheets).map(([key, text]): [string, LocalEntry] => [
    key,
    { key, contentType: 'application/xml', text: () => text },
  ])
  return { body: ORDER, runtime: memoryRegistry({ 'local-entry': Object.fromEntries(entries) }), ...more }
}

const payload = (ctx: TestContext): string => printXml(ctx.message.body.view(envelopeView).firstChild!)

test('the first element of the body is a document of its own, and the result takes its place', async () => {
  const { ctx, outcome } = await mediate('<xslt key="a"/>', given({ a: INVOICE }))
  assert.equal(outcome, 'next')
  assert.equal(payload(ctx), '<invoice>7</invoice>')
  assert.equal(payloads.serialise(ctx.message).bytes.toString(), '<invoice>7</invoice>')
})

test('what stands beside the source in a SOAP body stays', async () => {
  const body = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="urn:test"><s:Header><h/></s:Header><s:Body><t:order><t:id>1</t:id></t:order><b/></s:Body></s:Envelope>`
  const { ctx } = await mediate('<xslt key="a"/>', given({ a: INVOICE }, { body, contentType: 'text/xml' }))
  assert.equal(
    printXml(ctx.message.body.view(envelopeView).root),
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="urn:test"><s:Header><h/></s:Header><s:Body><invoice>1</invoice><b/></s:Body></s:Envelope>',
  )
})

test('a source elsewhere is replaced where it stands', async () => {
  const lines = sheet('<xsl:template match="/t:lines"><n><xsl:value-of select="count(t:line)"/></n></xsl:template>')
  const { ctx } = await mediate('<xslt key="a" source="//t:lines" xmlns:t="urn:test"/>', given({ a: lines }))
  assert.equal(payload(ctx), '<t:order xmlns:t="urn:test"><t:id>7</t:id><n>2</n></t:order>')
})

test('of the body as source the content is exchanged', async () => {
  const all = sheet('<xsl:template match="/"><x><a/><b/></x></xsl:template>')
  const { ctx } = await mediate('<xslt key="a" source="$body"/>', given({ a: all }))
  assert.equal(
    ctx.message.body
      .view(envelopeView)
      .body.children.map(node => printXml(node))
      .join(),
    '<a/>,<b/>',
  )
})

test('of the envelope as source a new envelope takes its place', async () => {
  const wrap = sheet(
    '<xsl:template match="/"><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><z/></e:Body></e:Envelope></xsl:template>',
  )
  const { ctx } = await mediate('<xslt key="a" source="$env"/>', given({ a: wrap }))
  assert.equal(payload(ctx), '<z/>')
  assert.equal(ctx.message.body.view(envelopeView).soap, 'soap12')
})

test('with a target the result goes into a property and the message stays untouched', async () => {
  const ctx = contextOf(given({ a: INVOICE, b: sheet('<xsl:output method="text"/>') }))
  await mediate('<xslt key="a" target="made"/><xslt key="b" target="text"/>', ctx)
  const made = ctx.properties.get('made')
  assert.ok(made instanceof XmlElement)
  assert.equal(printXml(made), '<invoice>7</invoice>')
  assert.equal(ctx.properties.get('text'), '7ab')
  assert.equal(ctx.message.body.changed, null, 'the bytes that arrived are passed on')
  assert.equal(payload(ctx), ORDER)
})

test('output method text makes a text payload', async () => {
  const text = sheet(
    '<xsl:output method="text"/><xsl:template match="/">id=<xsl:value-of select="//t:id"/></xsl:template>',
  )
  const { ctx } = await mediate('<xslt key="a"/>', given({ a: text }))
  const { firstChild } = ctx.message.body.view(envelopeView)
  assert.equal(printXml(firstChild!), printXml(payloadElement('text', 'id=7')))
})

test('properties become parameters of the stylesheet, as texts', async () => {
  const params = sheet(
    '<xsl:param name="p"/><xsl:param name="q"/><xsl:param name="r" select="9"/><xsl:template match="/"><x><xsl:value-of select="concat($p, $q, $r)"/></x></xsl:template>',
  )
  const { ctx } = await mediate(
    '<xslt key="a"><property name="p" value="1"/><property name="q" expression="//t:id" xmlns:t="urn:test"/><property name="unknown" value="x"/></xslt>',
    given({ a: params }),
  )
  assert.equal(payload(ctx), '<x>179</x>')
})

test('the key may be computed, and each stylesheet is found', async () => {
  const b = sheet('<xsl:template match="/"><b/></xsl:template>')
  for (const [kind, expected] of [
    ['a', '<invoice>7</invoice>'],
    ['b', '<b/>'],
  ]) {
    const { ctx } = await mediate(
      `<xslt key="{get-property('kind')}"/>`,
      given({ a: INVOICE, b }, { properties: { kind } }),
    )
    assert.equal(payload(ctx), expected)
  }
})

test('a stylesheet that has changed is compiled again, one that it imports too', async () => {
  const texts = {
    main: sheet(
      '<xsl:template match="/"><x><xsl:call-template name="t"/></x></xsl:template>',
      '<xsl:import href="lib.xsl"/>',
    ),
    'conf:/lib': sheet('<xsl:template name="t">1</xsl:template>'),
  }
  const entry = (key: keyof typeof texts): LocalEntry => ({
    key,
    contentType: 'application/xml',
    text: () => texts[key],
  })
  const runtime = memoryRegistry({ 'local-entry': { main: entry('main'), 'conf:/lib': entry('conf:/lib') } })
  const run = '<xslt key="main"><resource location="lib.xsl" key="conf:/lib"/></xslt>'
  const twice = `${run}<property name="first" expression="string(//x)"/>`
  const { ctx } = await mediate(twice, { body: ORDER, runtime })
  assert.equal(ctx.properties.get('first'), '1')
  texts['conf:/lib'] = sheet('<xsl:template name="t">2</xsl:template>')
  assert.equal(payload((await mediate(run, { body: ORDER, runtime })).ctx), '<x>2</x>')
})

test('one mediator sees a changed stylesheet at the next message', async () => {
  let version = 1
  const text = (): string => sheet(`<xsl:template match="/"><v${version}/></xsl:template>`)
  const runtime = memoryRegistry({ 'local-entry': { a: { key: 'a', contentType: 'application/xml', text } } })
  const change = `<xslt key="a" target="before"/><log/><xslt key="a"/>`
  const ctx = contextOf({ body: ORDER, runtime })
  Object.assign(ctx.log, { info: () => void version++ })
  await mediate(change, ctx)
  assert.equal(payload(ctx), '<v2/>')
})

test('an included stylesheet is found beside the one that includes it', async () => {
  const main = sheet('', '<xsl:include href="../lib/b.xsl"/>')
  const lib = sheet('<xsl:template match="/"><found/></xsl:template>')
  const { ctx } = await mediate('<xslt key="conf:/x/a.xsl"/>', given({ 'conf:/x/a.xsl': main, 'conf:/lib/b.xsl': lib }))
  assert.equal(payload(ctx), '<found/>')
})

test('markup written without escaping becomes markup', async () => {
  const raw = sheet(
    '<xsl:template match="/"><x><xsl:value-of select="//t:id" disable-output-escaping="yes"/></x></xsl:template>',
  )
  const body = '<t:order xmlns:t="urn:test"><t:id>&lt;a&gt;1&lt;/a&gt;</t:id></t:order>'
  const { ctx } = await mediate('<xslt key="a"/>', given({ a: raw }, { body }))
  assert.equal(payload(ctx), '<x><a>1</a></x>')
  const broken = given({ a: raw }, { body: '<t:order xmlns:t="urn:test"><t:id>&lt;a&gt;</t:id></t:order>' })
  assert.match((await faultOf(mediate('<xslt key="a"/>', broken))).message, /not well-formed because of disable-output/)
})

test('a JSON body is transformed as XML', async () => {
  const json = sheet('<xsl:template match="/jsonObject"><o><v><xsl:value-of select="n"/></v></o></xsl:template>')
  const { ctx } = await mediate('<xslt key="a"/>', given({ a: json }, { body: { n: 5 } }))
  assert.equal(payload(ctx), '<o><v>5</v></o>')
})

test('an empty body is left alone', async () => {
  const { ctx } = await mediate('<xslt key="a"/>', given({ a: INVOICE }, { body: '', contentType: 'text/xml' }))
  assert.equal(ctx.message.body.changed, null)
})

test('a copy of the message does not see what is done to the other', async () => {
  const ctx = contextOf(given({ a: INVOICE }))
  ctx.message.body.view(envelopeView)
  const copy = ctx.message.body.fork()
  await mediate('<xslt key="a" source="//t:order" xmlns:t="urn:test"/>', ctx)
  assert.equal(payload(ctx), '<invoice>7</invoice>')
  assert.equal(printXml(copy.view(envelopeView).firstChild!), ORDER)
})

test('what goes wrong is a fault that names the line of the stylesheet, and the message stays as it was', async () => {
  const bad = sheet('\n<xsl:template match="/">\n  <xsl:value-of select="nope("/></xsl:template>')
  const ctx = contextOf(given({ a: bad }))
  const fault = await faultOf(mediate('<xslt key="a"/>', ctx))
  assert.equal(fault.code, 'STYLESHEET_INVALID')
  assert.match(fault.message, /^a:3:17: /)
  assert.equal(payload(ctx), ORDER)
  const two = sheet('<xsl:template match="/"><a/><b/></xsl:template>')
  assert.match((await faultOf(mediate('<xslt key="a"/>', given({ a: two })))).message, /more than one element/)
  const none = sheet('<xsl:template match="/"/>')
  assert.match((await faultOf(mediate('<xslt key="a"/>', given({ a: none })))).message, /no element/)
  assert.equal((await faultOf(mediate('<xslt key="gone"/>', given({})))).code, 'ENTRY_UNKNOWN')
  const nowhere = await faultOf(mediate('<xslt key="a" source="//nothing"/>', given({ a: INVOICE })))
  assert.match(nowhere.message, /selects no element/)
})

test('what xsl:message says goes into the log, and terminate ends in a fault', async () => {
  const said = sheet('<xsl:template match="/"><x><xsl:message>careful</xsl:message></x></xsl:template>')
  const { ctx } = await mediate('<xslt key="a"/>', given({ a: said }))
  assert.deepEqual(ctx.log.texts('info'), ['xsl:message: careful'])
  const end = sheet('<xsl:template match="/"><xsl:message terminate="yes">no id</xsl:message></xsl:template>')
  assert.match((await faultOf(mediate('<xslt key="a"/>', given({ a: end })))).message, /ended itself: no id/)
})

test('as in Synapse NO_ENTITY_BODY is not cleared (trap H11)', async () => {
  const { ctx } = await mediate('<xslt key="a"/>', given({ a: INVOICE }, { axis2: { NO_ENTITY_BODY: true } }))
  assert.equal(ctx.message.flag('NO_ENTITY_BODY'), true)
})
