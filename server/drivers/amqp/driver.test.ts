import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import rhea from 'rhea'
import type { Container, Delivery, EventContext } from 'rhea'
import { startBroker } from '../../broker/broker.ts'
import type { Broker } from '../../broker/broker.ts'
import { ManualClock, systemClock } from '../../kernel/clock.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { StoredMessage } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { scriptedPeer, send, TestClient } from '../../testing/amqp-rig.ts'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import { MemoryJournal } from '../../testing/memory-journal.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import { JmsConnections, openQueue } from '../jms/index.ts'
import type { JmsQueue, JmsQueueOptions } from '../jms/index.ts'
import { IDLE_TIMEOUT, MAX_FRAME_SIZE, RECONNECTING } from '../jms/target.ts'
import type { BrokerTarget } from '../jms/target.ts'
import { dialAmqp } from './index.ts'

function targetOf(...ports: number[]): BrokerTarget {
  return {
    protocol: 'amqp',
    hosts: ports.map(port => ({ host: '127.0.0.1', port, tls: false })),
    reconnecting: { ...RECONNECTING, initialDelay: 1, maxDelay: 10 },
    idleTimeout: IDLE_TIMEOUT,
    maxFrameSize: MAX_FRAME_SIZE,
  }
}

function connectionsBy(clock: Clock): JmsConnections {
  return new JmsConnections({ clock, log: memoryLog(), random: () => 0.5, dialer: () => dialAmqp })
}

function queueAt(ports: number | readonly number[], options: Partial<JmsQueueOptions> = {}): JmsQueue {
  return openQueue({
    target: targetOf(...[ports].flat()),
    queue: 'q',
    clock: systemClock,
    connections: connectionsBy(options.clock ?? systemClock),
    ...options,
  })
}

function brokerOn(journal = new MemoryJournal(), port = 0): Promise<Broker> {
  return startBroker({ port, journal, log: memoryLog() })
}

function stored(id: string, text = `<order>${id}</order>`): StoredMessage {
  return {
    id,
    storedAt: 1,
    contentType: 'text/xml',
    body: Buffer.from(text),
    headers: [],
    envelope: { properties: {}, axis2: {} },
  }
}

const depthOf = (broker: Broker): number => broker.queues().find(({ name }) => name === 'q')?.depth ?? 0

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setImmediate(resolve))
}

/** A port nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** A server that greets with these bytes, or stays silent, and speaks no AMQP. */
async function greeter(bytes: Buffer): Promise<AsyncDisposable & { port: number }> {
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.on('data', () => {})
    if (bytes.length > 0) socket.write(bytes)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close()
    },
  }
}

test('what is put is taken by a consumer, the same, once', async () => {
  await using broker = await brokerOn()
  await using queue = queueAt(broker.address.port)
  await queue.put(stored('one'))
  await queue.put(stored('two'))
  const consumer = queue.consumer()
  const first = await consumer.take(5000)
  assert.deepEqual(
    { ...first!.message, body: Buffer.from(first!.message.body) },
    { ...stored('one'), envelope: { properties: {}, axis2: {} } },
  )
  await first!.ack()
  const second = await consumer.take(5000)
  assert.equal(second!.message.id, 'two')
  await second!.ack()
  assert.equal(await consumer.take(0), null)
  assert.equal(depthOf(broker), 0)
})

test('a consumer holds no more than its window', async () => {
  await using broker = await brokerOn()
  await using queue = queueAt(broker.address.port)
  for (const id of ['a', 'b', 'c']) await queue.put(stored(id))
  const one = queue.consumer({ window: 2 })
  assert.equal((await one.take(5000))!.message.id, 'a')
  assert.equal((await one.take(5000))!.message.id, 'b')
  const other = queue.consumer()
  assert.equal((await other.take(5000))!.message.id, 'c')
})

