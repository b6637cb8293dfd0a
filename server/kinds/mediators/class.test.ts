import assert from 'node:assert/strict'
import { test } from 'node:test'
import { payloads } from '../../codecs/payloads.ts'
import type { ExtensionContext, ExtensionModule, ExtensionProperties } from '../../extensions/api.ts'
import { extensionsOf } from '../../testing/extension-rig.ts'
import {
  contextOf,
  deployed,
  diagnosticsOf,
  fakeServices,
  faultOf,
  mark,
  marks,
  mediate,
  SYNAPSE,
  type FakeServices,
  type Given,
  type TestContext,
} from '../../testing/rig.ts'

const CLASS = '<class name="com.acme.X"/>'

function servicesWith(module: ExtensionModule | object, timeout?: number): FakeServices {
  return fakeServices({ extensions: extensionsOf({ 'com.acme.X': module }, timeout) })
}

async function run(mediateWith: ExtensionModule['mediate'], given: Given | TestContext = {}): Promise<TestContext> {
  return (await mediate(`${CLASS}${mark('after')}`, given, servicesWith({ mediate: mediateWith! }))).ctx
}

const bodyOf = (ctx: TestContext): string => Buffer.from(payloads.serialise(ctx.message).bytes).toString()

test('the module registered under the class name gets the message and the properties', async () => {
  const seen: unknown[] = []
  const mediateIt = (ctx: ExtensionContext, properties: ExtensionProperties): void => {
    seen.push(properties, ctx.xml(), ctx.service, ctx.method, ctx.contentType, ctx.isResponse)
  }
  await mediate(
    `<class name="com.acme.X"><property name="a" value="1"/><property name="b" expression="//*[local-name()='id']"/><property name="c"><x xmlns="">y</x></property></class>`,
    {},
    servicesWith({ mediate: mediateIt }),
  )
  assert.deepEqual(seen, [
    { a: '1', b: '7', c: '<x>y</x>' },
    '<order xmlns="urn:test"><id>7</id></order>',
    'proxy:Test',
    'POST',
    'application/xml',
    false,
  ])
})

test('false ends the flow, anything else lets it go on', async () => {
  assert.deepEqual(marks(await run(() => false)), [])
  assert.deepEqual(marks(await run(() => true)), ['mark = after'])
  assert.deepEqual(marks(await run(async () => undefined)), ['mark = after'])
})

test('properties, variables, headers and addresses are read and written', async () => {
  const ctx = await run(
    call => {
      assert.equal(call.getProperty('p'), 'v')
      call.setProperty('q', 5)
      call.setProperty('HTTP_SC', 201, 'axis2')
      call.removeProperty('p')
      call.setVariable('v', [1])
      assert.deepEqual(call.getVariable('v'), [1])
      assert.equal(call.headers.get('x-a'), '1')
      call.headers.set('X-B', '2')
      call.headers.delete('X-A')
      assert.deepEqual(call.headers.names(), ['Content-Type', 'X-B'])
      assert.equal(call.to, 'http://a')
      call.to = 'http://b'
      call.action = undefined
    },
    { properties: { p: 'v' }, headers: { 'X-A': '1' }, to: 'http://a', action: 'urn:a' },
  )
  assert.equal(ctx.properties.get('q'), 5)
  assert.equal(ctx.properties.has('p'), false)
  assert.equal(ctx.message.axis2.get('HTTP_SC'), 201)
  assert.deepEqual(ctx.message.addressing, { to: 'http://b' })
})

test('the body is read and written as XML, JSON, text and bytes', async () => {
  assert.equal(bodyOf(await run(call => call.setJson({ was: call.json() }), { body: { a: 1 } })), '{"was":{"a":1}}')
  assert.match(bodyOf(await run(call => call.setXml(`<got>${call.text().length}</got>`))), /<got>42<\/got>/)
  assert.equal(bodyOf(await run(call => call.setText('plain'))), 'plain')
  const ctx = await run(call => call.setBytes(Buffer.concat([call.bytes(), Buffer.of(0)]), 'application/x'), {
    body: 'ab',
    contentType: 'application/octet-stream',
  })
  assert.deepEqual([bodyOf(ctx), ctx.message.headers.get('content-type')], ['ab\0', 'application/x'])
  assert.match(bodyOf(await run(call => call.setXml(call.envelope()))), /Envelope/)
})

