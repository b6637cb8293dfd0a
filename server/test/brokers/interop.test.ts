/** The makers' own JMS clients on the other side of a queue: headers and types as messaging-peers §3.4 has them. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Consumer, Delivery, StoredMessage } from '../../kernel/contracts.ts'
import { realStore } from './real-store.ts'
import type { RealStore } from './real-store.ts'
import { missingOurOwn, runJavaClient, startBroker, startClassic } from './servers/index.ts'
import type { BrokerName, RealServer } from './servers/index.ts'
import { storeBy } from './ways.ts'
import type { Driver } from './ways.ts'

type Client = 'core' | 'qpid' | 'openwire'

/** Broker, the Java client by which the other side speaks to it, and the driver by which we do. */
const PAIRS: readonly (readonly [BrokerName, Client, Driver])[] = [
  ['artemis-2.56.0', 'core', 'amqp'],
  ['artemis-2.56.0', 'openwire', 'amqp'],
  ['artemis-2.56.0', 'qpid', 'amqp'],
  ['artemis-2.56.0', 'core', 'openwire'],
  ['artemis-2.56.0', 'openwire', 'openwire'],
  ['classic-6.3.1', 'openwire', 'amqp'],
  ['classic-6.3.1', 'openwire', 'openwire'],
  ['classic-5.18.3', 'qpid', 'amqp'],
  ['classic-5.18.3', 'openwire', 'openwire'],
]

const bytesOf0to255 = Buffer.from(Array.from({ length: 256 }, (_, value) => value))

for (const name of new Set(PAIRS.map(([name]) => name))) {
  describe(`Java clients at ${name}`, { skip: await missingOurOwn(name, 'java-clients') }, () => {
    let server: RealServer
    let queues = 0
    before(async () => {
      // Otherwise Classic hands its OpenWire clients the bytes of AMQP as they came.
      const amqpQuery = 'transport.transformer=jms'
      if (name === 'artemis-2.56.0') server = await startBroker(name)
      else server = await startClassic(name === 'classic-6.3.1' ? '6.3.1' : '5.18.3', { amqpQuery })
    })
    after(() => server[Symbol.asyncDispose]())

    for (const [, client, driver] of PAIRS.filter(([of]) => of === name)) {
      const java = (what: 'send' | 'receive', queue: string, ...more: string[]): Promise<string> => {
        const url = server.url(client === 'qpid' ? 'amqp' : 'openwire')
        return runJavaClient('Interop', [what, client, url, server.user, server.password, queue, ...more])
      }
      const storeAt = (queue: string): RealStore => realStore(storeBy(driver, server, queue))
      const next = async (consumer: Consumer): Promise<Delivery> => {
        const delivery = await consumer.take(15_000)
        assert.ok(delivery, 'no message came')
        return delivery
      }

      test(`${client} reads what the store wrote by ${driver} (AR-7)`, async () => {
        const queue = `ours.${++queues}`
        const { store } = storeAt(queue)
        const base: Omit<StoredMessage, 'id' | 'body' | 'contentType'> = {
          storedAt: Date.UTC(2026, 0, 1),
          headers: ['SOAPAction', 'urn:placeOrder', 'Company', 'WSO2'],
          envelope: {
            properties: {
              JMS_MSG_P_anInt: -7,
              JMS_MSG_P_aDouble: 0.5,
              JMS_MSG_P_aBoolean: true,
              JMS_MSG_P_JMSXGroupID: 'eu',
              JMS_PROD_PRIORITY: '7',
            },
            axis2: {},
          },
        }
        const text = Buffer.from('<order>Grüße 🚀</order>')
        await store.producer.put({ ...base, id: 'one', contentType: 'text/xml; charset=UTF-8', body: text })
        await store.producer.put({ ...base, id: 'two', contentType: 'application/octet-stream', body: bytesOf0to255 })
        const lasting = { ...base.envelope.properties, JMS_PROD_TIME_TO_LIVE: '3600000' }
        const short = { ...base, envelope: { ...base.envelope, properties: lasting } }
        await store.producer.put({ ...short, id: 'three', contentType: 'text/xml', body: text })
        await store[Symbol.asyncDispose]()
        const [one, two, three] = (await java('receive', queue, '3'))
          .trim()
          .split('\n')
          .map(line => JSON.parse(line) as Record<string, string>)
        assert.deepEqual([one!['kind'], one!['text']], ['text', text.toString()])
        assert.deepEqual([two!['kind'], two!['base64']], ['bytes', bytesOf0to255.toString('base64')])
        assert.equal(three!['expires'], 'true')
        for (const [id, read] of [
          ['one', one!],
          ['two', two!],
        ] as const) {
          assert.equal(read['property.OrigMessageID'], `String ${id}`)
          assert.equal(read['property.SOAPAction'], 'String urn:placeOrder')
          assert.equal(read['property.Company'], 'String WSO2')
          assert.equal(read['property.anInt'], 'Integer -7')
          assert.equal(read['property.aDouble'], 'Double 0.5')
          assert.equal(read['property.aBoolean'], 'Boolean true')
          assert.deepEqual([read['persistent'], read['priority'], read['expires']], ['true', '7', 'false'])
          assert.equal(read['deliveryCount'], '1')
          assert.deepEqual([read['group'], read['timestamp']], ['eu', String(base.storedAt)])
        }
      })

      test(`the store reads by ${driver} what ${client} wrote, and sets aside what only Java can read (WF-10)`, async () => {
        const queue = `theirs.${++queues}`
        await java('send', queue, 'text', 'object', 'bytes', 'map', 'stream', 'text')
        const { store, rig } = storeAt(queue)
        const consumer = await store.consumer()
        const text = await next(consumer)
        assert.equal(Buffer.from(text.message.body).toString(), '<order>Grüße 🚀</order>')
        const headers = new Map<string, string>()
        for (let at = 0; at < text.message.headers.length; at += 2)
          headers.set(text.message.headers[at]!, text.message.headers[at + 1]!)
        assert.equal(headers.get('text'), 'Grüße')
        assert.equal(headers.get('anInt'), '-7')
        assert.equal(headers.get('aLong'), '5000000000')
        assert.equal(headers.get('aDouble'), '0.5')
        assert.equal(headers.get('aBoolean'), 'true')
        assert.equal(text.message.envelope.action, 'urn:placeOrder')
        await text.ack()
        const bytes = await next(consumer)
        assert.deepEqual(Buffer.from(bytes.message.body), bytesOf0to255)
        await bytes.ack()
        const map = await next(consumer)
        assert.match(Buffer.from(map.message.body).toString(), /<symbol>IBM<\/symbol>/)
        assert.match(Buffer.from(map.message.body).toString(), /<quantity>7<\/quantity>/)
        await map.ack()
        const last = await next(consumer)
        assert.equal(Buffer.from(last.message.body).toString(), '<order>Grüße 🚀</order>')
        await last.ack()
        assert.equal(rig.quarantined.length, 2)
        assert.match(rig.quarantined[0]!.reason, /Java object/)
        assert.match(rig.quarantined[1]!.reason, /stream/)
        await store[Symbol.asyncDispose]()
      })
    }
  })
}