test('disposing a consumer gives back what it holds, in order and uncounted', async () => {
  await using broker = await brokerOn()
  await using queue = queueAt(broker.address.port)
  for (const id of ['a', 'b', 'c']) await queue.put(stored(id))
  const consumer = queue.consumer({ window: 3 })
  await consumer.take(5000)
  await consumer[Symbol.asyncDispose]()
  const next = queue.consumer()
  const ids: string[] = []
  for (let delivery = await next.take(5000); delivery; delivery = await next.take(0)) {
    ids.push(delivery.message.id)
    await delivery.ack()
  }
  assert.deepEqual(ids, ['a', 'b', 'c'])
})

test('failed tries are counted beside the id and survive the loan', async () => {
  await using broker = await brokerOn()
  await using queue = queueAt(broker.address.port)
  await queue.put(stored('one'))
  const consumer = queue.consumer()
  const delivery = await consumer.take(5000)
  const why = { error: 'HTTP 500', errorCode: '101500', notBefore: 99 }
  await delivery!.fail(why)
  assert.deepEqual([delivery!.attempts, delivery!.lastTry], [1, why])
  await delivery!.release()
  const again = await consumer.take(5000)
  assert.deepEqual([again!.attempts, again!.lastTry], [1, why])
})

test('a message that cannot be read goes to quarantine and the next one flows', async () => {
  await using broker = await brokerOn()
  const kept: string[] = []
  await using queue = queueAt(broker.address.port, {
    quarantine: async (message, reason) => void kept.push(`${message.contentType}: ${reason}`),
  })
  await using client = await TestClient.open(broker.address.port)
  const sender = await client.sender('q')
  await send(sender, { body: rhea.message.data_section(Buffer.from([0xac, 0xed, 0, 5, 0])) })
  await send(sender, { body: '<next/>' })
  const delivery = await queue.consumer().take(5000)
  assert.equal(Buffer.from(delivery!.message.body).toString(), '<next/>')
  assert.equal(kept.length, 1)
  assert.match(kept[0]!, /^application\/x-java-serialized-object: it is a serialised Java object/)
  await until(() => depthOf(broker) === 1)
})

test('a message that cannot be read stays in the queue while nobody can keep it', async () => {
  await using broker = await brokerOn()
  await using queue = queueAt(broker.address.port)
  await using client = await TestClient.open(broker.address.port)
  await send(await client.sender('q'), { body: 5 })
  await assert.rejects(queue.consumer().take(5000), { code: 'MESSAGE_UNREADABLE' })
  assert.equal(depthOf(broker), 1)
})

test('a take ends with null when its time is over or it is aborted', async () => {
  await using broker = await brokerOn()
  const clock = new ManualClock()
  await using queue = queueAt(broker.address.port, { clock })
  await queue.put(stored('one'))
  const consumer = queue.consumer()
  await (await consumer.take(1000))!.ack()
  const waiting = consumer.take(1000)
  await clock.advance(1000)
  assert.equal(await waiting, null)
  const abort = new AbortController()
  const aborted = consumer.take(60_000, abort.signal)
  abort.abort()
  assert.equal(await aborted, null)
})

test('browsing and depth leave the queue as it is', async () => {
  await using broker = await brokerOn()
  await using queue = queueAt(broker.address.port)
  for (const id of ['a', 'b', 'c']) await queue.put(stored(id))
  const idsOf = async (page: { after?: string; limit?: number }): Promise<string[]> => {
    const ids: string[] = []
    for await (const { message } of queue.browse(page)) ids.push(message.id)
    return ids
  }
  assert.deepEqual(await idsOf({}), ['a', 'b', 'c'])
  assert.deepEqual(await idsOf({ after: 'a' }), ['b', 'c'])
  assert.deepEqual(await idsOf({ limit: 2 }), ['a', 'b'])
  assert.equal(await queue.depth(), 3)
})