test('sequences can be run, local entries read, and the caller answered', async () => {
  const services = servicesWith({
    async mediate(call: ExtensionContext) {
      call.setProperty('entry', call.entry('greeting'))
      call.setProperty('nothing', String(call.entry('none')))
      assert.equal(await call.run('more'), true)
      assert.equal(await call.run('end'), false)
      call.respond()
    },
  })
  const runtime = deployed(services, [
    `<localEntry xmlns="${SYNAPSE}" key="greeting">hello</localEntry>`,
    `<sequence xmlns="${SYNAPSE}" name="more">${mark('more')}</sequence>`,
    `<sequence xmlns="${SYNAPSE}" name="end"><drop/></sequence>`,
  ])
  const { ctx } = await mediate(CLASS, { runtime }, services)
  assert.deepEqual([ctx.properties.get('entry'), ctx.properties.get('nothing')], ['hello', 'undefined'])
  assert.deepEqual(marks(ctx), ['mark = more'])
  assert.equal(ctx.answers.length, 1)
})

test('a fault of the module has its own words and code', async () => {
  const fault = await faultOf(run(call => call.fault('no such customer', 4711)))
  assert.deepEqual([fault.message, fault.errorCode, fault.at?.line], ['no such customer', 4711, 1])
})

test('what the module throws is a fault that names element, class and file', async () => {
  const fault = await faultOf(
    run(() => {
      throw new TypeError('x is not a function')
    }),
  )
  assert.equal(fault.code, 'EXTENSION_FAILED')
  assert.equal(
    fault.message,
    '<class name="com.acme.X">: the extension com.acme.X (extensions/com.acme.X.mjs) failed: x is not a function',
  )
})

test('a module without the function that is asked for is a fault that names it', async () => {
  const fault = await faultOf(mediate(CLASS, {}, servicesWith({ other: 1 })))
  assert.match(fault.message, /does not export a function mediate/)
})

test('a module that does not end is a fault, its signal aborts, and it cannot touch the message any more', async () => {
  let kept: ExtensionContext | undefined
  let release: () => void = () => undefined
  const services = servicesWith(
    {
      mediate(call: ExtensionContext) {
        kept = call
        return new Promise<void>(resolve => (release = resolve))
      },
    },
    500,
  )
  const running = faultOf(mediate(CLASS, {}, services))
  await new Promise(setImmediate)
  services.clock.advance(500)
  const fault = await running
  assert.match(fault.message, /did not end within 500 ms/)
  assert.equal(kept!.signal.aborted, true)
  assert.throws(() => kept!.setProperty('late', 1), /used after the function/)
  release()
})

test('without a module the artifact is deployed with a warning, and the message is told what to put where', async () => {
  const said = diagnosticsOf(`<sequence name="s">${CLASS}</sequence>`, { hasExtension: () => false })
  assert.deepEqual(
    said.map(({ severity, code }) => [severity, code]),
    [['warning', 'extension-missing']],
  )
  const fault = await faultOf(mediate(CLASS))
  assert.equal(fault.code, 'EXTENSION_MISSING')
  assert.match(
    fault.message,
    /com\.acme\.X is Java.* put com\.acme\.X\.mjs with a function mediate\(ctx, properties\) into HOME\/extensions/,
  )
})

test('a module that needs no body leaves the stream alone', async () => {
  const module = { needsBody: false, mediate: (call: ExtensionContext) => call.setProperty('seen', call.messageId) }
  const { ctx } = await mediate(CLASS, { streamed: true }, servicesWith(module))
  assert.equal(ctx.message.body.ready, false)
  ctx.message.body.discard()
})

test('a method is called with its arguments, and what it returns goes to the variable or the body', async () => {
  const services = servicesWith({
    add: (a: number, b: number, ctx: ExtensionContext) => ({ sum: a + b, service: ctx.service }),
    shout: (text: string) => `<said>${text.toUpperCase()}</said>`,
  })
  const inputs = `<inputs><argument type="INTEGER" value="2"/><argument type="INTEGER" expression="//*[local-name()='id']"/></inputs>`
  const { ctx } = await mediate(
    `<class name="com.acme.X" method="add" target="variable" target-variable="made">${inputs}</class>`,
    {},
    services,
  )
  assert.deepEqual(ctx.variables.get('made'), { sum: 9, service: 'proxy:Test' })
  const said = await mediate(
    '<class name="com.acme.X" method="shout" target="body"><inputs><argument value="hey"/></inputs></class>',
    contextOf(),
    services,
  )
  assert.match(bodyOf(said.ctx), /<said>HEY<\/said>/)
})

test('inputs without a method, and a target without a variable, are told', () => {
  const xml = (attributes: string, inside = ''): string =>
    `<sequence name="s"><class name="com.acme.X" ${attributes}>${inside}</class></sequence>`
  const codes = (text: string): string[] => diagnosticsOf(text).map(({ code }) => code)
  assert.deepEqual(codes(xml('', '<inputs/>')), ['no-effect'])
  assert.deepEqual(codes(xml('method="m" target="variable"')), ['missing'])
})
