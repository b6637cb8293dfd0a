/**
 * Traps of synapse-language H that show only between a client, a server and a back end; the others are tested where their
 * element is. The last test here reads all test titles: each of the 46 has at least one.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { AppRig } from '../testing/app-rig.ts'

const TRAPS = 46

interface Asked {
  readonly path: string
  readonly action: string | undefined
  readonly body: string
}

const asked: Asked[] = []
let backend: Server
let rig: AppRig

const proxy = (name: string, inSequence: string, rest = ''): string =>
  `<proxy name="${name}" transports="http"><target><inSequence>${inSequence}</inSequence>${rest}</target></proxy>`
const address = (path: string): string => `<endpoint><address uri="http://127.0.0.1:PORT${path}"/></endpoint>`
const json = (name: string, body: string, properties = ''): string =>
  proxy(
    name,
    `<payloadFactory media-type="json"><format>${body}</format><args/></payloadFactory>${properties}<respond/>`,
  )

const ARTIFACTS: Readonly<Record<string, string>> = {
  'fault-drops.xml': proxy(
    'FaultDrops',
    '<throwError type="MINE" errorMessage="it cannot be done"/>',
    '<faultSequence><log/><drop/></faultSequence>',
  ),
  'status-stays.xml': proxy(
    'StatusStays',
    `<call>${address('/500')}</call><payloadFactory><format><fine/></format><args/></payloadFactory><respond/>`,
  ),
  'status-goes.xml': proxy(
    'StatusGoes',
    `<call>${address('/500')}</call><property name="HTTP_SC" action="remove" scope="axis2"/><payloadFactory><format><fine/></format><args/></payloadFactory><respond/>`,
  ),
  'no-body.xml': json(
    'NoBody',
    '{"a": 1}',
    '<property name="NO_ENTITY_BODY" value="true" scope="axis2" type="BOOLEAN"/>',
  ),
  'no-body-text.xml': json('NoBodyAsText', '{"a": 1}', '<property name="NO_ENTITY_BODY" value="true" scope="axis2"/>'),
  'status-text.xml': json('StatusText', '{"a": 1}', '<property name="HTTP_SC" value="207" scope="axis2"/>'),
  'status-number.xml': json(
    'StatusNumber',
    '{"a": 1}',
    '<property name="HTTP_SC" value="207" scope="axis2" type="INTEGER"/>',
  ),
  'element-text.xml': proxy(
    'ElementText',
    '<payloadFactory><format><seen><a>$1</a><b>$2</b></seen></format><args><arg expression="//order/item" literal="true"/><arg expression="count(//order/item) + 1"/></args></payloadFactory><respond/>',
  ),
  'arrays.xml': proxy(
    'Arrays',
    '<enrich><source type="inline"><more>yes</more></source><target action="child" xpath="$body/*"/></enrich><property name="messageType" value="application/json" scope="axis2"/><respond/>',
  ),
  'codes.xml': `<endpoint name="Codes"><address uri="http://127.0.0.1:1/"><timeout><duration>1000</duration></timeout><suspendOnFailure><errorCodes>101503</errorCodes><initialDuration>60000</initialDuration></suspendOnFailure></address></endpoint>`,
  'codes-proxy.xml': proxy(
    'RefusedTwice',
    '<send><endpoint key="Codes"/></send>',
    '<faultSequence><payloadFactory><format><failed>$1</failed></format><args><arg expression="get-property(\'ERROR_CODE\')"/></args></payloadFactory><respond/></faultSequence>',
  ),
  'sticks.xml': proxy(
    'OutOnlySticks',
    `<property name="OUT_ONLY" value="true"/><call>${address('/200')}</call><call>${address('/200')}</call><respond/>`,
  ),
  'too-late.xml': proxy(
    'TooLate',
    `<call>${address('/200')}</call><property name="FORCE_SC_ACCEPTED" value="true" scope="axis2"/><respond/>`,
  ),
  'in-time.xml': proxy(
    'InTime',
    `<property name="FORCE_SC_ACCEPTED" value="true" scope="axis2"/><property name="OUT_ONLY" value="true"/><send>${address('/200')}</send>`,
  ),
  'kept.xml': '<messageStore name="kept"/>',
  'keep.xml': proxy('Keep', `<store messageStore="kept"/><call>${address('/after-store')}</call><drop/>`),
  'described.xml': proxy(
    'Described',
    '<description>what it is for</description><!-- and a comment --><log level="simple" purpose="none"/><description/><respond/>',
  ),
  'misspelt.xml': `<messageProcessor name="misspelt" class="org.apache.synapse.message.processor.impl.forwarder.ScheduledMessageForwardingProcessor" messageStore="kept" targetEndpoint="Codes"><parameter name="interval">0</parameter><parameter name="is.active">false</parameter><parameter name="message.processor.failMessagesStore">failed</parameter></messageProcessor>`,
  'failed.xml': '<messageStore name="failed"/>',
}

before(async () => {
  backend = createServer((request, response) => {
    void bodyOf(request).then(body => {
      asked.push({ path: request.url!, action: request.headers['soapaction'] as string | undefined, body })
      const status = Number(/\d+/.exec(request.url!)?.[0] ?? 200)
      response.writeHead(status, { 'content-type': 'text/xml' }).end('<answered/>')
    })
  }).listen(0, '127.0.0.1')
  await new Promise(resolve => backend.once('listening', resolve))
  const port = String((backend.address() as AddressInfo).port)
  const files = Object.entries(ARTIFACTS).map(([name, xml]) => [name, xml.replaceAll('PORT', port)])
  rig = await AppRig.start(Object.fromEntries(files) as Record<string, string>)
})

after(async () => {
  await rig[Symbol.asyncDispose]()
  backend.closeAllConnections()
  await new Promise(resolve => backend.close(resolve))
})

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}

const post = (service: string, body = '<order><item>1</item><item>2</item></order>', type?: string) =>
  rig.post(`/services/${service}`, body, type)

test('whoever asked hears of a fault, also if the fault sequence logs and drops: Synapse says 202 (trap H4)', async () => {
  const { status, text } = await post('FaultDrops')
  assert.deepEqual([status, /it cannot be done/.test(text)], [500, true])
})

test('the status of a reply survives to the answer, unless it is removed (trap H6)', async () => {
  const { status, text } = await post('StatusStays')
  assert.deepEqual([status, /<fine\b/.test(text)], [500, true])
  assert.equal((await post('StatusGoes')).status, 200)
})

test('NO_ENTITY_BODY works as a BOOLEAN, HTTP_SC as text and as a number (trap H12)', async () => {
  assert.equal((await post('NoBody')).text, '')
  assert.equal((await post('NoBodyAsText')).text, '{"a": 1}')
  assert.equal((await post('StatusText')).status, 207)
  assert.equal((await post('StatusNumber')).status, 207)
})

test('an element without text of its own is its XML, several are one after the other, numbers have a point (trap H15)', async () => {
  const { text } = await post('ElementText', '<order><item><n>1</n></item><item><n>2</n></item></order>')
  assert.match(text, /<a>&lt;item&gt;&lt;n&gt;1&lt;\/n&gt;&lt;\/item&gt;&lt;item&gt;/)
  assert.match(text, /<b>3\.0<\/b>/)
})

test('JSON that becomes XML and JSON again loses arrays of one and none, and the kind of its numbers (trap H18)', async () => {
  const { text } = await post('Arrays', '{"list":["1"],"none":[],"text":"7"}', 'application/json')
  assert.deepEqual(JSON.parse(text), { list: 1, text: 7, more: 'yes' })
})

test('a refused connection has the code of its phase, and a list that names it suspends the endpoint (trap H30)', async () => {
  assert.match((await post('RefusedTwice')).text, /<failed[^>]*>101503</)
  assert.match((await post('RefusedTwice')).text, /<failed[^>]*>303001</)
})

test('OUT_ONLY sticks: every later call is one-way, too, and the flow goes on with the request (trap H32)', async () => {
  const before = asked.length
  const { text } = await post('OutOnlySticks', '<mine/>')
  assert.match(text, /<mine\b/)
  assert.equal(asked.length, before + 2)
})

test('FORCE_SC_ACCEPTED counts on the request; after a call it is too late (trap H33)', async () => {
  assert.equal((await post('TooLate')).status, 200)
  assert.equal((await post('InTime')).status, 202)
})

test('store answers nobody and the flow goes on; whoever asked gets 202 once the message is stored (trap H34)', async () => {
  const before = await rig.depth('kept')
  assert.equal((await post('Keep')).status, 202)
  assert.equal(await rig.depth('kept'), before! + 1)
  assert.equal(asked.at(-1)!.path, '/after-store')
})

test('descriptions, comments and unknown attributes inside sequences do no harm, an unknown element does (trap H38)', async () => {
  assert.equal((await post('Described')).status, 200)
  await rig.write('unknown.xml', proxy('Unknown', '<respnd/>'))
  await rig.says(...rig.diagnostics.filter(line => !line.startsWith('unknown.xml')), ...(await linesOf('unknown.xml')))
  assert.equal((await post('Unknown')).status, 404)
  await rig.remove('unknown.xml')
})

async function linesOf(file: string): Promise<readonly string[]> {
  for (;;) {
    const lines = rig.diagnostics.filter(line => line.startsWith(file))
    if (lines.length > 0) return lines
    await new Promise(resolve => setImmediate(resolve))
  }
}

test('names that are misspelt everywhere else are spelt that way here, too (trap H42)', () => {
  assert.deepEqual(
    rig.diagnostics.filter(line => line.startsWith('misspelt.xml')),
    [],
  )
})

test('each of the 46 traps has a test that names it', () => {
  const server = join(import.meta.dirname, '..')
  const titles = readdirSync(server, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.test.ts'))
    .map(file => readFileSync(join(server, file), 'utf8'))
    .flatMap(text => [...text.matchAll(/\(trap H(\d+)\)/g)].map(([, number]) => Number(number)))
  const missing = Array.from({ length: TRAPS }, (_, index) => index + 1).filter(number => !titles.includes(number))
  assert.deepEqual(missing, [])
})
