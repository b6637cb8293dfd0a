import assert from 'node:assert/strict'
import { test } from 'node:test'
import { envelopeView } from '../../codecs/envelope.ts'
import { jsonView } from '../../codecs/json.ts'
import { payloads } from '../../codecs/payloads.ts'
import { parseXml } from '../../xml/reader.ts'
import { printXml } from '../../xml/writer.ts'
import {
  contextOf,
  deployed,
  diagnosticsOf,
  fakeServices,
  faultOf,
  mediate,
  textOfBody,
  type Given,
  type TestContext,
} from '../../testing/rig.ts'

const NS = 'xmlns:t="urn:test"'

/** The body as it would be sent. */
async function made(xml: string, given: Given = {}): Promise<string> {
  const { ctx } = await mediate(xml, given)
  return Buffer.from(payloads.serialise(ctx.message).bytes).toString()
}

const xmlBody = (ctx: TestContext): string => printXml(ctx.message.body.view(envelopeView).body.firstElement!)

test('arguments are put in the place of their numbers, evaluated on the old body', async () => {
  const xml = `<payloadFactory><format><m:q xmlns:m="urn:m"><m:id>$1</m:id><m:by n="$2">$3 $ctx:x</m:by></m:q></format><args><arg expression="//t:id" ${NS}/><arg value="a"/><arg value="b"/></args></payloadFactory>`
  const { ctx } = await mediate(xml)
  assert.equal(xmlBody(ctx), '<m:q xmlns:m="urn:m"><m:id>7</m:id><m:by n="a">b $ctx:x</m:by></m:q>')
})

test('numbers of several digits are one number', async () => {
  const args = Array.from({ length: 12 }, (_, index) => `<arg value="${index + 1}"/>`).join('')
  const { ctx } = await mediate(
    `<payloadFactory><format><a xmlns="">$1,$12,$2</a></format><args>${args}</args></payloadFactory>`,
  )
  assert.equal(xmlBody(ctx), '<a>1,12,2</a>')
})

test('a value that is XML is inserted as XML, unless it is to be text', async () => {
  const body = (more: string): Promise<string> =>
    mediate(
      `<payloadFactory><format><a xmlns="">$1</a></format><args><arg ${more} value="&lt;b&gt;x&lt;/b&gt;"/></args></payloadFactory>`,
    ).then(({ ctx }) => xmlBody(ctx))
  assert.equal(await body(''), '<a><b>x</b></a>')
  assert.equal(await body('escapeXmlChars="true"'), '<a>&lt;b&gt;x&lt;/b&gt;</a>')
})

test('XML inserted in several places is whole in each', async () => {
  const { ctx } = await mediate(
    `<payloadFactory><format><a xmlns=""><one>$1</one><two>$1</two></a></format><args><arg value="&lt;b&gt;x&lt;/b&gt;&lt;c/&gt;"/></args></payloadFactory>`,
  )
  assert.equal(xmlBody(ctx), '<a><one><b>x</b><c/></one><two><b>x</b><c/></two></a>')
})

test('an argument that stands in a template too often for memory is a fault', async () => {
  const holes = '$1'.repeat(1100)
  for (const format of [
    `media-type="json"><format>"${holes}"</format>`,
    `media-type="xml"><format><a b="${holes}"/></format>`,
    `media-type="xml"><format><a>${holes}</a></format>`,
  ]) {
    const xml = `<payloadFactory ${format}<args><arg expression="$ctx:long"/></args></payloadFactory>`
    const fault = await faultOf(mediate(xml, { properties: { long: 'x'.repeat(100_000) } }))
    assert.match(fault.message, /makes more than 100000000 characters/)
  }
})

test('markup in a plain value cannot change the payload around it', async () => {
  const { ctx } = await mediate(
    `<payloadFactory><format><a xmlns="" b="$1">$1</a></format><args><arg expression="get-property('p')"/></args></payloadFactory>`,
    { properties: { p: '"/></a> & <!--' } },
  )
  assert.equal(ctx.message.body.view(envelopeView).body.firstElement!.attribute('b'), '"/></a> & <!--')
  assert.equal(ctx.message.body.view(envelopeView).body.firstElement!.text, '"/></a> & <!--')
})

