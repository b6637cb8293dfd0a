import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Registry, Task } from '../../kernel/contracts.ts'
import type { ExtensionProperties, ExtensionTask } from '../../extensions/api.ts'
import { extensionsOf } from '../../testing/extension-rig.ts'
import {
  build,
  deployed,
  diagnosticsOf,
  fakeServices,
  mark,
  placesOf,
  SYNAPSE,
  type FakeServices,
} from '../../testing/rig.ts'

const BY = { by: 'operator:test' }

interface Rig {
  readonly services: FakeServices
  readonly task: Task
  marks(): readonly string[]
}

/** A task beside sequences and proxies, started at time 0. */
async function rigOf(task: string, ...others: readonly string[]): Promise<Rig> {
  const services = fakeServices({ registry: () => registry })
  const registry: Registry = deployed(services, others)
  const built = build('task', task, services)
  await built.start()
  await services.clock.advance(0)
  return { services, task: built, marks: () => services.log.texts('info').filter(text => text.includes('mark = ')) }
}

const main = `<sequence xmlns="${SYNAPSE}" name="main">${mark('ran')}</sequence>`
const task = (inside: string, attributes = ''): string =>
  `<task xmlns="${SYNAPSE}" name="T" ${attributes}>${inside}</task>`
const property = (name: string, value: string): string => `<property name="${name}" value="${value}"/>`

test('a task with an interval runs at once and then every so many seconds', async () => {
  const { services, task: running, marks } = await rigOf(task('<trigger interval="5"/>'), main)
  assert.equal(marks().length, 1)
  assert.equal(running.state.nextRun, services.clock.now() + 5000)
  await services.clock.advance(4999)
  assert.equal(marks().length, 1)
  await services.clock.advance(1)
  assert.equal(marks().length, 2)
  await services.clock.advance(15_000)
  assert.equal(marks().length, 5)
  await running[Symbol.asyncDispose]()
  assert.equal(services.clock.armed, 0)
})

test('a count ends it, and it says so', async () => {
  const { services, task: running, marks } = await rigOf(task('<trigger interval="1" count="3"/>'), main)
  await services.clock.advance(60_000)
  assert.equal(marks().length, 3)
  const { observed, reason, runs, nextRun } = running.state
  assert.deepEqual(
    { observed, reason, runs, nextRun },
    { observed: 'finished', reason: 'it has run as often as it was told to', runs: 3, nextRun: undefined },
  )
})

test('once="true", count="1" and no trigger at all are one run', async () => {
  for (const trigger of ['<trigger once="true"/>', '<trigger count="1"/>', '<trigger/>', '']) {
    const { services, marks } = await rigOf(task(trigger), main)
    await services.clock.advance(60_000)
    assert.equal(marks().length, 1, trigger)
  }
})

test('a cron expression is told as written, with its next time', async () => {
  const { task: running, marks } = await rigOf(task('<trigger cron="0 0 3 1 1 ? 2098"/>'), main)
  assert.deepEqual(running.timetable, { kind: 'cron', expression: '0 0 3 1 1 ? 2098' })
  assert.equal(marks().length, 0)
  const daily = await rigOf(task('<trigger cron="0 0 3 * * ?"/>'), main)
  const { nextRun } = daily.task.state
  assert.equal(new Date(nextRun!).getHours(), 3)
  await running[Symbol.asyncDispose]()
  await daily.task[Symbol.asyncDispose]()
})

test('what contradicts itself, or cannot be read, is refused at its place', () => {
  const found = (inside: string, attributes = ''): string[] =>
    diagnosticsOf(task(`${inside}${property('message', 'x')}`, attributes))
      .filter(({ severity }) => severity === 'error')
      .map(({ message }) => message)
  assert.deepEqual(found('<trigger cron="0 0 3 * * ?" interval="5"/>'), ['a trigger has either cron or interval'])
  assert.match(found('<trigger cron="0 3 * *"/>')[0]!, /it has 4 fields/)
  assert.deepEqual(found('<trigger count="3"/>'), ['a count above 1 needs an interval'])
  assert.deepEqual(found('<trigger interval="0"/>'), ['the interval must be at least one second'])
  assert.deepEqual(found(property('injectTo', 'sequence')), ['the task does not say into which sequence'])
  assert.deepEqual(found(property('injectTo', 'proxy')), ['the task does not say into which proxy'])
  assert.deepEqual(found(property('injectTo', 'api')), ['"api" is nothing to inject into'])
  assert.deepEqual(found(property('format', 'soap')), ['"soap" is no format'])
})

