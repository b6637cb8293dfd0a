import assert from 'node:assert/strict'
import { test } from 'node:test'
import { payloads } from '../../codecs/payloads.ts'
import type { Message } from '../../kernel/message.ts'
import { diagnosticsOf, fakeServices, faultOf, mark, marks, mediate } from '../../testing/rig.ts'

const ORDERS = '<orders xmlns="urn:t"><by>me</by><order>1</order><order>2</order></orders>'
const TO = '<target><endpoint><address uri="http://backend/"/></endpoint></target>'
const NS = 'xmlns:t="urn:t"'

const textOf = (message: Message): string => Buffer.from(payloads.serialise(message).bytes).toString()

async function sentBy(xml: string, body: string | object): Promise<readonly string[]> {
  const services = fakeServices()
  await mediate(xml, { body }, services)
  return services.sent.map(({ request }) => textOf(request).replace(/^<\?xml[^>]*>\s*| xmlns="urn:t"/g, ''))
}

test('each selected element is the body of a message of its own', async () => {
  const xml = `<iterate expression="//t:order" ${NS}>${TO}</iterate>`
  assert.deepEqual(await sentBy(xml, ORDERS), ['<order>1</order>', '<order>2</order>'])
})

test('with preservePayload the rest stays around the part, which goes where attachPath points', async () => {
  const xml = `<iterate preservePayload="true" attachPath="//t:orders" expression="//t:order" ${NS}>${TO}</iterate>`
  assert.deepEqual(await sentBy(xml, ORDERS), [
    '<orders><by>me</by><order>1</order></orders>',
    '<orders><by>me</by><order>2</order></orders>',
  ])
})

test('members of a JSON array, alone and in their place', async () => {
  const body = { by: 'me', orders: [{ id: 1.5 }, 'two'] }
  assert.deepEqual(await sentBy(`<iterate expression="json-eval($.orders)">${TO}</iterate>`, body), [
    '{"id":1.5}',
    '"two"',
  ])
  const attach = (path: string): string =>
    `<iterate preservePayload="true" attachPath="json-eval(${path})" expression="json-eval($.orders)">${TO}</iterate>`
  assert.deepEqual(await sentBy(attach('$.orders'), body), [
    '{"by":"me","orders":{"id":1.5}}',
    '{"by":"me","orders":"two"}',
  ])
  assert.deepEqual(await sentBy(attach('$.one'), body), [
    '{"by":"me","orders":[],"one":{"id":1.5}}',
    '{"by":"me","orders":[],"one":"two"}',
  ])
  assert.deepEqual(await sentBy(attach('$'), body), ['{"id":1.5}', '"two"'])
})

test('a list of nodes in a property is still whole after it was split', async () => {
  const kept = '<property name="kept" expression="//t:order" type="OM" xmlns:t="urn:t"/>'
  const quiet = '<target><sequence><property name="p" value="1"/></sequence></target>'
  const { ctx } = await mediate(`${kept}<iterate continueParent="true" expression="$ctx:kept">${quiet}</iterate>`, {
    body: ORDERS,
  })
  const nodes = ctx.properties.get('kept') as readonly unknown[]
  assert.ok(nodes.length > 1 && nodes.every(node => node !== undefined))
})

test('XML elements of a JSON body are found in its XML view', async () => {
  const look = `<target><sequence><log level="custom"><property name="id" expression="//id"/></log></sequence></target>`
  const { ctx } = await mediate(`<iterate expression="//orders">${look}</iterate>`, {
    body: { orders: [{ id: 1 }, { id: 2 }] },
  })
  assert.deepEqual(marks(ctx), ['id = 1', 'id = 2'])
})

test('the flow ends, or goes on with the untouched message if continueParent says so (C.13)', async () => {
  const quiet = '<target><sequence><property name="p" value="1"/></sequence></target>'
  const ends = await mediate(`<iterate expression="//t:order" ${NS}>${quiet}</iterate>${mark('after')}`, {
    body: ORDERS,
  })
  assert.deepEqual([ends.outcome, marks(ends.ctx)], ['done', []])
  const goesOn = await mediate(
    `<iterate continueParent="true" preservePayload="true" expression="//t:order" ${NS}>${quiet}</iterate>${mark('after')}`,
    { body: ORDERS },
  )
  assert.deepEqual([goesOn.outcome, marks(goesOn.ctx)], ['next', ['mark = after']])
  assert.equal(textOf(goesOn.ctx.message), ORDERS)
})

test('nothing selected: nothing runs, and the flow ends all the same', async () => {
  const { outcome, services } = await mediate(`<iterate expression="//t:nothing" ${NS}>${TO}</iterate>`, {
    body: ORDERS,
  })
  assert.deepEqual([outcome, services.sent.length], ['done', 0])
})

test('what cannot be split, or attached, is a fault', async () => {
  const noArray = mediate(`<iterate expression="json-eval($.a)">${TO}</iterate>`, { body: { a: 1 } })
  assert.match((await faultOf(noArray)).message, /selects no JSON array/)
  const noPlace = mediate(
    `<iterate preservePayload="true" attachPath="//t:nothing" expression="//t:order" ${NS}>${TO}</iterate>`,
    { body: ORDERS },
  )
  assert.match((await faultOf(noPlace)).message, /attaching the split elements/)
})

test('a thousand parts of a large message need no copy of the whole for each', async () => {
  const body = `<orders xmlns="urn:t">${'<order><a/><b/><c/></order>'.repeat(1000)}</orders>`
  const sent = await sentBy(
    `<iterate preservePayload="true" attachPath="//t:orders" expression="//t:order" ${NS}>${TO}</iterate>`,
    body,
  )
  assert.deepEqual([sent.length, sent[999]], [1000, '<orders><order><a/><b/><c/></order></orders>'])
})

test('copies that would not fit into memory are a fault', async () => {
  const preserving = `<iterate preservePayload="true" attachPath="//t:orders" expression="//t:order" ${NS}>${TO}</iterate>`
  const tooMuch = /copies of \d+ nodes are too much|within one another that come to more than/
  const beside = `<orders xmlns="urn:t">${'<order/>'.repeat(2500)}${'<x/>'.repeat(2500)}</orders>`
  assert.match((await faultOf(mediate(preserving, { body: beside }))).message, tooMuch)
  const nested = `<a xmlns="urn:t">${'<order>'.repeat(800)}${'<x/>'.repeat(8000)}${'</order>'.repeat(800)}</a>`
  const alone = `<iterate expression="//t:order" ${NS}>${TO}</iterate>`
  assert.match((await faultOf(mediate(alone, { body: nested }))).message, tooMuch)
  const json = { list: Array.from({ length: 2500 }, () => 1), rest: Array.from({ length: 2500 }, () => 1) }
  const ofJson = `<iterate preservePayload="true" attachPath="json-eval($)" expression="json-eval($.list)">${TO}</iterate>`
  assert.match((await faultOf(mediate(ofJson, { body: json }))).message, tooMuch)
})

test('attachPath needs preservePayload, and the language of the expression', () => {
  const codes = (attributes: string): string[] =>
    diagnosticsOf(`<sequence name="s"><iterate ${attributes}>${TO}</iterate></sequence>`).map(({ code }) => code)
  assert.deepEqual(codes('expression="//a" attachPath="//b"'), ['missing'])
  assert.deepEqual(codes('expression="//a" preservePayload="true" attachPath="json-eval($)"'), ['invalid-value'])
  assert.deepEqual(codes('preservePayload="true"'), ['missing'])
})
