import assert from 'node:assert/strict'
import { test } from 'node:test'
import { payloads } from '../../codecs/payloads.ts'
import type { MessageContext } from '../../kernel/context.ts'
import { parseXml } from '../../xml/reader.ts'
import {
  build,
  contextOf,
  fakeServices,
  faultOf,
  mark,
  marks,
  mediate,
  replyOf,
  SYNAPSE,
  type Given,
  type TestContext,
} from '../../testing/rig.ts'

const NS = 'xmlns:t="urn:t"'
const look = (name: string, expression: string): string =>
  `<log level="custom"><property name="${name}" expression="${expression}" ${NS}/></log>`

function bodyOf({ message }: MessageContext): string {
  const text = Buffer.from(payloads.serialise(message).bytes).toString()
  return text.replace(/^<\?xml[^>]*>\s*/, '').replace(/ xmlns:t="urn:t"/g, '')
}

/** A part as clone and iterate make them. */
function part(body: string | object, properties: Given['properties'] = {}, of?: TestContext): MessageContext {
  const fresh = contextOf({ body })
  const ctx: MessageContext = of ? of.fork(fresh.message) : fresh
  for (const [name, value] of Object.entries({ aggregateCorelation: 'c', ...properties }))
    ctx.properties.set(name, value)
  return ctx
}

const wrapped = (value: number): string => `<reply xmlns="urn:t"><wrap><q>${value}</q></wrap></reply>`

function aggregate(inside: string, services = fakeServices()) {
  return build('sequence', `<sequence xmlns="${SYNAPSE}" name="s">${inside}</sequence>`, services)
}

test('the replies of all copies become one body, their wrappers removed, and the flow goes on with it (trap H23)', async () => {
  const services = fakeServices()
  let count = 0
  services.answer = () => replyOf(200, wrapped(++count))
  const target = '<target><sequence><call><endpoint><address uri="http://b/"/></endpoint></call></sequence></target>'
  const { ctx } = await mediate(
    `<clone id="c">${target}${target}</clone>
     <aggregate id="c"><onComplete expression="//t:q" ${NS}>${look('sum', 'sum(//t:q)')}</onComplete></aggregate>
     ${look('after', 'count($body/t:q)')}<respond/>`,
    {},
    services,
  )
  assert.deepEqual(marks(ctx), ['sum = 3.0', 'after = 2.0'])
  assert.equal(ctx.answers.length, 1)
})

test('the group is complete with min or max parts, too, and late parts are dropped', async () => {
  const flow = aggregate(
    `<aggregate><completeCondition><messageCount min="{$ctx:enough}" max="5"/></completeCondition>
     <onComplete expression="//t:q" ${NS}>${look('n', 'count(//t:q)')}<drop/></onComplete></aggregate>${mark('never')}`,
  )
  const of = contextOf()
  const outcomes = []
  for (let value = 1; value <= 3; value++)
    outcomes.push(await flow.mediate(part(wrapped(value), { messageSequence: `${value}/9`, enough: '2' }, of)))
  assert.deepEqual(outcomes, ['done', 'done', 'done'])
  assert.deepEqual(marks(of), ['n = 2.0'])
})

test('the carrier is the first part: its properties, its headers; the order is that of arrival', async () => {
  const flow = aggregate(
    `<aggregate><completeCondition><messageCount min="2"/></completeCondition>
     <onComplete expression="//t:q" ${NS}>${look('who', '$ctx:who')}${look('order', '$body/t:q[1]')}${look('order', '$body/t:q[2]')}<drop/></onComplete></aggregate>`,
  )
  const of = contextOf()
  await flow.mediate(part(wrapped(2), { who: 'second copy' }, of))
  await flow.mediate(part(wrapped(1), { who: 'first copy' }, of))
  assert.deepEqual(marks(of), ['who = second copy', 'order = 2', 'order = 1'])
})

test('an element from a property encloses what was collected', async () => {
  const flow = aggregate(
    `<aggregate><completeCondition><messageCount min="1"/></completeCondition>
     <onComplete expression="//t:q" enclosingElementProperty="wrap" ${NS}>${mark('done')}</onComplete></aggregate>`,
  )
  const ctx = part(wrapped(1), { wrap: [parseXml('<all/>').root] })
  assert.equal(await flow.mediate(ctx), 'next')
  assert.equal(bodyOf(ctx), '<all><q xmlns="urn:t">1</q></all>')
  const without = aggregate(
    `<aggregate><completeCondition><messageCount min="1"/></completeCondition>
     <onComplete enclosingElementProperty="wrap">${mark('done')}</onComplete></aggregate>`,
  )
  const fault = await faultOf(Promise.resolve().then(() => without.mediate(part(wrapped(1), { wrap: 'text' }))))
  assert.match(fault.message, /holds no XML element/)
})

