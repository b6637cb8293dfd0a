/**
 * The outbox between a failover store and its broker: our server is killed at every point of the table of
 * messaging-peers §7.3. Nothing is lost; a second copy at the broker is there only where the table allows one and the
 * broker drops none, with the same id, and is not delivered again.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Outbox, until } from './outbox.ts'
import { missingOurOwn, startBroker } from './servers/index.ts'
import type { RealServer } from './servers/index.ts'
import type { Way } from './ways.ts'

/** Where a message is known again which another run of our server has sent: by its id, or by the number it had. */
const knowsAgain = ([name, driver]: Way): boolean => name.startsWith('artemis') || driver === 'openwire'

const WAYS: readonly Way[] = [
  ['artemis-2.56.0', 'amqp'],
  ['classic-6.3.1', 'amqp'],
  ['classic-5.18.3', 'openwire'],
  ['classic-5.17.2', 'openwire'],
  ['rabbitmq', 'amqp'],
  ['rabbitmq', 'rabbitmq'],
]

for (const way of WAYS) {
  const [name, driver] = way
  describe(`the outbox before ${name}, driver ${driver}`, { skip: await missingOurOwn(name) }, () => {
    let server: RealServer
    let queues = 0
    before(async () => {
      server = await startBroker(name)
    })
    after(() => server[Symbol.asyncDispose]())

    const open = (): Promise<Outbox> => Outbox.open(server, driver, `outbox.${++queues}`)

    /** Sent twice, for all that the server knows: one copy where the broker recognises it, two at most elsewhere. */
    const arrivedOnce = async (outbox: Outbox): Promise<void> => {
      await outbox.relayed()
      const copies = await outbox.copies()
      assert.ok(copies >= 1 && copies <= (knowsAgain(way) ? 1 : 2), `${copies} copies`)
      await outbox.deliver()
      assert.deepEqual([...outbox.desk.seen], [['order', 1]])
    }

    test('killed before the append is durable: no 202, and what the client sends again arrives once', async () => {
      await using outbox = await open()
      await outbox.killAt('append', 'before')
      assert.equal(await outbox.post('order'), undefined)
      await outbox.died()
      await outbox.restart()
      assert.equal(await outbox.spare(), 0)
      assert.equal(await outbox.post('order'), 202)
      await outbox.relayed()
      assert.equal(await outbox.copies(), 1)
      await outbox.deliver()
      assert.deepEqual([...outbox.desk.seen], [['order', 1]])
    })

    test('killed after the append and before the send: it is sent then, once', async () => {
      await using outbox = await open()
      assert.equal(await outbox.post('order'), 202)
      assert.equal(outbox.proxy.passed.up, 0)
      await outbox.kill()
      await outbox.restart()
      assert.equal(await outbox.spare(), 1)
      await outbox.relayed()
      assert.equal(await outbox.copies(), 1)
      await outbox.deliver()
      assert.deepEqual([...outbox.desk.seen], [['order', 1]])
    })

    test('killed after the send and before the accept: sent again with the same id, delivered once', async () => {
      await using outbox = await open()
      assert.equal(await outbox.post('order'), 202)
      await outbox.sendUnanswered()
      await until('the broker has it', async () => (await outbox.copies()) === 1)
      await outbox.kill()
      await outbox.restart()
      await arrivedOnce(outbox)
    })

    test('killed after the accept and before "moved" is durable: sent again with the same id, delivered once', async () => {
      await using outbox = await open()
      assert.equal(await outbox.post('order'), 202)
      await outbox.sendUnanswered()
      await outbox.killAt('append', 'before')
      outbox.proxy.forward()
      await outbox.died()
      assert.equal(await outbox.copies(), 1)
      await outbox.restart()
      await arrivedOnce(outbox)
    })

    test('killed after "moved": it is not sent again', async () => {
      await using outbox = await open()
      assert.equal(await outbox.post('order'), 202)
      await outbox.sendUnanswered()
      await outbox.killAt('sync', 'after')
      outbox.proxy.forward()
      await outbox.died()
      await outbox.restart()
      assert.equal(await outbox.spare(), 0)
      await outbox.proxy.accept()
      assert.equal(await outbox.copies(), 1)
      await outbox.deliver()
      assert.deepEqual([...outbox.desk.seen], [['order', 1]])
    })
  })
}
