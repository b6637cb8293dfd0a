import assert from 'node:assert/strict'
import { test } from 'node:test'
import { payloads } from '../../codecs/payloads.ts'
import { printXml } from '../../xml/writer.ts'
import type { XmlElement } from '../../xml/tree.ts'
import {
  deployed,
  diagnosticsOf,
  fakeServices,
  faultOf,
  mark,
  marks,
  mediate,
  replyOf,
  type Mediated,
} from '../../testing/rig.ts'

const NS = 'xmlns:t="urn:t"'
const ORDERS = '<orders xmlns="urn:t"><order>1</order><by/><order>2</order></orders>'
const look = (name: string, expression: string): string =>
  `<log level="custom"><property name="${name}" expression="${expression}" ${NS}/></log>`
const wrap = `<payloadFactory media-type="json"><format>{"n": $1}</format><args><arg evaluator="json" expression="$"/></args></payloadFactory>`

function bodyOf({ ctx }: Mediated): string {
  const text = Buffer.from(payloads.serialise(ctx.message).bytes).toString()
  return text.replace(/^<\?xml[^>]*>\s*/, '')
}

test('each element is the body in turn, and what becomes of it takes its place', async () => {
  const done = await mediate(
    `<foreach expression="//t:order" ${NS}><sequence>${look('saw', '$body/*')}
       <payloadFactory><format><o xmlns="urn:t">$1</o></format><args><arg expression="$body/*/text()"/></args></payloadFactory>
     </sequence></foreach>${look('after', 'count(//t:o)')}`,
    { body: ORDERS },
  )
  assert.deepEqual(marks(done.ctx), ['saw = 1', 'saw = 2', 'after = 2.0'])
  assert.equal(bodyOf(done), '<orders xmlns="urn:t"><o xmlns="urn:t">1</o><by/><o xmlns="urn:t">2</o></orders>')
})