test('JSON: an array of the parts, or one object with the members of all', async () => {
  const collected = async (attributes: string): Promise<string> => {
    const flow = aggregate(
      `<aggregate><completeCondition><messageCount min="2"/></completeCondition>
       <onComplete expression="json-eval($)" ${attributes}>${mark('done')}</onComplete></aggregate>`,
    )
    const of = contextOf()
    await flow.mediate(part({ a: 1.5, b: 'x' }, { wrap: parseXml('<t:all xmlns:t="urn:t"/>').root }, of))
    const last = part({ a: 2 }, {}, of)
    await flow.mediate(last)
    return bodyOf(last)
  }
  assert.equal(await collected(''), '[{"a":1.5,"b":"x"},{"a":2}]')
  assert.equal(await collected('aggregateElementType="child"'), '{"a":[1.5,2],"b":"x"}')
  assert.equal(await collected('enclosingElementProperty="wrap"'), '{"all":[{"a":1.5,"b":"x"},{"a":2}]}')
})

test('a later part without a match is a fault', async () => {
  const flow = aggregate(
    `<aggregate><completeCondition><messageCount min="2"/></completeCondition>
     <onComplete expression="//t:q" ${NS}><drop/></onComplete></aggregate>`,
  )
  const of = contextOf()
  await flow.mediate(part(wrapped(1), {}, of))
  const fault = await faultOf(Promise.resolve().then(() => flow.mediate(part('<other/>', {}, of))))
  assert.equal(fault.message, 'Could not find matching elements to aggregate.')
})

const TIMED = (inside: string): string =>
  `<aggregate><completeCondition timeout="5"><messageCount min="-1"/></completeCondition>
   <onComplete expression="//t:q" ${NS}>${inside}</onComplete></aggregate>${mark('after')}`

test('after its timeout in seconds a group is complete with what is there (trap H24); a caller is kept meanwhile', async () => {
  const services = fakeServices()
  const flow = aggregate(TIMED(look('n', 'count(//t:q)')), services)
  const of = contextOf()
  of.exchange.expectAnswer()
  const first = flow.mediate(part(wrapped(1), { messageSequence: '0/3' }, of))
  assert.equal(await flow.mediate(part(wrapped(2), { messageSequence: '1/3' }, of)), 'done')
  await services.clock.advance(4_999)
  assert.deepEqual(marks(of), [])
  await services.clock.advance(1)
  assert.equal(await first, 'next')
  assert.deepEqual(marks(of), ['Aggregate mediator timeout occurred.', 'n = 2.0', 'mark = after'])
  assert.equal(await flow.mediate(part(wrapped(3), { messageSequence: '2/3' }, of)), 'done')
  assert.equal(services.clock.armed, 0)
})

test('without a caller to keep, the group waits by itself and goes on after the aggregate', async () => {
  const services = fakeServices()
  const flow = aggregate(TIMED(look('n', 'count(//t:q)')), services)
  const of = contextOf({ caller: false })
  assert.equal(await flow.mediate(part(wrapped(1), { messageSequence: '0/3' }, of)), 'done')
  await services.clock.advance(5_000)
  assert.deepEqual(marks(of), ['Aggregate mediator timeout occurred.', 'n = 1.0', 'mark = after'])
})

test('a complete group disarms its timeout and runs onComplete once', async () => {
  const services = fakeServices()
  const flow = aggregate(TIMED(mark('complete')), services)
  const of = contextOf()
  of.exchange.expectAnswer()
  const first = flow.mediate(part(wrapped(1), { messageSequence: '0/2' }, of))
  assert.equal(await flow.mediate(part(wrapped(2), { messageSequence: '1/2' }, of)), 'next')
  assert.equal(await first, 'done')
  await services.clock.advance(60_000)
  assert.deepEqual([marks(of), services.clock.armed], [['mark = complete', 'mark = after'], 0])
})

test('parts correlate by what they say, whoever sent them; the same text later begins a new group', async () => {
  const flow = aggregate(
    `<aggregate><correlateOn expression="//t:q" ${NS}/><completeCondition><messageCount min="2"/></completeCondition>
     <onComplete expression="//t:q" ${NS}><respond/></onComplete></aggregate>`,
  )
  const callers = [1, 2, 1, 1].map(value => contextOf({ body: wrapped(value) }))
  for (const caller of callers) await flow.mediate(caller)
  assert.deepEqual(
    callers.map(({ answers }) => answers.length),
    [1, 0, 0, 0],
  )
  const nothing = await faultOf(Promise.resolve().then(() => flow.mediate(contextOf({ body: '<none/>' }))))
  assert.match(nothing.message, /Failed to evaluate correlate expression/)
})

test('a message of no group passes', async () => {
  const { outcome } = await mediate(`<aggregate id="x"><onComplete>${mark('never')}</onComplete></aggregate>`)
  assert.equal(outcome, 'next')
})

test('nested splits: the inner groups, then the group of the outer one', async () => {
  const body = '<a xmlns="urn:t"><b><c>1</c><c>2</c></b><b><c>3</c></b></a>'
  const { ctx } = await mediate(
    `<iterate id="outer" expression="//t:b" ${NS}><target><sequence>
       <iterate id="inner" expression="//t:c" ${NS}><target><sequence>
         <aggregate id="inner"><onComplete expression="//t:c" ${NS}>
           <aggregate id="outer"><onComplete expression="//t:c" ${NS}>${look('all', 'count(//t:c)')}</onComplete></aggregate>
         </onComplete></aggregate>
       </sequence></target></iterate>
     </sequence></target></iterate>`,
    { body },
  )
  assert.deepEqual(marks(ctx), ['all = 3.0'])
})
