import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../kernel/clock.ts'
import { scriptedPeer } from '../../testing/amqp-rig.ts'
import { freePorts } from '../../testing/ports.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import { JmsConnection } from '../jms/connection.ts'
import { IDLE_TIMEOUT, MAX_FRAME_SIZE, RECONNECTING } from '../jms/target.ts'
import { dialAmqp } from './index.ts'

function connectionTo(port: number) {
  const log = memoryLog()
  const target = {
    protocol: 'amqp' as const,
    hosts: [{ host: '127.0.0.1', port, tls: false }],
    reconnecting: { ...RECONNECTING, initialDelay: 1, maxDelay: 10 },
    idleTimeout: IDLE_TIMEOUT,
    maxFrameSize: MAX_FRAME_SIZE,
  }
  const around = { clock: systemClock, log, random: () => 0.5, dialer: () => dialAmqp }
  return { log, connection: new JmsConnection(target, around) }
}

test('AR-10: a backup that the broker names in its open frame is found when the broker dies', async () => {
  const [livePort, backupPort] = (await freePorts(2)) as [number, number]
  const hint = { 'failover-server-list': [{ 'network-host': '127.0.0.1', port: backupPort, scheme: 'amqp' }] }
  const first = await scriptedPeer(() => {}, { port: livePort, properties: hint })
  const { log, connection } = connectionTo(livePort)
  await connection.open(5000)
  const lost = new Promise(resolve => connection.live!.onGone(resolve))
  await using second = await scriptedPeer(() => {}, { port: backupPort })
  await first[Symbol.asyncDispose]()
  await lost
  const live = await connection.open(5000)
  assert.equal(live.host.port, backupPort)
  assert.equal(second.accepted, 1)
  assert.ok(log.texts('info').some(text => text.includes('names a backup')))
  connection.close()
})

test('a hint that is no address is left alone', async () => {
  const nonsense = [{ 'network-host': '', port: 1 }, { 'network-host': 'x', port: 'y' }, null, 7]
  await using peer = await scriptedPeer(() => {}, { properties: { 'failover-server-list': nonsense } })
  const { log, connection } = connectionTo(peer.port)
  assert.deepEqual((await connection.open(5000)).backups, [])
  assert.ok(!log.texts('info').some(text => text.includes('names a backup')))
  connection.close()
})
