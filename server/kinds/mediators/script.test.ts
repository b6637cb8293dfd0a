import assert from 'node:assert/strict'
import { test } from 'node:test'
import { envelopeView } from '../../codecs/envelope.ts'
import { jsonView } from '../../codecs/json.ts'
import { payloads } from '../../codecs/payloads.ts'
import { buildArtifact } from '../../deploy/build.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { LocalEntry } from '../../kernel/contracts.ts'
import {
  contextOf,
  decodeGood,
  deployed,
  diagnosticsOf,
  fakeServices,
  faultOf,
  mark,
  marks,
  mediate,
  memoryRegistry,
  type Given,
  type TestContext,
} from '../../testing/rig.ts'
import { printXml } from '../../xml/writer.ts'

const inline = (code: string): string => `<script language="js"><![CDATA[${code}]]></script>`

async function run(code: string, given: Given | TestContext = {}): Promise<TestContext> {
  return (await mediate(inline(code), given)).ctx
}

/** What a script makes of an expression, by way of a property. */
async function value(expression: string, given: Given | TestContext = {}): Promise<unknown> {
  return (await run(`mc.setProperty('made', ${expression})`, given)).properties.get('made')
}

const serialised = (ctx: TestContext): string => Buffer.from(payloads.serialise(ctx.message).bytes).toString()

test('JSON is read and written as objects', async () => {
  const ctx = await run(
    'var o = mc.getPayloadJSON(); o.sum = o.items.reduce((a, b) => a + b, 0); mc.setPayloadJSON(o)',
    {
      body: { items: [1, 2, 3] },
    },
  )
  assert.equal(serialised(ctx), '{"items":[1,2,3],"sum":6}')
  assert.equal(payloads.serialise(ctx.message).contentType, 'application/json')
})

test('a JSON text and an array are payloads, too; what is no JSON is a fault', async () => {
  assert.deepEqual((await run(`mc.setPayloadJSON('{"a": 1.50}')`)).message.body.view(jsonView).value, { a: 1.5 })
  assert.deepEqual((await run('mc.setPayloadJSON([1, null])')).message.body.view(jsonView).value, [1, null])
  assert.match((await faultOf(run(`mc.setPayloadJSON('{')`))).message, /script engine returned an error/)
})

test('XML is read and written as text, inside the envelope it came in', async () => {
  const soap = (inside: string): string =>
    `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${inside}</s:Body></s:Envelope>`
  const ctx = await run(`mc.setPayloadXML('<b>' + mc.getPayloadXML().toString().length + '</b>')`, {
    body: soap('<a>1</a>'),
    contentType: 'text/xml',
  })
  assert.equal(printXml(ctx.message.body.view(envelopeView).root), soap('<b>8</b>'))
  assert.equal(await value('mc.getEnvelopeXML()', { body: soap('<a/>'), contentType: 'text/xml' }), soap('<a/>'))
  assert.equal(await value('mc.getPayloadXML()', { body: soap(''), contentType: 'text/xml' }), undefined)
  assert.match((await faultOf(run(`mc.setPayloadXML('<a>')`))).message, /not XML/)
})

test('the payload as text is what it is', async () => {
  assert.equal(await value('mc.getPayloadText()', { body: { a: 1 } }), '{"a":1}')
  assert.equal(await value('mc.getPayloadText()', { body: '<a>1</a>' }), '<a>1</a>')
  assert.equal(await value('mc.getPayloadText()', { body: 'hello', contentType: 'text/plain' }), 'hello')
})

test('a script that does not change the payload leaves its bytes alone', async () => {
  const body = '{ "a" : 1.0 }'
  const ctx = await run('mc.getPayloadJSON(); mc.getPayloadText()', { body, contentType: 'application/json' })
  assert.equal(serialised(ctx), body)
})

