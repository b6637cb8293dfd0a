import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import rhea from 'rhea'
import { IntegrationError } from '../kernel/errors.ts'
import { outcomeOf, send, TestClient } from '../testing/amqp-rig.ts'
import type { TestReceiver } from '../testing/amqp-rig.ts'
import { memoryLog } from '../testing/memory-log.ts'
import { MemoryJournal } from '../testing/memory-journal.ts'
import { startBroker } from './broker.ts'
import type { Broker, BrokerOptions } from './broker.ts'

interface Rig extends AsyncDisposable {
  readonly broker: Broker
  readonly journal: MemoryJournal
  readonly port: number
}

async function start(options: Partial<BrokerOptions> & { journal?: MemoryJournal } = {}): Promise<Rig> {
  const journal = options.journal ?? new MemoryJournal()
  const broker = await startBroker({ port: 0, log: memoryLog(), ...options, journal })
  return { broker, journal, port: broker.address.port, [Symbol.asyncDispose]: () => broker.stop() }
}

const depthOf = ({ broker }: Rig, name: string): number =>
  broker.queues().find(queue => queue.name === name)?.depth ?? 0

/** Until what the broker was told has had its effect. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setImmediate(resolve))
}

async function takeOne(receiver: TestReceiver): Promise<Awaited<ReturnType<TestReceiver['next']>>> {
  receiver.link.add_credit(1)
  return receiver.next()
}

test('a message is accepted only when the journal holds it', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const sender = await client.sender('q')
  let go!: () => void
  rig.journal.stall = new Promise(resolve => (go = resolve))
  const delivery = sender.send({ body: 'x' } as never)
  const outcome = outcomeOf(sender, delivery)
  // A link attached and answered behind it shows that the broker has read the transfer.
  await client.sender('other')
  assert.equal(delivery.remote_settled, false)
  assert.equal(depthOf(rig, 'q'), 0)
  go()
  assert.deepEqual(await outcome, { kind: 'accepted' })
  assert.equal(depthOf(rig, 'q'), 1)
})

test('messages come in order, byte for byte, and leave the queue when accepted', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const sender = await client.sender('q')
  const body = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index & 0xff))
  for (let index = 0; index < 3; index++) {
    const message = {
      message_id: `m${index}`,
      durable: true,
      application_properties: { index },
      body: rhea.message.data_section(body),
    }
    assert.equal((await send(sender, message)).kind, 'accepted')
  }
  const receiver = await client.receiver('q')
  receiver.link.add_credit(3)
  for (let index = 0; index < 3; index++) {
    const { message, delivery } = await receiver.next()
    assert.equal(message.application_properties!.index, index)
    assert.deepEqual(message.body.content, body)
    assert.equal(message.delivery_count ?? 0, 0)
    delivery.accept()
  }
  await until(() => depthOf(rig, 'q') === 0)
})

test('what was sent in one turn shares a journal commit, and so do its removals', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const sender = await client.sender('q')
  await Promise.all(Array.from({ length: 100 }, (_, index) => send(sender, { body: `m${index}` })))
  assert.equal(depthOf(rig, 'q'), 100)
  assert.ok(rig.journal.commits < 20, `${rig.journal.commits} commits for 100 messages`)
  const receiver = await client.receiver('q')
  for (const { delivery } of await receiver.drain()) delivery.accept()
  await until(() => depthOf(rig, 'q') === 0)
  assert.ok(rig.journal.commits < 40, `${rig.journal.commits} commits for 100 messages and their removal`)
})

test('a consumer gets no more than its credit, and a drain gives back what is left of it', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const sender = await client.sender('q')
  for (let index = 0; index < 5; index++) await send(sender, { body: `m${index}` })
  const receiver = await client.receiver('q')
  receiver.link.add_credit(2)
  await receiver.next()
  await receiver.next()
  // The answer to another link's attach comes behind everything sent before.
  await client.receiver('other')
  assert.equal(receiver.unread, 0)
  const rest = await receiver.drain()
  assert.deepEqual(
    rest.map(({ message }) => message.body),
    ['m2', 'm3', 'm4'],
  )
})

test('a released message returns to its place, uncounted', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const sender = await client.sender('q')
  for (const body of ['first', 'second', 'third']) await send(sender, { body })
  const receiver = await client.receiver('q')
  const first = await takeOne(receiver)
  first.delivery.release()
  const again = await takeOne(receiver)
  assert.deepEqual([again.message.body, again.message.delivery_count ?? 0], ['first', 0])
})

test('a failed delivery is counted, and the count survives a restart of the broker', async () => {
  const journal = new MemoryJournal()
  {
    await using rig = await start({ journal })
    await using client = await TestClient.open(rig.port)
    await send(await client.sender('q'), { body: 'x', durable: true, priority: 7 })
    const receiver = await client.receiver('q')
    for (let failures = 0; failures < 2; failures++) {
      const { message, delivery } = await takeOne(receiver)
      assert.equal(message.delivery_count ?? 0, failures)
      delivery.modified({ delivery_failed: true })
    }
    await takeOne(receiver)
  }
  await using rig = await start({ journal: new MemoryJournal(journal.disk) })
  await using client = await TestClient.open(rig.port)
  const { message } = await takeOne(await client.receiver('q'))
  // The third delivery was never failed: the broker stopped in good order.
  assert.deepEqual([message.body, message.delivery_count, message.priority, message.durable], ['x', 2, 7, true])
})

test('a consumer that is killed has failed with what it had in hand; one that closes has not', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  await send(await client.sender('q'), { body: 'x' })
  const orderly = await TestClient.open(rig.port)
  await takeOne(await orderly.receiver('q'))
  await orderly.close()
  const killed = await TestClient.open(rig.port)
  const second = await takeOne(await killed.receiver('q'))
  assert.equal(second.message.delivery_count ?? 0, 0)
  await killed.die()
  const third = await takeOne(await client.receiver('q'))
  assert.equal(third.message.delivery_count, 1)
})

test('after too many failed deliveries the message goes to the dead-letter queue, saying where it was', async () => {
  await using rig = await start({ maxDeliveries: 2, deadLetterQueue: 'dead' })
  await using client = await TestClient.open(rig.port)
  const annotations = { 'x-opt-jms-msg-type': 5 }
  await send(await client.sender('orders'), { message_id: 'ID:1', body: 'poison', message_annotations: annotations })
  await send(await client.sender('orders'), { body: 'next' })
  const receiver = await client.receiver('orders')
  for (let time = 0; time < 2; time++) (await takeOne(receiver)).delivery.modified({ delivery_failed: true })
  assert.equal((await takeOne(receiver)).message.body, 'next')
  const { message } = await takeOne(await client.receiver('dead'))
  assert.deepEqual([message.body, message.message_id], ['poison', 'ID:1'])
  assert.equal(message.message_annotations!['x-opt-jms-msg-type'], 5)
  assert.equal(message.message_annotations!['x-opt-ORIG-QUEUE'], 'orders')
  assert.match(message.message_annotations!['x-opt-dead-letter-reason'], /delivered 2 times/)
})

test('a rejected message goes to the dead-letter queue at once; rejected there it stays, without a loop', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  await send(await client.sender('q'), { body: 'x' })
  const receiver = await client.receiver('q')
  ;(await takeOne(receiver)).delivery.reject({ condition: 'app:bad', description: 'no symbol' })
  const dead = await client.receiver('DLQ')
  const buried = await takeOne(dead)
  assert.match(buried.message.message_annotations!['x-opt-dead-letter-reason'], /app:bad: no symbol/)
  dead.link.add_credit(5)
  buried.delivery.reject()
  assert.deepEqual(await (await client.receiver('DLQ')).drain(), [])
  assert.equal(depthOf(rig, 'DLQ'), 1)
  dead.link.close()
  await once(dead.link, 'receiver_close')
  assert.equal((await (await client.receiver('DLQ')).drain()).length, 1)
})

test('accept and reject in the same turn each have their own effect', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const sender = await client.sender('q')
  // The broker answers these as accepted, rejected, accepted: rhea alone would merge the first two.
  const outcomes = await Promise.all([
    send(sender, { body: 'good' }),
    send(sender, Buffer.from('no AMQP message')),
    send(sender, { body: 'good' }),
  ])
  assert.deepEqual(
    outcomes.map(({ kind }) => kind),
    ['accepted', 'rejected', 'accepted'],
  )
  assert.equal(outcomes[1]!.condition, 'amqp:decode-error')
  assert.equal(depthOf(rig, 'q'), 2)
})

test('two consumers share a queue', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const [one, two] = [await client.receiver('q'), await client.receiver('q')]
  one.link.add_credit(10)
  two.link.add_credit(10)
  const sender = await client.sender('q')
  await Promise.all(Array.from({ length: 10 }, (_, index) => send(sender, { body: String(index) })))
  const bodies = await Promise.all([
    ...Array.from({ length: 5 }, () => one.next()),
    ...Array.from({ length: 5 }, () => two.next()),
  ])
  assert.equal(new Set(bodies.map(({ message }) => message.body)).size, 10)
})

test('a resend is recognised by _AMQ_DUPL_ID or a JMS message id, and accepted without a second copy', async () => {
  const journal = new MemoryJournal()
  {
    await using rig = await start({ journal })
    await using client = await TestClient.open(rig.port)
    const sender = await client.sender('q')
    const named = { body: 'a', application_properties: { _AMQ_DUPL_ID: 'one' } }
    // The second one comes while the first is being written.
    const outcomes = await Promise.all([
      send(sender, named),
      send(sender, named),
      send(sender, { message_id: 'ID:two', body: 'b' }),
    ])
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ['accepted', 'accepted', 'accepted'],
    )
    assert.equal((await send(sender, { message_id: 'ID:two', body: 'b' })).kind, 'accepted')
    assert.equal(depthOf(rig, 'q'), 2)
    assert.equal(rig.broker.duplicates, 2)
  }
  await using rig = await start({ journal: new MemoryJournal(journal.disk) })
  await using client = await TestClient.open(rig.port)
  assert.equal((await send(await client.sender('q'), { message_id: 'ID:two', body: 'b' })).kind, 'accepted')
  assert.equal(depthOf(rig, 'q'), 2)
  // The same id in another queue is another message: that is how one moves.
  assert.equal((await send(await client.sender('r'), { message_id: 'ID:two', body: 'b' })).kind, 'accepted')
  assert.equal(depthOf(rig, 'r'), 1)
})

test('small numbers as message ids are no duplicates', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const sender = await client.sender('q')
  await Promise.all([send(sender, { message_id: 1, body: 'a' }), send(sender, { message_id: 1, body: 'b' })])
  assert.equal(depthOf(rig, 'q'), 2)
})

test('a message whose first commit failed is stored by the resend', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const sender = await client.sender('q')
  rig.journal.failPuts = new IntegrationError('JOURNAL_FAILED', 'the disk did not confirm')
  const refused = await send(sender, { message_id: 'ID:x', body: 'a' })
  assert.deepEqual([refused.kind, refused.condition], ['rejected', 'amqp:internal-error'])
  rig.journal.failPuts = null
  assert.equal((await send(sender, { message_id: 'ID:x', body: 'a' })).kind, 'accepted')
  assert.equal(depthOf(rig, 'q'), 1)
})

test('on a full disk messages are refused as a full queue, and what is held still drains', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const sender = await client.sender('q')
  await send(sender, { body: 'kept' })
  rig.journal.failPuts = new IntegrationError('DISK_FULL', 'the disk is full')
  const refused = await send(sender, { body: 'too many' })
  assert.deepEqual([refused.kind, refused.condition], ['rejected', 'amqp:resource-limit-exceeded'])
  ;(await takeOne(await client.receiver('q'))).delivery.accept()
  await until(() => depthOf(rig, 'q') === 0)
  rig.journal.failPuts = null
  assert.equal((await send(sender, { body: 'fits again' })).kind, 'accepted')
})

test('a request is answered through a dynamic queue that dies with its connection', async () => {
  await using rig = await start()
  await using asker = await TestClient.open(rig.port)
  const replies = await asker.receiver({ dynamic: true })
  const address = replies.link.source.address
  assert.match(address, /^temporary\./)
  await using answerer = await TestClient.open(rig.port)
  const requests = await answerer.receiver('requests')
  await send(await asker.sender('requests'), { body: 'question', reply_to: address, correlation_id: 'c1' })
  const { message, delivery } = await takeOne(requests)
  // Without a target the message itself says where it goes.
  const anonymous = await answerer.sender({})
  assert.equal(
    (await send(anonymous, { to: message.reply_to, correlation_id: message.correlation_id, body: 'answer' })).kind,
    'accepted',
  )
  delivery.accept()
  assert.equal((await takeOne(replies)).message.body, 'answer')
  await asker.close()
  await until(() => rig.broker.queues().every(({ temporary }) => !temporary))
  const late = await send(anonymous, { to: address, body: 'too late' })
  assert.deepEqual([late.kind, late.condition], ['rejected', 'amqp:not-found'])
})

test('a queue can be looked at without taking anything', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const sender = await client.sender('q')
  for (let index = 0; index < 250; index++) await send(sender, { message_id: `id${index}`, body: String(index) })
  const browser = await client.receiver({ address: 'q', distribution_mode: 'copy' })
  assert.equal(browser.link.properties['holdfast:depth'], 250)
  const seen = await browser.drain()
  assert.deepEqual(
    seen.map(({ message }) => message.body),
    Array.from({ length: 250 }, (_, index) => String(index)),
  )
  for (const { delivery } of seen) delivery.accept()
  assert.equal((await (await client.receiver('q')).drain()).length, 250)
})

test('a message that expired goes to the dead-letter queue instead of a consumer', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const sender = await client.sender('q')
  await send(sender, { body: 'stale', absolute_expiry_time: 1000 })
  await send(sender, { body: 'fresh', ttl: 60_000 })
  assert.equal((await takeOne(await client.receiver('q'))).message.body, 'fresh')
  assert.equal((await takeOne(await client.receiver('DLQ'))).message.body, 'stale')
})

test('with users a client logs in as one of them, and a wrong password is refused', async () => {
  await using rig = await start({ users: { orders: 'pä55' } })
  const right = Buffer.from('\0orders\0pä55')
  const mechanisms = {
    PLAIN: () => ({ start: (answer: (error: undefined, bytes: Buffer) => void) => answer(undefined, right) }),
  }
  await using client = await TestClient.open(rig.port, { sasl_mechanisms: mechanisms } as object)
  assert.equal((await send(await client.sender('q'), { body: 'x' })).kind, 'accepted')
  await assert.rejects(TestClient.open(rig.port, { username: 'orders', password: 'wrong' }), /authenticate/)
  await assert.rejects(TestClient.open(rig.port, { username: 'nobody', password: '' }))
  await assert.rejects(TestClient.open(rig.port, { username: 'constructor', password: 'x' }), /authenticate/)
})

test('without users the broker listens on this machine only, and takes any name', async () => {
  await assert.rejects(start({ host: '0.0.0.0' }), { code: 'SETTING_INVALID' })
  await using rig = await start()
  await using client = await TestClient.open(rig.port, { username: 'admin', password: 'admin' })
  assert.equal((await send(await client.sender('q'), { body: 'x' })).kind, 'accepted')
})

test('what the broker does not do is refused with condition and text, and the connection lives on', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const notImplemented = { code: 'amqp:not-implemented' }
  await assert.rejects(client.sender({ address: 't', capabilities: 'topic' }), notImplemented)
  await assert.rejects(client.receiver({ address: 'topic://t' }), notImplemented)
  await assert.rejects(client.receiver({ address: 'q', filter: rhea.filter.selector("a = 'b'") }), notImplemented)
  await assert.rejects(client.receiver({}), { code: 'amqp:invalid-field' })
  await assert.rejects(client.sender('line\nbreak'), { code: 'amqp:invalid-field' })
  assert.equal((await send(await client.sender('q'), { body: 'x' })).kind, 'accepted')
})

test('a message over the limit is refused, whether it comes in one frame or many', async () => {
  await using rig = await start({ maxMessageSize: 10_000 })
  await using client = await TestClient.open(rig.port)
  const sender = await client.sender('q')
  for (const size of [20_000, 1_000_000]) {
    const refused = await send(sender, { body: rhea.message.data_section(Buffer.alloc(size)) })
    assert.deepEqual([refused.kind, refused.condition], ['rejected', 'amqp:link:message-size-exceeded'])
  }
  assert.equal((await send(sender, { body: 'fits' })).kind, 'accepted')
  assert.equal(depthOf(rig, 'q'), 1)
})

test('hostile bytes end their own connection and nothing else', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const header = '414d515000010000'
  const frame = (body: string): string => (4 + 4 + body.length / 2).toString(16).padStart(8, '0') + '02000000' + body
  const open = frame('005310c00a01a1076861636b657230')
  const hostile = [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from('414d515000000901', 'hex'),
    Buffer.from(header + '00'.repeat(16), 'hex'),
    Buffer.from(header + 'ffffffff02000000', 'hex'),
    Buffer.from(header + frame('00'.repeat(20_000)), 'hex'),
    Buffer.from(header + frame('005310d0ffffffffffffffff'), 'hex'),
    Buffer.from(header + frame('005310c01201f00000000effffffff40'), 'hex'),
    Buffer.from(header + frame('40'), 'hex'),
    Buffer.from(header + open + frame('005312c00100'), 'hex'),
    Buffer.from(header + open + frame('005315c00100'), 'hex'),
    Buffer.from('414d5150030100000000000f02010000005341c0020140', 'hex'),
  ]
  for (const bytes of hostile) {
    const socket = connect(rig.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    socket.write(bytes)
    await once(socket, 'close')
  }
  assert.equal((await send(await client.sender('q'), { body: 'still here' })).kind, 'accepted')
  assert.equal(rig.broker.connections, 1)
})

test('a disposition over four billion deliveries does not keep the broker busy', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const receiver = await client.receiver('q')
  const session = receiver.link.session as unknown as { output(frame: unknown): void }
  const { disposition } = (await import('rhea/lib/frames.js' as string)).default
  const socket = client.connection['socket']
  session.output(disposition({ role: true, first: 0, last: 4_294_967_295, settled: true }))
  await once(socket, 'close')
  await until(() => rig.broker.connections === 0)
})

test('more connections than allowed are turned away', async () => {
  await using rig = await start({ maxConnections: 1 })
  await using first = await TestClient.open(rig.port)
  await assert.rejects(TestClient.open(rig.port))
  assert.equal((await send(await first.sender('q'), { body: 'x' })).kind, 'accepted')
})

test('a port in use is named, with what to do', async () => {
  await using rig = await start()
  await assert.rejects(start({ port: rig.port }), (error: IntegrationError) => {
    assert.equal(error.code, 'PORT_IN_USE')
    assert.match(error.message, new RegExp(`port ${rig.port} .*--port`))
    return true
  })
})

test('stopping lets what was sent be answered, then tells the clients', async () => {
  const rig = await start()
  const client = await TestClient.open(rig.port)
  const sender = await client.sender('q')
  const outcome = send(sender, { body: 'last' })
  await until(() => rig.journal.commits > 0)
  const closed = once(client.connection, 'connection_error')
  await rig.broker.stop()
  assert.deepEqual(await outcome, { kind: 'accepted' })
  const [{ connection }] = await closed
  assert.equal(connection.error.condition, 'amqp:connection:forced')
})
