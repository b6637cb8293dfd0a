import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint, MessageProcessor, MessageStore } from '../kernel/contracts.ts'
import { attr, defineArtifact, defineMediator, ref, text } from '../schema/index.ts'
import { Catalog } from '../schema/catalog.ts'
import { catalog, contextOf, decode, fakeServices, stored, type FakeServices } from '../testing/rig.ts'
import { fakeProcessor, fakeStore, fakeTask } from '../testing/fake-registry.ts'
import { memoryLog, type MemoryLog } from '../testing/memory-log.ts'
import { Deployer, type DeployReport } from './deployer.ts'
import { link } from './linker.ts'

const AT = { file: 'test.xml', line: 1, column: 1 }

/** What happened to the things of a test, in order. */
type Events = string[]

interface Rig {
  readonly events: Events
  readonly services: FakeServices
  readonly log: MemoryLog
  readonly deployer: Deployer
  deploy(files: Record<string, string>): Promise<DeployReport>
}

/** Stores and processors that only note what is done to them; everything else is real. */
function rig(options: { closing?: Record<string, Promise<void>>; drainMs?: number } = {}): Rig {
  const events: Events = []
  const made = (what: string): string => {
    events.push(`make ${what}`)
    return what
  }
  const close = (what: string) => async (): Promise<void> => {
    events.push(`closing ${what}`)
    await options.closing?.[what]
    events.push(`closed ${what}`)
  }
  const name = attr(text(), { required: true, doc: 'Name.' })
  const label = attr(text(), { doc: 'Tells versions apart.' })
  const common = {
    nameAttribute: 'name',
    nameOf: (config: { name: string | undefined }) => config.name ?? '',
    summary: 'For tests.',
    examples: [],
  }
  const storeKind = defineArtifact({
    ...common,
    role: 'message-store',
    tag: 'messageStore',
    fields: { name, label },
    create({ label }, env): MessageStore {
      if (label === 'impossible') throw new Error('no such disk')
      const what = made(`store ${env.name}${label ?? ''}`)
      return fakeStore(env.name, { type: label ?? '', [Symbol.asyncDispose]: close(what) })
    },
  })
  const processorKind = defineArtifact({
    ...common,
    role: 'message-processor',
    tag: 'messageProcessor',
    fields: { name, label, store: attr(ref('message-store'), { doc: 'Store.' }) },
    create({ label, store }, env): MessageProcessor {
      const what = made(`processor ${env.name}${label ?? ''}`)
      const start = async (): Promise<void> => {
        events.push(`start ${what} on revision ${deployer.current.revision}`)
        if (label === 'refusing') throw new Error('will not')
      }
      return fakeProcessor(env.name, store?.name ?? '', { start, [Symbol.asyncDispose]: close(what) })
    },
  })
  const failing = defineMediator({
    tag: 'impossible',
    summary: 'For tests.',
    fields: {},
    examples: [],
    create() {
      throw new Error('cannot be made')
    },
  })
  const kinds = catalog
    .walk()
    .filter(kind => !('nameAttribute' in kind) || !['messageStore', 'messageProcessor'].includes(kind.tag))
  const own = new Catalog([...kinds, storeKind, processorKind, failing])
  const log = memoryLog()
  const services = fakeServices()
  const deployer: Deployer = new Deployer({ services, log, drainMs: options.drainMs ?? 8_000 })
  return {
    events,
    services,
    log,
    deployer,
    deploy: files => {
      const decoded = Object.entries(files).map(([file, xml]) => decode(xml, { catalog: own }, file))
      return deployer.apply(link(decoded, { deployed: deployer.origins }))
    },
  }
}

const sequence = (name: string, inside = '<drop/>'): string => `<sequence name="${name}">${inside}</sequence>`
const marks = (name: string, text: string): string => sequence(name, `<property name="mark" value="${text}"/>`)
const store = (name: string, label = ''): string => `<messageStore name="${name}" label="${label}"/>`
const processor = (name: string, store: string, label = ''): string =>
  `<messageProcessor name="${name}" store="${store}" label="${label}"/>`

/** Runs a sequence of a snapshot and tells the mark it left. */
async function markOf(deployer: Deployer, name: string, registry = deployer.current): Promise<unknown> {
  const ctx = contextOf({ runtime: registry })
  await registry.get({ role: 'sequence', name, at: AT }).mediate(ctx)
  return ctx.properties.get('mark')
}

