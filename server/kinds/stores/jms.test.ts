import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBroker, type Broker } from '../../broker/broker.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { Consumer, Delivery, MessageStore } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import { MemoryDisk, MemoryJournal } from '../../testing/memory-journal.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import { storeContract } from '../../testing/store-contract.ts'
import { RigDisk, stored, StoreRig } from '../../testing/store-rig.ts'
import messageStore from '../artifacts/message-store.ts'
import jms from './jms.ts'
import journal from './journal.ts'

const CLASS = 'org.apache.synapse.message.store.impl.jms.JmsStore'
const FACTORY = 'org.apache.activemq.jndi.ActiveMQInitialContextFactory'

function brokerOn(disk = new MemoryDisk(), port = 0): Promise<Broker> {
  return startBroker({ port, journal: new MemoryJournal(disk), log: memoryLog() })
}

/** The store's own half, with time that passes: what it owes is between it and a real broker. */
function storeAt(
  port: number,
  disk = new RigDisk(),
  more: { deduplication?: 'auto' | 'off'; destination?: string } = {},
) {
  const rig = new StoreRig({ disk })
  const services = {
    ...rig.services,
    clock: systemClock,
    settings: { ...rig.services.settings, storeConfirmDeadline: 5000 },
  }
  const store: MessageStore = jms.create(
    {
      initialFactory: FACTORY,
      providerUrl: `tcp://127.0.0.1:${port}`,
      destination: more.destination,
      connectionFactory: 'QueueConnectionFactory',
      username: undefined,
      password: undefined,
      protocol: 'auto',
      deduplication: more.deduplication ?? 'auto',
      prefetch: 1,
      specVersion: undefined,
      cacheConnection: undefined,
      receiveTimeout: 6000,
      classLoader: undefined,
      jndi: {},
    },
    {
      name: 'S',
      at: { file: 'test.xml', line: 1, column: 1 },
      owner: { role: 'message-store', name: 'S' },
      services,
      log: rig.log,
      flow: () => assert.fail(),
      endpoint: () => assert.fail(),
      prepare: () => undefined,
      quarantine: async (record, reason) => void rig.quarantined.push({ store: 'S', record, reason }),
    },
  )
  return { rig, store }
}

storeContract('jms', async () => {
  const broker = await brokerOn()
  const disk = new RigDisk()
  const opened = [storeAt(broker.address.port, disk).store]
  return {
    store: opened[0]!,
    reopen: async () => {
      // To the broker a killed process is a connection that went away.
      await opened[0]![Symbol.asyncDispose]()
      opened.push(storeAt(broker.address.port, disk).store)
      return opened.at(-1)!
    },
    async [Symbol.asyncDispose]() {
      for (const store of opened) await store[Symbol.asyncDispose]()
      await broker.stop()
    },
  }
})

/** As a worker does it: a broken connection is no answer. */
async function takeFrom(consumer: Consumer): Promise<Delivery> {
  for (;;) {
    try {
      const delivery = await consumer.take(10_000)
      assert.ok(delivery)
      return delivery
    } catch (thrown) {
      if (!(thrown instanceof IntegrationError) || thrown.code !== 'STORE_UNAVAILABLE') throw thrown
      await new Promise(resolve => setImmediate(resolve))
    }
  }
}

test('WF-4: without a destination the queue is the name of the store and _Queue, and the log says so', async () => {
  await using broker = await brokerOn()
  const { rig, store } = storeAt(broker.address.port)
  await using _ = store
  await store.producer.put(stored('<a/>'))
  assert.deepEqual(
    broker.queues().map(({ name, depth }) => [name, depth]),
    [['S_Queue', 1]],
  )
  assert.ok(rig.log.texts('warn').includes('Destination not provided. Setting default destination to [S_Queue].'))
})

test('WF-9: a broker that is away when the store is deployed is used the moment it is there', async () => {
  const first = await brokerOn()
  const { port } = first.address
  await first.stop()
  const { store } = storeAt(port)
  await using _ = store
  assert.notEqual(store.status.state, 'ready')
  await assert.rejects(store.producer.put(stored('<a/>')), { code: 'STORE_UNAVAILABLE', ambiguous: false })
  assert.equal(await store.depth(), -1)

  const ready = new Promise<void>(resolve => store.onReady(resolve))
  await using _broker = await brokerOn(new MemoryDisk(), port)
  await ready
  await store.producer.put(stored('<b/>'))
  assert.equal(store.status.state, 'ready')
  assert.equal(await store.depth(), 1)
})

test('a message whose acknowledgement got lost is not delivered again (P5)', async () => {
  await using broker = await brokerOn()
  await using proxy = await startFaultProxy({ targetPort: broker.address.port })
  const disk = new RigDisk()
  const { rig, store } = storeAt(proxy.port, disk)
  await using _ = store
  await store.producer.put(stored('<a/>', {}, 'a'))
  await store.producer.put(stored('<b/>', {}, 'b'))
  await using consumer = await store.consumer()
  const delivery = await takeFrom(consumer)
  proxy.cut()
  // The broker never hears of it; that it was delivered is in the journal.
  await delivery.ack()
  const next = await takeFrom(consumer)
  assert.equal(next.message.id, 'b')
  assert.equal(disk.windows.get('jms:S')!.get('a')!.done, true)
  assert.ok(rig.log.texts('info').some(text => text.includes('came again and is dropped')))
  await next.ack()
})

