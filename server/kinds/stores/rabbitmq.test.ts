import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildArtifact } from '../../deploy/build.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { Consumer, Delivery, MessageStore } from '../../kernel/contracts.ts'
import { Catalog } from '../../schema/catalog.ts'
import { decodeFile } from '../../schema/decode.ts'
import { FakeRabbit } from '../../testing/fake-rabbit.ts'
import { storeContract } from '../../testing/store-contract.ts'
import { RigDisk, stored, StoreRig } from '../../testing/store-rig.ts'
import messageStore from '../artifacts/message-store.ts'
import journal from './journal.ts'
import rabbitmq, { rabbitStore } from './rabbitmq.ts'

const CLASS = 'org.apache.synapse.message.store.impl.rabbitmq.RabbitMQStore'

function xml(parameters: Readonly<Record<string, string>> = {}, className = CLASS): string {
  const inside = Object.entries(parameters).map(([name, value]) => `<parameter name="${name}">${value}</parameter>`)
  return `<messageStore name="S" class="${className}">${inside.join('')}</messageStore>`
}

/** The store's own half, with time that passes. */
function storeAt(
  rabbit: FakeRabbit,
  parameters: Readonly<Record<string, string>> = {},
  { disk = new RigDisk(), confirmMs = 5000 } = {},
) {
  const rig = new StoreRig({ disk })
  const { artifacts } = decodeFile(xml(parameters), 'test.xml', {
    catalog: new Catalog([messageStore, journal, rabbitStore(rabbit.dialer)]),
    compile: () => assert.fail(),
    substitute: value => ({ value }),
    resource: () => undefined,
  })
  const services = {
    ...rig.services,
    clock: systemClock,
    settings: { ...rig.services.settings, storeConfirmDeadline: confirmMs },
  }
  return { rig, store: buildArtifact(artifacts[0]!.node!, services) as MessageStore }
}

storeContract('rabbitmq', async () => {
  const rabbit = new FakeRabbit()
  const disk = new RigDisk()
  const opened = [storeAt(rabbit, {}, { disk }).store]
  return {
    store: opened[0]!,
    async reopen() {
      rabbit.cut()
      opened.push(storeAt(rabbit, {}, { disk }).store)
      return opened.at(-1)!
    },
    async [Symbol.asyncDispose]() {
      for (const store of opened) await store[Symbol.asyncDispose]()
    },
  }
})

async function takeFrom(consumer: Consumer): Promise<Delivery> {
  const delivery = await consumer.take(10_000)
  assert.ok(delivery)
  return delivery
}

test('the queue has the name of the store, is looked for, and made durable where it does not exist', async () => {
  const rabbit = new FakeRabbit()
  const { store } = storeAt(rabbit)
  await using _ = store
  await store.producer.put(stored('<a/>'))
  assert.deepEqual(rabbit.declared, ['queue S'])
  assert.equal(rabbit.queues.get('S')!.arguments['durable'], true)
  const { exchange, routingKey, options } = rabbit.published[0]!
  assert.deepEqual([exchange, routingKey, options.mandatory, options.persistent], ['', 'S', true, true])
})

test('a queue that was just made, and what is in it, outlives a kill of the broker', async () => {
  const rabbit = new FakeRabbit()
  const { store } = storeAt(rabbit)
  await using _ = store
  await store.producer.put(stored('<a/>'))
  rabbit.crash()
  await using consumer = await store.consumer()
  assert.equal((await takeFrom(consumer)).message.body.toString(), '<a/>')
  assert.equal(rabbit.exchanges.get('amq.direct')?.size, 0, 'nothing stays bound')
})

test('a user who may make a queue and bind nothing can store in it', async () => {
  const rabbit = new FakeRabbit()
  rabbit.mayBind = false
  const { store } = storeAt(rabbit)
  await using _ = store
  await store.producer.put(stored('<a/>'))
  assert.equal(rabbit.published.length, 1)
})

