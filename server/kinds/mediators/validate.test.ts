import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LocalEntry } from '../../kernel/contracts.ts'
import {
  contextOf,
  deployed,
  diagnosticsOf,
  fakeServices,
  faultOf,
  mark,
  marks,
  mediate,
  memoryRegistry,
  type Given,
  type TestContext,
} from '../../testing/rig.ts'

const XSD = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:test" targetNamespace="urn:test" elementFormDefault="qualified">
  <xs:element name="order"><xs:complexType><xs:sequence><xs:element name="id" type="xs:int"/></xs:sequence></xs:complexType></xs:element>
  <xs:element name="id" type="xs:int"/>
</xs:schema>`
const JSON_SCHEMA = JSON.stringify({
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'integer' } },
})

/** A snapshot with the schemas under `xsd` and `json`. */
const runtime = deployed(fakeServices(), [
  `<localEntry key="xsd">${XSD}</localEntry>`,
  `<localEntry key="json">${JSON_SCHEMA}</localEntry>`,
  '<localEntry key="broken">{"type": 5}</localEntry>',
])

const order = (id: string): string => `<order xmlns="urn:test"><id>${id}</id></order>`

function validate(schema: string, attributes = '', onFail = mark('invalid')): string {
  return `<validate ${attributes}>${schema}<on-fail>${onFail}</on-fail></validate>${mark('after')}`
}

async function run(xml: string, given: Given = {}): Promise<{ ctx: TestContext; said: string }> {
  const { ctx } = await mediate(xml, { runtime, ...given })
  return { ctx, said: marks(ctx).join().replaceAll('mark = ', '') }
}

test('a message that is valid goes on, one that is not runs on-fail and goes on, too (trap H26)', async () => {
  const xml = validate('<schema key="xsd"/>')
  assert.equal((await run(xml, { body: order('7') })).said, 'after')
  const { ctx, said } = await run(xml, { body: order('seven') })
  assert.equal(said, 'invalid,after')
  assert.match(String(ctx.properties.get('ERROR_MESSAGE')), /'seven' is not a valid value/)
  assert.match(String(ctx.properties.get('ERROR_DETAIL')), /'seven'/)
  assert.ok(ctx.properties.has('ERROR_EXCEPTION'))
  assert.equal(ctx.properties.has('ERROR_CODE'), false)
})

test('on-fail may end the flow', async () => {
  const { said, ctx } = await run(validate('<schema key="xsd"/>', '', '<respond/>'), { body: order('x') })
  assert.equal(said, '')
  assert.equal(ctx.answers.length, 1)
})

test('a SOAP message is checked without its envelope', async () => {
  const body = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${order('7')}</s:Body></s:Envelope>`
  assert.equal((await run(validate('<schema key="xsd"/>'), { body, contentType: 'text/xml' })).said, 'after')
})

test('an XPath says what to check', async () => {
  const xml = validate('<schema key="xsd"/>', 'source="//t:id" xmlns:t="urn:test"')
  assert.equal((await run(xml, { body: order('7') })).said, 'after')
  assert.equal((await run(xml, { body: order('x') })).said, 'invalid,after')
  const fault = await faultOf(run(xml, { body: '<other/>' }))
  assert.match(fault.message, /nothing to validate.*\/\/t:id/)
})

test('a JSON schema checks the JSON payload, or what a path selects', async () => {
  const whole = validate('<schema key="json"/>')
  assert.equal((await run(whole, { body: { id: 7 } })).said, 'after')
  const { ctx, said } = await run(whole, { body: { id: 'x' } })
  assert.deepEqual([said, ctx.properties.get('ERROR_MESSAGE')], ['invalid,after', '/id must be integer'])
  for (const source of ['json-eval($.order)', '${payload.order}']) {
    const part = validate('<schema key="json"/>', `source="${source}"`)
    assert.equal((await run(part, { body: { order: { id: 7 } } })).said, 'after')
    assert.equal((await run(part, { body: { order: {} } })).said, 'invalid,after')
    assert.equal((await run(part, { body: {} })).said, 'invalid,after')
  }
})

