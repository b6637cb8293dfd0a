/** The broker on the real journal: restarts, and kill -9 while messages are under way. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import broker from '../cli/broker.ts'
import { execute } from '../cli/command.ts'
import { recordedIo } from '../testing/io.ts'
import { send, TestClient } from '../testing/amqp-rig.ts'
import { memoryLog } from '../testing/memory-log.ts'
import { startBroker } from './broker.ts'
import type { Broker } from './broker.ts'

async function tempHome(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-broker-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

const brokerAt = (home: string): Promise<Broker> => startBroker({ port: 0, home, log: memoryLog() })

test('messages, their order, failed deliveries and known ids survive a restart', async () => {
  await using home = await tempHome()
  {
    await using first = await brokerAt(home.path)
    await using client = await TestClient.open(first.address.port)
    const sender = await client.sender('q')
    for (const body of ['a', 'b', 'c']) await send(sender, { message_id: `ID:${body}`, body })
    const receiver = await client.receiver('q')
    receiver.link.add_credit(2)
    ;(await receiver.next()).delivery.modified({ delivery_failed: true })
    // rhea, which plays the client, would send both settlements as one, with the first outcome.
    await new Promise(resolve => setImmediate(resolve))
    ;(await receiver.next()).delivery.accept()
    // Handled in order on one connection: when this is answered, so is what came before.
    await send(sender, { message_id: 'ID:d', body: 'd' })
    while (first.queues()[0]?.depth !== 3) await new Promise(resolve => setImmediate(resolve))
  }
  await using second = await brokerAt(home.path)
  assert.deepEqual(
    second.queues().map(({ name, depth }) => [name, depth]),
    [['q', 3]],
  )
  await using client = await TestClient.open(second.address.port)
  assert.equal((await send(await client.sender('q'), { message_id: 'ID:b', body: 'b' })).kind, 'accepted')
  const receiver = await client.receiver('q')
  const held = await receiver.drain()
  assert.deepEqual(
    held.map(({ message }) => [message.body, message.delivery_count ?? 0]),
    [
      ['a', 1],
      ['c', 0],
      ['d', 0],
    ],
  )
})

test('a home in use by another broker is refused', async () => {
  await using home = await tempHome()
  await using first = await brokerAt(home.path)
  await assert.rejects(brokerAt(home.path), { code: 'JOURNAL_LOCKED' })
  assert.ok(first.address.port > 0)
})

/** A broker in a process of its own, to be killed. */
async function spawnBroker(home: string): Promise<{ child: ChildProcess; port: number }> {
  const script = fileURLToPath(new URL('../testing/broker-child.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', script, home], { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: child.stdout! })) {
    const port = /^listening on (\d+)$/.exec(line)?.[1]
    if (port) return { child, port: Number(port) }
  }
  throw new Error('the broker did not start')
}

test('kill -9 between the accept frames: everything accepted is there, once, in order', async () => {
  await using home = await tempHome()
  const accepted: number[] = []
  let next = 0
  for (let round = 0; round < 3; round++) {
    const { child, port } = await spawnBroker(home.path)
    const client = await TestClient.open(port)
    const sender = await client.sender('q')
    const gone = once(child, 'exit')
    const died = new Promise<void>(resolve => client.connection.on('disconnected', () => resolve()))
    let seen = 0
    /** Sends one message after another until the broker is gone. */
    const lane = async (): Promise<void> => {
      for (;;) {
        const number = next++
        await send(sender, { message_id: `ID:${number}`, body: number })
        accepted.push(number)
        if (++seen === 60 + round * 17) child.kill('SIGKILL')
      }
    }
    const lanes = Array.from({ length: 20 }, () => lane().catch(() => {}))
    await Promise.all([gone, died, ...lanes])
    await client[Symbol.asyncDispose]()
  }
  await using survivor = await brokerAt(home.path)
  await using client = await TestClient.open(survivor.address.port)
  const bodies = (await (await client.receiver('q')).drain()).map(({ message }) => message.body as number)
  assert.deepEqual(
    accepted.filter(number => !bodies.includes(number)),
    [],
  )
  assert.equal(new Set(bodies).size, bodies.length)
  assert.deepEqual(
    bodies,
    [...bodies].sort((one, other) => one - other),
  )
})

test('holdfast broker says where it is, where its data is and what it is not, and stops in good order', async () => {
  await using home = await tempHome()
  const io = recordedIo({ cwd: home.path, env: {} })
  const running = execute(broker, ['--port', '0', '--home', 'here'], io)
  const said = await io.says('Everybody on this machine')
  assert.match(said, /Holdfast broker at amqp:\/\/127\.0\.0\.1:\d+/)
  assert.match(said, /for one machine, not a cluster/)
  assert.ok(said.includes(join(home.path, 'here', 'broker')))
  const port = /127\.0\.0\.1:(\d+)/.exec(said)![1]!

  const second = recordedIo({ cwd: home.path, env: {} })
  assert.equal(await execute(broker, ['--port', port, '--home', 'there'], second), 1)
  assert.match(second.stderr, new RegExp(`port ${port} on 127\\.0\\.0\\.1 is taken.*--port`))

  io.interrupt()
  assert.equal(await running, 0)
})

test('holdfast broker takes its login from the environment, and both halves of it', async () => {
  await using home = await tempHome()
  const half = recordedIo({ cwd: home.path, env: { HOLDFAST_BROKER_USER: 'orders' } })
  assert.equal(await execute(broker, ['--port', '0'], half), 2)
  assert.match(half.stderr, /HOLDFAST_BROKER_USER and HOLDFAST_BROKER_PASSWORD belong together/)

  const io = recordedIo({ cwd: home.path, env: { HOLDFAST_BROKER_USER: 'orders', HOLDFAST_BROKER_PASSWORD: 's3cret' } })
  const running = execute(broker, ['--port', '0'], io)
  const said = await io.says('Clients log in as orders.')
  assert.ok(!said.includes('s3cret'))
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(said)![1])
  await assert.rejects(TestClient.open(port, { username: 'orders', password: 'wrong' }))
  await using client = await TestClient.open(port, { username: 'orders', password: 's3cret' })
  assert.equal((await send(await client.sender('q'), { body: 'x' })).kind, 'accepted')
  io.interrupt()
  assert.equal(await running, 0)
})

test('the size of its files is taken from the environment, like the server’s, or refused', async () => {
  await using home = await tempHome()
  const bad = recordedIo({ cwd: home.path, env: { HOLDFAST_JOURNAL_SEGMENT_SIZE: 'small' } })
  assert.equal(await execute(broker, ['--port', '0', '--home', 'here'], bad), 2)
  assert.match(bad.stderr, /HOLDFAST_JOURNAL_SEGMENT_SIZE must be a size such as/)

  const io = recordedIo({ cwd: home.path, env: { HOLDFAST_JOURNAL_SEGMENT_SIZE: '1 MiB' } })
  const running = execute(broker, ['--port', '0', '--home', 'here'], io)
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(await io.says('Holdfast broker at'))![1]!)
  {
    await using client = await TestClient.open(port)
    assert.equal((await send(await client.sender('q'), { body: 'x' })).kind, 'accepted')
  }
  const { size } = await stat(join(home.path, 'here', 'broker', '00000001.log'))
  assert.equal(size, 1024 * 1024)
  io.interrupt()
  assert.equal(await running, 0)
})
