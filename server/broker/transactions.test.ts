/** Local transactions of the embedded broker: read A, write B and C, under the faults of messaging-peers §5.4. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import rhea from 'rhea'
import type { EventContext, Session } from 'rhea'
import { Coordinator } from '../drivers/amqp/coordinator.ts'
import { systemClock } from '../kernel/clock.ts'
import { IntegrationError } from '../kernel/errors.ts'
import { send, TestClient } from '../testing/amqp-rig.ts'
import { MemoryDisk, MemoryJournal } from '../testing/memory-journal.ts'
import { memoryLog } from '../testing/memory-log.ts'
import { startBroker } from './broker.ts'
import type { Broker, BrokerOptions } from './broker.ts'

const DEADLINE = 5000

interface Rig extends AsyncDisposable {
  readonly broker: Broker
  readonly journal: MemoryJournal
  readonly port: number
}

async function start(options: Partial<BrokerOptions> = {}, disk = new MemoryDisk()): Promise<Rig> {
  const journal = new MemoryJournal(disk)
  const broker = await startBroker({ port: 0, log: memoryLog(), ...options, journal })
  return { broker, journal, port: broker.address.port, [Symbol.asyncDispose]: () => broker.stop() }
}

const depths = ({ broker }: Rig): Record<string, number> =>
  Object.fromEntries(broker.queues().map(({ name, depth }) => [name, depth]))

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn()
}

/** What a transacted client does, with rhea and a coordinator. */
class Transacted {
  readonly client: TestClient
  readonly session: Session
  readonly coordinator: Coordinator

  constructor(client: TestClient) {
    this.client = client
    this.session = client.connection.create_session()
    this.session.begin()
    this.coordinator = new Coordinator(this.session, systemClock, 'the test')
  }

  begin(): Promise<void> {
    return this.coordinator.declare(DEADLINE)
  }

  async send(queue: string, body: string, more: object = {}): Promise<string> {
    const sender = this.session.open_sender({ target: { address: queue, capabilities: 'queue' } as never })
    await new Promise<void>(resolve => sender.once('sendable', () => resolve()))
    return (await send(sender, { body, ...more })).kind
  }

  take(queue: string): Promise<EventContext> {
    const receiver = this.session.open_receiver({
      source: { address: queue, capabilities: 'queue' } as never,
      autoaccept: false,
      credit_window: 0,
    })
    const came = new Promise<EventContext>(resolve => receiver.once('message', resolve))
    receiver.add_credit(1)
    return came
  }

  /** Takes one from A, sends to B and C, and acknowledges. */
  async move(): Promise<EventContext> {
    await this.begin()
    const taken = await this.take('A')
    assert.equal(await this.send('B', 'b'), 'accepted')
    assert.equal(await this.send('C', 'c'), 'accepted')
    taken.delivery!.update(true, this.coordinator.acceptedState() as never)
    await turn()
    return taken
  }

  async end(fail: boolean): Promise<void> {
    await this.coordinator.end(fail, DEADLINE)
  }
}

async function withOneInA(rig: Rig): Promise<void> {
  await using client = await TestClient.open(rig.port)
  await send(await client.sender('A'), { body: 'a' })
}

async function countInA(rig: Rig): Promise<number> {
  await using client = await TestClient.open(rig.port)
  const receiver = await client.receiver('A')
  receiver.link.add_credit(1)
  const { message, delivery } = await receiver.next()
  delivery.release()
  await turn()
  return message.delivery_count ?? 0
}

test('commit: B and C have it together, and A no longer', async () => {
  await using rig = await start()
  await withOneInA(rig)
  await using client = await TestClient.open(rig.port)
  const work = new Transacted(client)
  await work.move()
  assert.deepEqual(depths(rig), { A: 1, B: 0, C: 0 })
  await work.end(false)
  assert.deepEqual(depths(rig), { A: 0, B: 1, C: 1 })
})

test('rollback: A has it again, counted, and nothing was ever in B and C', async () => {
  await using rig = await start()
  await withOneInA(rig)
  await using client = await TestClient.open(rig.port)
  const work = new Transacted(client)
  await work.move()
  await work.end(true)
  assert.deepEqual(depths(rig), { A: 1, B: 0, C: 0 })
  await client.close()
  assert.equal(await countInA(rig), 1)
})

test('a connection that is cut before the commit leaves everything as it was, and the delivery counted', async () => {
  await using rig = await start()
  await withOneInA(rig)
  await using client = await TestClient.open(rig.port)
  await new Transacted(client).move()
  await client.die()
  await until(() => rig.broker.connections === 0)
  assert.deepEqual(depths(rig), { A: 1, B: 0, C: 0 })
  assert.equal(await countInA(rig), 1)
})

test('a broker that dies before the commit comes back with A as it was, uncounted; after it, with B and C', async () => {
  const disk = new MemoryDisk()
  await using rig = await start({}, disk)
  await withOneInA(rig)
  await using client = await TestClient.open(rig.port)
  const work = new Transacted(client)
  await work.move()
  {
    // Another journal on the same disk sees what a crash would have left at this moment.
    await using crashed = await start({}, disk.copy())
    assert.deepEqual(depths(crashed), { A: 1 })
    assert.equal(await countInA(crashed), 0)
  }
  await work.end(false)
  await using crashed = await start({}, disk.copy())
  assert.deepEqual(depths(crashed), { B: 1, C: 1 })
})