test('numbers with more digits than a number has are numbers, and stay what they are', async () => {
  const body = '{"id": 12345678901234567890}'
  const { ctx, said } = await run(validate('<schema key="json"/>'), { body, contentType: 'application/json' })
  assert.equal(said, 'after')
  assert.equal(Buffer.from(ctx.message.body.raw!).toString(), body)
})

test('a JSON message can be checked by an XML schema, an XML message by a JSON schema', async () => {
  assert.equal((await run(validate('<schema key="xsd"/>'), { body: { id: 7 } })).said, 'invalid,after')
  const schema = '{"type": "object", "required": ["order"]}'
  const entries = deployed(fakeServices(), [`<localEntry key="o">${schema}</localEntry>`])
  assert.equal((await run(validate('<schema key="o"/>'), { runtime: entries })).said, 'after')
})

test('the key may be computed', async () => {
  const xml = validate(`<schema key="{get-property('which')}"/>`)
  assert.equal((await run(xml, { body: order('x'), properties: { which: 'xsd' } })).said, 'invalid,after')
  assert.equal((await run(xml, { body: { id: 1 }, properties: { which: 'json' } })).said, 'after')
})

for (const cached of [true, false]) {
  test(`a schema that has changed is compiled again, ${cached ? 'kept' : 'not kept'} in between`, async () => {
    let type = 'xs:int'
    const entry: LocalEntry = { key: 'xsd', contentType: 'text/xml', text: () => XSD.replaceAll('xs:int', type) }
    const changing = memoryRegistry({ 'local-entry': { xsd: entry } })
    const services = fakeServices()
    const xml = validate('<schema key="xsd"/>', `cache-schema="${cached}"`)
    const sequence = deployed(services, [`<sequence name="s">${xml}</sequence>`]).find('sequence', 's')!
    const outcomes: string[] = []
    for (const next of ['xs:int', 'xs:int', 'xs:string', 'xs:int']) {
      type = next
      const ctx = contextOf({ body: order('x'), runtime: changing })
      await sequence.mediate(ctx)
      outcomes.push(marks(ctx).length === 1 ? 'valid' : 'invalid')
    }
    assert.deepEqual(outcomes, ['invalid', 'invalid', 'valid', 'invalid'])
  })
}

test('included documents are named as resources', async () => {
  const type = '<xs:simpleType name="n"><xs:restriction base="xs:int"/></xs:simpleType>'
  const types = XSD.replace(/<xs:element[\s\S]*(?=<\/xs:schema>)/, type)
  const main = XSD.replace('<xs:element', '<xs:include schemaLocation="types.xsd"/><xs:element').replaceAll(
    '"xs:int"',
    '"n"',
  )
  const entries = deployed(fakeServices(), [
    `<localEntry key="main">${main}</localEntry>`,
    `<localEntry key="types">${types}</localEntry>`,
  ])
  const xml = validate('<schema key="main"/><resource location="types.xsd" key="types"/>')
  assert.equal((await run(xml, { body: order('7'), runtime: entries })).said, 'after')
  assert.equal((await run(xml, { body: order('x'), runtime: entries })).said, 'invalid,after')
  const other = validate('<schema key="xsd"/><resource location="types.xsd" key="nowhere"/>')
  assert.equal((await run(other, { body: order('7') })).said, 'after')
})

test('a schema that is missing or broken is a fault', async () => {
  assert.equal((await faultOf(run(validate('<schema key="nowhere"/>')))).code, 'ENTRY_UNKNOWN')
  assert.match((await faultOf(run(validate('<schema key="broken"/>')))).message, /JSON schema broken cannot be used/)
})

test('a schema and something to do in on-fail are needed', () => {
  const said = (xml: string): string[] => diagnosticsOf(`<sequence name="s">${xml}</sequence>`).map(({ code }) => code)
  assert.deepEqual(said('<validate><on-fail><drop/></on-fail></validate>'), ['missing'])
  assert.deepEqual(said('<validate><schema key="a"/></validate>'), ['missing'])
  assert.deepEqual(said('<validate><schema key="a"/><on-fail/></validate>'), ['missing'])
  const feature = '<property name="x" value="true"/>'
  assert.deepEqual(said(`<validate>${feature}<schema key="a"/><on-fail><drop/></on-fail></validate>`), ['no-effect'])
})
