/** What OpenWire has to offer, by the driver alone, at each ActiveMQ Classic (messaging-peers §4.3, 5.4, 6, 7.2). */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { networkDialer } from '../../drivers/brokers/index.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { Dial, Incoming, JmsMessage, JmsValue, Live, Received, Session } from '../../drivers/jms/index.ts'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import type { FaultProxy } from '../../testing/fault-proxy.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import { CONFIRM_MS, drained, linked, message, openLive, put, queue, take, textOf } from './real-live.ts'
import { makeCertificates, missing, missingOurOwn, runJavaClient, startBroker, startClassic } from './servers/index.ts'
import type { RealServer } from './servers/index.ts'

const NO_JAVA = await missing('java-clients')
const NO_OPENSSL = await missing('openssl')
const PARTS = { clock: systemClock, deadlineMs: CONFIRM_MS }
const VERSIONS = ['5.17.2', '5.18.3', '6.3.1'] as const

/** As a server has it: one identity for all connections, and the port is asked what it speaks. */
function dialer(): Dial {
  return networkDialer(memoryLog())()
}

const texts = (messages: readonly JmsMessage[]): string[] => messages.map(textOf)

for (const version of VERSIONS) {
  describe(`OpenWire at ActiveMQ Classic ${version}`, { skip: await missingOurOwn(`classic-${version}`) }, () => {
    let server: RealServer
    let proxy: FaultProxy
    let live: Live
    let count = 0
    const fresh = (): string => `openwire.${process.pid}.${++count}`
    before(async () => {
      server = await startBroker(`classic-${version}`)
      proxy = await startFaultProxy({ targetHost: server.host, targetPort: server.port('openwire') })
      live = await openLive(server, server.url('openwire'), dialer())
    })
    after(async () => {
      live.close()
      await proxy[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    })

    test('it is found by its greeting and tells its version', () => {
      assert.equal(live.protocol, 'OpenWire')
      assert.equal(live.peer.product, 'ActiveMQ')
      assert.match(live.peer.version, new RegExp(version === '5.17.2' ? '^5\\.17' : version))
    })

    test('a wrong password is refused as such, and never shown', async () => {
      const wrong = { user: server.user, password: 'wr0ng' }
      await assert.rejects(openLive(wrong, server.url('openwire'), dialer()), (error: Error & { code: string }) => {
        assert.equal(error.code, 'BROKER_REFUSED')
        assert.match(error.message, /refused the login as hf/)
        return !error.message.includes('wr0ng')
      })
    })

    test('500 messages sent at once are confirmed and come in order', async () => {
      const name = fresh()
      const sender = linked(live).sender(name)
      await Promise.all(Array.from({ length: 500 }, (_, index) => put(sender, String(index))))
      const found = texts(await drained(live, name, 500))
      assert.deepEqual(
        found,
        Array.from({ length: 500 }, (_, index) => String(index)),
      )
    })

    test('a window of 20 is filled without being asked for each message', async () => {
      const name = fresh()
      const sender = linked(live).sender(name)
      await Promise.all(Array.from({ length: 60 }, (_, index) => put(sender, String(index))))
      const receiver = linked(live).receiver(name, 20)
      const held = []
      for (let index = 0; index < 20; index++) held.push(await take(receiver))
      assert.equal(await receiver.take(50), null)
      for (const received of held) await received.settle({ kind: 'accepted' })
      assert.equal(textOf((await take(receiver)).message), '20')
      await receiver.close()
      assert.equal((await drained(live, name, 40)).length, 40)
    })

    test('what is given back comes first again: uncounted if it was released, counted if it had failed', async () => {
      const name = fresh()
      const sender = linked(live).sender(name)
      for (const text of ['a', 'b']) await put(sender, text)
      const receiver = linked(live).receiver(name)
      await (await take(receiver)).settle({ kind: 'released' })
      const again = await take(receiver)
      assert.deepEqual([textOf(again.message), again.message.deliveryCount], ['a', 0])
      await again.settle({ kind: 'modified', deliveryFailed: true, undeliverableHere: false })
      const third = await take(receiver)
      assert.deepEqual([textOf(third.message), third.message.deliveryCount], ['a', 1])
      await third.settle({ kind: 'accepted' })
      await receiver.close()
      assert.deepEqual(texts(await drained(live, name, 1)), ['b'])
    })

    test('a poisoned message is on the dead-letter queue, with the cause and the queue it was in', async () => {
      const name = fresh()
      await drained(live, 'ActiveMQ.DLQ', 0)
      await put(linked(live).sender(name), 'poison')
      const receiver = linked(live).receiver(name)
      await (await take(receiver)).settle({ kind: 'rejected', condition: 'x', description: 'tried 4 times: HTTP 500' })
      const [dead] = await drained(live, 'ActiveMQ.DLQ', 1)
      assert.equal(textOf(dead!), 'poison')
      assert.match(String(dead!.properties.get('dlqDeliveryFailureCause')), /tried 4 times: HTTP 500/)
      await receiver.close()
      assert.deepEqual(await drained(live, name, 0), [])
    })

    test('a queue is looked at without taking, beyond what is pushed at once, and the end is known', async () => {
      const name = fresh()
      const sender = linked(live).sender(name)
      await Promise.all(Array.from({ length: 250 }, (_, index) => put(sender, String(index))))
      const look = live.openReceiver({ from: queue(name), clock: systemClock, window: 1, browse: true })
      const seen: string[] = []
      for (let one = await look.take(0); one; one = await look.take(0)) seen.push(textOf(one.message))
      await look.close()
      assert.equal(seen.length, 250)
      assert.deepEqual([seen[0], seen[249]], ['0', '249'])
      assert.equal((await drained(live, name, 250)).length, 250)
    })

    test('a selector lets only some messages through', async () => {
      const name = fresh()
      const sender = linked(live).sender(name)
      for (const region of ['EU', 'US', 'EU']) await put(sender, region, { properties: new Map([['region', region]]) })
      const receiver = live.openReceiver({
        from: queue(name),
        clock: systemClock,
        window: 1,
        selector: "region = 'US'",
      })
      const found = await take(receiver)
      assert.equal(textOf(found.message), 'US')
      await found.settle({ kind: 'accepted' })
      assert.equal(await receiver.take(0), null)
      await receiver.close()
      assert.deepEqual(texts(await drained(live, name, 2)), ['EU', 'EU'])
      const wrong = live.openReceiver({ from: queue(name), clock: systemClock, window: 1, selector: 'region = = 1' })
      await assert.rejects(wrong.take(1000), { code: 'BROKER_REFUSED', message: /InvalidSelector/ })
    })

    test('messages of a group go to one consumer', async () => {
      const name = fresh()
      const one = linked(live).receiver(name, 10)
      const two = linked(live).receiver(name, 10)
      await Promise.all([one.destination(), two.destination()])
      const firsts = [one.take(CONFIRM_MS), two.take(CONFIRM_MS)]
      const sender = linked(live).sender(name)
      for (let index = 0; index < 10; index++) await put(sender, `${index % 2}`, { groupId: `g${index % 2}` })
      const groups = [new Set<string>(), new Set<string>()]
      for (const [index, receiver] of [one, two].entries()) {
        for (let left = 5; left > 0; left--) {
          const received = left === 5 ? await firsts[index]! : await take(receiver)
          groups[index]!.add(received!.message.groupId!)
          await received!.settle({ kind: 'accepted' })
        }
      }
      assert.deepEqual(
        groups.map(({ size }) => size),
        [1, 1],
      )
      await Promise.all([one.close(), two.close()])
    })

    test('an exclusive consumer has the queue to itself until it is closed', async () => {
      const name = fresh()
      const one = live.openReceiver({ from: queue(`${name}?consumer.exclusive=true`), clock: systemClock, window: 1 })
      await one.destination()
      const two = live.openReceiver({ from: queue(`${name}?consumer.exclusive=true`), clock: systemClock, window: 1 })
      await two.destination()
      const sender = linked(live).sender(name)
      for (const text of ['a', 'b']) await put(sender, text)
      const first = await take(one)
      assert.equal(await two.take(200), null)
      await first.settle({ kind: 'accepted' })
      await one.close()
      assert.equal(textOf((await take(two)).message), 'b')
      await two.close()
    })

    test('an expired message is not delivered; a reply finds its temporary queue', async () => {
      const name = fresh()
      await put(linked(live).sender(name), 'late', { timeToLive: 1 })
      await systemClock.sleep(20)
      assert.deepEqual(await drained(live, name, 0), [])
      const replies = live.openReceiver({ from: 'temporary', clock: systemClock, window: 1 })
      const replyTo = await replies.destination()
      await put(linked(live).sender(name), 'question', { replyTo, correlationId: '7' })
      const [question] = await drained(live, name, 1)
      assert.deepEqual(question!.replyTo, replyTo)
      const answering = live.openSender({ destination: question!.replyTo!, clock: systemClock, fullness: () => {} })
      await answering.send(message('answer', { correlationId: '7' }), CONFIRM_MS, CONFIRM_MS)
      const answer = await take(replies)
      assert.deepEqual([textOf(answer.message), answer.message.correlationId], ['answer', '7'])
      await replies.close()
    })

    test('3 MB go there and back; what is longer than the broker takes is refused here, and the connection stays', async () => {
      const name = fresh()
      const sender = linked(live).sender(name)
      const large = 'x'.repeat(3_000_000)
      await put(sender, large)
      assert.equal(textOf((await drained(live, name, 1))[0]!), large)
      const small = await openLive(server, `${server.url('openwire')}?wireFormat.maxFrameSize=100000`, dialer())
      await assert.rejects(put(linked(small).sender(name), large), { message: /wireFormat.maxFrameSize/ })
      await put(linked(small).sender(name), 'short')
      assert.deepEqual(texts(await drained(small, name, 1)), ['short'])
      small.close()
    })

    test('a message whose answer was lost is sent again under its number and stored once; the next ones flow', async () => {
      const name = fresh()
      const dial = dialer()
      const behind = { user: server.user, password: server.password }
      const url = `tcp://127.0.0.1:${proxy.port}`
      const first = await openLive(behind, url, dial)
      const sender = linked(first).sender(name)
      await put(sender, 'one', { duplicateId: '1' })
      proxy.swallow('down')
      const lost = assert.rejects(sender.send(message('two', { duplicateId: '2' }), 300, 300), { ambiguous: true })
      await lost
      proxy.forward()
      first.close()
      const second = await openLive(behind, url, dial)
      const again = linked(second).sender(name)
      await put(again, 'two', { duplicateId: '2' })
      await put(again, 'three', { duplicateId: '3' })
      assert.deepEqual(texts(await drained(live, name, 3)), ['one', 'two', 'three'])
      second.close()
    })

    test('an unanswered message that never arrived is stored when it is sent again, though others were stored meanwhile', async () => {
      const name = fresh()
      const dial = dialer()
      const url = `tcp://127.0.0.1:${proxy.port}`
      const first = await openLive(server, url, dial)
      const sender = linked(first).sender(name)
      await put(sender, 'one', { duplicateId: '1' })
      proxy.swallow('up')
      await assert.rejects(sender.send(message('two', { duplicateId: '2' }), 300, 300), { ambiguous: true })
      proxy.forward()
      const again = linked(first).sender(name)
      for (const id of ['3', '4', '5']) await put(again, id, { duplicateId: id })
      await put(again, 'two', { duplicateId: '2' })
      assert.deepEqual(texts(await drained(live, name, 5)), ['one', '3', '4', '5', 'two'])
      first.close()
    })

    test('a connection that is quiet stays, and a broker that is frozen is noticed', async () => {
      const frozen = await openLive(
        server,
        `tcp://127.0.0.1:${proxy.port}?wireFormat.maxInactivityDuration=900`,
        dialer(),
      )
      await systemClock.sleep(2500)
      assert.equal(frozen.gone, null)
      const gone = new Promise<Error>(resolve => frozen.onGone(resolve))
      proxy.stall()
      assert.match((await gone).message, /silent for more than 900 ms/)
      proxy.forward()
    })

    describe('a transaction that reads A and writes B and C', () => {
      interface Move {
        readonly session: Session
        readonly names: readonly string[]
        readonly receiver: Incoming
        readonly taken: Received
        /** Sends to B and C and acknowledges A. */
        work(): Promise<void>
        /** So many there are of A, B and C now. */
        leaves(...depths: readonly [number, number, number]): Promise<void>
      }

      async function move(of: Live): Promise<Move> {
        const names = [fresh(), fresh(), fresh()]
        await put(linked(live).sender(names[0]!), 'a')
        const session = await of.openSession(PARTS)
        const { sender, receiver: reading } = linked(session)
        const receiver = reading(names[0]!)
        const taken = await take(receiver)
        return {
          session,
          names,
          receiver,
          taken,
          async work() {
            await put(sender(names[1]!), 'b')
            await put(sender(names[2]!), 'c')
            await taken.settle({ kind: 'accepted' })
          },
          async leaves(...depths) {
            const found: number[] = []
            for (const [index, name] of names.entries()) found.push((await drained(live, name, depths[index]!)).length)
            assert.deepEqual(found, depths)
          },
        }
      }

      test('committed, all is done, and before that nobody saw anything (IP-2)', async () => {
        const { session, names, work, leaves } = await move(live)
        await work()
        assert.deepEqual([await drained(live, names[1]!, 0), await drained(live, names[2]!, 0)], [[], []])
        await session.commit()
        await leaves(0, 1, 1)
        await session.close()
      })

      test('rolled back, nothing is done, and A comes again, counted, until it is committed', async () => {
        const { session, receiver, names, work, leaves } = await move(live)
        await work()
        await session.rollback()
        const again = await take(receiver)
        assert.deepEqual([textOf(again.message), again.message.deliveryCount], ['a', 1])
        await session.rollback()
        const third = await take(receiver)
        assert.equal(third.message.deliveryCount, 2)
        await put(linked(session).sender(names[1]!), 'b')
        await third.settle({ kind: 'accepted' })
        await session.commit()
        await session.close()
        await leaves(0, 1, 0)
      })

      test('a poisoned message leaves the queue although the transaction is rolled back (IP-3)', async () => {
        const { session, names, taken, leaves } = await move(live)
        await drained(live, 'ActiveMQ.DLQ', 0)
        await put(linked(session).sender(names[1]!), 'b')
        await taken.settle({ kind: 'rejected', condition: 'x', description: 'no more tries' })
        await session.rollback()
        assert.deepEqual(texts(await drained(live, 'ActiveMQ.DLQ', 1)), ['a'])
        await leaves(0, 0, 0)
        await session.close()
      })

      test('with the connection cut before the commit, nothing is done, and A is there, counted', async () => {
        const cut = await openLive(server, `tcp://127.0.0.1:${proxy.port}`, dialer())
        const { session, names, work, leaves } = await move(cut)
        await work()
        proxy.cut()
        await assert.rejects(session.commit(), { code: 'STORE_UNAVAILABLE' })
        const receiver = linked(live).receiver(names[0]!)
        const again = await take(receiver)
        assert.equal(again.message.deliveryCount, 1)
        await receiver.close()
        await leaves(1, 0, 0)
      })

      test('a commit whose answer is lost is ambiguous, and all or nothing is done', async () => {
        const cut = await openLive(server, `tcp://127.0.0.1:${proxy.port}`, dialer())
        const { session, names, work } = await move(cut)
        await work()
        const before = proxy.swallowed.down
        proxy.swallow('down')
        const commit = assert.rejects(session.commit(), { ambiguous: true })
        await proxy.waitFor(({ swallowed }) => swallowed.down > before)
        proxy.cut()
        await commit
        proxy.forward()
        const [a, b, c] = [
          await drained(live, names[0]!, 0),
          await drained(live, names[1]!, 1),
          await drained(live, names[2]!, 1),
        ]
        assert.deepEqual([a.length, b.length, c.length], [0, 1, 1])
      })

      test('many sessions side by side do not mix', async () => {
        const sessions = await Promise.all(Array.from({ length: 4 }, () => move(live)))
        await Promise.all(sessions.map(({ work }) => work()))
        await Promise.all(sessions.map(({ session }, index) => (index % 2 ? session.commit() : session.rollback())))
        await Promise.all(sessions.map(({ session }) => session.close()))
        for (const [index, { leaves }] of sessions.entries()) await (index % 2 ? leaves(0, 1, 1) : leaves(1, 0, 0))
      })
    })

    describe('a Java client', { skip: NO_JAVA }, () => {
      const java = (what: string, name: string, args: readonly string[], query = ''): Promise<string> => {
        const url = `${server.url('openwire')}${query}`
        return runJavaClient('Interop', [what, 'openwire', url, server.user, server.password, name, ...args])
      }
      /** Java's own client spoils characters beyond U+FFFF in properties, though not in bodies. */
      const properties = new Map<string, JmsValue>([
        ['text', 'Grüße €'],
        ['anInt', -7],
        ['aLong', 5_000_000_000],
        ['aDouble', 0.5],
        ['aBoolean', true],
      ])
      const seenByJava = {
        'property.text': 'String Grüße €',
        'property.anInt': 'Integer -7',
        'property.aLong': 'Long 5000000000',
        'property.aDouble': 'Double 0.5',
        'property.aBoolean': 'Boolean true',
      }

      for (const compress of [false, true]) {
        test(`reads each kind of body with headers and typed properties, compressed: ${compress}`, async () => {
          const name = fresh()
          const ours = await openLive(server, `${server.url('openwire')}?jms.useCompression=${compress}`, dialer())
          const sender = linked(ours).sender(name)
          const send = (body: JmsMessage['body']): Promise<void> => {
            const headers = { correlationId: 'c-1', type: 'order', priority: 7, groupId: 'g' }
            return sender.send({ ...message(''), body, properties, ...headers }, CONFIRM_MS, CONFIRM_MS)
          }
          const entries = new Map<string, JmsValue>([
            ['symbol', 'IBM'],
            ['quantity', 7],
          ])
          await send({ kind: 'text', bytes: Buffer.from('<order>Grüße 🚀 \0</order>') })
          await send({ kind: 'bytes', bytes: Buffer.from([0, 127, 128, 255]) })
          await send({ kind: 'map', entries })
          await send({ kind: 'stream', items: ['IBM', 7, 12.5] })
          await send({ kind: 'empty' })
          const lines = (await java('receive', name, ['5'])).trim().split('\n')
          const seen = lines.map(line => JSON.parse(line) as Record<string, string>)
          assert.deepEqual(
            seen.map(({ kind }) => kind),
            ['text', 'bytes', 'map', 'stream', 'empty'],
          )
          for (const one of seen) {
            const expected = {
              ...seenByJava,
              type: 'order',
              priority: '7',
              correlationId: 'c-1',
              group: 'g',
              persistent: 'true',
            }
            for (const [field, value] of Object.entries(expected)) assert.equal(one[field], value)
          }
          assert.equal(seen[0]!['text'], '<order>Grüße 🚀 \0</order>')
          assert.equal(seen[1]!['base64'], Buffer.from([0, 127, 128, 255]).toString('base64'))
          assert.deepEqual([seen[2]!['map.symbol'], seen[2]!['map.quantity']], ['String IBM', 'Integer 7'])
          ours.close()
        })

        test(`writes each kind of body, and we read it, compressed: ${compress}`, async () => {
          const name = fresh()
          const kinds = ['text', 'bytes', 'map', 'stream', 'object', 'empty']
          await java('send', name, kinds, `?jms.useCompression=${compress}`)
          const found = await drained(live, name, 6)
          assert.deepEqual(
            found.map(({ body }) => body.kind),
            kinds,
          )
          const [text, bytes, map, stream, object] = found.map(({ body }) => body) as [
            never,
            never,
            never,
            never,
            never,
          ]
          const all = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
          assert.equal(textOf({ ...found[0]!, body: text }), '<order>Grüße 🚀</order>')
          assert.deepEqual(Buffer.from((bytes as { bytes: Uint8Array }).bytes), all)
          assert.deepEqual(Object.fromEntries((map as { entries: Map<string, JmsValue> }).entries), {
            symbol: 'IBM',
            quantity: 7,
            price: 12.5,
          })
          assert.deepEqual((stream as { items: unknown }).items, ['IBM', 7])
          assert.deepEqual([...(object as { bytes: Uint8Array }).bytes.subarray(0, 2)], [0xac, 0xed])
          for (const one of found) {
            assert.deepEqual(
              [one.correlationId, one.type, one.priority, one.persistent],
              ['correlation-1', 'order', 7, true],
            )
            for (const [key, value] of properties) if (key !== 'text') assert.equal(one.properties.get(key), value)
            assert.match(String(one.properties.get('text')), /^Grüße/)
          }
        })
      }
    })
  })
}

for (const version of VERSIONS) {
  describe(
    `OpenWire at an ActiveMQ Classic ${version} of our own`,
    { skip: await missingOurOwn(`classic-${version}`) },
    () => {
      test('a broker killed before the commit has done nothing; one killed after its answer has done all (IP-5)', async () => {
        await using server = await startClassic(version)
        const run = async (commit: boolean, names: readonly string[]): Promise<void> => {
          const live = await openLive(server, server.url('openwire'), dialer())
          await put(linked(live).sender(names[0]!), 'a')
          const session = await live.openSession(PARTS)
          const { sender, receiver } = linked(session)
          const taken = await take(receiver(names[0]!))
          await put(sender(names[1]!), 'b')
          await put(sender(names[2]!), 'c')
          await taken.settle({ kind: 'accepted' })
          if (commit) await session.commit()
          const gone = new Promise(resolve => live.onGone(resolve))
          await server.kill()
          await gone
          await server.start()
        }
        await run(false, ['A1', 'B1', 'C1'])
        await run(true, ['A2', 'B2', 'C2'])
        const live = await openLive(server, server.url('openwire'), dialer())
        const depths = []
        for (const [name, expected] of Object.entries({ A1: 1, B1: 0, C1: 0, A2: 0, B2: 1, C2: 1 }))
          depths.push((await drained(live, name, expected)).length)
        assert.deepEqual(depths, [1, 0, 0, 0, 1, 1])
        live.close()
      })

      test('a full store refuses and says so, what is there can be taken, and then there is room again', async () => {
        await using server = await startClassic(version, { fullFails: true, storeMb: 40 })
        const live = await openLive(server, server.url('openwire'), dialer())
        const said: boolean[] = []
        const sender = live.openSender({
          destination: queue('full'),
          clock: systemClock,
          fullness: full => void said.push(full),
        })
        const large = message('x'.repeat(1_000_000))
        let kept = 0
        await assert.rejects(
          async () => {
            for (; kept < 200; kept++) await sender.send(large, CONFIRM_MS, CONFIRM_MS)
          },
          { code: 'STORE_UNAVAILABLE', message: /ResourceAllocationException/ },
        )
        assert.deepEqual([said.at(-1), said.includes(false)], [true, true])
        assert.equal((await drained(live, 'full', kept)).length, kept)
        live.close()
      })

      test('a full store that makes senders wait does not hold up whoever takes and acknowledges', async () => {
        await using server = await startClassic(version, { storeMb: 40 })
        const live = await openLive(server, server.url('openwire'), dialer())
        const sender = linked(live).sender('full')
        const large = message('x'.repeat(1_000_000))
        let kept = 0
        await assert.rejects(
          async () => {
            for (; kept < 200; kept++) await sender.send(large, 1500, 1500)
          },
          { ambiguous: true },
        )
        const receiver = linked(live).receiver('full')
        for (let left = 5; left > 0; left--) await (await take(receiver)).settle({ kind: 'accepted' })
        assert.equal(live.gone, null)
        await receiver.close()
        live.close()
      })

      test(
        'TLS is spoken where the address says ssl, and an unknown certificate is refused',
        { skip: NO_OPENSSL },
        async () => {
          await using certificates = await makeCertificates()
          await using server = await startClassic(version, { tls: certificates })
          const url = server.url('openwire-tls')
          const live = await openLive(server, `${url}?transport.trustStore=${certificates.ca}`, dialer())
          await put(linked(live).sender('tls'), 'secret')
          assert.deepEqual(texts(await drained(live, 'tls', 1)), ['secret'])
          live.close()
          await assert.rejects(openLive(server, url, dialer()), { code: 'STORE_UNAVAILABLE', message: /certificate/ })
        },
      )
    },
  )
}