test('a queue that exists is used as it is, with whatever arguments its operator gave it', async () => {
  const rabbit = new FakeRabbit()
  rabbit.make('orders', { 'x-dead-letter-exchange': 'dlx' })
  const { store } = storeAt(rabbit, {
    'store.rabbitmq.queue.name': 'orders',
    'store.rabbitmq.queue.type': 'quorum',
  })
  await using _ = store
  await store.producer.put(stored('<a/>'))
  assert.deepEqual(rabbit.declared, [])
  assert.equal(rabbit.depth('orders'), 1)
})

test('a quorum queue is made where one is asked for', async () => {
  const rabbit = new FakeRabbit()
  const { store } = storeAt(rabbit, { 'store.rabbitmq.queue.type': 'quorum' })
  await using _ = store
  await store.producer.put(stored('<a/>'))
  assert.equal(rabbit.queues.get('S')!.arguments['x-queue-type'], 'quorum')
})

test('with an exchange the queue is bound to it by the routing key; those of the broker are not declared', async () => {
  for (const exchange of ['orders-in', 'amq.direct']) {
    const rabbit = new FakeRabbit()
    rabbit.exchanges.set('amq.direct', new Map())
    const { store } = storeAt(rabbit, {
      'store.rabbitmq.exchange.name': exchange,
      'store.rabbitmq.route.key': 'eu',
    })
    await using _ = store
    await store.producer.put(stored('<a/>'))
    assert.deepEqual(rabbit.declared, exchange === 'orders-in' ? ['exchange orders-in', 'queue S'] : ['queue S'])
    assert.deepEqual([...rabbit.exchanges.get(exchange)!], [['eu', ['S']]])
    assert.equal(rabbit.depth('S'), 1)
  }
})

test('P1: a message that no queue takes is refused, although the broker confirms it; the next one looks for the queue anew', async () => {
  const rabbit = new FakeRabbit()
  const { store } = storeAt(rabbit)
  await using _ = store
  await store.producer.put(stored('<a/>'))
  rabbit.deleteQueue('S')
  await assert.rejects(store.producer.put(stored('<b/>')), {
    code: 'BROKER_REFUSED',
    ambiguous: false,
    message: /no queue takes messages for queue S \(NO_ROUTE\)/,
  })
  await store.producer.put(stored('<c/>'))
  assert.equal(rabbit.depth('S'), 1)
})

test('P1: of two messages in flight with one id, the one that came back is refused', async () => {
  const rabbit = new FakeRabbit()
  const { store } = storeAt(rabbit)
  await using _ = store
  await store.producer.put(stored('<a/>', {}, 'a'))
  const first = store.producer.put(stored('<b/>', {}, 'same'))
  const second = store.producer.put(stored('<b/>', {}, 'same'))
  rabbit.deleteQueue('S')
  const outcomes = await Promise.allSettled([first, second])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
})

test('a queue at its limit makes the store full, until it takes a message again', async () => {
  const rabbit = new FakeRabbit()
  const { store } = storeAt(rabbit)
  await using _ = store
  await store.producer.put(stored('<a/>'))
  rabbit.mood = 'refuses'
  await assert.rejects(store.producer.put(stored('<b/>')), { code: 'STORE_UNAVAILABLE', ambiguous: false })
  assert.equal(store.status.state, 'full')
  rabbit.mood = 'keeps'
  await store.producer.put(stored('<c/>'))
  assert.equal(store.status.state, 'ready')
  assert.equal(rabbit.depth('S'), 2)
})

test('P3: a confirm that does not come in time is tried once more on a fresh connection, and then it is in doubt', async () => {
  const rabbit = new FakeRabbit()
  const { store } = storeAt(rabbit, {}, { confirmMs: 60 })
  await using _ = store
  await store.producer.put(stored('<a/>'))
  rabbit.mood = 'silent'
  await assert.rejects(store.producer.put(stored('<b/>', {}, 'b')), { code: 'STORE_UNAVAILABLE', ambiguous: true })
  assert.deepEqual(
    rabbit.published.slice(1).map(({ options }) => options.messageId),
    ['b', 'b'],
  )
  assert.equal(rabbit.connections, 2)
})

