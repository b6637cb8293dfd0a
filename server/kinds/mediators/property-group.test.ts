import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diagnosticsOf, mediate } from '../../testing/rig.ts'

test('it does what the properties in it do, in order', async () => {
  const { ctx } = await mediate(
    `<propertyGroup><property name="a" expression="//t:id" xmlns:t="urn:test"/><property name="b" expression="$ctx:a"/>
     <property name="c" action="remove"/></propertyGroup>`,
    { properties: { c: 1 }, streamed: true },
  )
  assert.deepEqual(
    [...ctx.properties],
    [
      ['a', '7'],
      ['b', '7'],
    ],
  )
})

test('it holds properties only, and one at least', () => {
  const codes = (inside: string): string[] =>
    diagnosticsOf(`<sequence name="s"><propertyGroup>${inside}</propertyGroup></sequence>`).map(({ code }) => code)
  assert.deepEqual(codes('<log/>'), ['unknown-element'])
  assert.deepEqual(codes(''), ['missing'])
})