test('what is added answers from the next snapshot on, what changes answers anew, what is removed no longer', async () => {
  const { deployer, deploy, log } = rig()
  const first = await deploy({ 'a.xml': marks('a', 'one'), 'b.xml': marks('b', 'kept') })
  assert.deepEqual([first.revision, first.added, first.faulty], [1, ['sequence:a', 'sequence:b'], []])
  const before = deployer.current
  const second = await deploy({ 'a.xml': marks('a', 'two'), 'b.xml': marks('b', 'kept'), 'c.xml': sequence('c') })
  assert.deepEqual([second.added, second.replaced, second.removed], [['sequence:c'], ['sequence:a'], []])
  assert.equal(await markOf(deployer, 'a'), 'two')
  assert.equal(await markOf(deployer, 'a', before), 'one')
  assert.equal(deployer.current.find('sequence', 'b'), before.find('sequence', 'b'))
  const third = await deploy({ 'a.xml': marks('a', 'two') })
  assert.deepEqual(third.removed, ['sequence:b', 'sequence:c'])
  assert.throws(() => deployer.current.get({ role: 'sequence', name: 'b', at: AT }), {
    code: 'SEQUENCE_UNKNOWN',
    message: 'Sequence named b cannot be found',
  })
  assert.deepEqual(log.texts('info').slice(-3), [
    "Sequence named 'c' has been deployed from file : c.xml",
    "Sequence named 'b' has been undeployed",
    "Sequence named 'c' has been undeployed",
  ])
})

test('a broken file leaves what runs in place, says so once, and takes over when it is whole again (trap H37)', async () => {
  const { deployer, deploy, log } = rig()
  await deploy({ 'a.xml': marks('a', 'one'), 'b.xml': marks('b', 'x') })
  const broken = await deploy({ 'a.xml': sequence('a', '<nope/>'), 'b.xml': marks('b', 'y') })
  assert.deepEqual(
    broken.faulty.map(({ key }) => key),
    ['sequence:a'],
  )
  assert.deepEqual(
    broken.diagnostics.map(({ at }) => `${at.file}:${at.line}:${at.column}`),
    ['a.xml:1:20'],
  )
  assert.deepEqual([await markOf(deployer, 'a'), await markOf(deployer, 'b')], ['one', 'y'])
  await deploy({ 'a.xml': sequence('a', '<nope/>'), 'b.xml': marks('b', 'z') })
  assert.deepEqual(log.texts('error'), [
    "Sequence named 'a' of file a.xml is not deployed: one error; the version before it stays in service",
  ])
  await deploy({ 'a.xml': marks('a', 'two'), 'b.xml': marks('b', 'z') })
  assert.equal(await markOf(deployer, 'a'), 'two')
})

test('an artifact that cannot be made is faulty, keeps its old version, and the rest goes on', async () => {
  const { deployer, deploy } = rig()
  await deploy({ 'a.xml': marks('a', 'one'), 'm.xml': store('m', '1') })
  const report = await deploy({
    'a.xml': sequence('a', '<impossible/>'),
    'm.xml': store('m', 'impossible'),
    'n.xml': store('n', 'impossible'),
    'c.xml': marks('c', 'new'),
  })
  assert.deepEqual(report.faulty.map(({ key }) => key).sort(), ['message-store:m', 'message-store:n', 'sequence:a'])
  const [first] = report.diagnostics
  assert.deepEqual([first!.code, first!.message], ['cannot-start', 'sequence "a" cannot be started: cannot be made'])
  assert.deepEqual([report.added, report.replaced], [['sequence:c'], []])
  assert.equal(await markOf(deployer, 'a'), 'one')
  assert.equal(deployer.current.find('message-store', 'm')!.type, '1')
  assert.equal(deployer.current.find('message-store', 'n'), undefined)
})

test('a dangling reference deploys, faults when it is needed, and heals', async () => {
  const { deployer, deploy } = rig()
  const report = await deploy({ 'a.xml': sequence('a', '<sequence key="later"/>') })
  assert.deepEqual([report.faulty.length, report.diagnostics.map(({ code }) => code)], [0, ['dangling-reference']])
  await assert.rejects(markOf(deployer, 'a'), { code: 'SEQUENCE_UNKNOWN' })
  await deploy({ 'a.xml': sequence('a', '<sequence key="later"/>'), 'l.xml': marks('later', 'healed') })
  assert.equal(await markOf(deployer, 'a'), 'healed')
})

test('processors that go are stopped before the swap, those that come are started after it', async () => {
  const { deploy, events } = rig()
  await deploy({ 'p.xml': processor('p', 'm'), 'm.xml': store('m') })
  events.length = 0
  await deploy({ 'p.xml': processor('p', 'm', '2'), 'm.xml': store('m') })
  assert.deepEqual(events, [
    'make processor p2',
    'closing processor p',
    'closed processor p',
    'start processor p2 on revision 2',
  ])
})

test('a processor starts anew when its store changes, and the old store is closed last', async () => {
  const { deploy, events } = rig()
  await deploy({ 'p.xml': processor('p', 'm'), 'm.xml': store('m') })
  events.length = 0
  const report = await deploy({ 'p.xml': processor('p', 'm'), 'm.xml': store('m', '2') })
  await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(report.replaced, ['message-store:m', 'message-processor:p'])
  assert.deepEqual(events, [
    'make store m2',
    'make processor p',
    'closing processor p',
    'closed processor p',
    'start processor p on revision 2',
    'closing store m',
    'closed store m',
  ])
})

