/**
 * What the peers promise of delivering from a store, with the store at a broker. Where a row tells seconds, the broker,
 * the network and the back end are real and only our own pauses are leapt over: they are seen to the millisecond, and
 * nothing depends on how fast the machine is. A second has 1001 ms here, a length that no other timer of ours has.
 */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '../../kernel/clock.ts'
import type { MessageProcessor, MessageStore } from '../../kernel/contracts.ts'
import { AppRig } from '../../testing/app-rig.ts'
import { startServer } from '../../testing/child.ts'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import { LeapingClock } from '../../testing/leaping-clock.ts'
import type { MemoryLine } from '../../testing/memory-log.ts'
import { orderBody } from '../../testing/order-load.ts'
import { freePorts } from '../../testing/ports.ts'
import { stored } from '../../testing/store-rig.ts'
import { tempFolder } from '../../testing/temp-folder.ts'
import { BackEnd, orderXml } from './back-end.ts'
import { forwarding, orderArtifacts, orderClients, OrderDesk, orderService } from './orders.ts'
import { until } from './outbox.ts'
import { PullTap } from './pull-tap.ts'
import { ready, realStore, storeXml } from './real-store.ts'
import { missingOurOwn, startBroker } from './servers/index.ts'
import type { RealServer } from './servers/index.ts'
import { storeBy } from './ways.ts'
import type { StoreAt, Way } from './ways.ts'

const WAYS: readonly Way[] = [
  ['classic-6.3.1', 'openwire'],
  ['artemis-2.56.0', 'amqp'],
  ['rabbitmq', 'rabbitmq'],
]

const WAIT_MS = 60_000
/** For what a machine with much else to do delivers in a small part of it. */
const DRAIN_MS = 300_000
const SECOND = 1001

const FORWARDING = 'org.apache.synapse.message.processor.impl.forwarder.ScheduledMessageForwardingProcessor'
const SYNAPSE = 'xmlns="http://ws.apache.org/ns/synapse"'

type Parameters = Readonly<Record<string, string | number>>

const given = (parameters: Parameters): string =>
  Object.entries(parameters)
    .map(([name, value]) => `<parameter name="${name}">${value}</parameter>`)
    .join('')

const proxyXml = (name: string, store: string, outOnly = true): string =>
  `<proxy name="${name}" transports="http" ${SYNAPSE}><target><inSequence>
    <property name="FORCE_SC_ACCEPTED" value="true" scope="axis2"/>${outOnly ? '<property name="OUT_ONLY" value="true"/>' : ''}
    <log level="custom"><property name="came" expression="string(//order)"/></log>
    <store messageStore="${store}"/></inSequence></target></proxy>`

const processorXml = (name: string, store: string, parameters: Parameters): string =>
  `<messageProcessor name="${name}" class="${FORWARDING}" targetEndpoint="desk" messageStore="${store}" ${SYNAPSE}>${given(parameters)}</messageProcessor>`

const endpointXml = ({ url }: BackEnd): string => `<endpoint name="desk"><address uri="${url}"/></endpoint>`

/** A store that is not what a row is about. */
const journalXml = (name: string): string => `<messageStore name="${name}"/>`

const spareBehind = {
  'store.producer.guaranteed.delivery.enable': 'true',
  'store.failover.message.store.name': 'Spare',
}

function storeOf(app: AppRig, name: string): MessageStore {
  const store = app.app.registry.find('message-store', name)
  assert.ok(store, `there is no store ${name}`)
  return store
}

function processorOf(app: AppRig, name = 'P'): MessageProcessor {
  const processor = app.app.registry.find('message-processor', name)
  assert.ok(processor, `there is no processor ${name}`)
  return processor
}

/** Messages at the broker, or in the journal. */
async function held(store: MessageStore): Promise<number> {
  if (!store.traits.browsable) return store.depth()
  let count = 0
  for await (const _ of store.browse()) count++
  return count
}

