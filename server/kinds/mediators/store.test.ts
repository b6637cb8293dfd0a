import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MessageStore, Registry, StoredMessage } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { fakeStore } from '../../testing/fake-registry.ts'
import {
  contextOf,
  deployed,
  diagnosticsOf,
  fakeServices,
  faultOf,
  mediate,
  SYNAPSE,
  type Given,
} from '../../testing/rig.ts'

const JOURNAL = (name: string): string => `<messageStore xmlns="${SYNAPSE}" name="${name}"/>`
const MEMORY = 'org.apache.synapse.message.store.impl.memory.InMemoryStore'

/** A primary store as `<messageStore>` makes it, so that deadline, retries and failover are the real ones. */
function primary(parameters: Readonly<Record<string, string>>): string {
  const inside = Object.entries(parameters).map(([name, value]) => `<parameter name="${name}">${value}</parameter>`)
  return `<messageStore xmlns="${SYNAPSE}" name="orders" class="${MEMORY}"><parameter name="store.limit">1</parameter>${inside.join('')}</messageStore>`
}

const guaranteed = {
  'store.producer.guaranteed.delivery.enable': 'true',
  'store.failover.message.store.name': 'failover',
}

const broken = (ambiguous = false): IntegrationError =>
  new IntegrationError('STORE_UNAVAILABLE', 'the broker is away', { ambiguous })

/** A store of another make that fails, with the failover chain the artifact would give it. */
function failing(name: string, failover?: string, put?: (message: StoredMessage) => Promise<void>): MessageStore {
  return fakeStore(name, {
    ...(failover !== undefined && { failover }),
    producer: { put: put ?? (() => Promise.reject(broken())) },
  })
}

async function held(runtime: Registry, name: string): Promise<StoredMessage[]> {
  const messages: StoredMessage[] = []
  for await (const { message } of runtime.find('message-store', name)!.browse()) messages.push(message)
  return messages
}

const STORE = '<store messageStore="orders"/>'

test('the message is in the store before the flow goes on', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [JOURNAL('orders')])
  const given: Given = {
    runtime,
    body: '<order/>',
    headers: { 'X-Trace': '7' },
    properties: { OUT_ONLY: 'true' },
    action: 'urn:placeOrder',
  }
  const { outcome } = await mediate(STORE, given, services)
  assert.equal(outcome, 'next')
  const [message] = await held(runtime, 'orders')
  assert.equal(Buffer.from(message!.body).toString(), '<order/>')
  assert.equal(message!.envelope.action, 'urn:placeOrder')
  assert.equal(message!.envelope.properties['OUT_ONLY'], 'true')
  assert.ok(message!.headers.includes('X-Trace'))
})

test('a streamed body is collected and stored byte for byte', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [JOURNAL('orders')])
  await mediate(STORE, { runtime, streamed: true, body: '<a  b = "c"/>' }, services)
  assert.equal(Buffer.from((await held(runtime, 'orders'))[0]!.body).toString(), '<a  b = "c"/>')
})

test('the store can be computed for each message', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [JOURNAL('north'), JOURNAL('south')])
  const xml = '<store messageStore="{get-property(\'region\')}"/>'
  await mediate(xml, { runtime, properties: { region: 'south' } }, services)
  assert.deepEqual([(await held(runtime, 'north')).length, (await held(runtime, 'south')).length], [0, 1])
})

test('the sequence runs before the message is stored; its outcome, or its absence, does not prevent that', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [
    JOURNAL('orders'),
    `<sequence xmlns="${SYNAPSE}" name="before"><property name="added" value="x"/><drop/></sequence>`,
  ])
  await mediate('<store messageStore="orders" sequence="before"/>', { runtime }, services)
  await mediate('<store messageStore="orders" sequence="missing"/>', { runtime }, services)
  const messages = await held(runtime, 'orders')
  assert.deepEqual(
    messages.map(({ envelope }) => envelope.properties['added']),
    ['x', undefined],
  )
})

test('an unknown store is a fault, without failover', async () => {
  const fault = await faultOf(mediate(STORE))
  assert.equal(fault.code, 'STORE_UNKNOWN')
  assert.match(fault.message, /does not exist/)
})

test('V15, WF-1: what the primary store refuses is in the failover store under its id, and the flow goes on', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [primary(guaranteed), JOURNAL('failover')])
  const first = await mediate(STORE, { runtime, body: '<one/>' }, services)
  const second = await mediate(STORE, { runtime, body: '<two/>' }, services)
  assert.deepEqual([first.outcome, second.outcome], ['next', 'next'])
  const [message] = await held(runtime, 'failover')
  assert.equal(Buffer.from(message!.body).toString(), '<two/>')
})

test('P3: a store that throws where it must not is a failure like any other', async () => {
  const services = fakeServices()
  const thrown = failing('orders', 'failover', () => Promise.reject(new TypeError('undefined is not a function')))
  const runtime = deployed(services, [JOURNAL('failover')], { 'message-store': { orders: thrown } })
  await mediate(STORE, { runtime }, services)
  assert.equal((await held(runtime, 'failover')).length, 1)
})

