import assert from 'node:assert/strict'
import { test } from 'node:test'
import { payloads } from '../../codecs/payloads.ts'
import type { Message } from '../../kernel/message.ts'
import {
  contextOf,
  diagnosticsOf,
  fakeServices,
  faultOf,
  mark,
  marks,
  mediate,
  replyOf,
  type Given,
} from '../../testing/rig.ts'
import { printXml } from '../../xml/writer.ts'
import type { XmlElement } from '../../xml/tree.ts'

const JSON_BODY = 'target="body" result-content-type="JSON"'

function call(to: string): string {
  return `<sequence><call><endpoint><address uri="http://${to}/"/></endpoint></call></sequence>`
}

function gather(sequences: string, aggregation = '', attributes = JSON_BODY): string {
  return `<scatter-gather ${attributes}><aggregation expression="\${payload}" ${aggregation}/>${sequences}</scatter-gather>${mark('after')}`
}

function rig(answers: Readonly<Record<string, () => Message | Promise<Message>>>) {
  const services = fakeServices()
  services.answer = (_request, { url }) => (answers[new URL(url).host]?.() ?? replyOf(404)) as Message
  const run = async (xml: string, given: Given = {}) => (await mediate(xml, given, services)).ctx
  return { services, run }
}

const json = (text: string) => (): Message => replyOf(200, text, 'application/json')
const bodyOf = ({ message }: { message: Message }): string => Buffer.from(payloads.serialise(message).bytes).toString()

test('the results of all branches become one array, in the order they are written', async () => {
  const { services, run } = rig({ a: json('{"a":1}'), b: json('[2]') })
  const ctx = await run(gather(call('a') + call('b')), { properties: { p: 'kept' } })
  assert.equal(bodyOf(ctx), '[{"a":1},[2]]')
  assert.equal(services.sent.length, 2)
  assert.deepEqual(marks(ctx), ['mark = after'])
  assert.equal(ctx.properties.get('p'), 'kept')
})

test('they go into a variable as XML, and the message stays as it is', async () => {
  const { run } = rig({ a: () => replyOf(200, '<x/>'), b: () => replyOf(200, '<y>1</y>') })
  const xml = `<scatter-gather target="variable" target-variable="v" result-content-type="XML" result-enclosing-element="all"><aggregation expression="$body/*[1]"/>${call('a')}${call('b')}</scatter-gather>`
  const ctx = await run(xml)
  assert.equal(printXml(ctx.variables.get('v') as XmlElement), '<all><x/><y>1</y></all>')
  assert.match(bodyOf(ctx), /<order/)
})

test('an XML body is wrapped in its element', async () => {
  const { run } = rig({ a: () => replyOf(200, '<x/>') })
  const ctx = await run(
    `<scatter-gather target="body" result-content-type="XML" result-enclosing-element="all"><aggregation expression="$body/*[1]"/>${call('a')}</scatter-gather>`,
  )
  assert.match(bodyOf(ctx), /<all><x\/><\/all>/)
})

test('branches change copies: what one does is not seen by another, or afterwards', async () => {
  const { run } = rig({})
  const change =
    '<sequence><property name="p" value="changed"/><payloadFactory media-type="json"><format>{"x":1}</format><args/></payloadFactory></sequence>'
  const ctx = await run(
    gather(
      `${change}<sequence><filter source="get-property('p')" regex="own"><then/><else><drop/></else></filter></sequence>`,
    ),
    {
      body: { own: true },
      properties: { p: 'own' },
    },
  )
  assert.equal(bodyOf(ctx), '[{"x":1},{"own":true}]')
  assert.equal(ctx.properties.get('p'), 'own')
})

test('what is dropped, or does not meet the condition, does not count', async () => {
  const { run } = rig({ a: json('{"ok":true}'), b: json('{"ok":false}') })
  const ctx = await run(gather(`${call('a')}${call('b')}<sequence><drop/></sequence>`, 'condition="${payload.ok}"'))
  assert.equal(bodyOf(ctx), '[{"ok":true}]')
})

test('so many as are enough are waited for, and no longer than the timeout', async () => {
  const never = (): Promise<Message> => new Promise(() => undefined)
  const enough = rig({ a: json('1'), b: never })
  assert.equal(bodyOf(await enough.run(gather(call('a') + call('b'), 'min-messages="1"'))), '[1]')
  const late = rig({ a: json('1'), b: never })
  const running = late.run(gather(call('a') + call('b'), 'timeout="500"'))
  await new Promise(setImmediate)
  await late.services.clock.advance(500)
  assert.equal(bodyOf(await running), '[1]')
})

test('one after another they stop when there is enough', async () => {
  const { services, run } = rig({ a: json('1'), b: json('2') })
  assert.equal(
    bodyOf(await run(gather(call('a') + call('b'), 'max-messages="1"', `${JSON_BODY} parallel-execution="false"`))),
    '[1]',
  )
  assert.equal(services.sent.length, 1)
})

test('a branch that fails is a fault, unless enough of the others are there', async () => {
  const failing = '<sequence><throwError type="T" errorMessage="broken"/></sequence>'
  const { run } = rig({ a: json('1') })
  assert.equal((await faultOf(run(gather(call('a') + failing)))).message, 'broken')
  assert.equal(bodyOf(await run(gather(call('a') + failing, 'min-messages="1"'))), '[1]')
  assert.equal((await faultOf(run(gather(failing, 'min-messages="1"')))).message, 'broken')
  assert.match((await faultOf(run(gather('<sequence><drop/></sequence>')))).message, /no branch had a result/)
})

test('what is missing for the target is told', () => {
  const codes = (attributes: string): string[] =>
    diagnosticsOf(`<sequence name="s">${gather('<sequence/>', '', attributes)}</sequence>`).map(({ code }) => code)
  assert.deepEqual(codes('target="variable" result-content-type="JSON"'), ['missing'])
  assert.deepEqual(codes('target="body" result-content-type="XML"'), ['missing'])
  assert.ok(contextOf())
})