test("JSON: quotes are the author's job, quotes inside a value are not", async () => {
  const json = (format: string, value: string): Promise<string> =>
    made(
      `<payloadFactory media-type="json"><format>${format}</format><args><arg expression="get-property('p')"/></args></payloadFactory>`,
      { properties: { p: value } },
    )
  assert.equal(await json('{"a": "$1"}', 'x "y" \\ z'), '{"a": "x \\"y\\" \\\\ z"}')
  assert.equal(await json('{"a": $1}', '7'), '{"a": 7}')
  assert.equal(await json('{"a": $1}', '{"b":[1]}'), '{"a": {"b":[1]}}')
})

test('a JSON template whose result is no JSON is a fault (trap H20)', async () => {
  const xml = `<payloadFactory media-type="json"><format>{"a": $1}</format><args><arg expression="get-property('none')"/></args></payloadFactory>`
  const fault = await faultOf(mediate(xml))
  assert.match(fault.message, /the JSON payload could not be parsed/)
})

test('arguments may come from a JSON body, whole objects included', async () => {
  const xml = `<payloadFactory media-type="json"><format>{"items": $1, "first": "$2"}</format><args><arg evaluator="json" expression="$.list"/><arg evaluator="json" expression="$.list[0].n"/></args></payloadFactory>`
  assert.equal(await made(xml, { body: { list: [{ n: 'a' }] } }), '{"items": [{"n":"a"}], "first": "a"}')
})

test('the kind of payload decides the type that is sent; XML stays the SOAP or XML it was', async () => {
  const typeOf = async (media: string, format: string, given: Given = {}): Promise<unknown> =>
    (
      await mediate(`<payloadFactory media-type="${media}"><format>${format}</format></payloadFactory>`, given)
    ).ctx.message.flag('messageType')
  assert.equal(await typeOf('json', '{"a":1}'), 'application/json')
  assert.equal(await typeOf('text', 'hello'), 'text/plain')
  assert.equal(await typeOf('xml', '<a xmlns=""/>', { body: { a: 1 } }), 'application/xml')
  assert.equal(await typeOf('xml', '<a xmlns=""/>', { contentType: 'text/xml' }), undefined)
})

test('an envelope as template replaces the whole message, its header, too', async () => {
  const envelope =
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><h xmlns="">$1</h></s:Header><s:Body><b xmlns=""/></s:Body></s:Envelope>'
  const { ctx } = await mediate(
    `<payloadFactory><format>${envelope}</format><args><arg value="v"/></args></payloadFactory>`,
  )
  const { header, body } = ctx.message.body.view(envelopeView)
  assert.deepEqual([header!.firstElement!.text, body.firstElement!.local], ['v', 'b'])
})

test('a template may be kept under a key; without it the message faults', async () => {
  const xml = '<payloadFactory><format key="tpl"/><args><arg value="1"/></args></payloadFactory>'
  const runtime = deployed(fakeServices(), ['<localEntry key="tpl"><a xmlns="">$1</a></localEntry>'])
  assert.equal(xmlBody((await mediate(xml, { runtime })).ctx), '<a>1</a>')
  assert.equal((await faultOf(mediate(xml))).code, 'ENTRY_UNKNOWN')
})

test('a message that had no body has one afterwards (trap H11)', async () => {
  const { ctx } = await mediate('<payloadFactory><format><a xmlns=""/></format></payloadFactory>', {
    axis2: { NO_ENTITY_BODY: true },
  })
  assert.equal(ctx.message.flag('NO_ENTITY_BODY'), undefined)
})

test('a template that is missing, no XML, or of an unknown media type is an error', () => {
  const said = (xml: string): string[] => diagnosticsOf(`<sequence name="s">${xml}</sequence>`).map(({ code }) => code)
  assert.deepEqual(said('<payloadFactory/>'), ['missing'])
  assert.deepEqual(said('<payloadFactory><format>not XML</format></payloadFactory>'), ['invalid-value'])
  assert.deepEqual(said('<payloadFactory media-type="yaml"><format>a: 1</format></payloadFactory>'), ['invalid-value'])
})

test('expressions in a JSON template: part of a text between quotes, any value without', async () => {
  const format =
    '{"name": "${payload.name}", "again": "${payload.pet}", "pet": ${payload.pet}, "n": ${payload.n}, "no": ${payload.no}, "t": ${payload.name}, "$1": 1}'
  const { ctx } = await mediate(
    `<payloadFactory media-type="json"><format><![CDATA[${format}]]></format><args><arg value="key"/></args></payloadFactory>`,
    { body: { name: '[]John&\nDoe"', pet: { kind: 'cat\n' }, n: 5 } },
  )
  assert.deepEqual(ctx.message.body.view(jsonView).value, {
    name: '[]John&\nDoe"',
    again: '{"kind":"cat\\n"}',
    pet: { kind: 'cat\n' },
    n: 5,
    no: null,
    t: '[]John&\nDoe"',
    key: 1,
  })
})

