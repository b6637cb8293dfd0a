import assert from 'node:assert/strict'
import { test } from 'node:test'
import { payloads } from '../../codecs/payloads.ts'
import { deployed, diagnosticsOf, fakeServices, faultOf, mediate, SYNAPSE, type Given } from '../../testing/rig.ts'

const property = (name: string, value: string): string => `<property name="synapse.commons.${name}" value="${value}"/>`

async function transformed(xml: string, given: Given, schema?: object): Promise<string> {
  const services = fakeServices()
  const entry = `<localEntry xmlns="${SYNAPSE}" key="schema"><![CDATA[${JSON.stringify(schema)}]]></localEntry>`
  const runtime = deployed(services, schema ? [entry] : [])
  const { ctx } = await mediate(xml, { ...given, runtime }, services)
  const { contentType, bytes } = payloads.serialise(ctx.message)
  assert.match(contentType, /^application\/json/)
  return Buffer.from(bytes).toString()
}

const XML: Given = { body: '<o><a>007</a><b>5</b><c/><d>true</d></o>' }

test('without anything XML becomes JSON by the usual rules', async () => {
  assert.equal(await transformed('<jsontransform/>', XML), '{"o":{"a":"007","b":5,"c":null,"d":true}}')
})

test('switches change the rules for this message', async () => {
  const by = (...properties: string[]): Promise<string> =>
    transformed(`<jsontransform>${properties.join('')}</jsontransform>`, { body: { b: '5', c: '', d: 'true' } })
  assert.equal(await by(property('json.output.autoPrimitive', 'false')), '{"b":"5","c":null,"d":"true"}')
  assert.equal(await by(property('json.output.autoPrimitive', 'true')), '{"b":5,"c":null,"d":true}')
  assert.equal(await by(property('json.output.emptyXmlElemToEmptyStr', 'true')), '{"b":5,"c":"","d":true}')
  assert.equal(await by(property('enableXmlNullForEmptyElement', 'false')), '{"b":5,"c":"","d":true}')
  assert.equal(await by(property('json.output.disableAutoPrimitive.regex', '[0-9]')), '{"b":"5","c":null,"d":true}')
})

test('a schema gives the types', async () => {
  const schema = {
    type: 'object',
    properties: {
      fruit: { type: 'string' },
      count: { type: 'number' },
      sizes: { type: 'array', items: { type: 'integer' } },
    },
    required: ['fruit'],
  }
  const body = '<jsonObject><fruit>12345</fruit><count>7.5</count><sizes>3</sizes></jsonObject>'
  assert.equal(
    await transformed('<jsontransform schema="schema"/>', { body }, schema),
    '{"fruit":"12345","count":7.5,"sizes":[3]}',
  )
  const fault = await faultOf(
    transformed('<jsontransform schema="schema"/>', { body: { count: 'many', fruit: 'x' } }, schema),
  )
  assert.match(fault.message, /not what the schema schema asks for: \/count must be number/)
})

test('a schema that is not there, or is none, is a fault that names it', async () => {
  assert.equal((await faultOf(transformed('<jsontransform schema="schema"/>', XML))).code, 'ENTRY_UNKNOWN')
  const services = fakeServices()
  const runtime = deployed(services, [`<localEntry xmlns="${SYNAPSE}" key="schema">no schema</localEntry>`])
  const fault = await faultOf(mediate('<jsontransform schema="schema"/>', { runtime }, services))
  assert.match(fault.message, /the JSON schema schema cannot be used/)
})

test('a switch without effect, and a pattern that is none, are told', () => {
  const said = (properties: string): string[] =>
    diagnosticsOf(`<sequence name="s"><jsontransform>${properties}</jsontransform></sequence>`).map(({ code }) => code)
  assert.deepEqual(said(property('json.preserve.namespace', 'true')), ['no-effect'])
  assert.deepEqual(said(property('json.output.disableAutoPrimitive.regex', '(')), ['invalid-value'])
})
