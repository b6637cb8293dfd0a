import assert from 'node:assert/strict'
import { test } from 'node:test'
import { payloads } from '../../codecs/payloads.ts'
import type { Message } from '../../kernel/message.ts'
import { parseXml } from '../../xml/reader.ts'
import {
  contextOf,
  diagnosticsOf,
  fakeServices,
  faultOf,
  marks,
  mediate,
  replyOf,
  type Given,
} from '../../testing/rig.ts'

const soap = (inside: string, header = ''): string =>
  `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">${header}<s:Body>${inside}</s:Body></s:Envelope>`
const textOf = (message: Message): string =>
  Buffer.from(payloads.serialise(message).bytes)
    .toString()
    .replace(/^<\?xml[^>]*>\s*/, '')
const URL = 'serviceURL="http://backend/x"'
const PATH = 'xpath="$body/*[1]"'

async function callout(inside: string, reply: Message | Error = replyOf(200, soap('<answer/>')), given: Given = {}) {
  const services = fakeServices()
  services.answer = () => {
    if (reply instanceof Error) throw reply
    return reply
  }
  const ctx = contextOf({ body: soap('<ask/><more/>', '<s:Header><h/></s:Header>'), contentType: 'text/xml', ...given })
  await mediate(`<callout ${URL} action="urn:a">${inside}</callout>`, ctx, services)
  return { ctx, sent: services.sent[0]! }
}

test('the selected element is sent alone, and the answer takes the place of the selected one', async () => {
  const { ctx, sent } = await callout(`<source ${PATH}/><target ${PATH}/>`)
  assert.equal(sent.target.url, 'http://backend/x')
  assert.equal(sent.request.addressing.action, 'urn:a')
  assert.match(textOf(sent.request), /<\w+:Envelope[^>]*><\w+:Body><ask\/><\/\w+:Body>/)
  assert.equal(textOf(ctx.message), soap('<answer/><more/>', '<s:Header><h/></s:Header>'))
  assert.equal(ctx.message.flag('HTTP_SC'), 200)
})

test('without source and target the envelopes take each other’s place', async () => {
  const { ctx, sent } = await callout('')
  assert.match(textOf(sent.request), /<h\/>.*<ask\/><more\/>/)
  assert.equal(textOf(ctx.message), soap('<answer/>'))
})

test('a property may hold what is sent, and take what comes back', async () => {
  const given: Given = { properties: { q: parseXml('<question/>').root } }
  const { ctx, sent } = await callout('<source key="q"/><target key="a"/>', undefined, given)
  assert.match(textOf(sent.request), /Body><question\/>/)
  assert.match(textOf(ctx.message), /<ask\/><more\/>/)
  await mediate('<log level="custom"><property name="a" expression="$ctx:a"/></log>', ctx)
  assert.deepEqual(marks(ctx), ['a = <answer/>'])
})

test('a JSON answer takes the place of the body', async () => {
  const { ctx } = await callout(`<target ${PATH}/>`, replyOf(200, '{"a":1}', 'application/json'))
  assert.equal(textOf(ctx.message), '{"a":1}')
})

test('a SOAP fault, an HTTP error and no answer are faults with code 401000; the request stays the message', async () => {
  const fault = soap('<s:Fault><faultcode>s:Server</faultcode><faultstring>no</faultstring></s:Fault>')
  for (const [reply, text] of [
    [replyOf(500, fault), 'no'],
    [replyOf(404), 'Transport error: 404'],
    [new Error('refused'), 'refused'],
  ] as const) {
    const error = await faultOf(callout('', reply))
    assert.deepEqual([error.message, error.errorCode], [text, 401000])
  }
})

test('what selects nothing is a fault', async () => {
  assert.match((await faultOf(callout('<source xpath="//none"/>'))).message, /no element to send/)
  assert.match((await faultOf(callout('<target xpath="//none"/>'))).message, /no element to replace/)
})

test('security is refused at deploy', () => {
  const xml = `<sequence name="s"><callout ${URL}><enableSec policy="p"/></callout></sequence>`
  assert.deepEqual(
    diagnosticsOf(xml).map(({ code }) => code),
    ['not-supported'],
  )
})