test('properties are those of the scope named, with their types', async () => {
  const ctx = contextOf({ properties: { a: 'x', n: 5, gone: 1 }, headers: { 'X-A': 'h' }, axis2: { flag: true } })
  await run(
    `mc.setProperty('seen', [mc.getProperty('a'), mc.getProperty('n') + 1, mc.getProperty('X-A', 'transport'), mc.getProperty('flag', 'axis2'), mc.getProperty('no')])
     mc.setProperty('X-B', 7, 'transport'); mc.setProperty('HTTP_SC', 201, 'axis2'); mc.setProperty('o', 'v', 'operation')
     mc.removeProperty('gone'); mc.removeProperty('X-A', 'transport'); mc.setProperty('a', null)`,
    ctx,
  )
  assert.deepEqual(ctx.properties.get('seen'), ['x', 6, 'h', true, null])
  assert.deepEqual(
    [ctx.message.headers.get('X-B'), ctx.message.flag('HTTP_SC'), ctx.operation.get('o')],
    ['7', 201, 'v'],
  )
  assert.deepEqual(
    [ctx.properties.has('gone'), ctx.message.headers.has('X-A'), ctx.properties.get('a')],
    [false, false, 'x'],
  )
})

test('variables hold JSON as objects', async () => {
  const ctx = contextOf()
  ctx.variables.set('v', { a: [1] })
  await run(`var v = mc.getVariable('v'); v.a.push('ä'); mc.setVariable('w', v); mc.removeVariable('v')`, ctx)
  assert.deepEqual([...ctx.variables], [['w', { a: [1, 'ä'] }]])
})

test('addresses, action, direction and SOAP headers can be read and set', async () => {
  const ctx = await run(
    `mc.setProperty('was', mc.getTo().getAddress() + ' ' + mc.getSoapAction() + ' ' + mc.isResponse() + ' ' + mc.getReplyTo())
     mc.setTo('http://b'); mc.setReplyTo('http://r'); mc.setFaultTo('http://f'); mc.setFrom('http://m'); mc.setSoapAction('urn:b')
     mc.addHeader(true, '<h xmlns="urn:h">1</h>')`,
    { to: 'http://a', action: 'urn:a', body: '<a/>' },
  )
  assert.equal(ctx.properties.get('was'), 'http://a urn:a false null')
  const { to, replyTo, faultTo, from, action } = ctx.message.addressing
  assert.deepEqual([to, replyTo, faultTo, from, action], ['http://b', 'http://r', 'http://f', 'http://m', 'urn:b'])
  const block = ctx.message.body.view(envelopeView).header!.firstElement!
  assert.deepEqual(
    [block.uri, block.attribute('mustUnderstand', 'http://schemas.xmlsoap.org/soap/envelope/')],
    ['urn:h', '1'],
  )
})

test('entries and the log are there', async () => {
  const runtime = deployed(fakeServices(), ['<localEntry key="greeting">hello</localEntry>'])
  const ctx = await run(`mc.getServiceLog().info(mc.getEntry('greeting'), mc.getEntry('none'))`, { runtime })
  assert.deepEqual(ctx.log.texts('info'), ['{proxy:Test} hello null'])
})

test('returning false ends the flow, anything else goes on', async () => {
  for (const [returned, goesOn] of [
    ['false', false],
    ['true', true],
    ['null', true],
    ['0', true],
  ] as const) {
    const { ctx, outcome } = await mediate(inline(`return ${returned}`) + mark('after'))
    assert.deepEqual([outcome, marks(ctx).length], goesOn ? ['next', 1] : ['done', 0])
  }
})

/** Code kept under keys that changes while the server runs. */
function library(entries: Record<string, string>): ReturnType<typeof memoryRegistry> {
  const made = Object.keys(entries).map((key): [string, LocalEntry] => [
    key,
    { key, contentType: 'text/plain', text: () => entries[key]! },
  ])
  return memoryRegistry({ 'local-entry': Object.fromEntries(made) })
}