test('the original and a counter are properties, their names begun by the id', async () => {
  const xml = (id: string, prefix: string): string =>
    `<foreach ${id} expression="//t:order" ${NS}><sequence>${look('n', `$ctx:${prefix}FOREACH_COUNTER`)}</sequence></foreach>
     ${look('orders', `count($ctx:${prefix}FOREACH_ORIGINAL_MESSAGE//t:order)`)}`
  const said = ['n = 0', 'n = 1', 'orders = 2.0']
  assert.deepEqual(marks((await mediate(xml('', ''), { body: ORDERS })).ctx), said)
  assert.deepEqual(marks((await mediate(xml('id="a"', 'a_'), { body: ORDERS })).ctx), said)
})

test('JSON arrays: in the body, at its root, of mixed members', async () => {
  const changed = async (path: string, body: object): Promise<string> =>
    bodyOf(await mediate(`<foreach expression="json-eval(${path})"><sequence>${wrap}</sequence></foreach>`, { body }))
  assert.equal(await changed('$.l', { l: [1, { a: 2 }] }), '{"l":[{"n":1},{"n":{"a":2}}]}')
  assert.equal(await changed('$', [1.5, true]), '[{"n":1.5},{"n":true}]')
  const same = `<foreach expression="json-eval($.l)"><sequence><log level="full"/></sequence></foreach>`
  assert.equal(bodyOf(await mediate(same, { body: { l: ['x', null, [1]] } })), '{"l":["x",null,[1]]}')
})

test('what ends the flow ends the loop; a fault is one of the loop unless it is to go on', async () => {
  const xml = (attributes: string, inside: string): string =>
    `<foreach expression="//t:order" ${attributes} ${NS}><sequence>${mark('in')}${inside}</sequence></foreach>${mark('after')}`
  const dropped = await mediate(xml('', '<drop/>'), { body: ORDERS })
  assert.deepEqual([dropped.outcome, marks(dropped.ctx)], ['done', ['mark = in']])
  await assert.rejects(mediate(xml('', '<sequence key="no"/>'), { body: ORDERS }), { code: 'SEQUENCE_UNKNOWN' })
  const goesOn = await mediate(xml('continueLoopOnFailure="true"', '<sequence key="no"/>'), { body: ORDERS })
  assert.deepEqual(marks(goesOn.ctx), ['mark = in', 'mark = in', 'mark = after'])
  assert.equal(bodyOf(goesOn), ORDERS)
})

test('send, call and callout are refused as direct children of the first form, and only there (trap H27)', () => {
  const codes = (attribute: string): string[] =>
    diagnosticsOf(
      `<sequence name="s"><foreach ${attribute}="//a"><sequence><call><endpoint key="e"/></call></sequence></foreach></sequence>`,
    ).map(({ code }) => code)
  assert.deepEqual(codes('expression'), ['not-supported'])
  assert.deepEqual(codes('collection'), [])
})

// ── copies ──

const CALL = '<call><endpoint><address uri="http://b/"/></endpoint></call>'

test('copies ask at the same time, and the replies take the elements’ places', async () => {
  const services = fakeServices()
  services.answer = request =>
    replyOf(200, payloads.serialise(request).bytes.length > 1 ? '[1]' : '0', 'application/json')
  const done = await mediate(
    `<foreach collection="json-eval($.l)"><sequence>${CALL}</sequence></foreach>${mark('after')}`,
    { body: { l: [1, 22], k: 0 } },
    services,
  )
  assert.deepEqual([bodyOf(done), marks(done.ctx)], ['{"l":[0,[1]],"k":0}', ['mark = after']])
})

test('results may go to a variable instead, as JSON or XML, and the body stays', async () => {
  const into = (type: string): string =>
    `<foreach collection="//t:order" update-original="false" target-variable="v" result-content-type="${type}"
       result-enclosing-element="all" ${NS}><sequence>${mark('in')}</sequence></foreach>`
  const xml = await mediate(into('XML'), { body: ORDERS })
  assert.equal(bodyOf(xml), ORDERS)
  assert.equal(
    printXml(xml.ctx.variables.get('v') as XmlElement),
    '<all><order xmlns="urn:t">1</order><order xmlns="urn:t">2</order></all>',
  )
  const json = await mediate(into('JSON'), { body: ORDERS })
  assert.deepEqual(json.ctx.variables.get('v'), [{ order: 1 }, { order: 2 }])
})

test('one copy after another is counted; what a copy sets stays with it', async () => {
  const done = await mediate(
    `<foreach collection="json-eval($)" parallel-execution="false" counter-variable="n"><sequence>${look('n', '$var:n')}
       <property name="p" value="1"/></sequence></foreach>${look('p', '$ctx:p')}`,
    { body: ['a', 'b'], properties: { p: '0' } },
  )
  assert.deepEqual(marks(done.ctx), ['n = 0', 'n = 1', 'p = 0'])
})

test('a fault of one copy is a fault of the loop, told when the others are over', async () => {
  const services = fakeServices()
  const xml = `<foreach collection="json-eval($)"><sequence>${CALL}<sequence key="no"/></sequence></foreach>`
  assert.equal((await faultOf(mediate(xml, { body: [1, 2] }, services))).code, 'SEQUENCE_UNKNOWN')
  assert.equal(services.sent.length, 2)
})

test('without aggregation the flow does not wait, and the snapshot stays open for the copies', async () => {
  let answer = (): void => undefined
  const services = fakeServices({
    http: { send: () => new Promise(resolve => (answer = () => resolve(replyOf(200)))) },
  })
  const runtime = deployed(services, [])
  const left = new Promise<void>(resolve => (runtime.leave = () => resolve()))
  const { ctx } = await mediate(
    `<foreach collection="json-eval($)" continue-without-aggregation="true"><sequence>${CALL}${mark('late')}</sequence></foreach>${mark('after')}`,
    { body: [1], runtime },
    services,
  )
  assert.deepEqual(marks(ctx), ['mark = after'])
  answer()
  await left
  assert.deepEqual(marks(ctx), ['mark = after', 'mark = late'])
})

test('nothing to loop over: the flow goes on; what is no collection is a fault', async () => {
  for (const form of ['expression', 'collection'])
    for (const path of ['//t:none', 'json-eval($.none)']) {
      const { ctx } = await mediate(
        `<foreach ${form}="${path}" ${NS}><sequence><drop/></sequence></foreach>${mark('after')}`,
        { body: path.startsWith('//') ? ORDERS : {} },
      )
      assert.deepEqual(marks(ctx), ['mark = after'])
    }
  const fault = await faultOf(
    mediate('<foreach expression="json-eval($.a)"><sequence><drop/></sequence></foreach>', { body: { a: 1 } }),
  )
  assert.match(fault.message, /neither elements nor a JSON array/)
})

test('what a loop needs to know is asked for at deploy', () => {
  const codes = (attributes: string): string[] =>
    diagnosticsOf(`<sequence name="s"><foreach ${attributes}/></sequence>`).map(({ code }) => code)
  assert.deepEqual(codes('expression="//a"'), ['missing'])
  assert.deepEqual(codes('sequence="x"'), ['missing'])
  assert.deepEqual(codes('collection="//a" sequence="x" update-original="false"'), ['missing', 'missing'])
  assert.deepEqual(codes('collection="//a" sequence="x" counter-variable="n"'), ['invalid-value'])
})
