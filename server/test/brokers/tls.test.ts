/** TLS with an authority of our own to each broker, by the addresses people write. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { stored } from '../../testing/store-rig.ts'
import { addressed, realStore } from './real-store.ts'
import { makeCertificates, missingOurOwn, startArtemis, startClassic, startRabbit } from './servers/index.ts'
import type { BrokerName, Certificates, RealServer } from './servers/index.ts'

const STARTS: readonly (readonly [BrokerName, (made: Certificates) => Promise<RealServer>])[] = [
  ['artemis-2.56.0', ({ keyStore, password }) => startArtemis('2.56.0', { tls: { keyStore, password } })],
  ['classic-6.3.1', ({ keyStore, password }) => startClassic('6.3.1', { tls: { keyStore, password } })],
  ['rabbitmq', ({ ca, certificate, key }) => startRabbit({ tls: { ca, certificate, key } })],
]

for (const [name, start] of STARTS) {
  describe(`TLS to ${name}`, { skip: await missingOurOwn(name, 'openssl') }, () => {
    let made: Certificates
    let server: RealServer
    before(async () => {
      made = await makeCertificates()
      server = await start(made)
    })
    after(async () => {
      await server?.[Symbol.asyncDispose]()
      await made[Symbol.asyncDispose]()
    })

    const open = (query: string, password?: string) => {
      const url = `${server.url('amqps')}${query}`
      const own = password === undefined ? {} : { 'store.jms.password': password }
      return realStore({ confirmMs: 10_000, parameters: { ...addressed(server, url, 'tls'), ...own } })
    }

    test('with the authority named, messages go in and come out', async () => {
      const { store } = open(`?transport.trustStoreLocation=${made.ca}`)
      await store.producer.put(stored('<a/>', {}, 'a'))
      const consumer = await store.consumer()
      const delivery = await consumer.take(10_000)
      assert.equal(delivery?.message.id, 'a')
      await delivery.ack()
      await store[Symbol.asyncDispose]()
    })

    test('without it the store says why it cannot be used', async () => {
      const { store } = open('')
      await assert.rejects(store.producer.put(stored('<a/>')), /unable to verify the first certificate|self-signed/)
      await store[Symbol.asyncDispose]()
    })

    test('a wrong password is told as such, and not repeated', async () => {
      const { store, rig } = open(`?transport.trustStoreLocation=${made.ca}`, 'not-the-password')
      await assert.rejects(store.producer.put(stored('<a/>')), (why: Error) => {
        assert.match(why.message, /refused the login as hf|did not answer within/)
        assert.ok(!why.message.includes('not-the-password'))
        return true
      })
      assert.ok(!JSON.stringify(rig.log.texts()).includes('not-the-password'))
      await store[Symbol.asyncDispose]()
    })
  })
}

test(
  'a client certificate opens an Artemis that asks for one',
  {
    skip: await missingOurOwn('artemis-2.56.0', 'openssl', 'java-clients'),
  },
  async () => {
    await using made = await makeCertificates()
    const tls = { keyStore: made.keyStore, password: made.password, trustStore: made.trustStore }
    await using server = await startArtemis('2.56.0', { tls })
    const trust = `transport.trustStoreLocation=${made.ca}`
    const keys = `transport.keyStoreLocation=${made.client.keyStore}&transport.keyStorePassword=${made.password}`
    const at = (query: string) =>
      realStore({ confirmMs: 10_000, parameters: addressed(server, `${server.url('amqps')}?${query}`, 'tls') }).store
    const known = at(`${trust}&${keys}`)
    await known.producer.put(stored('<a/>'))
    await known[Symbol.asyncDispose]()
    const stranger = at(trust)
    await assert.rejects(stranger.producer.put(stored('<a/>')), { code: 'STORE_UNAVAILABLE' })
    await stranger[Symbol.asyncDispose]()
  },
)
