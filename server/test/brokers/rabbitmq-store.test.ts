/** What only a real RabbitMQ shows: routing, alarms, logins, TLS, and what a kill leaves. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '../../kernel/clock.ts'
import type { MessageStore, StoredMessage } from '../../kernel/contracts.ts'
import { IntegrationError, textOf } from '../../kernel/errors.ts'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import { stored, type RigDisk } from '../../testing/store-rig.ts'
import { atRabbit, RABBITMQ_CLASS, ready, realStore } from './real-store.ts'
import { makeCertificates, missingOurOwn, startRabbit } from './servers/index.ts'
import type { Certificates, RabbitServer } from './servers/index.ts'

type Parameters = Readonly<Record<string, string>>

const open = (parameters: Parameters, more: { disk?: RigDisk; confirmMs?: number } = {}) =>
  realStore({ parameters, className: RABBITMQ_CLASS, ...more })

/** Every message there is, in order. */
async function drained(store: MessageStore): Promise<StoredMessage[]> {
  const messages: StoredMessage[] = []
  await using consumer = await store.consumer()
  for (let next = await consumer.take(0); next; next = await consumer.take(0)) {
    messages.push(next.message)
    await next.ack()
  }
  return messages
}

const text = ({ body }: StoredMessage): string => Buffer.from(body).toString()

/** Looks again until it is so; a broker takes its time to notice. */
async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const since = systemClock.monotonic()
  while (!(await holds())) {
    assert.ok(systemClock.monotonic() - since < 30_000, `not within 30 s: ${what}`)
    await systemClock.sleep(20)
  }
}

