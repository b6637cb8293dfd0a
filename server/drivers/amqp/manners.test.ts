/** What brokers do each in their own way, played by a scripted peer; `server/test/brokers` has the brokers themselves. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, EventContext, Sender } from 'rhea'
import { systemClock } from '../../kernel/clock.ts'
import { scriptedPeer } from '../../testing/amqp-rig.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import { JmsConnections, openQueue } from '../jms/index.ts'
import type { JmsQueue } from '../jms/index.ts'
import { IDLE_TIMEOUT, MAX_FRAME_SIZE, RECONNECTING } from '../jms/target.ts'
import { dialAmqp } from './index.ts'
import { creditOf, writeNow } from './rhea.ts'

function queueAt(port: number): JmsQueue {
  return openQueue({
    target: {
      protocol: 'amqp',
      hosts: [{ host: '127.0.0.1', port, tls: false }],
      reconnecting: RECONNECTING,
      idleTimeout: IDLE_TIMEOUT,
      maxFrameSize: MAX_FRAME_SIZE,
    },
    queue: 'q',
    clock: systemClock,
    connections: new JmsConnections({
      clock: systemClock,
      log: memoryLog(),
      random: () => 0.5,
      dialer: () => dialAmqp,
    }),
  })
}

interface Queue {
  /** What the peer was asked and told, in order. */
  readonly seen: string[]
  script(container: Container): void
}

function modeOf(sender: Sender): string {
  const { remote } = sender as unknown as { remote: { attach: { source: { distribution_mode?: string } } } }
  return remote.attach.source.distribution_mode ?? ''
}

/** A queue of these texts that hands them to whoever has credit and writes down what becomes of them. */
function queueOf(...texts: string[]): Queue {
  const seen: string[] = []
  // rhea writes transfers before attaches of the same turn, hence the next one.
  const give = (link: Sender): void =>
    void setImmediate(() => {
      // It counts credit down only when it writes.
      for (const text of texts.splice(0, creditOf(link))) link.send({ message_id: text, body: text })
      const { _draining: drain } = link as unknown as { _draining: boolean }
      if (!drain) return
      seen.push('drain')
      link.set_drained(true)
      writeNow(link.connection)
    })
  return {
    seen,
    script(container) {
      container.on('sender_open', ({ sender }: EventContext) => void seen.push(`attach ${modeOf(sender!)}`.trim()))
      container.on('sender_close', () => void seen.push('detach'))
      container.on('sender_flow', ({ sender }: EventContext) => give(sender!))
      for (const outcome of ['accepted', 'released', 'rejected'] as const) {
        container.on(outcome, () => void seen.push(outcome))
      }
    },
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setImmediate(resolve))
}

const product = (name: string, version: string): object => ({ properties: { product: name, version } })

test('ActiveMQ Classic keeps what is given back for the link it came on: that link is given up', async () => {
  const { seen, script } = queueOf('a', 'b')
  await using peer = await scriptedPeer(script, product('ActiveMQ', '5.18.3'))
  await using queue = queueAt(peer.port)
  const consumer = queue.consumer()
  const first = await consumer.take(5000)
  await first!.release()
  // rhea tells of a detach before it tells of outcomes that came with it.
  await until(() => seen.length === 3)
  assert.deepEqual(new Set(seen), new Set(['attach', 'released', 'detach']))
  assert.equal((await consumer.take(5000))!.message.id, 'b')
  assert.equal(seen.at(-1), 'attach')
})

test('what else is on loan from that link can still be acknowledged, and only then is it detached', async () => {
  const { seen, script } = queueOf('a', 'b')
  await using peer = await scriptedPeer(script, product('ActiveMQ', '5.18.3'))
  await using queue = queueAt(peer.port)
  const consumer = queue.consumer({ window: 2 })
  const [first, second] = [await consumer.take(5000), await consumer.take(5000)]
  await first!.release()
  await until(() => seen.includes('released'))
  assert.deepEqual(seen, ['attach', 'released'])
  await second!.ack()
  await until(() => seen.length === 4)
  assert.deepEqual(new Set(seen.slice(2)), new Set(['accepted', 'detach']))
})

test('a broker that takes back what it is given keeps its link', async () => {
  const { seen, script } = queueOf('a')
  await using peer = await scriptedPeer(script, product('apache-activemq-artemis', '2.56.0'))
  await using queue = queueAt(peer.port)
  await (await queue.consumer().take(5000))!.release()
  await until(() => seen.includes('released'))
  assert.deepEqual(seen, ['attach', 'released'])
})