test('a store is closed only when the flows that may use it have ended', async () => {
  const { deploy, deployer, events } = rig()
  await deploy({ 'm.xml': store('m') })
  const entered = deployer.current
  entered.enter()
  await deploy({})
  await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(events, ['make store m'])
  assert.equal(entered.find('message-store', 'm')!.name, 'm')
  entered.leave()
  await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(events, ['make store m', 'closing store m', 'closed store m'])
})

test('a flow on an old snapshot keeps what later snapshots kept and then dropped', async () => {
  const { deploy, deployer, events } = rig()
  await deploy({ 'm.xml': store('m') })
  const entered = deployer.current
  entered.enter()
  await deploy({ 'm.xml': store('m'), 'a.xml': sequence('a') })
  await deploy({ 'a.xml': sequence('a') })
  await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(events, ['make store m'])
  entered.leave()
  await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(events, ['make store m', 'closing store m', 'closed store m'])
})

test('a flow that never ends delays the closing no longer than the drain time', async () => {
  const { deploy, deployer, events, services } = rig({ drainMs: 5_000 })
  await deploy({ 'm.xml': store('m') })
  deployer.current.enter()
  await deploy({})
  await services.clock.advance(4_999)
  assert.equal(events.at(-1), 'make store m')
  await services.clock.advance(1)
  assert.equal(events.at(-1), 'closed store m')
})

test('a processor that does not come to an end is left behind, and the deployment goes on', async () => {
  const { deploy, log, services, deployer } = rig({ closing: { 'processor p': new Promise(() => {}) }, drainMs: 3_000 })
  await deploy({ 'p.xml': processor('p', 'm') })
  const pending = deploy({ 'a.xml': marks('a', 'x') })
  await services.clock.advance(3_000)
  await pending
  assert.equal(await markOf(deployer, 'a'), 'x')
  assert.deepEqual(log.texts('error'), ["Message Processor 'p' is still closing after 3000 ms; it is left behind"])
})

test('a processor that refuses to start does not keep the others from starting', async () => {
  const { deploy, log, events } = rig()
  const report = await deploy({ 'p.xml': processor('p', 'm', 'refusing'), 'q.xml': processor('q', 'm') })
  assert.equal(report.added.length, 2)
  assert.deepEqual(events.filter(event => event.startsWith('start')).length, 2)
  assert.deepEqual(log.texts('error'), ["Message Processor 'p' did not start: will not"])
})

test('messages that go with a store in memory are counted aloud', async () => {
  const { deploy, deployer, log } = rig()
  await deploy({ 'm.xml': store('m') })
  await deployer.current.find('message-store', 'm')!.producer.put(stored('<a/>'))
  await deploy({})
  await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(log.texts('warn'), ["Message Store 'm' held 1 message(s) in memory; they are gone with it"])
})

test('deployments run one after the other, and none after the server has begun to stop', async () => {
  const { deploy, deployer, events } = rig()
  const [first, second] = await Promise.all([
    deploy({ 'm.xml': store('m') }),
    deploy({ 'm.xml': store('m'), 'p.xml': processor('p', 'm') }),
  ])
  assert.deepEqual([first.revision, second.revision], [1, 2])
  await deployer[Symbol.asyncDispose]()
  assert.deepEqual(events.slice(-4), ['closing processor p', 'closed processor p', 'closing store m', 'closed store m'])
  await assert.rejects(deploy({}), /stopping/)
})

test('an endpoint keeps its state when other artifacts change', async () => {
  const { deploy, deployer } = rig()
  const endpoint = '<endpoint name="e"><address uri="http://127.0.0.1:9/x"/></endpoint>'
  await deploy({ 'e.xml': endpoint })
  const found = (): Endpoint => deployer.current.find('endpoint', 'e')!
  found().status!.switchOff()
  await deploy({ 'e.xml': `\n${endpoint}`, 'a.xml': sequence('a') })
  assert.equal(found().status!.state, 'off')
})

test('a task begins when the server can be called, and ends before it no longer can', async () => {
  const events: string[] = []
  const taskKind = defineArtifact({
    role: 'task',
    tag: 'task',
    nameAttribute: 'name',
    nameOf: ({ name }) => name ?? '',
    summary: 'For tests.',
    fields: { name: attr(text(), { required: true, doc: 'Name.' }) },
    examples: [],
    create: (_config, { name }) =>
      fakeTask(name, {
        start: async () => void events.push(`start ${name}`),
        [Symbol.asyncDispose]: async () => void events.push(`closed ${name}`),
      }),
  })
  const services = fakeServices()
  const files = (...names: string[]): ReturnType<typeof link> =>
    link(names.map(name => decode(`<task name="${name}"/>`, { catalog: new Catalog([taskKind]) }, `${name}.xml`)))
  await using deployer = new Deployer({ services, log: services.log, drainMs: 1000, closed: true })
  await deployer.apply(files('early'))
  assert.deepEqual(events, [])
  await deployer.open()
  await deployer.apply(files('early', 'late'))
  assert.deepEqual(events, ['start early', 'start late'])
  await deployer.shut()
  assert.deepEqual(events.slice(2).sort(), ['closed early', 'closed late'])
})
