import assert from 'node:assert/strict'
import { test } from 'node:test'
import { envelopeView } from '../../codecs/envelope.ts'
import { printXml } from '../../xml/writer.ts'
import { contextOf, diagnosticsOf, mediate, type TestContext } from '../../testing/rig.ts'

const SOAP = 'http://schemas.xmlsoap.org/soap/envelope/'
const envelope = (header: string): string =>
  `<s:Envelope xmlns:s="${SOAP}"><s:Header>${header}</s:Header><s:Body><a xmlns=""/></s:Body></s:Envelope>`

const blocksOf = (ctx: TestContext): string[] =>
  (ctx.message.body.view(envelopeView).header?.childElements ?? []).map(block => printXml(block))

test('names without a prefix are the addressing of the message, and the body is left alone', async () => {
  const ctx = contextOf({ streamed: true, properties: { where: 'urn:reply' } })
  await mediate(
    `<header name="To" value="http://there/"/><header name="Action" value="urn:act"/><header name="ReplyTo" expression="get-property('where')"/>`,
    ctx,
  )
  assert.deepEqual({ ...ctx.message.addressing }, { to: 'http://there/', action: 'urn:act', replyTo: 'urn:reply' })
  assert.equal(ctx.message.body.ready, false)
  await mediate('<header name="To" action="remove"/>', ctx)
  assert.equal('to' in ctx.message.addressing, false)
})

test('a name with a prefix is a SOAP header block: set once, replaced, removed with all of its name', async () => {
  const given = {
    body: envelope(
      '<m:User xmlns:m="urn:m">old</m:User><o:User xmlns:o="urn:o">other</o:User><m:User xmlns:m="urn:m">older</m:User>',
    ),
    contentType: 'text/xml',
  }
  const set = await mediate('<header name="m:User" value="new" xmlns:m="urn:m"/>', given)
  assert.deepEqual(blocksOf(set.ctx), [
    '<o:User xmlns:o="urn:o">other</o:User>',
    '<m:User xmlns:m="urn:m">new</m:User>',
  ])
  const removed = await mediate('<header name="m:User" action="remove" xmlns:m="urn:m"/>', given)
  assert.deepEqual(blocksOf(removed.ctx), ['<o:User xmlns:o="urn:o">other</o:User>'])
})

test('a block may be written in place, and a message without a header gets one', async () => {
  const xml = '<header><m:Token xmlns:m="urn:m"><m:id>7</m:id></m:Token></header>'
  const { ctx } = await mediate(xml, { body: '<a/>' })
  assert.deepEqual(blocksOf(ctx), ['<m:Token xmlns:m="urn:m"><m:id>7</m:id></m:Token>'])
})

test('scope transport is an HTTP header, letter case not mattering', async () => {
  const { ctx } = await mediate(
    `<header name="authorization" scope="transport" expression="fn:concat('Bearer ', $ctx:t)"/><header name="ACCEPT" scope="transport" action="remove"/>`,
    { properties: { t: 'abc' }, headers: { Accept: '*/*' } },
  )
  assert.deepEqual([ctx.message.headers.get('Authorization'), ctx.message.headers.has('Accept')], ['Bearer abc', false])
})

test('what is no addressing needs a prefix, and the prefix a declaration', () => {
  const said = (xml: string): string[] => diagnosticsOf(`<sequence name="s">${xml}</sequence>`).map(({ code }) => code)
  assert.deepEqual(said('<header name="User" value="u"/>'), ['invalid-value'])
  assert.deepEqual(said('<header name="m:User" value="u"/>'), ['invalid-value'])
  assert.deepEqual(said('<header name="User" value="u" scope="transport"/>'), [])
  assert.deepEqual(said('<header name="To"/>'), ['missing'])
  assert.deepEqual(said('<header value="u"/>'), ['missing'])
})
