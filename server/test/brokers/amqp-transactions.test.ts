/** Read A, write B and C, in one local transaction of AMQP 1.0, under the faults of messaging-peers §5.4. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '../../kernel/clock.ts'
import type { Incoming, Live, Received, Session } from '../../drivers/jms/index.ts'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import type { FaultProxy } from '../../testing/fault-proxy.ts'
import { CONFIRM_MS, drained, linked, message, openLive, put, take, textOf } from './real-live.ts'
import { missing, missingOurOwn, startBroker } from './servers/index.ts'
import type { RealServer } from './servers/index.ts'

const PARTS = { clock: systemClock, deadlineMs: CONFIRM_MS }

for (const name of ['artemis-2.56.0', 'artemis-2.44.0', 'classic-5.18.3', 'classic-6.3.1'] as const) {
  describe(`local transactions over AMQP 1.0 at ${name}`, { skip: await missingOurOwn(name) }, () => {
    let server: RealServer
    let proxy: FaultProxy
    let round = 0
    before(async () => {
      server = await startBroker(name)
      proxy = await startFaultProxy({ targetPort: server.port('amqp') })
    })
    after(async () => {
      await proxy[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    })

    interface Move {
      readonly live: Live
      readonly session: Session
      readonly names: readonly [string, string, string]
      /** Of A. */
      readonly receiver: Incoming
      readonly taken: Received
      /** Sends to B and C and acknowledges A. */
      work(): Promise<void>
      /** So many there are of A, B and C now, seen over another connection. */
      leaves(...depths: readonly [number, number, number]): Promise<void>
    }

    async function move(): Promise<Move> {
      const names = ['A', 'B', 'C'].map(letter => `${letter}.${++round}`) as unknown as readonly [
        string,
        string,
        string,
      ]
      const live = await openLive(server, `amqp://127.0.0.1:${proxy.port}`)
      await put(linked(live).sender(names[0]), 'a')
      const session = await live.openSession(PARTS)
      const { sender, receiver: reading } = linked(session)
      const receiver = reading(names[0])
      const taken = await take(receiver)
      return {
        live,
        session,
        names,
        receiver,
        taken,
        async work() {
          await put(sender(names[1]), 'b')
          await put(sender(names[2]), 'c')
          await taken.settle({ kind: 'accepted' })
        },
        async leaves(...depths) {
          const other = await openLive(server, server.url('amqp'))
          const found = []
          for (const [index, name] of names.entries()) found.push(await drained(other, name, depths[index]!))
          other.close()
          assert.deepEqual(
            found.map(({ length }) => length),
            depths,
          )
        },
      }
    }

    test('commit: B and C have it and A no longer, and before that nobody saw anything (IP-2)', async () => {
      const { live, session, names, work, leaves } = await move()
      await work()
      const other = await openLive(server, server.url('amqp'))
      assert.deepEqual([await drained(other, names[1], 0), await drained(other, names[2], 0)], [[], []])
      other.close()
      await session.commit()
      await leaves(0, 1, 1)
      live.close()
    })

    test('rollback: nothing reaches B and C, and A has it again, counted', async () => {
      const { live, session, receiver, work, leaves } = await move()
      await work()
      await session.rollback()
      const again = await take(receiver)
      assert.equal(again.message.deliveryCount, 1)
      await again.settle({ kind: 'released' })
      await leaves(1, 0, 0)
      live.close()
    })

    test('rolled back twice before it was acknowledged, it can be committed the third time', async () => {
      const { live, session, names, receiver, leaves } = await move()
      const { sender } = linked(session)
      await put(sender(names[1]), 'b')
      await session.rollback()
      assert.equal((await take(receiver)).message.deliveryCount, 1)
      await session.rollback()
      const again = await take(receiver)
      assert.deepEqual([textOf(again.message), again.message.deliveryCount], ['a', 2])
      await put(sender(names[1]), 'b again')
      await again.settle({ kind: 'accepted' })
      await session.commit()
      await leaves(0, 1, 0)
      live.close()
    })

    test('one transaction after the other on the same session, of several messages each', async () => {
      const { live, session, names, taken, leaves } = await move()
      await taken.settle({ kind: 'accepted' })
      await session.commit()
      const { sender } = linked(live)
      const source = sender(names[0])
      for (let index = 0; index < 6; index++) await put(source, String(index))
      const target = linked(session).sender(names[1])
      const receiver = linked(session).receiver(names[0], 2)
      for (let index = 0; index < 6; index += 2) {
        for (let two = 0; two < 2; two++) {
          const received = await take(receiver)
          await put(target, textOf(received.message))
          await received.settle({ kind: 'accepted' })
        }
        if (index === 2) await session.rollback()
        else await session.commit()
      }
      await leaves(2, 4, 0)
      live.close()
    })

    test('our socket cut before the commit: all is as it was', async () => {
      const { session, work, leaves } = await move()
      await work()
      proxy.cut()
      await assert.rejects(session.commit())
      await leaves(1, 0, 0)
      assert.ok(session.gone)
    })

    test('a closed session is rolled back', async () => {
      const { live, session, work, leaves } = await move()
      await work()
      await session.close()
      await leaves(1, 0, 0)
      live.close()
    })

    test('the answer to the commit lost: nobody knows, and A tells', async () => {
      const { live, session, work, leaves } = await move()
      await work()
      const before = proxy.passed.up
      proxy.swallow('down')
      const committed = session.commit()
      await proxy.waitFor(({ passed }) => passed.up > before)
      await proxy.waitFor(({ swallowed }) => swallowed.down > 0)
      proxy.forward()
      proxy.cut()
      await assert.rejects(committed, { ambiguous: true })
      await leaves(0, 1, 1)
      live.close()
    })

    for (const [when, expected, step] of [
      ['after B', [1, 0, 0], (at: Move) => put(linked(at.session).sender(at.names[1]), 'b')],
      ['before the commit', [1, 0, 0], (at: Move) => at.work()],
      [
        'after the commit was answered',
        [0, 1, 1],
        async (at: Move) => {
          await at.work()
          await at.session.commit()
        },
      ],
    ] as [string, [number, number, number], (at: Move) => Promise<void>][]) {
      test(`the broker killed ${when} (IP-5)`, async () => {
        const moving = await move()
        await step(moving)
        await server.kill()
        await server.start()
        await moving.leaves(...expected)
        moving.live.close()
      })
    }

    test('the broker killed with the commit on its way: all or nothing', async () => {
      const { live, session, work, leaves } = await move()
      await work()
      const committed = session.commit().then(
        () => true,
        () => false,
      )
      await server.kill()
      const known = await committed
      await server.start()
      if (known) await leaves(0, 1, 1)
      else await leaves(1, 0, 0).catch(() => leaves(0, 1, 1))
      live.close()
    })

    test('what fails in a transaction makes its commit fail, and nothing of it happens', async () => {
      const { live, session, names, work, leaves } = await move()
      await work()
      // Not even credit can have come by then.
      await assert.rejects(linked(session).sender(`${names[1]}.more`).send(message('late'), 0, 0))
      await assert.rejects(session.commit())
      // While it lasts, Classic keeps for its receiver what was given back.
      await session.close()
      await leaves(1, 0, 0)
      live.close()
    })
  })
}

test(
  'RabbitMQ has no transactions in AMQP 1.0, and the session says so',
  { skip: await missing('rabbitmq') },
  async () => {
    await using server = await startBroker('rabbitmq')
    const live = await openLive(server, server.url('amqp'))
    await assert.rejects(live.openSession(PARTS), (error: Error) => {
      assert.match(error.message, /not-implemented|no transactions/)
      return (error as { code?: string }).code === 'BROKER_REFUSED'
    })
    live.close()
  },
)
