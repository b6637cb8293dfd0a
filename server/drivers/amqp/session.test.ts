/** Transactions whose session or connection goes away at the worst moment. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBroker } from '../../broker/broker.ts'
import type { Broker } from '../../broker/broker.ts'
import { systemClock } from '../../kernel/clock.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { MemoryJournal } from '../../testing/memory-journal.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import type { JmsMessage, Live, Session } from '../jms/index.ts'
import { IDLE_TIMEOUT, MAX_FRAME_SIZE, RECONNECTING } from '../jms/target.ts'
import type { RheaLive } from './dial.ts'
import { dialAmqp } from './index.ts'

const DEADLINE = 5000
const MESSAGE: JmsMessage = {
  body: { kind: 'text', bytes: Buffer.from('<order/>') },
  properties: new Map(),
  persistent: true,
  priority: 4,
}

interface Rig extends AsyncDisposable {
  readonly broker: Broker
  readonly live: Live
}

async function start(): Promise<Rig> {
  const broker = await startBroker({ port: 0, journal: new MemoryJournal(), log: memoryLog() })
  const host = { host: '127.0.0.1', port: broker.address.port, tls: false }
  const live = await dialAmqp(
    host,
    {
      protocol: 'amqp',
      hosts: [host],
      reconnecting: RECONNECTING,
      idleTimeout: IDLE_TIMEOUT,
      maxFrameSize: MAX_FRAME_SIZE,
    },
    systemClock,
    DEADLINE,
  )
  return {
    broker,
    live,
    async [Symbol.asyncDispose]() {
      live.close()
      await broker.stop()
    },
  }
}

const depthOf = (broker: Broker): number => broker.queues().find(({ name }) => name === 'q')?.depth ?? 0

/** A send of a transaction that has been given to the codec and not written yet. */
async function sending(live: Live): Promise<{ session: Session; sent: Promise<unknown> }> {
  const session = await live.openSession({ clock: systemClock, deadlineMs: DEADLINE })
  const sender = session.openSender({
    destination: { kind: 'queue', name: 'q' },
    clock: systemClock,
    fullness: () => {},
  })
  // With its link open and its transaction begun, the next one goes out at the end of the turn.
  await sender.send(MESSAGE, DEADLINE, DEADLINE)
  const sent = sender.send(MESSAGE, DEADLINE, DEADLINE).catch((thrown: unknown) => thrown)
  for (let step = 0; step < 5; step++) await Promise.resolve()
  return { session, sent }
}

test('a session closed with a message on its way shows it to nobody, and the connection goes on', async () => {
  await using rig = await start()
  const { session, sent } = await sending(rig.live)
  await session.close()
  assert.ok((await sent) instanceof IntegrationError)
  assert.equal(rig.live.gone, null)
  const next = await rig.live.openSession({ clock: systemClock, deadlineMs: DEADLINE })
  await next.close()
  assert.equal(depthOf(rig.broker), 0)
})

test('a connection lost with a message on its way tells who sends it, and nothing else breaks', async () => {
  await using rig = await start()
  const { session, sent } = await sending(rig.live)
  rig.live.abandon(new IntegrationError('STORE_UNAVAILABLE', 'given up'))
  assert.ok((await sent) instanceof IntegrationError)
  await assert.rejects(session.commit(), { code: 'TRANSACTION_FAILED' })
  assert.equal(depthOf(rig.broker), 0)
})

test('what goes wrong while the codec writes costs the connection, not the process', async () => {
  await using rig = await start()
  const { connection } = rig.live as RheaLive
  const gone = new Promise<IntegrationError>(resolve => rig.live.onGone(resolve))
  const session = connection.create_session()
  Object.assign(session, {
    output() {
      throw new TypeError('cannot be written')
    },
  })
  session.begin()
  const why = await gone
  assert.equal(why.code, 'STORE_UNAVAILABLE')
  assert.match(why.message, /cannot go on: cannot be written/)
})