describe('RabbitMQ', { skip: await missingOurOwn('rabbitmq', 'openssl') }, () => {
  let server: RabbitServer
  let certificates: Certificates
  let queues = 0
  const queue = (): string => `store.${process.pid}.${++queues}`
  const at = (name: string, more: Parameters = {}): Parameters => ({
    ...atRabbit(server, server.port('rabbitmq'), name),
    ...more,
  })

  before(async () => {
    certificates = await makeCertificates()
    const { ca, certificate, key } = certificates
    server = await startRabbit({ tls: { ca, certificate, key } })
  })
  after(async () => {
    await server[Symbol.asyncDispose]()
    await certificates[Symbol.asyncDispose]()
  })

  test('P1: a message for a queue that was deleted is refused, and the next one finds the queue made anew', async () => {
    const name = queue()
    const { store } = open(at(name))
    await using _ = store
    await store.producer.put(stored('<a/>'))
    await server.ctl('delete_queue', name)
    await assert.rejects(store.producer.put(stored('<b/>')), { code: 'BROKER_REFUSED', ambiguous: false })
    await store.producer.put(stored('<c/>'))
    assert.deepEqual((await drained(store)).map(text), ['<c/>'])
  })

  test('through an exchange and its binding, with as many headers as fit; more are refused before anything is sent', async () => {
    const { store } = open(
      at(queue(), { 'store.rabbitmq.exchange.name': `x.${process.pid}`, 'store.rabbitmq.route.key': 'eu' }),
    )
    await using _ = store
    await store.producer.put(stored('<a/>', { note: 'n'.repeat(30_000) }))
    await assert.rejects(store.producer.put(stored('<b/>', { note: 'n'.repeat(70_000) })), {
      code: 'STORE_UNAVAILABLE',
      ambiguous: false,
      message: /headers or arguments\) exceeds/,
    })
    await store.producer.put(stored('<c/>'))
    assert.deepEqual((await drained(store)).map(text), ['<a/>', '<c/>'])
  })

  test('a body of 3 MB and one without a byte come back the same', async () => {
    const { store } = open(at(queue()))
    await using _ = store
    const large = { ...stored('', {}, 'large'), body: Buffer.alloc(3_000_000, 'x') }
    await store.producer.put(large)
    await store.producer.put({ ...stored('', {}, 'empty'), body: Buffer.alloc(0) })
    const [first, second] = await drained(store)
    assert.deepEqual(first, large)
    assert.equal(second!.body.length, 0)
  })

  test('P1, P2: what was confirmed is there after kill -9 of the broker; the store goes on by itself', async () => {
    const name = queue()
    const { store } = open(at(name))
    await using _ = store
    for (let n = 0; n < 20; n++) await store.producer.put(stored(`<m>${n}</m>`))
    await server.kill()
    await assert.rejects(store.producer.put(stored('<lost/>')), { code: 'STORE_UNAVAILABLE' })
    await server.start()
    await ready(store)
    await store.producer.put(stored('<m>20</m>'))
    assert.deepEqual(
      (await drained(store)).map(text),
      Array.from({ length: 21 }, (_, n) => `<m>${n}</m>`),
    )
  })

  test('BI-13: the broker is killed three times under a consumer and a producer, and nothing is lost or sent twice', async () => {
    const { store } = open(at(queue()))
    await using _ = store
    const accepted: string[] = []
    const came: string[] = []
    const stop = new AbortController()
    const consuming = (async () => {
      let consumer = await store.consumer()
      while (!stop.signal.aborted) {
        try {
          const delivery = await consumer.take(500, stop.signal)
          if (!delivery) continue
          came.push(text(delivery.message))
          await delivery.ack()
        } catch (thrown) {
          assert.ok(thrown instanceof IntegrationError, textOf(thrown))
          await consumer[Symbol.asyncDispose]()
          await systemClock.sleep(20)
          consumer = await store.consumer()
        }
      }
      await consumer[Symbol.asyncDispose]()
    })()
    let number = 0
    const doubtful = new Set<string>()
    const send = async (): Promise<void> => {
      const body = `<m>${++number}</m>`
      try {
        await store.producer.put(stored(body))
        accepted.push(body)
      } catch (thrown) {
        if ((thrown as IntegrationError).ambiguous) doubtful.add(body)
        await systemClock.sleep(20)
      }
    }
    for (let kill = 0; kill < 3; kill++) {
      for (let n = 0; n < 50; n++) await send()
      await Promise.all([server.kill(), send(), send()])
      await server.start()
      await ready(store)
    }
    for (let n = 0; n < 50; n++) await send()
    await until('everything accepted has come', () => accepted.every(body => came.includes(body)))
    stop.abort()
    await consuming
    assert.equal(new Set(came).size, came.length, 'twice')
    assert.deepEqual(
      came.filter(body => !accepted.includes(body) && !doubtful.has(body)),
      [],
    )
    assert.ok(accepted.length >= 200)
  })

  test('P3: a frozen broker does not hold up a message longer than a confirm may take, nor the next one', async () => {
    const { store } = open(at(queue()), { confirmMs: 1000 })
    await using _ = store
    await store.producer.put(stored('<a/>'))
    server.pause()
    try {
      await assert.rejects(store.producer.put(stored('<b/>')), { code: 'STORE_UNAVAILABLE', ambiguous: true })
      await assert.rejects(store.producer.put(stored('<c/>')), { code: 'STORE_UNAVAILABLE' })
    } finally {
      server.resume()
    }
    await ready(store)
    await store.producer.put(stored('<d/>'))
    const bodies = (await drained(store)).map(text)
    assert.deepEqual([bodies[0], bodies.at(-1)], ['<a/>', '<d/>'])
  })

  test('an alarm of the broker makes the store full, and its end makes it ready', async () => {
    const { store } = open(at(queue()), { confirmMs: 1000 })
    await using _ = store
    await store.producer.put(stored('<a/>'))
    await server.ctl('set_disk_free_limit', '100000GB')
    try {
      // The broker tells a connection of the alarm only when it publishes.
      await assert.rejects(store.producer.put(stored('<b/>')), { code: 'STORE_UNAVAILABLE' })
      await assert.rejects(store.producer.put(stored('<c/>')), { code: 'STORE_UNAVAILABLE' })
    } finally {
      await server.ctl('set_disk_free_limit', '50MB')
    }
    await until('it takes messages again', () =>
      store.producer.put(stored('<d/>')).then(
        () => true,
        () => false,
      ),
    )
    assert.equal(store.status.state, 'ready')
  })

  test('a queue at its limit refuses, and the store says that it is full', async () => {
    const name = queue()
    const { store } = open(at(name))
    await using _ = store
    await store.producer.put(stored('<a/>'))
    await server.ctl('set_policy', `limit.${name}`, `^${name}$`, '{"max-length":1,"overflow":"reject-publish"}')
    await until('the limit holds', () =>
      store.producer.put(stored('<b/>')).then(
        () => false,
        () => true,
      ),
    )
    assert.equal(store.status.state, 'full')
    await server.ctl('clear_policy', `limit.${name}`)
  })

  test('BI-10: broker: a message that is given up is where the operator wants it', async () => {
    const name = queue()
    const dead = queue()
    const { store: buried } = open(at(dead))
    await using _buried = buried
    await buried.producer.put(stored('<make the queue/>'))
    assert.equal((await drained(buried)).length, 1)
    const { store } = open(at(name))
    await using _ = store
    await store.producer.put(stored('<a/>', {}, 'a'))
    await server.ctl(
      'set_policy',
      `dead.${name}`,
      `^${name}$`,
      `{"dead-letter-exchange":"","dead-letter-routing-key":"${dead}"}`,
    )
    await using consumer = await store.consumer()
    const delivery = await consumer.take(5000)
    assert.equal(await delivery!.reject!(), true)
    await until('it is dead-lettered', async () => (await buried.depth()) === 1)
    assert.deepEqual(
      (await drained(buried)).map(({ id }) => id),
      ['a'],
    )
  })

  test('BI-18: while the store is waited for the broker shows one consumer, and after a success an empty queue', async () => {
    const name = queue()
    const { store } = open(at(name))
    await using _ = store
    await using consumer = await store.consumer()
    const told = async (what: string): Promise<string> => {
      const said = await server.ctl('list_queues', '--silent', 'name', what)
      return said.split('\n').find(line => line.startsWith(`${name}\t`)) ?? ''
    }
    const pending = consumer.take(30_000)
    await until('there is a consumer', async () => (await told('consumers')) === `${name}\t1`)
    await store.producer.put(stored('<a/>'))
    await (await pending)!.ack()
    await until('the queue is empty', async () => (await told('messages')) === `${name}\t0`)
    assert.equal(await store.depth(), 0)
  })

  test('a wrong password, a wrong virtual host and a wrong port are told apart', async () => {
    const reason = async (parameters: Parameters): Promise<string> => {
      const { store } = open(parameters)
      await using _ = store
      await assert.rejects(store.producer.put(stored('<a/>')))
      return store.status.reason!
    }
    assert.match(await reason(at('q', { 'store.rabbitmq.password': 'wrong' })), /refused the login as hf/)
    assert.match(await reason(at('q', { 'store.rabbitmq.virtual.host': '/none' })), /virtual host \/none/)
    assert.match(await reason(at('q', { 'store.rabbitmq.host.port': '1' })), /nothing listens there/)
    const secrets = await reason(at('q', { 'store.rabbitmq.password': 'wrong' }))
    assert.doesNotMatch(secrets, /wrong/)
  })

  test('of a list of hosts the one that is there is used, and the other when that goes away', async () => {
    const target = { targetHost: server.host, targetPort: server.port('rabbitmq') }
    await using first = await startFaultProxy(target)
    await using second = await startFaultProxy(target)
    const { store } = open(
      at(queue(), {
        'store.rabbitmq.host.name': '127.0.0.1,127.0.0.1,127.0.0.1',
        'store.rabbitmq.host.port': `1,${first.port},${second.port}`,
      }),
    )
    await using _ = store
    await store.producer.put(stored('<a/>'))
    await first[Symbol.asyncDispose]()
    await until('the second host is used', () =>
      store.producer.put(stored('<b/>')).then(
        () => true,
        () => false,
      ),
    )
    assert.deepEqual((await drained(store)).map(text), ['<a/>', '<b/>'])
  })

  test('P5: a confirm that got lost on the way leaves one message with one id, and a second copy is dropped at delivery', async () => {
    await using proxy = await startFaultProxy({ targetHost: server.host, targetPort: server.port('rabbitmq') })
    const name = queue()
    const { store } = open({ ...at(name), 'store.rabbitmq.host.port': String(proxy.port) }, { confirmMs: 2000 })
    await using _ = store
    await store.producer.put(stored('<a/>', {}, 'a'))
    proxy.stall('down')
    const sent = store.producer.put(stored('<b/>', {}, 'b')).catch(() => undefined)
    await until('the broker has it', async () =>
      /\b2\b/.test(
        await server
          .ctl('list_queues', 'name', 'messages', '--silent')
          .then(said => said.split('\n').find(line => line.startsWith(`${name}\t`)) ?? ''),
      ),
    )
    proxy.cut()
    proxy.forward()
    await sent
    await ready(store)
    assert.deepEqual(
      (await drained(store)).map(({ id }) => id),
      ['a', 'b'],
    )
  })

  test('TLS: with the authority known it connects', async () => {
    const { store } = open(
      at(queue(), {
        'store.rabbitmq.host.port': String(server.port('rabbitmq-tls')),
        'rabbitmq.connection.ssl.enabled': 'true',
        'rabbitmq.connection.ssl.truststore.location': certificates.ca,
        'rabbitmq.connection.ssl.keystore.location': certificates.client.keyStore,
        'rabbitmq.connection.ssl.keystore.password': certificates.password,
      }),
    )
    await using _ = store
    await store.producer.put(stored('<a/>'))
    assert.equal((await drained(store)).length, 1)
  })

  test('TLS that fails closes: an unknown authority, a missing file, a port without TLS; nothing is sent in clear', async () => {
    const port = String(server.port('rabbitmq-tls'))
    const reason = async (more: Parameters): Promise<string> => {
      const name = queue()
      const { store } = open(
        at(name, { 'store.rabbitmq.host.port': port, 'rabbitmq.connection.ssl.enabled': 'true', ...more }),
        { confirmMs: 3000 },
      )
      await using _ = store
      await assert.rejects(store.producer.put(stored('<a/>')))
      assert.doesNotMatch(await server.ctl('list_queues', '--silent', 'name'), new RegExp(`^${name}$`, 'm'))
      return store.status.reason!
    }
    assert.match(await reason({}), /self-signed certificate/)
    assert.match(
      await reason({ 'rabbitmq.connection.ssl.truststore.location': '/nowhere/ca.pem' }),
      /\/nowhere\/ca.pem/,
    )
    const plain = {
      'store.rabbitmq.host.port': String(server.port('rabbitmq')),
      'rabbitmq.connection.ssl.truststore.location': certificates.ca,
    }
    assert.match(await reason(plain), /cannot be used/)
  })
})
