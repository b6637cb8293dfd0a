import assert from 'node:assert/strict'
import { test } from 'node:test'
import { payloads } from '../../codecs/payloads.ts'
import {
  build,
  contextOf,
  diagnosticsOf,
  fakeServices,
  faultOf,
  marks,
  mediate,
  memoryRegistry,
  SYNAPSE,
  type Given,
  type TestContext,
} from '../../testing/rig.ts'

const NS = 'xmlns:t="urn:t"'
const ORDER = '<order xmlns="urn:t"><id kind="n">7</id><count>1</count></order>'
const enrich = (source: string, target: string): string => `<enrich ${NS}>${source}${target}</enrich>`

function bodyOf({ message }: TestContext): string {
  const text = Buffer.from(payloads.serialise(message).bytes).toString()
  return text.replace(/^<\?xml[^>]*>\s*/, '')
}

async function enriched(source: string, target: string, body: Given['body'] = ORDER, given: Given = {}) {
  return bodyOf((await mediate(enrich(source, target), { body: body!, ...given })).ctx)
}

const INLINE_X = '<source type="inline"><x xmlns="urn:t"/></source>'

test('an element is replaced, grows a child, gets a sibling', async () => {
  const at = (action: string): string => `<target action="${action}" xpath="//t:id"/>`
  assert.equal(
    await enriched(INLINE_X, at('replace')),
    '<order xmlns="urn:t"><x xmlns="urn:t"/><count>1</count></order>',
  )
  assert.match(await enriched(INLINE_X, at('child')), /<id kind="n">7<x xmlns="urn:t"\/><\/id><count>/)
  assert.match(await enriched(INLINE_X, at('sibling')), /7<\/id><x xmlns="urn:t"\/><count>/)
})

test('a text fills an element, a text node or an attribute', async () => {
  const source = `<source clone="true" xpath="get-property('v')"/>`
  const given = { properties: { v: '8' } }
  for (const path of ['//t:id', '//t:id/text()'])
    assert.match(await enriched(source, `<target xpath="${path}"/>`, ORDER, given), /<id kind="n">8<\/id>/)
  assert.match(await enriched(source, '<target xpath="//t:id/@kind"/>', ORDER, given), /<id kind="8">7/)
})

test('clone="false" takes the source away from where it was (trap H22)', async () => {
  const source = (clone: boolean): string => `<source clone="${clone}" xpath="//t:id"/>`
  const target = '<target action="child" xpath="//t:count"/>'
  assert.equal(
    await enriched(source(false), target),
    '<order xmlns="urn:t"><count>1<id xmlns="urn:t" kind="n">7</id></count></order>',
  )
  assert.match(await enriched(source(true), target), /<id kind="n">7<\/id><count>1<id/)
})

test('the body is kept in a property as a list of nodes and put back (trap H22)', async () => {
  const { ctx } = await mediate(
    `${enrich('<source type="body"/>', '<target type="property" property="kept"/>')}
     <payloadFactory><format><other/></format></payloadFactory>
     <log level="custom"><property name="kept" expression="$ctx:kept"/></log>
     ${enrich('<source type="property" property="kept"/>', '<target type="body"/>')}`,
    { body: ORDER },
  )
  assert.deepEqual([Array.isArray(ctx.properties.get('kept')), bodyOf(ctx)], [true, ORDER])
  assert.match(marks(ctx)[0]!, /^kept = <order/)
})

test('what is kept does not change with the body it was taken from', async () => {
  const { ctx } = await mediate(
    enrich('<source type="body"/>', '<target type="property" property="kept"/>') +
      enrich(INLINE_X, '<target xpath="//t:id"/>') +
      enrich('<source type="property" property="kept"/>', '<target type="body"/>'),
    { body: ORDER },
  )
  assert.equal(bodyOf(ctx), ORDER)
})

test('the envelope is kept with its headers, and put back', async () => {
  const soap = (inside: string): string =>
    `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><h xmlns="">1</h></s:Header><s:Body>${inside}</s:Body></s:Envelope>`
  const { ctx } = await mediate(
    `${enrich('<source type="envelope"/>', '<target type="property" property="all"/>')}
     <payloadFactory><format><other/></format></payloadFactory>
     ${enrich('<source type="property" property="all"/>', '<target type="envelope"/>')}`,
    { body: soap(ORDER), contentType: 'text/xml' },
  )
  assert.match(bodyOf(ctx), /<h>1<\/h>.*<id kind="n">7/)
})