test('code under a key: its function is called with mc, after what it includes; a change counts at once', async () => {
  const entries = {
    lib: 'const twice = n => 2 * n',
    main: 'const other = mc => mc.setProperty("n", twice(4)); function mediate(mc) { mc.setProperty("n", "mediate") }',
  }
  const runtime = library(entries)
  const services = fakeServices()
  const script = (attributes: string): string =>
    `<sequence name="s"><script language="js" key="main" ${attributes}><include key="lib"/></script></sequence>`
  const other = deployed(services, [script('function="other"')]).find('sequence', 's')!
  const made = async (): Promise<unknown> => {
    const ctx = contextOf({ runtime })
    await other.mediate(ctx)
    return ctx.properties.get('n')
  }
  assert.equal(await made(), 8)
  entries.lib = 'const twice = n => 20 * n'
  assert.equal(await made(), 80)
  const { ctx } = await mediate('<script language="js" key="{$ctx:which}"><include key="lib"/></script>', {
    runtime,
    properties: { which: 'main' },
  })
  assert.equal(ctx.properties.get('n'), 'mediate')
})

test('a key that is not there, or without the function, is a fault', async () => {
  assert.equal((await faultOf(mediate('<script language="js" key="none"/>'))).code, 'ENTRY_UNKNOWN')
  const runtime = library({ main: 'var x = 1' })
  const fault = await faultOf(mediate('<script language="js" key="main" function="f"/>', { runtime }))
  assert.match(fault.message, /js script main function f: .*there is no function f/)
})

test('an exception is a fault with its place, and the next message is none the wiser', async () => {
  const services = fakeServices()
  const xml = inline(`if (mc.getProperty('bad')) { leak = 1; undefined.x }\nmc.setProperty('leak', typeof leak)`)
  const sequence = deployed(services, [`<sequence name="s">${xml}</sequence>`]).find('sequence', 's')!
  const bad = contextOf({ properties: { bad: true } })
  const fault = await faultOf((async () => sequence.mediate(bad))())
  assert.match(fault.message, /inlined js script function mediate: TypeError: .*\(at script:1/)
  const good = contextOf()
  await sequence.mediate(good)
  assert.equal(good.properties.get('leak'), 'undefined')
})

test('an endless loop is stopped', async () => {
  const services = fakeServices({ clock: systemClock } as object)
  const fault = await faultOf(mediate(inline('for (;;);'), {}, services))
  assert.match(fault.message, /ran longer than 1000 ms/)
})

async function preparing(code: string): Promise<void> {
  const { node } = decodeGood(`<sequence name="s">${inline(code)}</sequence>`)
  const work: (() => Promise<void>)[] = []
  buildArtifact(node!, fakeServices(), one => work.push(one))
  for (const one of work) await one()
}

test('code in place that is no JavaScript is refused when it is deployed', async () => {
  await preparing('mc.setPayloadXML("<a/>")')
  await assert.rejects(preparing('mc.setPayloadXML(<a>{b}</a>)'), /SyntaxError.*E4X/)
})

test('Java classes are named as what is missing', async () => {
  assert.match((await faultOf(run('new java.util.Date()'))).message, /Java classes cannot be used/)
})

test('languages other than JavaScript, and a script without code, are errors', () => {
  const said = (xml: string): string[] => diagnosticsOf(`<sequence name="s">${xml}</sequence>`).map(({ code }) => code)
  for (const language of ['js', 'rhinoJs', 'nashornJs'])
    assert.deepEqual(said(`<script language="${language}">1</script>`), [])
  for (const language of ['groovy', 'rb', 'py', 'jh'])
    assert.deepEqual(said(`<script language="${language}">1</script>`), ['not-supported'])
  assert.deepEqual(said('<script language="js"/>'), ['missing'])
  assert.deepEqual(said('<script language="js" key="k" function="a b"/>'), ['invalid-value'])
})