test('the commit is answered when the journal holds it, and not before', async () => {
  await using rig = await start()
  await withOneInA(rig)
  await using client = await TestClient.open(rig.port)
  const work = new Transacted(client)
  await work.move()
  let go!: () => void
  rig.journal.stall = new Promise(resolve => (go = resolve))
  let ended = false
  const end = work.end(false).then(() => (ended = true))
  await client.sender('other')
  assert.equal(ended, false)
  go()
  await end
})

test('one transaction after the other on the same links', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const work = new Transacted(client)
  for (const fail of [false, true, false]) {
    await work.begin()
    await work.send('B', 'b')
    await work.end(fail)
  }
  assert.equal(depths(rig)['B'], 2)
})

test('transactions of several sessions do not touch one another', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const [kept, undone] = [new Transacted(client), new Transacted(client)]
  await Promise.all([kept.begin(), undone.begin()])
  await Promise.all([kept.send('B', 'kept'), undone.send('B', 'undone')])
  await Promise.all([kept.end(false), undone.end(true)])
  const receiver = await client.receiver('B')
  assert.deepEqual(
    (await receiver.drain()).map(({ message }) => message.body),
    ['kept'],
  )
})

test('what the disk does not take is rolled back, and the client is told why', async () => {
  await using rig = await start()
  await withOneInA(rig)
  await using client = await TestClient.open(rig.port)
  const work = new Transacted(client)
  await work.move()
  rig.journal.failPuts = new IntegrationError('DISK_FULL', 'no space left on device')
  await assert.rejects(work.end(false), /amqp:transaction:rollback.*no space left/)
  rig.journal.failPuts = null
  assert.deepEqual(depths(rig), { A: 1, B: 0, C: 0 })
})

test('a message that is refused spoils its transaction', async () => {
  await using rig = await start({ maxMessageSize: 1000 })
  await withOneInA(rig)
  await using client = await TestClient.open(rig.port)
  const work = new Transacted(client)
  await work.move()
  assert.equal(await work.send('D', 'x'.repeat(2000)), 'rejected')
  await assert.rejects(work.end(false), /amqp:transaction:rollback.*longer than 1000 bytes/)
  assert.deepEqual(depths(rig), { A: 1, B: 0, C: 0, D: 0 })
})

test('a message sent again inside a transaction is not stored twice, twice in the same one neither', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  await send(await client.sender('B'), { body: 'b', message_id: 'ID:1' })
  const work = new Transacted(client)
  await work.begin()
  for (const id of ['ID:1', 'ID:2', 'ID:2']) await work.send('B', 'b', { message_id: id })
  await work.end(false)
  assert.equal(depths(rig)['B'], 2)
})

test('a transaction that is not there is refused, whatever is asked of it', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const work = new Transacted(client)
  await work.begin()
  await work.end(true)
  // What the coordinator forgot it discharges once more.
  const { wrap_ulong, wrap_list, wrap_binary, described_nc } = rhea.types as never as Record<
    string,
    (...values: unknown[]) => unknown
  >
  const sender = work.session.open_sender({ target: { address: 'B', capabilities: 'queue' } as never })
  const inner = work.session as unknown as { output(frame: { value: unknown[] }, payload?: Buffer): void }
  const output = Object.getPrototypeOf(work.session).output as typeof inner.output
  inner.output = (frame, payload) => {
    if (payload) frame.value[7] = described_nc!(wrap_ulong!(0x34), wrap_list!([wrap_binary!(Buffer.from('nope'))]))
    output.call(inner, frame, payload)
  }
  await new Promise<void>(resolve => sender.once('sendable', () => resolve()))
  const outcome = await send(sender, { body: 'x' })
  assert.deepEqual([outcome.kind, outcome.condition], ['rejected', 'amqp:transaction:unknown-id'])
  assert.equal(depths(rig)['B'], 0)
})

test('a temporary queue takes part, as far as memory goes', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const replies = await client.receiver({ dynamic: true })
  const work = new Transacted(client)
  await work.begin()
  await work.send(replies.link.source.address, 'reply')
  replies.link.add_credit(1)
  await client.sender('other')
  assert.equal(replies.unread, 0)
  await work.end(false)
  assert.equal((await replies.next()).message.body, 'reply')
})

test('more than a session can hold in flight goes through one transaction after the other', async () => {
  await using rig = await start()
  await using client = await TestClient.open(rig.port)
  const filler = await client.sender('A')
  for (let index = 0; index < 2500; index++) await send(filler, { body: String(index) })
  const work = new Transacted(client)
  const receiver = work.session.open_receiver({
    source: { address: 'A', capabilities: 'queue' } as never,
    autoaccept: false,
    credit_window: 0,
  })
  for (let done = 0; done < 2500; done += 500) {
    await work.begin()
    const all = new Promise<void>(resolve => {
      let seen = 0
      const came = ({ delivery }: EventContext): void => {
        delivery!.update(true, work.coordinator.acceptedState() as never)
        if (++seen < 500) return
        receiver.off('message', came)
        resolve()
      }
      receiver.on('message', came)
    })
    receiver.add_credit(500)
    await all
    await turn()
    await work.end(false)
  }
  assert.equal(depths(rig)['A'], 0)
})