test('into the body: in its place, into its first element, after it; text in an element of its own', async () => {
  assert.equal(await enriched(INLINE_X, '<target type="body"/>'), '<x xmlns="urn:t"/>')
  assert.match(
    await enriched(INLINE_X, '<target type="body" action="child"/>'),
    /<count>1<\/count><x xmlns="urn:t"\/><\/order>/,
  )
  assert.match(
    await enriched('<source type="inline">words</source>', '<target type="body"/>'),
    /^<text xmlns="http:\/\/ws.apache.org\/commons\/ns\/payload">words<\/text>$/,
  )
})

test('remove takes away what the source selects, from the body or from a property', async () => {
  const source = '<source xpath="//t:id"/>'
  assert.equal(
    await enriched(source, '<target type="body" action="remove"/>'),
    '<order xmlns="urn:t"><count>1</count></order>',
  )
  const { ctx } = await mediate(
    enrich('<source type="body"/>', '<target type="property" property="p"/>') +
      enrich(source, '<target type="property" property="p" action="remove"/>') +
      enrich('<source type="property" property="p"/>', '<target type="body"/>'),
    { body: ORDER },
  )
  assert.equal(bodyOf(ctx), '<order xmlns="urn:t"><count>1</count></order>')
})

test('a source that selects nothing is logged and changes nothing; a target that selects nothing is a fault', async () => {
  const { ctx } = await mediate(enrich('<source xpath="//t:none"/>', '<target xpath="//t:id"/>'), { body: ORDER })
  assert.deepEqual([bodyOf(ctx), ctx.log.texts('error')], [ORDER, ['Specified node by xpath cannot be found.']])
  const fault = await faultOf(mediate(enrich(INLINE_X, '<target xpath="//t:none"/>'), { body: ORDER }))
  assert.equal(fault.message, 'Invalid Target object to be enrich.')
})

test('what is put in may come from a local entry', async () => {
  const services = fakeServices()
  const entry = (key: string, inside: string) =>
    build('local-entry', `<localEntry xmlns="${SYNAPSE}" key="${key}">${inside}</localEntry>`, services)
  const runtime = memoryRegistry({
    'local-entry': { word: entry('word', ' MSFT '), tree: entry('tree', '<x xmlns="urn:t"/>') },
  })
  const from = (key: string): Promise<string> =>
    enriched(`<source type="inline" key="${key}"/>`, '<target xpath="//t:id"/>', ORDER, { runtime })
  assert.match(await from('word'), /<id kind="n">MSFT<\/id>/)
  assert.match(await from('tree'), /<x xmlns="urn:t"\/><count>/)
  await assert.rejects(from('nowhere'), { code: 'ENTRY_UNKNOWN' })
})

// ── JSON ──

const DOC = { a: { n: 1.5 }, list: [1, 2] }
const json = (source: string, target: string, body: object = DOC, properties: Given['properties'] = {}) =>
  enriched(source, target, body, { properties: properties! })
const INLINE = (text: string): string => `<source type="inline">${text}</source>`

test('JSON: a member is set, an array grows, an object gets members', async () => {
  assert.equal(await json(INLINE('"x"'), '<target xpath="json-eval($.a.n)"/>'), '{"a":{"n":"x"},"list":[1,2]}')
  assert.equal(
    await json(INLINE('7'), '<target xpath="json-eval($.fresh)"/>'),
    '{"a":{"n":1.5},"list":[1,2],"fresh":7}',
  )
  assert.equal(
    await json(INLINE('{"k": null}'), '<target action="child" xpath="json-eval($.list)"/>'),
    '{"a":{"n":1.5},"list":[1,2,{"k":null}]}',
  )
  assert.equal(
    await json(INLINE('{"m": true}'), '<target action="child" xpath="json-eval($.a)"/>'),
    '{"a":{"n":1.5,"m":true},"list":[1,2]}',
  )
})

