import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MessageContext } from '../../kernel/context.ts'
import type { Message } from '../../kernel/message.ts'
import {
  contextOf,
  deployed,
  diagnosticsOf,
  fakeServices,
  mark,
  marks,
  mediate,
  replyOf,
  textOfBody,
  type FakeServices,
} from '../../testing/rig.ts'

const inline = (xml: string): string => `<target><sequence>${xml}</sequence></target>`
const to = (url: string): string => `<endpoint><address uri="${url}"/></endpoint>`

/** A back end that answers when the test says so. */
function heldBackEnd(): { services: FakeServices; answer(url: string, body: string): void } {
  const waiting = new Map<string, (reply: Message) => void>()
  const services = fakeServices({
    http: {
      send: (_request, target) => new Promise(resolve => waiting.set(target.url, resolve)),
    },
  })
  return { services, answer: (url, body) => waiting.get(url)!(replyOf(200, body)) }
}

test('each target gets a copy of its own, and the flow ends', async () => {
  const { ctx, outcome } = await mediate(
    `<clone>${inline('<property name="p" value="1"/><log level="custom"><property name="saw" expression="$ctx:p"/></log>')}
      ${inline('<log level="custom"><property name="saw" expression="$ctx:p"/></log>')}</clone>${mark('after')}`,
    { properties: { p: '0' } },
  )
  assert.equal(outcome, 'done')
  assert.deepEqual(marks(ctx), ['saw = 1', 'saw = 0'])
})

test('a copy changes its body without the others noticing', async () => {
  const change = '<payloadFactory><format><mine/></format></payloadFactory>'
  const look = '<log level="custom"><property name="root" expression="local-name($body/*)"/></log>'
  const { ctx } = await mediate(`<clone continueParent="true">${inline(change + look)}${inline(look)}</clone>${look}`)
  assert.deepEqual(marks(ctx), ['root = mine', 'root = order', 'root = order'])
})

test('with continueParent the flow goes on with the message itself as soon as its copies only wait (C.13)', async () => {
  const { services, answer } = heldBackEnd()
  const runtime = deployed(services, [])
  const ctx = contextOf({ runtime })
  const branch = `<call>${to('http://slow/')}</call>${mark('replied')}`
  const { outcome } = await mediate(`<clone continueParent="true">${inline(branch)}</clone><drop/>`, ctx, services)
  assert.deepEqual([outcome, marks(ctx)], ['done', []])
  const over = new Promise<void>(resolve => {
    const { leave } = runtime
    runtime.leave = () => (leave.call(runtime), resolve())
  })
  answer('http://slow/', '<late/>')
  await over
  assert.deepEqual(marks(ctx), ['mark = replied'])
})

test('what a copy does before it waits is done before the parent goes on: yes means kept (P1)', async () => {
  const { ctx } = await mediate(
    `<clone continueParent="true"><target><sequence><log level="full"/>${mark('kept')}</sequence></target></clone>${mark('parent')}`,
    { streamed: true },
  )
  assert.deepEqual(marks(ctx).slice(-2), ['mark = kept', 'mark = parent'])
})

test('sequential copies begin one after another, at the latest when the one before waits for a back end', async () => {
  const { services, answer } = heldBackEnd()
  const ctx = contextOf()
  const running = mediate(
    `<clone sequential="true">${inline(`${mark('1a')}<call>${to('http://one/')}</call>${mark('1b')}`)}
      ${inline(`${mark('2a')}<call>${to('http://two/')}</call>${mark('2b')}`)}</clone>`,
    ctx,
    services,
  )
  await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(marks(ctx), ['mark = 1a', 'mark = 2a'])
  answer('http://two/', '<b/>')
  await new Promise(resolve => setImmediate(resolve))
  answer('http://one/', '<a/>')
  await running
  assert.deepEqual(marks(ctx).slice(2), ['mark = 2b', 'mark = 1b'])
})

test('a copy that made a call goes on after the clone and in the sequences around it, one that made none ends', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [
    `<sequence name="around"><clone>${inline(`<call>${to('http://one/')}</call>`)}${inline(mark('quiet'))}</clone>${mark('inner')}</sequence>`,
  ])
  const { ctx, outcome } = await mediate(`<sequence key="around"/>${mark('outer')}`, { runtime }, services)
  assert.equal(outcome, 'done')
  assert.deepEqual(marks(ctx), ['mark = quiet', 'mark = inner', 'mark = outer'])
})