test('while an alarm of the broker blocks publishers nothing is published; what waited goes out when it is over', async () => {
  const rabbit = new FakeRabbit()
  const { store } = storeAt(rabbit)
  await using _ = store
  await store.producer.put(stored('<a/>'))
  rabbit.block('low on disk')
  const waiting = store.producer.put(stored('<b/>'))
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(rabbit.published.length, 1)
  rabbit.unblock()
  await waiting
  assert.equal(rabbit.depth('S'), 2)
})

test('an alarm that lasts longer than a confirm may take sends the message to the failover store, and says why', async () => {
  const rabbit = new FakeRabbit()
  const { store } = storeAt(rabbit, {}, { confirmMs: 60 })
  await using _ = store
  await store.producer.put(stored('<a/>'))
  rabbit.block('low on disk')
  await assert.rejects(store.producer.put(stored('<b/>')), {
    code: 'STORE_UNAVAILABLE',
    ambiguous: false,
    message: /lets nothing be sent \(low on disk\)/,
  })
  assert.equal(store.status.state, 'full')
})

test('WF-9: a broker that is away when the store is deployed is used the moment it is there', async () => {
  const rabbit = new FakeRabbit()
  rabbit.away = true
  const { store } = storeAt(rabbit)
  await using _ = store
  await assert.rejects(store.producer.put(stored('<a/>')), { code: 'STORE_UNAVAILABLE', ambiguous: false })
  assert.equal(await store.depth(), -1)
  rabbit.away = false
  await new Promise<void>(resolve => store.onReady(resolve))
  await store.producer.put(stored('<b/>'))
  assert.equal(await store.depth(), 1)
})

test('BI-13: a consumer that waits survives its broker', async () => {
  const rabbit = new FakeRabbit()
  const { store } = storeAt(rabbit)
  await using _ = store
  await using consumer = await store.consumer()
  for (const text of ['<a/>', '<b/>', '<c/>']) {
    await store.producer.put(stored(text))
    const delivery = await takeFrom(consumer)
    assert.equal(Buffer.from(delivery.message.body).toString(), text)
    await delivery.ack()
    const pending = consumer.take(10_000)
    await new Promise(resolve => setImmediate(resolve))
    rabbit.cut()
    await assert.rejects(pending, { code: 'STORE_UNAVAILABLE' })
    await new Promise<void>(resolve => store.onReady(resolve))
  }
})

test('a message whose acknowledgement got lost is not delivered again (P5)', async () => {
  const rabbit = new FakeRabbit()
  const { store } = storeAt(rabbit)
  await using _ = store
  await store.producer.put(stored('<a/>', {}, 'a'))
  await store.producer.put(stored('<b/>', {}, 'b'))
  const consumer = await store.consumer()
  const delivery = await takeFrom(consumer)
  rabbit.cut()
  await delivery.ack()
  await consumer[Symbol.asyncDispose]()
  await new Promise<void>(resolve => store.onReady(resolve))
  await using again = await store.consumer()
  assert.equal((await takeFrom(again)).message.id, 'b')
})

test('BI-10: broker: a rejected message is dead-lettered, once, and may come back', async () => {
  const rabbit = new FakeRabbit()
  rabbit.make('dead')
  rabbit.make('S', { 'x-dead-letter-routing-key': 'dead' })
  const { store } = storeAt(rabbit)
  await using _ = store
  await store.producer.put(stored('<a/>', {}, 'a'))
  await using consumer = await store.consumer()
  const delivery = await takeFrom(consumer)
  await delivery.fail({ error: 'refused', errorCode: 'CONNECT_FAILED', notBefore: 0 })
  assert.equal(await delivery.reject!(), true)
  assert.deepEqual([rabbit.depth('S'), rabbit.depth('dead')], [0, 1])
  const { content, properties } = rabbit.queues.get('dead')!.ready[0]!
  rabbit.put('S', content, { ...properties })
  const back = await takeFrom(consumer)
  assert.deepEqual([back.message.id, back.attempts], ['a', 0])
})

