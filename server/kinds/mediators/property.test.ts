import assert from 'node:assert/strict'
import { test } from 'node:test'
import { XmlElement } from '../../xml/tree.ts'
import { printXml } from '../../xml/writer.ts'
import { contextOf, diagnosticsOf, fakeServices, faultOf, mediate, type Given } from '../../testing/rig.ts'

/** The value of the property `p` after these mediators. */
async function valueOf(xml: string, given: Given = {}): Promise<unknown> {
  return (await mediate(xml, given)).ctx.properties.get('p')
}

const NS = 'xmlns:t="urn:test"'

test('a value is text unless a type is named; fractions of whole numbers are cut off', async () => {
  const typed = (type: string, value: string): Promise<unknown> =>
    valueOf(`<property name="p" type="${type}" value='${value}'/>`)
  assert.equal(await valueOf('<property name="p" value="3.7"/>'), '3.7')
  assert.equal(await typed('INTEGER', '3.7'), 3)
  assert.equal(await typed('LONG', '-3.7'), -3)
  assert.equal(await typed('DOUBLE', '3.7'), 3.7)
  assert.equal(await typed('BOOLEAN', 'TRUE'), true)
  assert.equal(await typed('BOOLEAN', 'yes'), false)
  assert.deepEqual(await typed('JSON', '{"a":1}'), { a: 1 })
  assert.match((await faultOf(typed('INTEGER', 'seven'))).message, /"seven" is not a value of type INTEGER/)
})

test('an expression gives its text; with type OM the node itself', async () => {
  const given = { body: '<order xmlns="urn:test"><id>7</id><note><b>x</b></note></order>' }
  assert.equal(await valueOf(`<property name="p" expression="//t:id" ${NS}/>`, given), '7')
  assert.equal(await valueOf('<property name="p" expression="1 + 2"/>'), '3.0')
  const nodes = await valueOf(`<property name="p" type="OM" expression="//t:note" ${NS}/>`, given)
  assert.match(printXml((Array.isArray(nodes) ? nodes[0] : nodes) as XmlElement), /<b>x<\/b>/)
})

test('an expression that finds nothing stores an empty text (trap H13)', async () => {
  assert.equal(await valueOf(`<property name="p" expression="//t:nothing" ${NS}/>`, { properties: { p: 'old' } }), '')
})

test('inline XML is stored as XML, a copy for every message', async () => {
  const xml = '<property name="p" type="OM"><a xmlns="">t</a></property>'
  const first = await valueOf(xml)
  assert.ok(first instanceof XmlElement)
  assert.equal(printXml(first), '<a>t</a>')
})

test('a pattern must match the whole text; its group is stored, or nothing at all', async () => {
  const part = (value: string, group: string): Promise<unknown> =>
    valueOf(String.raw`<property name="p" value="${value}" pattern="(\d+)-(\d+)-(\d+)" ${group}/>`)
  assert.equal(await part('2024-05-06', 'group="2"'), '05')
  assert.equal(await part('2024-05-06', ''), '2024-05-06')
  assert.equal(await part('on 2024-05-06', 'group="2"'), '')
  assert.equal(await part('2024-05-06', 'group="9"'), '')
})

test('every scope is a place of its own', async () => {
  const scopes = ['default', 'axis2', 'transport', 'operation']
  const { ctx } = await mediate(scopes.map(scope => `<property name="n" scope="${scope}" value="${scope}"/>`).join(''))
  assert.deepEqual(
    [ctx.properties.get('n'), ctx.message.flag('n'), ctx.message.headers.get('N'), ctx.operation.get('n')],
    scopes,
  )
  const removed = await mediate(
    scopes.map(scope => `<property name="n" scope="${scope}" action="remove"/>`).join(''),
    ctx,
  )
  assert.deepEqual(
    [removed.ctx.properties.has('n'), ctx.message.flag('n'), ctx.message.headers.has('n'), ctx.operation.has('n')],
    [false, undefined, false, false],
  )
})

test('a name may be computed', async () => {
  const { ctx } = await mediate(`<property name="{get-property('which')}" value="v"/>`, {
    properties: { which: 'chosen' },
  })
  assert.equal(ctx.properties.get('chosen'), 'v')
})

test('messageType decides the content type that is sent: the header of the request goes', async () => {
  const { ctx } = await mediate('<property name="messageType" value="application/json" scope="axis2"/>')
  assert.deepEqual(
    [ctx.message.flag('ContentType'), ctx.message.headers.has('Content-Type')],
    ['application/json', false],
  )
})

test('removing TRANSPORT_HEADERS removes every header', async () => {
  const { ctx } = await mediate('<property name="TRANSPORT_HEADERS" scope="axis2" action="remove"/>', {
    headers: { 'X-A': '1' },
  })
  assert.equal(ctx.message.headers.size, 0)
})

test('RESPONSE promises an answer, SET_ROLLBACK_ONLY concerns the whole exchange', async () => {
  const { ctx } = await mediate(
    '<property name="RESPONSE" value="true"/><property name="SET_ROLLBACK_ONLY" value="true" scope="axis2"/>',
  )
  assert.deepEqual([ctx.exchange.expected, ctx.operation.get('SET_ROLLBACK_ONLY')], [true, 'true'])
})

test('the body is read only for an expression that looks into it', async () => {
  const untouched = contextOf({ streamed: true })
  await mediate('<property name="p" value="v"/><property name="q" expression="$trp:Host"/>', untouched)
  assert.equal(untouched.message.body.ready, false)
  assert.equal(await valueOf(`<property name="p" expression="//t:id" ${NS}/>`, { streamed: true }), '7')
})

test('a source is needed to set something, and scopes of the Java engine are refused', () => {
  const codes = (xml: string): string[] => diagnosticsOf(`<sequence name="s">${xml}</sequence>`).map(({ code }) => code)
  assert.deepEqual(codes('<property name="p"/>'), ['missing'])
  assert.deepEqual(codes('<property name="p" action="remove"/>'), [])
  assert.deepEqual(codes('<property name="p" value="v" scope="system"/>'), ['not-supported'])
  assert.deepEqual(codes('<property name="p" value="v" scope="synapse"/>'), ['invalid-value'])
  assert.deepEqual(codes('<property name="p" value="v" type="integer"/>'), ['invalid-value'])
  assert.deepEqual(codes('<property name="p" value="v" expression="1"/>'), ['one-too-many'])
})

test('scope registry keeps a value for good, by path or as a property of a resource', async () => {
  const written: (readonly [string, string | undefined, string | null])[] = []
  const services = fakeServices({ writeResource: (...given) => void written.push(given) })
  await mediate(
    `<property name="gov:/orders/last" expression="//id" scope="registry" xmlns:x="urn:x"/>
    <property name="gov:/orders/last@who" value="joe" scope="registry"/>
    <property name="conf:/x" scope="registry"><a xmlns="">1</a></property>
    <property name="gov:/orders/last@who" action="remove" scope="registry"/>
    <property name="gov:/orders/last" action="remove" scope="registry"/>`,
    { body: '<order><id>7</id></order>' },
    services,
  )
  assert.deepEqual(written, [
    ['gov:/orders/last', undefined, '7'],
    ['gov:/orders/last', 'who', 'joe'],
    ['conf:/x', undefined, '<a>1</a>'],
    ['gov:/orders/last', 'who', null],
    ['gov:/orders/last', undefined, null],
  ])
})
