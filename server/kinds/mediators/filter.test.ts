import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  contextOf,
  deployed,
  diagnosticsOf,
  fakeServices,
  mark,
  marks,
  mediate,
  type Given,
} from '../../testing/rig.ts'

async function branch(attributes: string, given: Given = {}): Promise<string> {
  const { ctx } = await mediate(
    `<filter ${attributes}><then>${mark('then')}</then><else>${mark('else')}</else></filter>`,
    given,
  )
  return marks(ctx).join().replace('mark = ', '')
}

test('an XPath is taken as a boolean: a node that is there, a comparison, a number', async () => {
  const ns = 'xmlns:t="urn:test"'
  assert.equal(await branch(`xpath="//t:id" ${ns}`), 'then')
  assert.equal(await branch(`xpath="//t:nothing" ${ns}`), 'else')
  assert.equal(await branch(`xpath="//t:id = 7" ${ns}`), 'then')
  assert.equal(await branch(`xpath="count(//t:id) - 1" ${ns}`), 'else')
})

test('the text "false" is true for xpath, and not for source and regex (trap H16)', async () => {
  const properties = { flag: 'false' }
  assert.equal(await branch(`xpath="get-property('flag')"`, { properties }), 'then')
  assert.equal(await branch(`source="get-property('flag')" regex="true"`, { properties }), 'else')
})

test('a regular expression has to match the whole text, and a dot no line break (trap H17)', async () => {
  const given = (value: string): Given => ({ headers: { 'X-Kind': value } })
  assert.equal(await branch('source="$trp:X-Kind" regex="go"', given('gold')), 'else')
  assert.equal(await branch('source="$trp:X-Kind" regex="go.*"', given('gold')), 'then')
  assert.equal(await branch('source="$trp:X-Kind" regex="gold|silver"', given('silver')), 'then')
  assert.equal(await branch(`source="get-property('p')" regex="a.*"`, { properties: { p: 'a\nb' } }), 'else')
})

test('a header or property decides without the body being read', async () => {
  const ctx = contextOf({ streamed: true, headers: { 'X-Kind': 'gold' } })
  await mediate('<filter source="$trp:X-Kind" regex="gold"><log level="custom"/></filter>', ctx)
  assert.equal(ctx.message.body.ready, false)
})

test('a body that still arrives is collected for an XPath that looks into it', async () => {
  assert.equal(await branch('xpath="//t:id" xmlns:t="urn:test"', { streamed: true }), 'then')
})

test('JSON is looked into by json-eval', async () => {
  assert.equal(await branch('source="json-eval($.kind)" regex="gold"', { body: { kind: 'gold' } }), 'then')
})

test('without then the mediators inside are the branch; false without else goes on', async () => {
  const xml = `<filter xpath="true()">${mark('inside')}</filter><filter xpath="false()">${mark('no')}</filter>${mark('after')}`
  assert.deepEqual(marks((await mediate(xml)).ctx), ['mark = inside', 'mark = after'])
})

test('branches may be named sequences, and what ends them ends the flow', async () => {
  const runtime = deployed(fakeServices(), [
    '<sequence name="stop"><drop/></sequence>',
    `<sequence name="go">${mark('go')}</sequence>`,
  ])
  const xml = `<filter xpath="get-property('p')"><then sequence="stop"/><else sequence="go"/></filter>`
  assert.equal((await mediate(xml, { runtime, properties: { p: '1' } })).outcome, 'done')
  assert.deepEqual(marks((await mediate(xml, { runtime })).ctx), ['mark = go'])
})

test('a condition that is missing or incomplete, and mediators beside then, are errors', () => {
  const codes = (xml: string): string[] => diagnosticsOf(`<sequence name="s">${xml}</sequence>`).map(({ code }) => code)
  assert.deepEqual(codes('<filter><drop/></filter>'), ['missing'])
  assert.deepEqual(codes('<filter source="//a"><drop/></filter>'), ['missing'])
  assert.deepEqual(codes('<filter xpath="true()"><then><drop/></then><drop/></filter>'), ['one-too-many'])
  assert.deepEqual(codes('<filter source="//a" regex="("><drop/></filter>'), ['invalid-value'])
})