const holds = (app: AppRig, name: string, count: number): Promise<void> =>
  until(`store ${name} holds ${count}`, async () => (await held(storeOf(app, name))) === count)

const stopped = (app: AppRig): Promise<void> =>
  until('the processor is stopped', async () => {
    const { wanted, observed } = processorOf(app).state
    return wanted === 'inactive' && observed === 'stopped'
  })

/** The first line of the log with that in it. */
async function said(app: AppRig, part: string): Promise<MemoryLine> {
  const find = (): MemoryLine | undefined => app.log.lines.find(({ text }) => text.includes(part))
  await until(`the log says "${part}"`, async () => find() !== undefined)
  return find()!
}

async function place(app: AppRig, order: string, proxy = 'Orders'): Promise<void> {
  const { status, text } = await app.post(`/services/${proxy}`, orderXml(order))
  assert.deepEqual([status, text], [202, ''])
}

/** Takes so many messages from a queue, after which it has to be empty. */
async function taken(at: StoreAt, count: number): Promise<string[]> {
  const { store } = realStore(at)
  await using _ = store
  await using consumer = await store.consumer()
  const bodies: string[] = []
  for (let left = count; left > 0; left--) {
    const delivery = await consumer.take(WAIT_MS)
    assert.ok(delivery, `${bodies.length} of ${count} messages were there`)
    bodies.push(Buffer.from(delivery.message.body).toString())
    await delivery.ack()
  }
  assert.equal(await consumer.take(0), null)
  return bodies
}