test('expressions in an XML template: XML and JSON as elements, texts as text', async () => {
  const format =
    '<o xmlns="" a="${payload.name}!"><name>${payload.name}</name><pet>${payload.pet}</pet><x>${vars.x}5</x></o>'
  const ctx = contextOf({ body: { name: '1 < <b/>', pet: { kind: 'cat' } } })
  ctx.variables.set('x', parseXml('<fruit>apple</fruit>').root)
  await mediate(`<payloadFactory><format>${format}</format></payloadFactory>`, ctx)
  assert.equal(
    xmlBody(ctx),
    '<o a="1 &lt; &lt;b/>!"><name>1 &lt; &lt;b/&gt;</name><pet><kind>cat</kind></pet><x><fruit>apple</fruit>5</x></o>',
  )
})

test('expressions in a template know the prefixes of the place they are written in', async () => {
  const body = '<m:o xmlns:m="urn:m"><m:id>7</m:id></m:o>'
  const xpath = "${xpath('//m:id')}"
  const xml = `<payloadFactory media-type="text" xmlns:m="urn:m"><format>id ${xpath}</format></payloadFactory>`
  assert.equal(textOfBody((await mediate(xml, { body })).ctx.message), 'id 7')
  const tree = `<payloadFactory><format><a xmlns="" xmlns:m="urn:m">${xpath}</a></format></payloadFactory>`
  assert.match(xmlBody((await mediate(tree, { body })).ctx), />7<|<m:id/)
})

test('expressions in a template under a key are compiled when it is used', async () => {
  const xml = '<payloadFactory media-type="text"><format key="tpl"/></payloadFactory>'
  const runtime = deployed(fakeServices(), ['<localEntry key="tpl">n is ${payload.n}, ${what is this}</localEntry>'])
  const services = fakeServices()
  const { ctx } = await mediate(xml, { runtime, body: { n: 3 } }, services)
  assert.equal(textOfBody(ctx.message), 'n is 3, ${what is this}')
  assert.match(services.log.texts('warn').join(), /what is not known/)
})

test('what looks like an expression and is none stays, with a warning', async () => {
  const xml = '<payloadFactory media-type="text"><format>${a b} ${ $2</format></payloadFactory>'
  assert.deepEqual(
    diagnosticsOf(`<sequence name="s">${xml}</sequence>`).map(({ code, severity }) => [code, severity]),
    [['invalid-expression', 'warning']],
  )
  assert.equal(textOfBody((await mediate(xml)).ctx.message), '${a b} ${ $2')
})

test('FreeMarker templates see the payload by its names, arguments, properties, headers and variables', async () => {
  const format = (text: string, args = ''): string =>
    `<payloadFactory media-type="json" template-type="freemarker"><format><![CDATA[${text}]]></format><args>${args}</args></payloadFactory>`
  const list = '[<#list payload.order.item as i>"${i.id}"<#sep>, </#list>]'
  const body = async (xml: string, given: Given): Promise<string> => {
    const { ctx } = await mediate(xml, given)
    return Buffer.from(payloads.serialise(ctx.message).bytes).toString()
  }
  assert.equal(await body(format(list), { body: { order: { item: [{ id: 1 }, { id: 2 }] } } }), '["1", "2"]')
  assert.equal(await body(format(list), { body: '<order><item><id>1</id></item></order>' }), '["1"]')
  assert.equal(
    await body(
      format(
        '{"a": "${args.arg1}", "n": ${args.arg2?size}, "c": "${ctx.who}", "h": "${trp[\'X-Id\']}"}',
        ['<arg value="7"/>', '<arg expression="//item"/>'].join(''),
      ),
      {
        body: '<order><item>1</item><item>2</item></order>',
        properties: { who: 'joe' },
        headers: { 'X-Id': '9' },
      },
    ),
    '{"a": "7", "n": 2, "c": "joe", "h": "9"}',
  )
  const fault = await faultOf(mediate(format('{"a": ${payload.none}}'), { body: {} }))
  assert.match(
    fault.message,
    /the FreeMarker template cannot be filled: \$\{payload\.none\} has no value and no !default/,
  )
  const endless = await faultOf(mediate(format('<#list 1..1000000000 as i>x</#list>'), { body: {} }))
  assert.match(endless.message, /cannot be filled: .*it takes more than 2000000 steps/)
})
