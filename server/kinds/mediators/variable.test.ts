import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diagnosticsOf, faultOf, marks, mediate } from '../../testing/rig.ts'

async function valueOf(attributes: string, body: string | object = { id: 5, ok: true, o: { a: [1] } }) {
  const { ctx } = await mediate(`<variable name="v" ${attributes}/>`, { body })
  return ctx.variables.get('v')
}

test('values are of the type they are given', async () => {
  assert.equal(await valueOf('value="x"'), 'x')
  assert.equal(await valueOf('type="INTEGER" value="12"'), 12)
  assert.equal(await valueOf('type="BOOLEAN" value="TRUE"'), true)
  assert.equal(await valueOf('type="DOUBLE" value="1.5"'), 1.5)
  assert.deepEqual(await valueOf(`type="JSON" value='{"a":[1]}'`), { a: [1] })
  assert.deepEqual(await valueOf('type="JSON" expression="json-eval($.o)"'), { a: [1] })
  assert.equal(await valueOf('type="LONG" expression="json-eval($.id)"'), 5)
  assert.equal(await valueOf('type="STRING" expression="json-eval($.id)"'), '5')
  assert.equal(await valueOf('expression="json-eval($.ok)"'), true)
})

test('a value of another type is a fault', async () => {
  for (const attributes of [
    'type="INTEGER" value="x"',
    'type="BOOLEAN" value="yes"',
    'type="DOUBLE" value=""',
    'type="XML" value="no"',
    'type="JSON" value="{"',
    'type="XML" expression="json-eval($.o)"',
    'type="INTEGER" expression="json-eval($.o)"',
  ])
    assert.match((await faultOf(valueOf(attributes))).message, /is not of type/)
})

test('XML is kept as it was when it was set', async () => {
  const { ctx } = await mediate(
    `<variable name="v" type="XML" expression="//t:id" xmlns:t="urn:test"/>
     <variable name="w" type="OM" value="&lt;a&gt;8&lt;/a&gt;"/>
     <payloadFactory><format><other/></format></payloadFactory>
     <log level="custom"><property name="v" expression="$var:v"/><property name="w" expression="$var:w"/></log>`,
  )
  assert.deepEqual(marks(ctx), ['v = 7, w = 8'])
})

test('the name may be computed, and remove takes it away', async () => {
  const { ctx } = await mediate(
    `<variable name="{$ctx:n}" value="1"/><variable name="b" value="2"/><variable name="b" action="remove"/>`,
    { properties: { n: 'a' } },
  )
  assert.deepEqual([...ctx.variables], [['a', '1']])
})

test('it needs a value unless it is removed', () => {
  const codes = diagnosticsOf('<sequence name="s"><variable name="a"/></sequence>').map(({ code }) => code)
  assert.deepEqual(codes, ['missing'])
})