const browsed = async (queue: JmsQueue): Promise<string[]> => {
  const ids: string[] = []
  for await (const { message } of queue.browse()) ids.push(message.id)
  return ids
}

test('what was looked at in ActiveMQ Classic is accepted, or it would come round for ever', async () => {
  const { seen, script } = queueOf('a', 'b')
  await using peer = await scriptedPeer(script, product('ActiveMQ', '6.3.1'))
  await using queue = queueAt(peer.port)
  assert.deepEqual(await browsed(queue), ['a', 'b'])
  assert.deepEqual([seen[0], seen.filter(one => one === 'accepted').length], ['attach copy', 2])
})

for (const [product_, version, links] of [
  ['ActiveMQ', '6.3.1', 2],
  ['apache-activemq-artemis', '2.56.0', 1],
] as const) {
  test(`${product_}: after the question whether there is more, the next message comes over link number ${links}`, async () => {
    const { seen, script } = queueOf('a', 'b')
    await using peer = await scriptedPeer(script, product(product_, version))
    await using queue = queueAt(peer.port)
    const consumer = queue.consumer()
    const first = await consumer.take(0)
    assert.equal(first!.message.id, 'a')
    await first!.ack()
    const second = await consumer.take(5000)
    assert.equal(second!.message.id, 'b')
    await second!.ack()
    assert.equal(seen.filter(one => one === 'attach').length, links)
  })
}

test('RabbitMQ 3 is never asked to drain, which its plug-in does not survive, nor to copy, which it takes for taking', async () => {
  const { seen, script } = queueOf()
  await using peer = await scriptedPeer(script, product('RabbitMQ', '3.10.8'))
  {
    await using queue = queueAt(peer.port)
    assert.equal(await queue.consumer().take(0), null)
    assert.deepEqual(await browsed(queue), [])
    assert.equal(queue.browsable, false)
  }
  assert.ok(seen.includes('attach'))
  assert.ok(!seen.includes('drain'))
})

test('others are asked', async () => {
  const { seen, script } = queueOf()
  await using peer = await scriptedPeer(script, product('RabbitMQ', '4.1.0'))
  await using queue = queueAt(peer.port)
  assert.equal(await queue.consumer().take(0), null)
  assert.deepEqual(seen, ['attach', 'drain'])
})

test('a link closed before the broker has opened it does not break the connection of the others', async () => {
  const { script } = queueOf('a')
  await using peer = await scriptedPeer(script)
  await using queue = queueAt(peer.port)
  const other = queue.consumer()
  const first = await other.take(5000)
  for (let round = 0; round < 5; round++) {
    const stop = new AbortController()
    const brief = queue.consumer()
    const taking = brief.take(60_000, stop.signal)
    await new Promise(resolve => setImmediate(resolve))
    stop.abort()
    assert.equal(await taking, null)
    await brief[Symbol.asyncDispose]()
  }
  await first!.ack()
  assert.equal(peer.accepted, 1)
})

test('a consumer is closed once the broker has let go of it, so that who asks next is not told that there is nothing', async () => {
  const { seen, script } = queueOf()
  await using peer = await scriptedPeer(script)
  await using queue = queueAt(peer.port)
  const brief = queue.consumer()
  assert.equal(await brief.take(0), null)
  await brief[Symbol.asyncDispose]()
  assert.deepEqual(seen, ['attach', 'drain', 'detach'])
})

test('a consumer is closed when the connection dies before the broker has let go of it', async () => {
  const { seen, script } = queueOf()
  await using peer = await scriptedPeer(container => {
    script(container)
    container.on('sender_close', () => peer.cut())
  })
  await using queue = queueAt(peer.port)
  const brief = queue.consumer()
  assert.equal(await brief.take(0), null)
  await brief[Symbol.asyncDispose]()
  assert.deepEqual(seen, ['attach', 'drain', 'detach'])
})

test('a flow for a session that is over, as Artemis writes one behind a large message, does not break the connection of the others', async () => {
  const { script } = queueOf('a')
  await using peer = await scriptedPeer(container => {
    script(container)
    container.on('sender_close', ({ sender }: EventContext) => {
      const { session } = sender as unknown as { session: { local: { channel: number }; _write_flow(): void } }
      const { channel } = session.local
      session.local.channel = 0xffff
      session._write_flow()
      session.local.channel = channel
    })
  })
  await using queue = queueAt(peer.port)
  const other = queue.consumer()
  const first = await other.take(5000)
  const brief = queue.consumer()
  assert.equal(await brief.take(0), null)
  await brief[Symbol.asyncDispose]()
  await first!.ack()
  assert.equal(peer.accepted, 1)
})
