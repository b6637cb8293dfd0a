/** How a topic and a durable subscription are asked for, by a scripted peer; `server/test/brokers` has the brokers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventContext } from 'rhea'
import { systemClock } from '../../kernel/clock.ts'
import { scriptedPeer } from '../../testing/amqp-rig.ts'
import { IDLE_TIMEOUT, MAX_FRAME_SIZE, RECONNECTING } from '../jms/target.ts'
import { terminusFor } from './address.ts'
import { dialAmqp } from './index.ts'

test('ActiveMQ Classic goes by the name of a destination, other brokers by its capability', () => {
  const topic = { kind: 'topic', name: 'news' } as const
  const at = (product: string, version: string): string => terminusFor(topic, { product, version }).address
  assert.equal(at('ActiveMQ', '5.18.3'), 'topic://news')
  assert.equal(at('apache-activemq-artemis', '2.56.0'), 'news')
  assert.equal(terminusFor(topic, { product: '', version: '' }).capabilities, 'topic')
})

test('a durable subscription is asked for by its name and client, and a reader that goes does not end it', async () => {
  const seen: unknown[] = []
  let gone!: () => void
  const left = new Promise<void>(resolve => (gone = resolve))
  await using peer = await scriptedPeer(container => {
    container.on('connection_open', ({ connection }: EventContext) => seen.push(connection.container_id))
    container.on('sender_open', ({ sender }: EventContext) => {
      const { address, durable, expiry_policy } = sender!.source as unknown as Record<string, unknown>
      seen.push(sender!.name, address, durable, expiry_policy)
      sender!.set_source({ address: String(address) })
    })
    container.on('sender_close', ({ sender }: EventContext) => {
      seen.push((sender as unknown as { remote: { detach: { closed?: boolean } } }).remote.detach.closed ?? false)
      gone()
    })
  })
  const host = { host: '127.0.0.1', port: peer.port, tls: false }
  const target = {
    protocol: 'amqp',
    hosts: [host],
    clientId: 'news-reader',
    reconnecting: RECONNECTING,
    idleTimeout: IDLE_TIMEOUT,
    maxFrameSize: MAX_FRAME_SIZE,
  } as const
  const live = await dialAmqp(host, target, systemClock, 5000)
  const from = { kind: 'topic', name: 'news', subscription: 'daily' } as const
  const incoming = live.openReceiver({ from, clock: systemClock, window: 1 })
  await incoming.destination()
  await incoming.close()
  await left
  live.close()
  assert.deepEqual(seen, ['news-reader', 'daily', 'news', 2, 'never', false])
})
