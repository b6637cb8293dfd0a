import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryLog } from '../../testing/memory-log.ts'
import { contextOf, diagnosticsOf, marks, mediate, type Given } from '../../testing/rig.ts'

async function lineOf(xml: string, given: Given = {}): Promise<string> {
  return (await mediate(xml, given)).ctx.log.lines[0]!.text
}

/** Message ids are made up for each message. */
const plain = (line: string): string => line.replace(/urn:uuid:[0-9a-f-]+/g, 'ID')

test('custom shows its properties as name = value, with the separator asked for', async () => {
  const xml = `<log level="custom" separator=" | "><property name="STEP" value="in"/><property name="id" expression="//t:id" xmlns:t="urn:test"/></log>`
  assert.equal(await lineOf(xml), '{proxy:Test} STEP = in | id = 7')
  assert.equal(
    await lineOf(
      '<log level="custom" separator="\\n"><property name="a" value="1"/><property name="b" value="2"/></log>',
    ),
    '{proxy:Test} a = 1\nb = 2',
  )
})

test('simple shows addresses and ids in the order of Synapse, the empty To included', async () => {
  assert.equal(
    plain(await lineOf('<log/>')),
    '{proxy:Test} To: , MessageID: ID, correlation_id: ID, Direction: request',
  )
  const given = { to: 'http://there/', action: 'urn:act', isResponse: true, axis2: { correlation_id: 'c1' } }
  assert.equal(
    plain(await lineOf('<log><property name="p" value="v"/></log>', given)),
    '{proxy:Test} To: http://there/, WSAction: urn:act, SOAPAction: urn:act, MessageID: ID, correlation_id: c1, Direction: response, p = v',
  )
})

test('full shows the payload after the properties: JSON as JSON, anything else as an envelope', async () => {
  const json = await lineOf('<log level="full"><property name="p" value="v"/></log>', { body: { a: [1.0, 'x'] } })
  assert.match(json, /Direction: request, p = v, Payload: \{"a":\[1,"x"\]\}$/)
  const xml = await lineOf('<log level="full"/>', { body: '<a/>' })
  assert.match(
    xml,
    /, Envelope: <\?xml version='1\.0' encoding='utf-8'\?><soapenv:Envelope .*<a\/>.*<\/soapenv:Envelope>$/,
  )
})

test('headers shows the blocks of the SOAP header', async () => {
  const body =
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><m:User xmlns:m="urn:m">u</m:User></s:Header><s:Body/></s:Envelope>'
  assert.match(
    plain(await lineOf('<log level="headers"/>', { body, contentType: 'text/xml' })),
    /^\{proxy:Test\} {2}correlation_id : ID, User : u$/,
  )
})

test('categories are levels of the log; a line whose level is off computes nothing', async () => {
  const levelOf = async (category: string): Promise<string> =>
    (await mediate(`<log level="custom" category="${category}"/>`)).ctx.log.lines[0]!.level
  assert.deepEqual(await Promise.all(['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].map(levelOf)), [
    'debug',
    'debug',
    'info',
    'warn',
    'error',
    'error',
  ])
  const ctx = contextOf({ log: memoryLog({ debug: false }) })
  await mediate(`<log level="custom" category="DEBUG"><property name="p" expression="number('nonsense')"/></log>`, ctx)
  assert.deepEqual(ctx.log.lines, [])
})

test('custom without a look into the body leaves it alone, the other levels read it', async () => {
  for (const [xml, read] of [
    ['<log level="custom"><property name="a" expression="$trp:Host"/></log>', false],
    ['<log/>', true],
    ['<log level="full"/>', true],
  ] as const) {
    const { ctx } = await mediate(xml, { streamed: true })
    assert.equal(ctx.message.body.ready, read, xml)
  }
})

test('a text may stand in front, the message id, too, and logFullPayload means full', async () => {
  assert.equal(await lineOf('<log><message>order taken</message></log>'), '{proxy:Test} order taken')
  assert.match(
    plain(await lineOf('<log level="custom" logMessageID="true"><property name="a" value="b"/></log>')),
    /^\{proxy:Test\} MessageID: ID, correlation_id: ID, a = b$/,
  )
  assert.match(await lineOf('<log level="simple" logFullPayload="true"/>'), /Envelope: /)
})

test('the flow goes on, and the message is as it was', async () => {
  const { ctx, outcome } = await mediate('<log level="full"/>', { body: '<a  b="c"/>' })
  assert.deepEqual([outcome, Buffer.from(ctx.message.body.raw!).toString()], ['next', '<a  b="c"/>'])
})

test('levels and categories are those of Synapse, a property needs a name and a value', () => {
  const said = (xml: string): string[] => diagnosticsOf(`<sequence name="s">${xml}</sequence>`).map(({ code }) => code)
  assert.deepEqual(said('<log level="FULL"/>'), ['invalid-value'])
  assert.deepEqual(said('<log category="info"/>'), ['invalid-value'])
  assert.deepEqual(said('<log><property value="v"/></log>'), ['missing'])
  assert.deepEqual(said('<log><property name="n"/></log>'), ['missing'])
  assert.deepEqual(said('<log><message>${payload.a}</message></log>'), [])
  assert.deepEqual(said('<log><message>${payload.</message></log>'), [])
  assert.deepEqual(said('<log><message>${nothing}</message></log>'), ['invalid-expression'])
})

test('expressions in the message are replaced by their values', async () => {
  const xml = '<log><message>order ${payload.id}: ${payload.a}, ${1 + 1}}</message></log>'
  const { ctx } = await mediate(xml, { body: { id: 7 } })
  assert.deepEqual(marks(ctx), ['order 7: , 2}'])
  assert.equal(ctx.log.texts('warn').length, 1)
})