test('queues of one broker and user share a connection, and the last one closes it', async () => {
  await using broker = await brokerOn()
  const { port } = broker.address
  const connections = connectionsBy(systemClock)
  const queues = ['a', 'b', 'c'].map(queue => queueAt(port, { connections, queue }))
  await Promise.all(queues.map(queue => queue.put(stored('x'))))
  assert.equal(broker.connections, 1)
  for (const queue of queues) await queue.close()
  await until(() => broker.connections === 0)
})

test('nothing listening is told at once, with the address', async () => {
  const port = await freePort()
  await using queue = queueAt(port)
  await assert.rejects(queue.put(stored('x')), (error: IntegrationError) => {
    assert.deepEqual([error.code, error.retryable, error.ambiguous], ['STORE_UNAVAILABLE', true, false])
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port} cannot be used: nothing listens there`))
    return true
  })
  assert.equal(queue.state.state, 'failed')
})

test('the host list is walked, and the queue becomes ready by itself when a broker comes', async () => {
  const [dead, late] = [await freePort(), await freePort()]
  await using queue = queueAt([dead, late])
  await assert.rejects(queue.put(stored('x')))
  const ready = new Promise<void>(resolve => queue.onReady(resolve))
  await using broker = await brokerOn(new MemoryJournal(), late)
  await ready
  assert.equal(queue.state.state, 'ready')
  await queue.put(stored('x'))
  assert.equal(depthOf(broker), 1)
})

test('a connection that dies during a send: sent again with the same id, stored once', async () => {
  await using broker = await brokerOn()
  await using proxy = await startFaultProxy({ targetPort: broker.address.port })
  await using queue = queueAt(proxy.port)
  await queue.put(stored('warm'))
  // The broker stores it and says so, but the answer is lost with the connection.
  proxy.swallow('down')
  const put = queue.put(stored('one'))
  await until(() => depthOf(broker) === 2)
  proxy.forward()
  proxy.cut()
  await put
  assert.equal(depthOf(broker), 2)
  assert.equal(broker.duplicates, 1)
})

test('connections cut at every hundred bytes of many sends lose nothing and double nothing', async () => {
  await using broker = await brokerOn()
  await using proxy = await startFaultProxy({ targetPort: broker.address.port })
  await using queue = queueAt(proxy.port)
  const ids = new Set<string>()
  for (let round = 0; round < 30; round++) {
    proxy.cutAfter(700 + round * 97, round % 2 === 0 ? 'up' : 'down')
    for (let index = 0; index < 3; index++) {
      const id = `${round}.${index}`
      ids.add(id)
      // A second cut may hit the retry: then the caller, like a failover processor, puts the same id again.
      for (let stored_ = false; !stored_;) {
        stored_ = await queue.put(stored(id)).then(
          () => true,
          () => false,
        )
      }
    }
  }
  await using direct = queueAt(broker.address.port)
  const seen: string[] = []
  for await (const { message } of direct.browse({ limit: 1000 })) seen.push(message.id)
  assert.deepEqual(seen.sort(), [...ids].sort())
})

test('a peer that stalls is given up at half the deadline, and the deadline holds for the whole put', async () => {
  await using broker = await brokerOn()
  await using proxy = await startFaultProxy({ targetPort: broker.address.port })
  const clock = new ManualClock()
  await using queue = queueAt(proxy.port, { clock, deadlineMs: 10_000 })
  await queue.put(stored('warm'))
  proxy.stall()
  const put = queue.put(stored('one'))
  const settled = put.then(
    () => 'stored',
    (error: IntegrationError) => `${error.code}, ambiguous: ${error.ambiguous}`,
  )
  await clock.advance(5000)
  await proxy.waitFor(({ accepted }) => accepted === 2)
  await clock.advance(5000)
  assert.equal(await settled, 'STORE_UNAVAILABLE, ambiguous: true')
})

test('a stalled connection is replaced by a fresh one, on which the message is stored', async () => {
  await using broker = await brokerOn()
  await using proxy = await startFaultProxy({ targetPort: broker.address.port })
  const clock = new ManualClock()
  await using queue = queueAt(proxy.port, { clock })
  await queue.put(stored('warm'))
  proxy.swallow('up')
  const put = queue.put(stored('one'))
  await proxy.waitFor(({ swallowed }) => swallowed.up > 0)
  proxy.forward()
  await clock.advance(5000)
  await put
  assert.equal(depthOf(broker), 2)
})

/** A peer that answers each message as `answer` says. */
function answering(answer: (delivery: Delivery, index: number) => void): (container: Container) => void {
  let index = 0
  return container => container.on('message', ({ delivery }: EventContext) => answer(delivery!, index++))
}

test('a full queue is an error at once, and the state says full until a message is taken again', async () => {
  const full = { condition: 'amqp:resource-limit-exceeded', description: 'Address q is full' }
  await using peer = await scriptedPeer(
    answering((delivery, index) => (index === 0 ? delivery.reject(full) : delivery.accept())),
  )
  await using queue = queueAt(peer.port)
  await assert.rejects(queue.put(stored('a')), (error: IntegrationError) => {
    assert.equal(error.ambiguous, false)
    assert.match(error.message, /rejected the message for queue q: amqp:resource-limit-exceeded: Address q is full/)
    return error.code === 'STORE_UNAVAILABLE'
  })
  assert.deepEqual([queue.state.state, peer.accepted], ['full', 1])
  const ready = new Promise<void>(resolve => queue.onReady(resolve))
  await queue.put(stored('b'))
  await ready
  assert.equal(queue.state.state, 'ready')
})

test('released and modified are no acceptance: the message is sent once more, then given up', async () => {
  for (const give of [
    (delivery: Delivery) => delivery.release(),
    (delivery: Delivery) => delivery.modified({ delivery_failed: true }),
  ]) {
    let answers = 0
    await using peer = await scriptedPeer(
      answering((delivery, index) => (answers++, index % 2 === 0 ? give(delivery) : delivery.accept())),
    )
    await using queue = queueAt(peer.port)
    await queue.put(stored('a'))
    assert.equal(answers, 2)
  }
  await using peer = await scriptedPeer(answering(delivery => delivery.release()))
  await using queue = queueAt(peer.port)
  await assert.rejects(queue.put(stored('a')), { code: 'STORE_UNAVAILABLE', ambiguous: false })
})

test('a broker that gives no credit is an error at the deadline, and surely did not get the message', async () => {
  await using peer = await scriptedPeer(() => {}, { receiver_options: { autoaccept: false, credit_window: 0 } })
  const clock = new ManualClock()
  await using queue = queueAt(peer.port, { clock })
  const put = queue.put(stored('a'))
  const refused = assert.rejects(put, { code: 'STORE_UNAVAILABLE', ambiguous: false, message: /lets nothing be sent/ })
  await once(peer.container, 'receiver_open')
  await clock.advance(10_000)
  await refused
  assert.equal(queue.state.state, 'full')
})

test('no more is sent than the peer gave credit for', async () => {
  const held: Delivery[] = []
  await using peer = await scriptedPeer(
    answering(delivery => void held.push(delivery)),
    { receiver_options: { autoaccept: false, credit_window: 0 } },
  )
  peer.container.on('receiver_open', ({ receiver }: EventContext) => receiver!.add_credit(2))
  await using queue = queueAt(peer.port)
  const puts = ['a', 'b', 'c'].map(id => queue.put(stored(id)))
  await until(() => held.length === 2)
  held.forEach(delivery => delivery.accept())
  await Promise.all(puts.slice(0, 2))
  assert.equal(held.length, 2)
  ;(held[0]!.link as unknown as { add_credit(n: number): void }).add_credit(1)
  await until(() => held.length === 3)
  held[2]!.accept()
  await puts[2]
})

test('three thousand messages in flight do not overflow the session', async () => {
  await using peer = await scriptedPeer(
    answering(delivery => delivery.accept()),
    { receiver_options: { autoaccept: false, credit_window: 5000 } },
  )
  await using queue = queueAt(peer.port)
  await Promise.all(Array.from({ length: 3000 }, (_, index) => queue.put(stored(String(index)))))
})

test('the message goes to the queue with the capability, durable, under its id', async () => {
  let seen: EventContext | undefined
  await using peer = await scriptedPeer(container =>
    container.on('message', (context: EventContext) => {
      seen = context
      context.delivery!.accept()
    }),
  )
  await using queue = queueAt(peer.port)
  await queue.put(stored('one'))
  const { address, capabilities } = seen!.receiver!.target as { address: string; capabilities: unknown }
  assert.deepEqual([address, capabilities], ['q', 'queue'])
  assert.deepEqual([seen!.message!['durable'], seen!.message!.application_properties!['_AMQ_DUPL_ID']], [true, 'one'])
})

test('RabbitMQ is addressed in its own way, durable, by what its open frame says', async () => {
  const addressAt = async (version: string): Promise<unknown[]> => {
    let target: { address?: string; durable?: number } = {}
    await using peer = await scriptedPeer(
      container =>
        container.on('message', ({ receiver, delivery }: EventContext) => {
          target = receiver!.target as typeof target
          delivery!.accept()
        }),
      { properties: { product: 'RabbitMQ', version } },
    )
    await using queue = queueAt(peer.port, { queue: 'a b' })
    await queue.put(stored('one'))
    return [target.address, target.durable ?? 0]
  }
  assert.deepEqual(await addressAt('3.10.8'), ['/queue/a b', 2])
  assert.deepEqual(await addressAt('4.0.1'), ['/queues/a%20b', 0])
})

test('two deliveries settled together reach the broker each with its own outcome', async () => {
  const outcomes = new Map<number, string>()
  await using peer = await scriptedPeer(container => {
    container.once('sender_flow', ({ sender }: EventContext) => {
      // Not in this turn: rhea would write the messages before its answer to the attach.
      setImmediate(() => {
        for (let index = 0; index < 4; index++) sender!.send({ body: String(index) } as never)
      })
    })
    for (const kind of ['accepted', 'released']) {
      container.on(kind, ({ delivery }: EventContext) => void outcomes.set(delivery!.id, kind))
    }
  })
  await using queue = queueAt(peer.port)
  const consumer = queue.consumer({ window: 4 })
  const deliveries = []
  for (let index = 0; index < 4; index++) deliveries.push((await consumer.take(5000))!)
  await Promise.all(deliveries.map((delivery, index) => (index % 2 === 0 ? delivery.ack() : delivery.release())))
  await until(() => outcomes.size === 4)
  assert.deepEqual(
    [...outcomes].sort().map(([, kind]) => kind),
    ['accepted', 'released', 'accepted', 'released'],
  )
})

test('a delivery whose connection is gone cannot be acknowledged, and comes again', async () => {
  await using broker = await brokerOn()
  await using proxy = await startFaultProxy({ targetPort: broker.address.port })
  await using queue = queueAt(proxy.port)
  await queue.put(stored('one'))
  const consumer = queue.consumer()
  const delivery = await consumer.take(5000)
  const lost = new Promise<void>(resolve => queue.onReady(resolve))
  proxy.cut()
  await lost
  await assert.rejects(delivery!.ack(), { code: 'STORE_UNAVAILABLE', ambiguous: true })
  await delivery!.release()
  const again = await consumer.take(5000)
  assert.equal(again!.message.id, 'one')
  await again!.ack()
  await until(() => depthOf(broker) === 0)
})

test('a waiting take is told when the connection is lost, and the next one works again', async () => {
  await using broker = await brokerOn()
  await using proxy = await startFaultProxy({ targetPort: broker.address.port })
  await using queue = queueAt(proxy.port)
  await queue.put(stored('one'))
  const consumer = queue.consumer()
  await (await consumer.take(5000))!.ack()
  await until(() => depthOf(broker) === 0)
  const waiting = assert.rejects(consumer.take(60_000), { code: 'STORE_UNAVAILABLE' })
  proxy.cut()
  await waiting
  await queue.put(stored('two'))
  assert.equal((await consumer.take(5000))!.message.id, 'two')
})

test('a refused login says who was refused, never the password', async () => {
  await using broker = await startBroker({
    port: 0,
    journal: new MemoryJournal(),
    log: memoryLog(),
    users: { app: 'sécret' },
  })
  const target = { ...targetOf(broker.address.port), username: 'app' }
  await using wrong = queueAt(0, { target: { ...target, password: 'guess' } })
  await assert.rejects(wrong.put(stored('x')), (error: IntegrationError) => {
    assert.equal(error.code, 'BROKER_REFUSED')
    assert.match(error.message, /refused the login as app/)
    assert.ok(!error.message.includes('guess'))
    return true
  })
  // Not ASCII, to be counted in bytes.
  await using right = queueAt(0, { target: { ...target, password: 'sécret' } })
  await right.put(stored('x'))
})

test('a port that speaks something else says what, and what to do', async () => {
  const openwire = Buffer.concat([Buffer.from([0, 0, 1, 0x52, 1]), Buffer.from('ActiveMQ'), Buffer.alloc(333)])
  const cases: [Buffer, RegExp][] = [
    [openwire, /speaks OpenWire, not AMQP 1\.0\. Leave store\.jms\.protocol out/],
    [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), /speaks HTTP/],
    [Buffer.from('AMQP\0\0\x09\x01', 'latin1'), /AMQP 0-9-1/],
    [Buffer.from([0x15, 3, 1, 0, 2, 2, 10, 0]), /expects TLS/],
  ]
  for (const [bytes, expected] of cases) {
    await using server = await greeter(bytes)
    await using queue = queueAt(server.port)
    await assert.rejects(queue.put(stored('x')), (error: IntegrationError) => {
      assert.match(error.message, expected)
      return error.code === 'BROKER_REFUSED'
    })
    assert.match(queue.state.reason ?? '', expected)
  }
})

test('a server that takes the connection and says nothing is given up in time', async () => {
  await using server = await greeter(Buffer.alloc(0))
  const clock = new ManualClock()
  await using queue = queueAt(server.port, { clock })
  const refused = assert.rejects(queue.put(stored('x')), {
    code: 'STORE_UNAVAILABLE',
    message: /did not answer within 5000 ms/,
  })
  await clock.advance(5000)
  await refused
})

test('a broker that ends the session or the link is an error of the put, not of the process', async () => {
  const endings: ((context: EventContext) => void)[] = [
    ({ receiver }) => receiver!.close({ condition: 'amqp:unauthorized-access', description: 'not yours' }),
    ({ session }) => session!.close({ condition: 'amqp:invalid-field', description: 'no such queue' }),
    ({ connection }) => connection.close({ condition: 'amqp:connection:forced', description: 'maintenance' }),
  ]
  for (const end of endings) {
    await using peer = await scriptedPeer(container => container.on('receiver_open', end))
    await using queue = queueAt(peer.port)
    await assert.rejects(
      queue.put(stored('x')),
      (error: IntegrationError) => error instanceof IntegrationError && !error.ambiguous,
    )
  }
})

test('closing while connecting, sending or taking leaves nothing running', async () => {
  await using server = await greeter(Buffer.alloc(0))
  const clock = new ManualClock()
  const queue = queueAt(server.port, { clock })
  const put = assert.rejects(queue.put(stored('x')))
  await queue.close()
  await clock.advance(10_000)
  await put
  assert.equal(clock.armed, 0)
})
