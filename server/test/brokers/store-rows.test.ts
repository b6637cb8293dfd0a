/** What the peers promise of a store at a broker, each with the broker going away in the middle of it. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { IntegrationError } from '../../kernel/errors.ts'
import { AppRig } from '../../testing/app-rig.ts'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import { freePorts } from '../../testing/ports.ts'
import { stored } from '../../testing/store-rig.ts'
import { orderClients, OrderDesk, orderService } from './orders.ts'
import { ready, realStore, storeXml } from './real-store.ts'
import { missingOurOwn, startBroker } from './servers/index.ts'
import type { RealServer } from './servers/index.ts'
import { storeBy } from './ways.ts'
import type { StoreAt, Way } from './ways.ts'

const WAIT_MS = 60_000

/** Orders of one step of a test. */
const PART = 50
/** For what a machine with much else to do delivers in a small part of it. */
const DRAIN_MS = 300_000

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, value) => value))

const storing = (store: string, more = ''): string =>
  `<proxy name="Orders" transports="http" xmlns="http://ws.apache.org/ns/synapse"><target><inSequence>
    <property name="FORCE_SC_ACCEPTED" value="true" scope="axis2"/><property name="OUT_ONLY" value="true"/>
    <store messageStore="${store}"/></inSequence>${more}</target></proxy>`

const REFUSED = `<faultSequence><payloadFactory media-type="json"><format>{"stored":false}</format><args/></payloadFactory>
  <property name="HTTP_SC" value="500" scope="axis2"/><respond/></faultSequence>`

const WAYS: readonly Way[] = [
  ['artemis-2.56.0', 'amqp'],
  ['artemis-2.44.0', 'amqp'],
  ['classic-6.3.1', 'amqp'],
  ['classic-5.18.3', 'openwire'],
  ['classic-5.17.2', 'openwire'],
  ['rabbitmq', 'rabbitmq'],
]

for (const [name, driver] of WAYS) {
  describe(`a store at ${name}, driver ${driver}`, { skip: await missingOurOwn(name) }, () => {
    let server: RealServer
    before(async () => {
      server = await startBroker(name)
    })
    after(() => server[Symbol.asyncDispose]())

    const at = (queue: string, port?: number): StoreAt => storeBy(driver, server, queue, port)
    const xmlOf = (store: string, { className, parameters }: StoreAt, more: Record<string, string> = {}): string =>
      storeXml(store, { ...parameters, ...more }, className)
    const orders = (desk: OrderDesk, { className, parameters }: StoreAt): Promise<AppRig> =>
      orderService(desk, parameters, { className })

    test('BI-1: 202 without a body, or 500 with one, and then nothing was stored', async () => {
      await using app = await AppRig.start({
        'store.xml': xmlOf('S', at('bi1')),
        'proxy.xml': storing('S', REFUSED),
      })
      const kept = await app.post('/services/Orders', '<order>1</order>')
      assert.deepEqual([kept.status, kept.text], [202, ''])
      await server.kill()
      const lost = await app.post('/services/Orders', '<order>2</order>')
      assert.deepEqual([lost.status, lost.text], [500, '{"stored":false}'])
      await server.start()
      const { store } = realStore(at('bi1'))
      const consumer = await store.consumer()
      const delivery = await consumer.take(WAIT_MS)
      assert.match(Buffer.from(delivery!.message.body).toString(), /<order>1<\/order>/)
      await delivery!.ack()
      assert.equal(await consumer.take(0), null)
      await store[Symbol.asyncDispose]()
    })

    test('BI-2: every byte, every header, and those that repeat, come back as they were', async () => {
      const { store } = realStore(at('bi2'))
      const message = {
        ...stored('', {}, 'all'),
        contentType: 'application/octet-stream',
        body: ALL_BYTES,
        headers: ['Content-Type', 'application/octet-stream', 'Company', 'WSO2', 'X-A', 'one', 'X-A', 'two'],
      }
      await store.producer.put(message)
      const consumer = await store.consumer()
      const delivery = await consumer.take(WAIT_MS)
      assert.deepEqual(Buffer.from(delivery!.message.body), ALL_BYTES)
      assert.deepEqual(delivery!.message.headers, message.headers)
      await delivery!.ack()
      await store[Symbol.asyncDispose]()
    })

    test('BI-5: with the first two stores of a chain away, the third has the message', async () => {
      const [first, second] = await freePorts(2)
      const next = (store: string): Record<string, string> => ({
        'store.producer.guaranteed.delivery.enable': 'true',
        'store.failover.message.store.name': store,
      })
      await using app = await AppRig.start({
        'one.xml': xmlOf('One', at('q', first), next('Two')),
        'two.xml': xmlOf('Two', at('q', second), next('Three')),
        'three.xml': xmlOf('Three', at('bi5')),
        'proxy.xml': storing('One'),
      })
      assert.equal((await app.post('/services/Orders', '<order>1</order>')).status, 202)
      const { store } = realStore(at('bi5'))
      const delivery = await (await store.consumer()).take(WAIT_MS)
      assert.match(Buffer.from(delivery!.message.body).toString(), /<order>1<\/order>/)
      await delivery!.ack()
      await store[Symbol.asyncDispose]()
    })

    test('WF-9, BI-14: started before its broker, it takes orders at once and delivers them, without a restart', async () => {
      await server.stop()
      await using desk = await OrderDesk.open()
      await using app = await orders(desk, at('wf9'))
      await using load = orderClients(app.port, 'o')
      load.acceptUpTo(PART)
      await load.until(PART)
      assert.equal(desk.seen.size, 0)
      load.acceptUpTo(2 * PART)
      await server.start()
      await load.until(2 * PART)
      await load.quiet()
      await desk.until(load.accepted, DRAIN_MS)
      assert.deepEqual(new Set(load.orders.map(({ status }) => status)), new Set([202]))
    })

    test('WF-12: a broker that dies with the message in hand never makes it a success', async () => {
      await using proxy = await startFaultProxy({ targetPort: server.port(driver) })
      const { store } = realStore(at('wf12', proxy.port))
      await ready(store)
      await store.producer.put(stored('<warm/>'))
      server.pause()
      const before = proxy.passed.up
      const put = store.producer.put(stored('<a/>')).then(
        () => 'stored',
        ({ code }: IntegrationError) => code,
      )
      // The message is on its way then: what is frozen takes it into its socket and no further.
      await proxy.waitFor(({ passed }) => passed.up > before, WAIT_MS)
      await server.kill()
      assert.equal(await put, 'STORE_UNAVAILABLE')
      await store[Symbol.asyncDispose]()
      await server.start()
    })

    test('BI-13: killed three times under traffic, it goes on each time by itself', async () => {
      await using desk = await OrderDesk.open()
      await using app = await orders(desk, at('bi13'))
      await using load = orderClients(app.port, 'o')
      for (let kill = 0; kill < 3; kill++) {
        const before = load.accepted
        load.acceptUpTo(before + 2 * PART)
        await load.until(before + PART)
        await server.kill()
        // What comes while it is away is bounded, however long a start takes on this machine.
        await load.until(before + 2 * PART)
        const delivered = desk.seen.size
        load.acceptUpTo(before + 3 * PART)
        await server.start()
        await desk.until(delivered + PART, DRAIN_MS)
      }
      await load.quiet()
      await desk.until(load.accepted, DRAIN_MS)
      assert.deepEqual(new Set(load.orders.map(({ status }) => status)), new Set([202]))
      assert.deepEqual(
        [...desk.seen].filter(([, times]) => times > 1),
        [],
      )
    })
  })
}