test('a Java class without an extension is a warning, and every run fails and says what to put where', async () => {
  const xml = task('', 'class="com.acme.Nightly"')
  const [said] = diagnosticsOf(xml, { hasExtension: () => false })
  assert.deepEqual([said!.severity, said!.code, said!.at.column], ['warning', 'extension-missing', 56])
  assert.match(said!.hint!, /com\.acme\.Nightly\.mjs with a function execute\(task, properties\)/)
  const fault = await build('task', xml).run({ by: 'operator:test' })
  assert.equal(fault?.code, 'EXTENSION_MISSING')
  assert.match(fault?.message ?? '', /put com\.acme\.Nightly\.mjs with a function execute\(task, properties\)/)
})

test('an extension runs in the place of a Java class, and injects messages of its own', async () => {
  const services = fakeServices({
    extensions: extensionsOf({
      'com.acme.Nightly': {
        async execute(run: ExtensionTask, properties: ExtensionProperties) {
          await run.inject(
            { body: `{"mode":"${properties['mode']}"}`, contentType: 'application/json' },
            { sequence: 'in' },
          )
          await run.inject({ body: '<a/>', contentType: 'application/xml' }, { sequence: 'none' })
        },
      },
    }),
    registry: () => registry,
  })
  const registry = deployed(services, [`<sequence xmlns="${SYNAPSE}" name="in">${mark('in')}</sequence>`])
  const nightly = build('task', task(property('mode', 'full'), 'class="com.acme.Nightly"'), services)
  const fault = await nightly.run({ by: 'operator:test' })
  assert.equal(fault?.code, 'SEQUENCE_UNKNOWN')
  assert.deepEqual(nightly.properties, { mode: 'full' })
  assert.ok(services.log.texts('info').some(text => text.includes('mark = in')))
})

test('a misspelt property, a missing message and a name that is not deployed are warnings', () => {
  const places = placesOf(
    task(`${property('mesage', 'x')}${property('injectTo', 'sequence')}${property('sequenceName', 'S')}`),
  )
  assert.deepEqual(
    places.map(place => place.split(' ')[1]),
    ['unknown-property', 'missing'],
  )
})

test('properties may be in the namespace the tools of WSO2 write', async () => {
  const written = `<task:property xmlns:task="http://www.wso2.org/products/wso2commons/tasks" name="message"><a xmlns=""/></task:property>`
  const { marks } = await rigOf(
    task(written),
    `<sequence xmlns="${SYNAPSE}" name="main"><log level="custom"><property name="mark" expression="local-name($body/*)"/></log></sequence>`,
  )
  assert.match(marks()[0]!, /mark = a$/)
})

const look = (what: string): string =>
  `<sequence xmlns="${SYNAPSE}" name="look"><log level="custom"><property name="mark" expression="${what}"/></log></sequence>`
const intoLook = `${property('injectTo', 'sequence')}${property('sequenceName', 'look')}`

test('a message of XML goes in as SOAP 1.1 with its address and action', async () => {
  const inside = `${intoLook}${property('to', 'http://h/p')}${property('soapAction', 'urn:a')}<property name="message"><q xmlns="urn:q">7</q></property>`
  const said = async (what: string): Promise<string> => (await rigOf(task(inside), look(what))).marks()[0]!
  assert.match(await said("concat($body/*, ' ', get-property('MESSAGE_FORMAT'))"), /mark = 7 soap11$/)
  assert.match(await said("concat(get-property('To'), ' ', get-property('Action'))"), /mark = http:\/\/h\/p urn:a$/)
})

