import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { ManualClock } from '../../kernel/clock.ts'
import { IDLE_TIMEOUT, MAX_FRAME_SIZE, RECONNECTING } from '../jms/target.ts'
import { rabbitDialer } from './dial.ts'

test('a connection to a broker that says nothing is given up at once when nobody wants it any more', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const host = { host: '127.0.0.1', port: (server.address() as AddressInfo).port, tls: false }
  const target = {
    protocol: 'auto',
    hosts: [host],
    reconnecting: RECONNECTING,
    idleTimeout: IDLE_TIMEOUT,
    maxFrameSize: MAX_FRAME_SIZE,
  } as const
  const clock = new ManualClock()
  const wanted = new AbortController()
  const dial = rabbitDialer(({ name }) => ({ routingKey: name }))()
  const opening = dial(host, target, clock, 5000, wanted.signal)
  const [socket] = await once(server, 'connection')
  const ended = once(
    socket.resume().on('error', () => {}),
    'close',
  )
  wanted.abort()
  await assert.rejects(opening, { code: 'STORE_UNAVAILABLE', message: /given up before it was open/ })
  await ended
  assert.equal(clock.armed, 0)
})