test('JSON: moving, keeping and putting back the body, removing, renaming', async () => {
  assert.equal(
    await json('<source clone="false" xpath="json-eval($.a)"/>', '<target xpath="json-eval($.b)"/>'),
    '{"list":[1,2],"b":{"n":1.5}}',
  )
  assert.equal(await json('<source type="property" property="p"/>', '<target type="body"/>', DOC, { p: '[1]' }), '[1]')
  assert.equal(
    await json('<source xpath="json-eval($.list[0])"/>', '<target type="body" action="remove"/>'),
    '{"a":{"n":1.5},"list":[2]}',
  )
  assert.equal(await json(INLINE('z'), '<target type="key" xpath="json-eval($.a)"/>'), '{"z":{"n":1.5},"list":[1,2]}')
})

test('JSON: a property that is no JSON is a string, and expressions in braces are filled in', async () => {
  const target = '<target xpath="json-eval($.mail)"/>'
  const body = { mail: '' }
  const properties = { p: 'a@b.c' }
  assert.equal(await json('<source type="property" property="p"/>', target, body, properties), '{"mail":"a@b.c"}')
  assert.equal(await json(INLINE('{"to": "{$ctx:p}"}'), target, body, properties), '{"mail":{"to":"a@b.c"}}')
})

test('JSON: what cannot be done is a fault', async () => {
  const fault = async (source: string, target: string): Promise<string> =>
    (await faultOf(mediate(enrich(source, target), { body: DOC }))).message
  assert.match(await fault(INLINE('1'), '<target action="sibling" xpath="json-eval($.a)"/>'), /no siblings/)
  assert.match(await fault(INLINE('1'), '<target type="body"/>'), /object or array/)
  assert.match(await fault(INLINE('1'), '<target action="child" xpath="json-eval($.a)"/>'), /members of another object/)
  assert.match(await fault(INLINE('1'), '<target action="child" xpath="json-eval($.none)"/>'), /Invalid Target/)
})

test('an XPath looks at the XML of a JSON body, which it is from then on (trap H19)', async () => {
  const { ctx } = await mediate(enrich('<source type="inline">2</source>', '<target xpath="//a/n"/>'), { body: DOC })
  assert.equal(bodyOf(ctx), '{"a":{"n":2},"list":[1,2]}')
  assert.equal(ctx.message.body.changed?.name, 'envelope')
})

test('combinations that make no sense are refused at deploy', () => {
  const codes = (source: string, target: string): string[] =>
    diagnosticsOf(`<sequence name="s">${enrich(source, target)}</sequence>`).map(({ code }) => code)
  const bad: [string, string][] = [
    ['<source type="envelope"/>', '<target type="body"/>'],
    ['<source type="body"/>', '<target type="body"/>'],
    ['<source xpath="//a"/>', '<target type="envelope"/>'],
    ['<source type="body"/>', '<target type="body" action="remove"/>'],
    [INLINE('1'), '<target xpath="json-eval($)"/>'],
    ['<source type="body"/>', '<target type="key" xpath="json-eval($.a)"/>'],
    [INLINE('1'), '<target type="key" xpath="//a"/>'],
  ]
  for (const [source, target] of bad) assert.ok(codes(source, target).includes('invalid-value'), source + target)
  for (const source of ['<source/>', '<source type="property"/>', '<source type="inline"/>'])
    assert.deepEqual(codes(source, '<target type="property" property="p"/>'), ['missing'])
  assert.deepEqual(codes(INLINE('1'), '<target/>'), ['missing'])
})

test('the body is collected before it is looked into', async () => {
  const ctx = contextOf({ body: ORDER, streamed: true })
  await mediate(enrich(INLINE_X, '<target xpath="//t:id"/>'), ctx)
  assert.match(bodyOf(ctx), /<x/)
})

test('what would not fit into memory is a fault: a large value for many places, nodes within one another', async () => {
  const list = Array.from({ length: 2500 }, () => ({ a: 1 }))
  const everywhere = enrich('<source xpath="json-eval($)"/>', '<target xpath="json-eval($..a)"/>')
  assert.match((await faultOf(mediate(everywhere, { body: list }))).message, /copies of \d+ nodes are too much/)
  const nested = `<a>${'<t:a xmlns:t="urn:t">'.repeat(800)}${'<x/>'.repeat(8000)}${'</t:a>'.repeat(800)}</a>`
  const keeping = enrich('<source xpath="//t:a"/>', '<target type="property" property="kept"/>')
  assert.match((await faultOf(mediate(keeping, { body: nested }))).message, /within one another that come to more than/)
})