test('format chooses SOAP 1.2 or plain XML; JSON stays JSON and text text', async () => {
  const said = async (inside: string, what: string): Promise<string> =>
    (await rigOf(task(`${intoLook}${inside}`), look(what))).marks()[0]!
  const xml = '<property name="message"><q/></property>'
  const format = "get-property('MESSAGE_FORMAT')"
  assert.match(await said(`${property('format', 'soap12')}${xml}`, format), /mark = soap12$/)
  assert.match(await said(`${property('format', 'pox')}${xml}`, format), /mark = pox$/)
  assert.match(await said('<property name="message">{"a": [1, 2]}</property>', 'json-eval($.a[1])'), /mark = 2$/)
  assert.match(await said('<property name="message" value="{&quot;a&quot;: 3}"/>', 'json-eval($.a)'), /mark = 3$/)
  assert.match(await said('<property name="message" value="hello"/>', '$body/*'), /mark = hello$/)
})

test('format get sends the children of the message as a query', async () => {
  const { services } = await rigOf(
    task(`${intoLook}${property('format', 'get')}<property name="message"><q><s>IBM</s></q></property>`),
    `<sequence xmlns="${SYNAPSE}" name="look"><call><endpoint><address uri="http://h/p"/></endpoint></call></sequence>`,
  )
  const [{ request }] = services.sent as [(typeof services.sent)[number]]
  assert.deepEqual(
    [request.flag('HTTP_METHOD'), request.flag('messageType')],
    ['GET', 'application/x-www-form-urlencoded'],
  )
})

test('a message of the registry is read for every run', async () => {
  let text = '<a>1</a>'
  const services = fakeServices({ registry: () => registry })
  const entry = { key: 'gov:/m.xml', contentType: 'application/xml', text: () => text }
  const registry: Registry = deployed(services, [look('$body/*')], { 'local-entry': { 'gov:/m.xml': entry } })
  const built = build(
    'task',
    task(`<trigger interval="1"/>${intoLook}${property('registryKey', 'gov:/m.xml')}`),
    services,
  )
  await built.start()
  await services.clock.advance(0)
  text = '<a>2</a>'
  await services.clock.advance(1000)
  assert.deepEqual(
    services.log
      .texts('info')
      .filter(line => line.includes('mark'))
      .map(line => line.slice(-1)),
    ['1', '2'],
  )
  await built[Symbol.asyncDispose]()
})

test('a proxy goes on as if it had been called, and its reply ends there', async () => {
  const { services, marks } = await rigOf(
    task(`${property('injectTo', 'proxy')}${property('proxyName', 'P')}<property name="message"><q/></property>`),
    `<proxy xmlns="${SYNAPSE}" name="P"><target><inSequence><send><endpoint><address uri="http://h/p"/></endpoint></send></inSequence>
      <outSequence>${mark('out')}<respond/></outSequence></target></proxy>`,
  )
  assert.equal(services.sent.length, 1)
  assert.equal(services.sent[0]!.request.format, 'soap12')
  assert.equal(marks().length, 1)
})

test('a reply to what a sequence sends runs the main sequence', async () => {
  const { marks } = await rigOf(
    task(`${intoLook}<property name="message"><q/></property>`),
    `<sequence xmlns="${SYNAPSE}" name="look"><send><endpoint><address uri="http://h/p"/></endpoint></send></sequence>`,
    `<sequence xmlns="${SYNAPSE}" name="main"><in>${mark('in')}</in><out>${mark('out')}</out></sequence>`,
  )
  assert.deepEqual(
    marks().map(line => line.split('mark = ')[1]),
    ['out'],
  )
})

