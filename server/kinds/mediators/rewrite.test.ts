import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diagnosticsOf, mediate, type Given } from '../../testing/rig.ts'

async function rewritten(actions: string, to = 'http://me@host:90/a/old?x=1&y=2#r', given: Given = {}) {
  const rule = actions.startsWith('<rewriterule') ? actions : `<rewriterule>${actions}</rewriterule>`
  return (await mediate(`<rewrite>${rule}</rewrite>`, { to, ...given })).ctx.message.addressing.to
}

test('each fragment can be set, lengthened at both ends, replaced in and removed', async () => {
  assert.equal(await rewritten('<action value="http://b/"/>'), 'http://b/')
  assert.equal(await rewritten('<action fragment="host" value="b"/>'), 'http://me@b:90/a/old?x=1&y=2#r')
  assert.equal(await rewritten('<action fragment="port" value="9000"/>'), 'http://me@host:9000/a/old?x=1&y=2#r')
  assert.equal(await rewritten('<action fragment="protocol" value="https"/>', 'http://h/p'), 'https://h/p')
  assert.equal(await rewritten('<action type="append" fragment="path" value="/z"/>', 'http://h/p'), 'http://h/p/z')
  assert.equal(await rewritten('<action type="append" fragment="path" value="z"/>', 'http://h'), 'http://h/z')
  assert.equal(await rewritten('<action type="prepend" fragment="path" value="/z"/>', 'http://h/p'), 'http://h/z/p')
  assert.equal(
    await rewritten('<action type="replace" fragment="path" regex="(o)l." value="new-$1"/>', 'http://h/old/old'),
    'http://h/new-o/new-o',
  )
  assert.equal(
    await rewritten('<action type="remove" fragment="ref"/><action type="remove" fragment="user"/>'),
    'http://host:90/a/old?x=1&y=2',
  )
  assert.equal(await rewritten('<action type="remove-query-param" value="x"/>'), 'http://me@host:90/a/old?y=2#r')
})

test('values may come from the message', async () => {
  const action = `<action type="append" fragment="path" xpath="get-property('p')"/>`
  assert.equal(await rewritten(action, 'http://h/a', { properties: { p: '/b' } }), 'http://h/a/b')
})

test('rules run in order if their conditions hold, each on what the one before has made', async () => {
  const rules = `<rewriterule><condition><equal type="url" source="protocol" value="https"/></condition><action fragment="protocol" value="http"/></rewriterule>
    <rewriterule><condition><and><equal xmlns="" type="url" source="protocol" value="http"/><match type="header" source="X-Kind" regex="t.*"/></and></condition><action fragment="host" value="test"/></rewriterule>`
  assert.equal(await rewritten(rules, 'https://h/', { headers: { 'X-Kind': 'try' } }), 'http://test/')
  assert.equal(await rewritten(rules, 'https://h/', { headers: { 'X-Kind': 'real' } }), 'http://h/')
})

test('every kind of condition', async () => {
  const to = 'http://h/p?q=a%20b'
  const given: Given = { properties: { p: 5 }, body: '<a>x</a>' }
  const holds = async (condition: string): Promise<boolean> =>
    (await rewritten(
      `<rewriterule><condition>${condition}</condition><action value="yes"/></rewriterule>`,
      to,
      given,
    )) === 'yes'
  assert.ok(await holds('<equal type="param" source="q" value="a b"/>'))
  assert.ok(await holds('<equal type="property" source="p" value="5"/>'))
  assert.ok(await holds('<equal type="soap" source="//a" value="x"/>'))
  assert.ok(await holds('<match type="url" regex="http:.*"/>'))
  assert.ok(await holds('<not><equal source="Absent" value=""/></not>'))
  assert.ok(await holds('<or><equal source="Absent" value=""/><match type="url" source="path" regex="/."/></or>'))
  assert.ok(!(await holds('<match type="url" regex="http"/>')))
})

test('a SOAP request that came by its path is addressed by its headers', async () => {
  const body = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><To xmlns="http://www.w3.org/2005/08/addressing">http://h/soap</To></s:Header><s:Body/></s:Envelope>`
  const given: Given = { body, contentType: 'text/xml', streamed: true }
  assert.equal(await rewritten('<action fragment="port" value="9"/>', '/services/P', given), 'http://h:9/soap')
})

test('the URL may be read from one property and written to another', async () => {
  const xml =
    '<rewrite inProperty="in" outProperty="out"><rewriterule><action fragment="host" value="b"/></rewriterule></rewrite>'
  const { ctx } = await mediate(xml, { to: 'http://to/', properties: { in: 'http://a/x' } })
  assert.deepEqual([ctx.properties.get('out'), ctx.message.addressing.to], ['http://b/x', 'http://to/'])
  const without = await mediate(xml, { to: 'http://to/' })
  assert.equal(without.ctx.properties.has('out'), false)
})

test('what cannot work is refused at deploy', () => {
  const codes = (inside: string): string[] =>
    diagnosticsOf(`<sequence name="s"><rewrite><rewriterule>${inside}</rewriterule></rewrite></sequence>`).map(
      ({ code }) => code,
    )
  assert.deepEqual(codes('<action type="replace" value="x"/>'), ['missing'])
  assert.deepEqual(codes('<action type="append"/>'), ['missing'])
  assert.deepEqual(codes('<condition><maybe/></condition><action value="x"/>'), ['unknown-element'])
  assert.deepEqual(codes('<condition/><action value="x"/>'), ['missing'])
  assert.deepEqual(codes('<condition><equal type="soap" source="//" value="x"/></condition><action value="x"/>'), [
    'invalid-expression',
  ])
})
