/** The servers by themselves: started, frozen, killed, started again on their data, and nothing left behind. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { TestClient, send } from '../../testing/amqp-rig.ts'
import { isFree } from '../../testing/ports.ts'
import { makeCertificates, missingOurOwn, startBroker, startClassic, startColocatedPair } from './servers/index.ts'

for (const name of ['artemis-2.56.0', 'artemis-2.44.0', 'classic-5.18.3', 'classic-6.3.1', 'rabbitmq'] as const) {
  const skip = await missingOurOwn(name)
  test(`${name} keeps a durable message over kill -9 and leaves nothing behind`, { skip }, async () => {
    const server = await startBroker(name)
    const login = { username: server.user, password: server.password }
    const queue = {
      address: name === 'rabbitmq' ? '/queue/kept' : 'kept',
      capabilities: 'queue',
      ...(name === 'rabbitmq' && { durable: 2, expiry_policy: 'never' }),
    }
    try {
      const before = await TestClient.open(server.port('amqp'), login)
      const sent = await send(await before.sender(queue), { durable: true, body: 'still here' })
      assert.equal(sent.kind, 'accepted')
      const { pid } = server
      await server.kill()
      assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
      await before[Symbol.asyncDispose]()
      await server.start()
      assert.notEqual(server.pid, pid)
      await using after = await TestClient.open(server.port('amqp'), login)
      const receiver = await after.receiver(queue)
      receiver.link.add_credit(1)
      assert.equal((await receiver.next()).message.body, 'still here')
    } finally {
      await server[Symbol.asyncDispose]()
    }
    assert.equal(server.running, false)
    assert.ok(await isFree(server.port('amqp')))
  })
}

test('classic-5.17.2 of Debian serves OpenWire', { skip: await missingOurOwn('classic-5.17.2') }, async () => {
  await using server = await startClassic('5.17.2')
  assert.ok(existsSync(`/proc/${server.pid}`))
  assert.throws(() => server.port('amqp'), /was not started with a port for amqp/)
  await server.stop()
  assert.equal(server.running, false)
})

test('certificates are made for servers and clients', { skip: await missingOurOwn('openssl') }, async () => {
  const made = await makeCertificates()
  assert.match(await readFile(made.certificate, 'utf8'), /BEGIN CERTIFICATE/)
  assert.ok(existsSync(made.keyStore) && existsSync(made.client.keyStore))
  await made[Symbol.asyncDispose]()
  assert.ok(!existsSync(made.keyStore))
})

test(
  'of a colocated pair the other one serves the messages of the killed one, and gives them back',
  {
    skip: await missingOurOwn('artemis-2.56.0'),
  },
  async () => {
    await using pair = await startColocatedPair('2.56.0')
    const login = { username: pair.user, password: pair.password }
    const [live, backup] = pair.ports(0)
    const before = await TestClient.open(live, login)
    assert.equal((await send(await before.sender('q'), { durable: true, body: 'one' })).kind, 'accepted')
    await assert.rejects(TestClient.open(backup, login))
    await pair.kill(0)
    const after = await comesUp(backup, login)
    const receiver = await after.receiver('q')
    receiver.link.add_credit(1)
    assert.equal((await receiver.next()).message.body, 'one')
    await after.close()
    await pair.restart(0)
    const again = await comesUp(live, login)
    assert.equal((await send(await again.sender('q'), { durable: true, body: 'two' })).kind, 'accepted')
    await again.close()
  },
)

async function comesUp(port: number, login: object): Promise<TestClient> {
  for (let tries = 0; ; tries++) {
    try {
      return await TestClient.open(port, login)
    } catch (thrown) {
      if (tries > 200) throw thrown
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}
