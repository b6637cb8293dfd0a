import assert from 'node:assert/strict'
import { test } from 'node:test'
import { envelopeView } from '../../codecs/envelope.ts'
import { readFault } from '../../codecs/soap-version.ts'
import { printXml } from '../../xml/writer.ts'
import { contextOf, diagnosticsOf, mediate, type TestContext } from '../../testing/rig.ts'

const S11 = 'http://schemas.xmlsoap.org/soap/envelope/'
const S12 = 'http://www.w3.org/2003/05/soap-envelope'
const soap11 = (inside: string, attributes = ''): string =>
  `<makefault ${attributes}><code value="s:Server" xmlns:s="${S11}"/>${inside}</makefault>`

const bodyOf = (ctx: TestContext): string => printXml(ctx.message.body.view(envelopeView).body.firstElement!)

test('without a version it is a SOAP 1.1 fault, turned round so that send answers the caller (trap H21)', async () => {
  const { ctx } = await mediate(`${soap11(`<reason expression="get-property('ERROR_MESSAGE')"/>`)}<send/>`, {
    properties: { ERROR_MESSAGE: 'it broke' },
    to: 'http://backend/',
  })
  const envelope = ctx.message.body.view(envelopeView)
  assert.equal(envelope.root.uri, S11)
  assert.equal(readFault(envelope.fault!).reason, 'it broke')
  assert.deepEqual([ctx.answers.length, ctx.message.isResponse, ctx.message.addressing.to], [1, true, undefined])
})

test('role and detail are carried, detail as text, XML or from the message', async () => {
  const one = await mediate(
    soap11('<reason value="r"/><role>urn:me</role><detail><why xmlns="">because</why></detail>'),
  )
  assert.match(bodyOf(one.ctx), /<faultactor>urn:me<\/faultactor><detail><why[^>]*>because<\/why><\/detail>/)
  const two = await mediate(soap11('<reason value="r"/><detail>plain</detail>'))
  assert.match(bodyOf(two.ctx), /<detail>plain<\/detail>/)
  const three = await mediate(soap11(`<reason value="r"/><detail expression="get-property('d')"/>`), {
    properties: { d: 'computed' },
  })
  assert.match(bodyOf(three.ctx), /<detail>computed<\/detail>/)
})

test('SOAP 1.2 has codes of its own, and a node', async () => {
  const { ctx } = await mediate(
    `<makefault version="soap12"><code value="e:Receiver" xmlns:e="${S12}"/><reason value="r"/><node>urn:node</node></makefault>`,
  )
  const { root } = ctx.message.body.view(envelopeView)
  assert.equal(root.uri, S12)
  assert.match(printXml(root), /Receiver/)
  assert.match(printXml(root), /urn:node/)
})

test('pox is an Exception with the detail, else the reason', async () => {
  const reason = await mediate('<makefault version="pox"><reason value="no such order"/></makefault>')
  assert.match(bodyOf(reason.ctx), /^<Exception[^>]*>no such order<\/Exception>$/)
  const detail = await mediate('<makefault version="pox"><reason value="r"/><detail>more</detail></makefault>')
  assert.match(bodyOf(detail.ctx), /^<Exception[^>]*>more<\/Exception>$/)
})

test('the message goes to ReplyTo, or with response="false" to FaultTo first, its direction unchanged', async () => {
  const addressed = (): TestContext => {
    const ctx = contextOf()
    Object.assign(ctx.message.addressing, { replyTo: 'urn:reply', faultTo: 'urn:fault' })
    return ctx
  }
  const turned = await mediate(soap11('<reason value="r"/>'), addressed())
  assert.deepEqual([turned.ctx.message.addressing.to, turned.ctx.message.isResponse], ['urn:reply', true])
  const kept = await mediate(soap11('<reason value="r"/>', 'response="false"'), addressed())
  assert.deepEqual([kept.ctx.message.addressing.to, kept.ctx.message.isResponse], ['urn:fault', false])
})

test('codes that are none of their SOAP version, and missing parts, are errors', () => {
  const said = (xml: string): string[] => diagnosticsOf(`<sequence name="s">${xml}</sequence>`).map(({ code }) => code)
  assert.deepEqual(said('<makefault/>'), ['missing', 'missing'])
  assert.deepEqual(said(`<makefault><code value="s:Receiver" xmlns:s="${S11}"/><reason value="r"/></makefault>`), [
    'invalid-value',
  ])
  assert.deepEqual(said('<makefault><code value="Server"/><reason value="r"/></makefault>'), ['invalid-value'])
  assert.deepEqual(said(soap11('<reason value="r"/><node>urn:n</node>')), ['invalid-value'])
  assert.deepEqual(said('<makefault version="pox"/>'), [])
})

test('a code of SOAP 1.2 without a version makes a SOAP 1.2 fault', async () => {
  const { ctx } = await mediate(`<makefault><code value="e:Receiver" xmlns:e="${S12}"/><reason value="r"/></makefault>`)
  assert.equal(ctx.message.body.view(envelopeView).soap, 'soap12')
})