test('a queue with a single active consumer is read by one', async () => {
  const rabbit = new FakeRabbit()
  rabbit.make('S', { 'x-single-active-consumer': true })
  const { store } = storeAt(rabbit)
  await using _ = store
  await store.producer.put(stored('<a/>'))
  await store.producer.put(stored('<b/>'))
  await using consumer = await store.consumer()
  await assert.rejects(consumer.take(1000), { code: 'BROKER_REFUSED' })
  const one = await takeFrom(consumer)
  assert.equal(rabbit.queues.get('S')!.consumers.length, 1)
  await one.ack()
  const two = await takeFrom(consumer)
  assert.equal(Buffer.from(two.message.body).toString(), '<b/>')
  await two.ack()
  assert.equal(await consumer.take(0), null)
})

test('WF-10: messages of other programs are forwarded, whatever they say about themselves; a Java object is quarantined', async () => {
  const rabbit = new FakeRabbit()
  rabbit.make('S')
  rabbit.put('S', '{"order":1}', { contentType: 'application/json', headers: { company: 'WSO2', 'x-death': [{}] } })
  rabbit.put('S', '<order/>')
  const javaClass = 'org.apache.synapse.message.store.impl.commons.StorableMessage'
  const head = Buffer.from([0xac, 0xed, 0, 5, 0x73, 0x72, 0, javaClass.length])
  rabbit.put('S', Buffer.concat([head, Buffer.from(`${javaClass}rest`)]))
  rabbit.put('S', Buffer.from([0xff, 0xfe, 0]), { contentEncoding: 'gzip' })
  const { rig, store } = storeAt(rabbit)
  await using _ = store
  await using consumer = await store.consumer()
  const json = await takeFrom(consumer)
  assert.deepEqual([json.message.contentType, json.message.headers], ['application/json', ['company', 'WSO2']])
  await json.ack()
  const xml = await takeFrom(consumer)
  assert.equal(xml.message.contentType, 'text/xml')
  await xml.ack()
  const bytes = await takeFrom(consumer)
  assert.deepEqual(
    [bytes.message.contentType, bytes.message.headers],
    ['application/octet-stream', ['Content-Encoding', 'gzip']],
  )
  assert.equal(rig.quarantined.length, 1)
  assert.match(rig.quarantined[0]!.reason, /StorableMessage/)
})

// ── configuration ──

test('the class of the documents that does not load in Synapse means this store, too', () => {
  const rig = new StoreRig({ kinds: [messageStore, journal, rabbitmq] })
  assert.deepEqual(rig.check(xml()), [])
  assert.deepEqual(rig.check(xml({}, CLASS.replace('RabbitMQStore', 'RabbitmqStore'))), [])
})

test('what is wrong with addresses and TLS is said at its place, with what to do', () => {
  const rig = new StoreRig({ kinds: [messageStore, journal, rabbitmq] })
  const errors = (parameters: Readonly<Record<string, string>>): string[] =>
    rig
      .check(xml(parameters))
      .filter(({ severity }) => severity === 'error')
      .map(({ message, hint }) => `${message} | ${hint}`)
  assert.deepEqual(errors({ 'store.rabbitmq.host.name': 'a,b', 'store.rabbitmq.host.port': '5672' }), [])
  assert.match(
    errors({ 'store.rabbitmq.host.name': 'a,b,c', 'store.rabbitmq.host.port': '1,2' })[0]!,
    /number of hostnames must be equal to the number of ports: there are 3 and 2/,
  )
  assert.match(errors({ 'store.rabbitmq.host.port': 'x' })[0]!, /"x" is not a port/)
  const tls = { 'rabbitmq.connection.ssl.enabled': 'true' }
  assert.match(
    errors({ ...tls, 'rabbitmq.connection.ssl.keystore.location': 'conf/client.jks' })[0]!,
    /Java key store.*\| Convert it: keytool -importkeystore -srckeystore conf\/client.jks -destkeystore conf\/client.p12/,
  )
  assert.match(
    errors({ ...tls, 'rabbitmq.connection.ssl.truststore.location': 'conf/trust.p12' })[0]!,
    /is no PEM file.*\| Export them: keytool -list -rfc -keystore conf\/trust.p12 > conf\/trust.pem/,
  )
  const hints = rig.check(xml({ 'rabbitmq.connection.retry.count': '3' }))
  assert.deepEqual(
    hints.map(({ severity, code }) => `${severity} ${code}`),
    ['hint no-effect'],
  )
})