test('a run that fails runs the fault sequence, is counted, and the next one comes', async () => {
  const {
    services,
    task: running,
    marks,
  } = await rigOf(
    task('<trigger interval="1"/>'),
    `<sequence xmlns="${SYNAPSE}" name="main"><throwError type="X" errorMessage="not today"/></sequence>`,
    `<sequence xmlns="${SYNAPSE}" name="fault">${mark('handled')}</sequence>`,
  )
  await services.clock.advance(2000)
  assert.equal(marks().length, 3)
  const { runs, failures, lastRun } = running.state
  assert.deepEqual([runs, failures, lastRun?.error], [3, 3, 'not today'])
  await running[Symbol.asyncDispose]()
})

test('a sequence that is not deployed is a failed run that says so, and heals', async () => {
  const { services, task: running } = await rigOf(task(`<trigger interval="1"/>${intoLook}`))
  assert.match(running.state.lastRun!.error!, /Sequence named look cannot be found/)
  assert.ok(services.log.texts('error').some(line => line.includes('Sequence named look cannot be found')))
  await running[Symbol.asyncDispose]()
})

/** A back end that answers when it is told to. */
function slowBackEnd(services: FakeServices): () => void {
  const waiting: (() => void)[] = []
  const send = services.http.send.bind(services.http)
  Object.assign(services.http, {
    send: async (...given: Parameters<typeof send>) => {
      const reply = send(...given)
      await new Promise<void>(resolve => waiting.push(resolve))
      return reply
    },
  })
  return () => waiting.splice(0).forEach(answer => answer())
}

const calling = `<sequence xmlns="${SYNAPSE}" name="main"><call><endpoint><address uri="http://h/p"/></endpoint></call></sequence>`

async function slowRig(inside: string): Promise<{ services: FakeServices; running: Task; answer: () => void }> {
  const services = fakeServices({ registry: () => registry })
  const registry: Registry = deployed(services, [calling])
  const answer = slowBackEnd(services)
  const running = build('task', task(inside), services)
  await running.start()
  await services.clock.advance(0)
  return { services, running, answer }
}

test('runs overlap, but a back end that hangs cannot pile them up', async () => {
  const { services, running, answer } = await slowRig('<trigger interval="1"/>')
  await services.clock.advance(3000)
  assert.equal(services.sent.length, 4)
  assert.equal(running.state.observed, 'running')
  await services.clock.advance(60_000)
  assert.equal(services.sent.length, 20)
  assert.ok(services.log.texts('warn').some(line => line.includes('20 of its runs have not come to their end')))
  answer()
  await running[Symbol.asyncDispose]()
})

test('with isSequential a run waits for the one before it, and what was missed is made up for once', async () => {
  const { services, running, answer } = await slowRig(`<trigger interval="1"/>${property('isSequential', 'true')}`)
  await services.clock.advance(5000)
  assert.equal(services.sent.length, 1)
  answer()
  await services.clock.advance(0)
  assert.equal(services.sent.length, 2)
  answer()
  await services.clock.advance(0)
  assert.equal(services.sent.length, 2)
  await running[Symbol.asyncDispose]()
})

test('closing a task waits for its run', async () => {
  const { running, answer } = await slowRig('')
  let closed = false
  const closing = running[Symbol.asyncDispose]().then(() => (closed = true))
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(closed, false)
  answer()
  await closing
})

test('what an operator says holds over a restart, and a run can be asked for all the same', async () => {
  const { services, task: running, marks } = await rigOf(task('<trigger interval="1"/>'), main)
  await running.deactivate(BY, 'too noisy')
  await services.clock.advance(5000)
  assert.equal(marks().length, 1)
  const { wanted, observed, reason } = running.state
  assert.deepEqual({ wanted, observed, reason }, { wanted: 'inactive', observed: 'stopped', reason: 'too noisy' })
  await running.run(BY)
  assert.equal(marks().length, 2)
  await running[Symbol.asyncDispose]()

  const again = build('task', task('<trigger interval="1"/>'), services)
  await again.start()
  await services.clock.advance(5000)
  assert.equal(marks().length, 2)
  await again.activate(BY)
  await services.clock.advance(0)
  assert.equal(marks().length, 3)
  await again[Symbol.asyncDispose]()
})