test('P3, P5: after a confirm that did not come in time the failover copy has the same id', async () => {
  const services = fakeServices()
  const ids: string[] = []
  const runtime = deployed(services, [primary(guaranteed), JOURNAL('failover')])
  const orders = runtime.find('message-store', 'orders')!
  const hung = {
    ...orders,
    producer: { put: (message: StoredMessage) => (ids.push(message.id), Promise.reject(broken(true))) },
  }
  const again = deployed(services, [JOURNAL('failover')], { 'message-store': { orders: hung } })
  await mediate(STORE, { runtime: again }, services)
  assert.deepEqual(
    (await held(again, 'failover')).map(({ id }) => id),
    ids,
  )
})

test('the chain may be longer than one', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [JOURNAL('last')], {
    'message-store': { orders: failing('orders', 'second'), second: failing('second', 'last') },
  })
  await mediate(STORE, { runtime }, services)
  assert.equal((await held(runtime, 'last')).length, 1)
})

test('V16 with our result, WF-1: if no store takes it the flow faults with the words of Synapse, and nobody was answered', async () => {
  const services = fakeServices()
  const stores = { orders: failing('orders', 'failover'), failover: failing('failover') }
  const ctx = contextOf({ runtime: deployed(services, [], { 'message-store': stores }) })
  const fault = await faultOf(mediate(STORE, ctx, services))
  assert.equal(fault.code, 'STORE_FAILED')
  assert.match(
    fault.message,
    /^Failed to store message \[[\w-]+\] in failover store \[failover\]\. the broker is away$/,
  )
  assert.deepEqual([ctx.answers, ctx.acknowledged], [[], []])
  assert.equal(ctx.properties.get('HTTP_SC'), 500)
  assert.equal(ctx.properties.get('ERROR_DETAIL'), 'Failed to store message.')
  assert.match(String(ctx.properties.get('ERROR_MESSAGE')), /in failover store \[failover\]\.$/)
})

test('without the flag the failover store is not used', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [
    primary({ 'store.failover.message.store.name': 'failover' }),
    JOURNAL('failover'),
  ])
  await mediate(STORE, { runtime }, services)
  const fault = await faultOf(mediate(STORE, { runtime }, services))
  assert.match(fault.message, /in store \[orders\]\. store orders holds 1 messages/)
  assert.equal((await held(runtime, 'failover')).length, 0)
})

test('a failover store that is not deployed is named in the fault', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [], { 'message-store': { orders: failing('orders', 'gone') } })
  const fault = await faultOf(mediate(STORE, { runtime }, services))
  assert.match(fault.message, /Its failover store gone is not deployed\./)
})

test('WF-12: no confirm, no success: while the store is silent the flow waits, and past the deadline it faults', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [JOURNAL('orders')])
  services.journal.stall = new Promise(() => {})
  const running = faultOf(mediate(STORE, { runtime }, services))
  await services.clock.advance(10_499)
  let over = false
  void running.then(() => (over = true))
  await services.clock.advance(0)
  assert.equal(over, false)
  await services.clock.advance(1)
  const fault = await running
  assert.match(fault.message, /did not confirm message [\w-]+ within 10500 ms/)
  assert.equal(fault.ambiguous, true, 'it may be there all the same')
})

test('storing is tried again as often as the store says, before the failover store is used', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [
    primary({ ...guaranteed, 'store.producer.retry.count': '2', 'store.producer.retry.interval': '100' }),
    JOURNAL('failover'),
  ])
  await mediate(STORE, { runtime, body: '<one/>' }, services)
  const running = mediate(STORE, { runtime, body: '<two/>' }, services)
  await services.clock.advance(299)
  assert.equal((await held(runtime, 'failover')).length, 0)
  await services.clock.advance(1)
  await running
  assert.equal((await held(runtime, 'failover')).length, 1)
})

test('a store that has room again takes the retried message', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [
    primary({ 'store.producer.retry.count': '1', 'store.producer.retry.interval': '100' }),
  ])
  await mediate(STORE, { runtime, body: '<one/>' }, services)
  const running = mediate(STORE, { runtime, body: '<two/>' }, services)
  await services.clock.advance(50)
  await runtime.find('message-store', 'orders')!.clear()
  await services.clock.advance(50)
  await running
  assert.equal(Buffer.from((await held(runtime, 'orders'))[0]!.body).toString(), '<two/>')
})

test('check: failover named and never used, asked for and not named, and no store at all', () => {
  const codes = (parameters: Readonly<Record<string, string>>): string[] =>
    diagnosticsOf(primary(parameters)).map(({ severity, code }) => `${severity} ${code}`)
  assert.ok(codes({ 'store.failover.message.store.name': 'failover' }).includes('warning failover-off'))
  assert.ok(codes({ 'store.producer.guaranteed.delivery.enable': 'true' }).includes('hint failover-missing'))
  assert.ok(codes({ 'store.jms.destination': 'x' }).includes('hint no-effect'))
  const without = diagnosticsOf(`<sequence xmlns="${SYNAPSE}" name="s"><store/></sequence>`)
  assert.ok(without.some(({ severity, message }) => severity === 'error' && message.includes('messageStore')))
})