for (const [name, driver] of WAYS) {
  describe(`delivery from a store at ${name}, driver ${driver}`, { skip: await missingOurOwn(name) }, () => {
    let server: RealServer
    before(async () => {
      server = await startBroker(name)
    })
    after(() => server[Symbol.asyncDispose]())

    const at = (queue: string, port?: number): StoreAt => storeBy(driver, server, queue, port)
    const xmlOf = (store: string, { className, parameters }: StoreAt, more: Record<string, string> = {}): string =>
      storeXml(store, { ...parameters, ...more }, className)

    interface Delivering {
      readonly processor: Parameters
      readonly store?: Record<string, string>
      readonly clock?: LeapingClock
      /** Other artifacts. */
      readonly files?: Readonly<Record<string, string>>
    }

    /** Proxy `Orders` → store `S` at the broker → processor `P` → the back end. */
    const delivering = (backEnd: BackEnd, place: StoreAt, { processor, store, clock, files }: Delivering) =>
      AppRig.start(
        {
          'endpoint.xml': endpointXml(backEnd),
          'store.xml': xmlOf('S', place, store),
          'proxy.xml': proxyXml('Orders', 'S'),
          'processor.xml': processorXml('P', 'S', processor),
          ...files,
        },
        clock && { clock },
      )

    test('WF-2: a hundred orders that wait for the broker in the failover store outlive kill -9 of our server', async () => {
      await using folder = await tempFolder('wf2')
      await using desk = await OrderDesk.open()
      const { className, parameters } = at('wf2')
      const artifacts = join(folder.path, 'artifacts')
      await mkdir(artifacts)
      const files = { ...orderArtifacts(desk, parameters, className), 'forward.xml': forwarding() }
      for (const [file, xml] of Object.entries(files)) await writeFile(join(artifacts, file), xml)
      const [http, management] = (await freePorts(2)) as [number, number]
      const options = { home: join(folder.path, 'home'), artifacts, ports: { http, management } }
      await server.kill()
      await using first = await startServer(options)
      await using load = orderClients(http, 'o')
      load.acceptUpTo(100)
      await load.until(100)
      await load.quiet()
      await first.end('SIGKILL')
      await server.start()
      assert.equal(desk.seen.size, 0)
      await using _second = await startServer(options)
      await desk.until(load.accepted, DRAIN_MS)
      const accepted = load.orders.filter(({ outcome }) => outcome === 'accepted').map(({ id }) => id)
      assert.deepEqual(
        accepted.filter(id => desk.seen.get(id) !== 1),
        [],
      )
    })

    test('WF-5: 500 costs four requests a second apart, then the processor stops and the broker keeps the message; reactivated it delivers once', async () => {
      const clock = new LeapingClock(SECOND)
      await using backEnd = await BackEnd.open(clock)
      backEnd.answer = () => ({ status: 500 })
      const processor = {
        interval: SECOND,
        'client.retry.interval': SECOND,
        'max.delivery.attempts': 4,
        'is.active': 'true',
        'max.delivery.drop': 'Disabled',
        'member.count': 1,
      }
      await using app = await delivering(backEnd, at('wf5'), { processor, clock })
      await place(app, 'one')
      await stopped(app)
      assert.deepEqual(backEnd.times, [0, SECOND, 2 * SECOND, 3 * SECOND])
      assert.match(processorOf(app).state.reason!, /could not be forwarded in 4 attempts/)
      await holds(app, 'S', 1)
      backEnd.answer = () => ({ status: 202 })
      await processorOf(app).activate({ by: 'operator:admin' })
      await backEnd.until(5)
      await holds(app, 'S', 0)
      assert.deepEqual(backEnd.orders, Array(5).fill('one'))
      assert.equal(processorOf(app).state.wanted, 'active')
    })

    test('WF-6, BI-10: drop comes before the store for failed messages, and that before deactivation; each says so with the endpoint', async () => {
      const both = { 'max.delivery.drop': 'Enabled', 'message.processor.failMessagesStore': 'Failed' }
      const cases = [
        { action: 'drop', parameters: both, says: 'Drop message and continue', sent: 'bad bad good', failed: [] },
        {
          action: 'store',
          parameters: { 'message.processor.failMessagesStore': 'Failed' },
          says: 'Moved failed message to fail-messages-store',
          sent: 'bad bad good',
          failed: ['bad'],
        },
        { action: 'deactivate', parameters: {}, says: 'Deactivating message processor', sent: 'bad bad', failed: [] },
      ]
      for (const { action, parameters, says, sent, failed } of cases) {
        const clock = new LeapingClock(SECOND)
        await using backEnd = await BackEnd.open(clock)
        backEnd.answer = (_n, order) => ({ status: order === 'bad' ? 500 : 202 })
        const own = at(`wf6.${action}`)
        const failing = at(`wf6.${action}.failed`)
        const processor = { 'client.retry.interval': SECOND, 'max.delivery.attempts': 2, ...parameters }
        const app = await delivering(backEnd, own, {
          processor,
          clock,
          files: { 'failed.xml': xmlOf('Failed', failing) },
        })
        {
          await using _ = app
          await place(app, 'bad')
          await place(app, 'good')
          if (action === 'deactivate') await stopped(app)
          else await backEnd.until(3)
          const { fields } = await said(app, says)
          assert.deepEqual([fields['action'], fields['endpoint']], [action, 'desk'])
          await holds(app, 'S', action === 'deactivate' ? 2 : 0)
          if (failed.length > 0) await holds(app, 'Failed', failed.length)
          assert.equal(processorOf(app).state.wanted, action === 'deactivate' ? 'inactive' : 'active')
        }
        assert.equal(backEnd.orders.join(' '), sent)
        assert.deepEqual(await taken(failing, failed.length), failed.map(orderXml))
      }
    })

    test('WF-6: a last try that fails while the server stops deactivates nothing, and the message stays in its store', async () => {
      await using backEnd = await BackEnd.open()
      const own = at('wf6.stop')
      const app = await delivering(backEnd, own, { processor: { 'max.delivery.attempts': 1 } })
      const processor = processorOf(app)
      let ended: Promise<unknown> | undefined
      backEnd.answer = async () => {
        ended = app.app.stop()
        await until('the processor is on its way out', async () => processor.state.observed === 'stopping')
        return { status: 500 }
      }
      {
        await using _ = app
        await place(app, 'bad')
        await backEnd.until(1)
        await ended
        assert.deepEqual([processor.state.wanted, processor.state.observed], ['active', 'stopped'])
        assert.deepEqual(
          app.log.lines.filter(({ text }) => text.includes('Deactivating message processor')),
          [],
        )
      }
      assert.deepEqual(backEnd.orders, ['bad'])
      assert.deepEqual(await taken(own, 1), [orderXml('bad')])
    })

    test('WF-7: what waits in the failover store is at the back end in its order once the broker is back', async () => {
      await using desk = await OrderDesk.open()
      const { className, parameters } = at('wf7')
      await using app = await orderService(desk, parameters, { className })
      await server.kill()
      const ids = Array.from({ length: 20 }, (_, n) => `o-${n}`)
      for (const id of ids) assert.equal((await app.post('/services/Orders', orderBody(id))).status, 202)
      assert.deepEqual([await app.depth('Spare'), desk.seen.size], [ids.length, 0])
      await server.start()
      await desk.until(ids.length, DRAIN_MS)
      assert.deepEqual(
        [...desk.seen],
        ids.map(id => [id, 1]),
      )
      await holds(app, 'Spare', 0)
      await holds(app, 'Original', 0)
    })

    // Over the other protocols a consumer says once that it waits, and messages are pushed to it.
    if (driver === 'openwire') {
      test('WF-11: an empty queue is asked once in the time that the store says', async () => {
        const wait = 1500
        await using tap = await PullTap.before(server.port(driver))
        await using backEnd = await BackEnd.open()
        const store = { 'store.jms.ConsumerReceiveTimeOut': String(wait) }
        await using app = await delivering(backEnd, at('wf11', tap.port), { processor: {}, store })
        await tap.until(3)
        for (const [n, pull] of tap.pulls.entries()) {
          assert.equal(pull.timeout, wait)
          if (n === 0) continue
          const before = tap.pulls[n - 1]!
          assert.equal(pull.answers, before.answers + 1, 'no second question before the answer to the first')
          // The broker's clock is another one: it may run a little faster.
          assert.ok(pull.at - before.at >= wait * 0.9, `after ${pull.at - before.at} ms`)
        }
        await place(app, 'late')
        await backEnd.until(1)
      })
    }

    test('BI-3: with the broker down the tries come in the series of Ballerina, and the secondary store right after the last; without a count at once', async () => {
      const clock = new LeapingClock(2001, 5003, 8004)
      const retries = {
        'store.producer.retry.count': '4',
        'store.producer.retry.interval': '2001',
        'store.producer.retry.backoff': 'linear',
        'store.producer.retry.factor': '1.5',
        'store.producer.retry.max.interval': '15000',
      }
      await server.kill()
      {
        await using app = await AppRig.start(
          {
            'patient.xml': xmlOf('Patient', at('bi3'), { ...retries, ...spareBehind }),
            'hasty.xml': xmlOf('Hasty', at('bi3'), spareBehind),
            'spare.xml': journalXml('Spare'),
            'one.xml': proxyXml('One', 'Patient'),
            'two.xml': proxyXml('Two', 'Hasty'),
          },
          { clock },
        )
        await place(app, 'one', 'One')
        // Tries at 0, 0, 2, 7 and 15 s; the peer waits once more before it turns to its secondary store.
        assert.deepEqual(clock.leaps, [2001, 5003, 8004])
        assert.equal(clock.monotonic(), 2001 + 5003 + 8004)
        assert.equal(await held(storeOf(app, 'Spare')), 1)
        await place(app, 'two', 'Two')
        assert.equal(clock.monotonic(), 2001 + 5003 + 8004)
        assert.equal(await held(storeOf(app, 'Spare')), 2)
      }
      await server.start()
    })

    test('BI-4: -1 means as long as the caller is there for the producer, and for ever for the consumer', async () => {
      await using backEnd = await BackEnd.open()
      const endless = {
        'store.producer.retry.count': '-1',
        'store.producer.retry.interval': '50',
        'store.producer.retry.backoff': 'fixed',
        ...spareBehind,
      }
      const processor = { 'max.store.connection.attempts': -1, 'store.connection.retry.interval': 50 }
      const files = { 'spare.xml': journalXml('Spare') }
      await using app = await delivering(backEnd, at('bi4'), { processor, store: endless, files })
      await place(app, 'before')
      await backEnd.until(1)
      await server.kill()
      const caller = new AbortController()
      const url = `http://127.0.0.1:${app.port}/services/Orders`
      const headers = { 'content-type': 'text/xml' }
      const leaving = fetch(url, { method: 'POST', body: orderXml('leaves'), headers, signal: caller.signal })
      await said(app, 'came = leaves')
      assert.equal(await held(storeOf(app, 'Spare')), 0)
      caller.abort()
      await assert.rejects(leaving, { name: 'AbortError' })
      await holds(app, 'Spare', 1)
      const staying = place(app, 'stays')
      await said(app, 'came = stays')
      await server.start()
      await staying
      await backEnd.until(2)
      assert.deepEqual(backEnd.orders, ['before', 'stays'])
      assert.equal(await held(storeOf(app, 'Spare')), 1)
      assert.equal(processorOf(app).state.wanted, 'active')
    })

    test('BI-6: by cron with seconds one message goes at each even second, and none before its hour', async () => {
      await using backEnd = await BackEnd.open()
      const since = systemClock.now()
      const evenSeconds = (): number => Math.floor(systemClock.now() / 2000) - Math.floor(since / 2000)
      const far = new Date(since + 6 * 3_600_000)
      await using app = await delivering(backEnd, at('bi6.even'), {
        processor: { cronExpression: '0/2 * * * * ?', 'message.processor.batch.size': 1 },
        files: {
          'late.xml': xmlOf('Late', at('bi6.late')),
          'lateProxy.xml': proxyXml('Later', 'Late'),
          'lateProcessor.xml': processorXml('Q', 'Late', {
            cronExpression: `0 ${far.getMinutes()} ${far.getHours()} * * ?`,
          }),
        },
      })
      await place(app, 'later', 'Later')
      for (const order of ['a', 'b', 'c']) await place(app, order)
      for (let n = 1; n <= 3; n++) {
        await backEnd.until(n)
        // However late a busy machine is, a firing is never early, and none sends two.
        assert.ok(evenSeconds() >= n, `${n} sent, and ${evenSeconds()} even seconds have passed`)
      }
      assert.deepEqual(backEnd.orders, ['a', 'b', 'c'])
      await holds(app, 'Late', 1)
    })

    test('BI-7: ten queued go out as four, four and two, a second apart inside', async () => {
      const clock = new LeapingClock(SECOND, 7 * SECOND)
      await using backEnd = await BackEnd.open(clock)
      const processor = {
        interval: 10 * SECOND,
        'message.processor.batch.size': 4,
        'message.processor.batch.interval': SECOND,
        'is.active': 'false',
      }
      await using app = await delivering(backEnd, at('bi7'), { processor, clock })
      for (let n = 0; n < 10; n++) await place(app, `m-${n}`)
      await processorOf(app).activate({ by: 'operator:admin' })
      await backEnd.until(10)
      assert.deepEqual(
        backEnd.times.map(ms => ms / SECOND),
        [0, 1, 2, 3, 10, 11, 12, 13, 20, 21],
      )
      assert.deepEqual(
        backEnd.orders,
        Array.from({ length: 10 }, (_, n) => `m-${n}`),
      )
    })

    test('BI-8: a back end that answers 500 or 400 is hit six times three seconds apart, then the message is in the store for that', async () => {
      for (const status of [500, 400]) {
        const clock = new LeapingClock(3 * SECOND)
        await using backEnd = await BackEnd.open(clock)
        backEnd.answer = () => ({ status })
        const dead = at(`bi8.${status}.dead`)
        {
          await using app = await delivering(backEnd, at(`bi8.${status}`), {
            processor: {
              interval: 0,
              'client.retry.interval': 3 * SECOND,
              'max.delivery.attempts': 6,
              'retry.http.status.codes': '500,400',
              'message.processor.fail.action': 'store',
              'message.processor.failMessagesStore': 'myDLCStore',
            },
            clock,
            files: { 'dead.xml': xmlOf('myDLCStore', dead) },
          })
          await place(app, 'one')
          await holds(app, 'myDLCStore', 1)
          await holds(app, 'S', 0)
        }
        assert.deepEqual(
          backEnd.times.map(ms => ms / SECOND),
          [0, 3, 6, 9, 12, 15],
        )
        assert.deepEqual(await taken(dead, 1), [orderXml('one')])
      }
    })

    test('BI-9: 503 is a failure although no list names it, so the message stays; lists override both ways', async () => {
      const clock = new LeapingClock(SECOND)
      await using backEnd = await BackEnd.open(clock)
      backEnd.answer = () => ({ status: 503 })
      const own = at('bi9')
      {
        await using app = await delivering(backEnd, own, { processor: { 'max.delivery.attempts': 1 }, clock })
        await place(app, 'stays')
        await stopped(app)
        await holds(app, 'S', 1)
      }
      assert.deepEqual(await taken(own, 1), [orderXml('stays')])
      const answers = [202, 200, 503]
      backEnd.answer = n => ({ status: answers[n - 2]! })
      await using app = await delivering(backEnd, at('bi9.lists'), {
        processor: {
          interval: 0,
          'client.retry.interval': SECOND,
          'retry.http.status.codes': '202',
          'non.retry.status.codes': '503',
        },
        clock,
      })
      await place(app, 'a')
      await place(app, 'b')
      await backEnd.until(4)
      await holds(app, 'S', 0)
      assert.deepEqual(backEnd.orders, ['stays', 'a', 'a', 'b'])
    })

    test('BI-11: while the broker of the store for failed messages is away the message stays; a later success does not take it along', async () => {
      await using proxy = await startFaultProxy({ targetPort: server.port(driver) })
      await proxy.refuse()
      await using backEnd = await BackEnd.open()
      backEnd.answer = (_n, order) => ({ status: order === 'bad' ? 500 : 202 })
      const dead = at('bi11.dead', proxy.port)
      {
        await using app = await delivering(backEnd, at('bi11'), {
          processor: {
            interval: 0,
            'client.retry.interval': 50,
            'max.delivery.attempts': 1,
            'member.count': 2,
            'message.processor.fail.action': 'store',
            'message.processor.failMessagesStore': 'myDLCStore',
          },
          files: { 'dead.xml': xmlOf('myDLCStore', dead) },
        })
        await place(app, 'bad')
        await said(app, 'did not take it; it stays and is moved later')
        await place(app, 'good')
        await backEnd.until(2)
        await processorOf(app).deactivate({ by: 'operator:admin' }, 'a look at the queue')
        await stopped(app)
        await holds(app, 'S', 1)
        await proxy.accept()
        await processorOf(app).activate({ by: 'operator:admin' })
        await ready(storeOf(app, 'myDLCStore'))
        await holds(app, 'myDLCStore', 1)
        await holds(app, 'S', 0)
        assert.deepEqual(backEnd.orders, ['bad', 'good'], 'what was given up is not sent again')
      }
      assert.deepEqual(await taken(at('bi11.dead'), 1), [orderXml('bad')])
    })

    test('BI-12: a stored message that cannot be read is in quarantine with all its bytes, and the next one is delivered', async () => {
      await using backEnd = await BackEnd.open()
      const javaClass = 'com.example.Order'
      const head = Buffer.from([0xac, 0xed, 0x00, 0x05, 0x73, 0x72, 0x00, javaClass.length])
      const body = Buffer.concat([head, Buffer.from(`${javaClass}…`)])
      await using app = await delivering(backEnd, at('bi12'), { processor: { interval: 0 } })
      await storeOf(app, 'S').producer.put({ ...stored('', {}, 'java'), contentType: 'application/octet-stream', body })
      await place(app, 'next')
      await backEnd.until(1)
      assert.deepEqual(backEnd.orders, ['next'])
      await holds(app, 'S', 0)
      const kept = await storeOf(app, 'S.quarantine').find('java')
      assert.deepEqual(Buffer.from(kept!.message.body), body)
      assert.equal(app.log.texts('warn').filter(text => /quarantine/.test(text)).length, 1)
    })

    test('BI-15: a request sequence adds to what is sent, the reply sequence sees status and body, and comes before the acknowledgement only if asked', async () => {
      for (const before of [false, true]) {
        await using backEnd = await BackEnd.open()
        const replies = ['<bad>first</bad>', '<Message>This is Test Service</Message>']
        backEnd.answer = n => ({ status: 200, body: replies[n - 1] ?? replies[1]! })
        await using app = await delivering(backEnd, at(`bi15.${before}`), {
          processor: {
            interval: 0,
            'client.retry.interval': 50,
            'message.processor.request.sequence': 'before',
            'message.processor.reply.sequence': 'after',
            'message.processor.reply.before.ack': String(before),
          },
          files: {
            'replied.xml': proxyXml('Replied', 'S', false),
            'before.xml': `<sequence name="before" ${SYNAPSE}><header name="company" scope="transport" value="WSO2"/></sequence>`,
            'after.xml': `<sequence name="after" ${SYNAPSE}><log level="custom"><property name="status" expression="get-property('axis2', 'HTTP_SC')"/><property name="body" expression="string(//*[last()])"/></log>
              <filter xpath="//*[local-name()='bad']"><then><throwError type="LEDGER" errorMessage="the ledger is closed"/></then></filter></sequence>`,
          },
        })
        await place(app, 'one', 'Replied')
        await place(app, 'two', 'Replied')
        await said(app, 'status = 200, body = This is Test Service')
        await backEnd.until(before ? 3 : 2)
        await holds(app, 'S', 0)
        assert.deepEqual(backEnd.orders, before ? ['one', 'one', 'two'] : ['one', 'two'])
        assert.deepEqual(new Set(backEnd.hits.map(({ headers }) => headers['company'])), new Set(['WSO2']))
      }
    })

    test('BI-16: a thousand numbered messages past a back end that fails now and then arrive in exact order, never more than a hundred a second', async () => {
      const [INTERVAL, RETRY] = [10, 53]
      const clock = new LeapingClock(INTERVAL, RETRY)
      await using backEnd = await BackEnd.open(clock)
      backEnd.answer = n => ({ status: n % 20 === 7 ? 500 : 202 })
      const processor = { interval: INTERVAL, 'client.retry.interval': RETRY, 'is.active': 'false' }
      await using app = await delivering(backEnd, at('bi16'), { processor, clock })
      const numbers = Array.from({ length: 1000 }, (_, n) => `m-${n}`)
      const { producer } = storeOf(app, 'S')
      for (const number of numbers) await producer.put(stored(orderXml(number), { OUT_ONLY: 'true' }))
      await processorOf(app).activate({ by: 'operator:admin' })
      await backEnd.untilAccepted(numbers.length)
      assert.deepEqual(backEnd.accepted, numbers)
      const { times } = backEnd
      for (let n = 100; n < times.length; n++) assert.ok(times[n]! - times[n - 100]! >= 1000, `more than 100/s at ${n}`)
    })

    test('BI-17: PUT and DELETE are sent as they were stored', async () => {
      await using backEnd = await BackEnd.open()
      await using app = await delivering(backEnd, at('bi17'), { processor: { interval: 0 } })
      for (const method of ['PUT', 'DELETE']) {
        const message = stored(orderXml(method), { OUT_ONLY: 'true' })
        await storeOf(app, 'S').producer.put({ ...message, envelope: { ...message.envelope, method } })
      }
      await backEnd.until(2)
      assert.deepEqual(
        backEnd.hits.map(({ method }) => method),
        ['PUT', 'DELETE'],
      )
    })
  })
}