test('with deduplication off it is delivered again', async () => {
  await using broker = await brokerOn()
  await using proxy = await startFaultProxy({ targetPort: broker.address.port })
  const { store } = storeAt(proxy.port, new RigDisk(), { deduplication: 'off' })
  await using _ = store
  await store.producer.put(stored('<a/>', {}, 'a'))
  await using consumer = await store.consumer()
  const delivery = await takeFrom(consumer)
  proxy.cut()
  await delivery.ack()
  assert.equal((await takeFrom(consumer)).message.id, 'a')
})

test('as long as the journal cannot note a delivery, the broker is not told of it', async () => {
  await using broker = await brokerOn()
  const { rig, store } = storeAt(broker.address.port)
  await using _ = store
  await store.producer.put(stored('<a/>'))
  await using consumer = await store.consumer()
  const delivery = await takeFrom(consumer)
  rig.journal.failValues = new IntegrationError('JOURNAL_FAILED', 'no sync')
  await assert.rejects(delivery.ack(), { code: 'JOURNAL_FAILED' })
  assert.equal(await store.depth(), 1)
  rig.journal.failValues = null
  await delivery.ack()
  assert.equal(await consumer.take(0), null)
})

test('a message the broker takes back from one worker comes to the next only when the first has let go', async () => {
  await using broker = await brokerOn()
  await using proxy = await startFaultProxy({ targetPort: broker.address.port })
  const { store } = storeAt(proxy.port)
  await using _ = store
  await store.producer.put(stored('<a/>', {}, 'a'))
  await using first = await store.consumer()
  await using second = await store.consumer()
  const delivery = await takeFrom(first)
  proxy.cut()
  const ended = new Promise<void>(resolve => delivery.ended!.addEventListener('abort', () => resolve(), { once: true }))
  const pending = takeFrom(second)
  // Its retries are interrupted, but a send in flight may still succeed.
  await ended
  await delivery.ack()
  await store.producer.put(stored('<b/>', {}, 'b'))
  assert.equal((await pending).message.id, 'b', 'what the first worker has delivered is dropped')
})

test('a message moved on and back again is a new arrival for the broker and for us', async () => {
  await using broker = await brokerOn()
  const { store } = storeAt(broker.address.port)
  await using _ = store
  const message = stored('<a/>', {}, 'a')
  await store.producer.put(message)
  await using consumer = await store.consumer()
  await (await takeFrom(consumer)).ack()
  // The same once more: a repeated send, which the broker drops.
  await store.producer.put(message)
  assert.equal(await store.depth(), 0)
  await store.producer.put({ ...message, envelope: { ...message.envelope, hop: 1 } })
  const back = await takeFrom(consumer)
  assert.deepEqual([back.message.id, back.attempts], ['a', 0])
  await back.ack()
})

// ── configuration ──

function rigWithJms(): StoreRig {
  return new StoreRig({ kinds: [messageStore, journal, jms] })
}

function xml(parameters: Readonly<Record<string, string>>, className = CLASS): string {
  const inside = Object.entries(parameters).map(([name, value]) => `<parameter name="${name}">${value}</parameter>`)
  return `<messageStore name="S" class="${className}">${inside.join('')}</messageStore>`
}

const address = { 'java.naming.factory.initial': FACTORY, 'java.naming.provider.url': 'tcp://localhost:61616' }

test('both class names mean this store, and Java details are accepted with a hint', () => {
  const rig = rigWithJms()
  assert.deepEqual(rig.check(xml(address)), [])
  assert.deepEqual(rig.check(xml(address, 'org.wso2.carbon.message.store.persistence.jms.JMSMessageStore')), [])
  const found = rig.check(
    xml({
      ...address,
      'store.jms.JMSSpecVersion': '1.1',
      'store.jms.cache.connection': 'true',
      'store.jms.ConsumerReceiveTimeOut': '5000',
    }),
  )
  assert.deepEqual(
    found.map(({ code, severity }) => `${severity} ${code}`),
    Array(2).fill('hint no-effect'),
  )
})

test('without parameters, or at a broker inside a JVM, the store is refused with what to do', () => {
  const rig = rigWithJms()
  for (const parameters of [{}, { ...address, 'java.naming.provider.url': 'vm://localhost' }]) {
    const errors = rig.check(xml(parameters)).filter(({ severity }) => severity === 'error')
    assert.equal(errors.length, 1)
    assert.ok(errors[0]!.hint)
  }
})

test('stores of classes that are not offered are refused at their place as not supported', () => {
  const rig = rigWithJms()
  const found = rig.check(xml({}, 'org.apache.synapse.message.store.impl.resequencer.ResequenceMessageStore'))
  const refusal = found.find(({ severity }) => severity === 'error')!
  assert.equal(refusal.code, 'not-supported')
  assert.deepEqual([refusal.at.file, refusal.at.line], ['test.xml', 1])
  assert.match(refusal.message, /is not supported/)
})