test('a fault in a copy runs the handler around it and leaves the other copies alone', async () => {
  const runtime = deployed(fakeServices(), [
    `<sequence name="sorry"><log level="custom"><property name="sorry" expression="get-property('ERROR_MESSAGE')"/></log></sequence>`,
    `<sequence name="around" onError="sorry"><clone>${inline('<sequence key="nowhere"/>')}${inline(mark('fine'))}</clone></sequence>`,
  ])
  const { ctx, outcome } = await mediate('<sequence key="around"/>', { runtime })
  assert.equal(outcome, 'done')
  assert.deepEqual([...marks(ctx)].sort(), ['mark = fine', 'sorry = Sequence named nowhere cannot be found'])
})

test('without a handler around it, a fault in a copy is the service’s to handle, with the copy', async () => {
  const seen: MessageContext[] = []
  const origin = { onFault: async (_thrown: unknown, branch: MessageContext) => void seen.push(branch) }
  const { ctx } = await mediate(`<clone>${inline('<sequence key="nowhere"/>')}</clone>`, { origin })
  assert.equal(seen.length, 1)
  assert.notEqual(seen[0], ctx)
})

test('sequential targets after a fault are left out if STOP_TARGET_EXECUTION_ON_FAILURE says so', async () => {
  const xml = `<clone sequential="true">${inline('<sequence key="nowhere"/>')}${inline(mark('next'))}</clone>`
  assert.deepEqual(marks((await mediate(xml)).ctx), ['mark = next'])
  const { ctx } = await mediate(xml, { properties: { STOP_TARGET_EXECUTION_ON_FAILURE: 'true' } })
  assert.deepEqual(marks(ctx), [])
})

test('iterations repeat the only target and count', async () => {
  const look = '<log level="custom"><property name="n" expression="$ctx:CLONED_ITERATION_INDEX"/></log>'
  const xml = `<clone iterations="{$ctx:times}">${inline(look)}</clone>`
  assert.deepEqual(marks((await mediate(xml, { properties: { times: '3' } })).ctx), ['n = 0', 'n = 1', 'n = 2'])
  await assert.rejects(mediate(xml, { properties: { times: 'many' } }), { code: 'MEDIATION_FAILED' })
})

test('a target readdresses its copy and sends it through its endpoint; the reply goes to the out flow', async () => {
  const services = fakeServices()
  services.answer = (_request, { url }) => replyOf(200, `<from>${url}</from>`)
  const seen: string[] = []
  const onReply = { mediate: (ctx: MessageContext) => (seen.push(textOfBody(ctx.message)), 'done' as const) }
  const { ctx } = await mediate(
    `<clone><target to="http://there/" soapAction="urn:a"><sequence><send/></sequence></target><target>${to('http://one/')}</target></clone>`,
    { origin: { onReply } },
    services,
  )
  assert.deepEqual(
    services.sent.map(({ target, request }) => [target.url, request.addressing.action]),
    [
      ['http://there/', 'urn:a'],
      ['http://one/', undefined],
    ],
  )
  assert.deepEqual(seen, ['<from>http://there/</from>', '<from>http://one/</from>'])
  assert.equal(ctx.message.addressing.to, undefined)
})

test('copies are numbered, and carry the mark of the clone they belong to', async () => {
  const look = `<log level="custom"><property name="n" expression="$ctx:messageSequence.c"/></log>`
  const { ctx } = await mediate(`<clone id="c">${inline(look)}${inline(look)}</clone>`)
  assert.deepEqual(marks(ctx), ['n = 0/2', 'n = 1/2'])
})

test('a placeholder beside a sequence written in place is no reference', () => {
  const xml = `<sequence name="s"><clone><target sequence="anon"><sequence><drop/></sequence></target></clone></sequence>`
  assert.deepEqual(diagnosticsOf(xml), [])
  assert.deepEqual(
    diagnosticsOf('<sequence name="s"><clone/></sequence>').map(({ code }) => code),
    ['missing'],
  )
})
