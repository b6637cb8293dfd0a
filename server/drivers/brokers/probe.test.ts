import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import { startBroker } from '../../broker/broker.ts'
import { ManualClock, systemClock } from '../../kernel/clock.ts'
import type { Clock } from '../../kernel/clock.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { MemoryJournal } from '../../testing/memory-journal.ts'
import { RigJournal } from '../../testing/store-rig.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import type { MemoryLog } from '../../testing/memory-log.ts'
import { frameOf, greeting, OpenWirePeer } from '../../testing/openwire-peer.ts'
import type { Dial, Live } from '../jms/index.ts'
import { IDLE_TIMEOUT, MAX_FRAME_SIZE, RECONNECTING } from '../jms/target.ts'
import type { BrokerTarget } from '../jms/target.ts'
import { brokerConnections, networkDialer } from './index.ts'
import { probe } from './probe.ts'

const hostOf = (port: number) => ({ host: '127.0.0.1', port, tls: false })

function targetOf(port: number, protocol: BrokerTarget['protocol'] = 'auto'): BrokerTarget {
  return {
    protocol,
    hosts: [hostOf(port)],
    reconnecting: RECONNECTING,
    idleTimeout: IDLE_TIMEOUT,
    maxFrameSize: MAX_FRAME_SIZE,
  }
}

function wayTo(port: number, clock: Clock = systemClock) {
  return { host: hostOf(port), target: targetOf(port), clock, deadlineMs: 5000 }
}

/** A server that does this with whoever connects. */
async function serving(run: (socket: Socket) => void): Promise<AsyncDisposable & { port: number; sockets: Socket[] }> {
  const sockets: Socket[] = []
  const server = createServer(socket => {
    sockets.push(socket.on('error', () => {}))
    run(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

function dialled(dial: Dial, port: number, protocol: BrokerTarget['protocol'] = 'auto'): Promise<Live> {
  return dial(hostOf(port), targetOf(port, protocol), systemClock, 5000)
}

test('a greeting is OpenWire, in however many pieces it comes, and the socket goes on with it', async () => {
  const whole = frameOf(greeting())
  await using server = await serving(socket => {
    socket.setNoDelay(true)
    socket.write(whole.subarray(0, 3))
    setImmediate(() => socket.write(whole.subarray(3)))
  })
  const opened = await probe(wayTo(server.port))
  assert.ok(opened && opened.greeting.length >= 13)
  assert.equal(server.sockets.length, 1)
  opened.socket.destroy()
})

test('silence is AMQP after 0.3 s, and no byte was sent to find out', async () => {
  const clock = new ManualClock()
  let bytes = 0
  await using server = await serving(socket => void socket.on('data', chunk => (bytes += chunk.length)))
  const asked = probe(wayTo(server.port, clock))
  while (clock.armed === 0 || server.sockets.length === 0) await new Promise(resolve => setImmediate(resolve))
  await new Promise(resolve => setImmediate(resolve))
  await clock.advance(300)
  assert.equal(await asked, null)
  assert.equal(bytes, 0)
})

test('another greeting is an error with its first bytes; a port that hangs up is unusable', async () => {
  await using ssh = await serving(socket => void socket.write('SSH-2.0-OpenSSH_9.2\r\n'))
  await assert.rejects(probe(wayTo(ssh.port)), { code: 'BROKER_REFUSED', message: /begins with 5353482d322e302d/ })
  await using closing = await serving(socket => void socket.destroy())
  await assert.rejects(probe(wayTo(closing.port)), { code: 'STORE_UNAVAILABLE' })
})

test('both kinds of broker are found, one line says what and how to force it, and the next time nobody is asked', async () => {
  const log: MemoryLog = memoryLog()
  const dial = networkDialer(log)()
  await using classic = await OpenWirePeer.start()
  await using broker = await startBroker({ port: 0, journal: new MemoryJournal(), log: memoryLog() })
  const first = await dialled(dial, classic.port)
  const second = await dialled(dial, broker.address.port)
  assert.deepEqual([first.protocol, second.protocol], ['OpenWire', 'AMQP 1.0'])
  const lines = log.lines.filter(({ text }) => text.startsWith('tcp://'))
  assert.deepEqual(
    lines.map(({ text }) => text),
    [
      `tcp://127.0.0.1:${classic.port} greets by OpenWire`,
      `tcp://127.0.0.1:${broker.address.port} waits for its caller, and answers AMQP 1.0`,
    ],
  )
  const [openwire, amqp] = lines.map(({ fields }) => String(fields?.['hint']))
  assert.match(openwire!, /OpenWire without asking the port, write <parameter name="store\.jms\.protocol">openwire</)
  assert.match(amqp!, /begin the address with amqp:\/\/.*, or write <parameter name="store\.jms\.protocol">amqp</)
  for (const live of [first, second]) live.close()
  for (const port of [classic.port, broker.address.port]) (await dialled(dial, port)).close()
  assert.equal(log.lines.filter(({ text }) => text.startsWith('tcp://')).length, 2)
})

test('a broker that greets late is spoken to by OpenWire all the same', async () => {
  const whole = frameOf(greeting())
  await using peer = await OpenWirePeer.start()
  let connections = 0
  // The first two find it busy: whoever asks what it speaks, and whoever then tries AMQP.
  await using slow = await serving(socket => {
    if (++connections === 1) return
    if (connections === 2) return void socket.once('data', () => socket.write(whole))
    const through = connect(peer.port, '127.0.0.1').on('error', () => {})
    socket.pipe(through).pipe(socket)
  })
  const log = memoryLog()
  const live = await dialled(networkDialer(log)(), slow.port)
  assert.equal(live.protocol, 'OpenWire')
  live.close()
  assert.deepEqual(log.texts('info'), [`tcp://127.0.0.1:${slow.port} greets by OpenWire, late`])
})

test('a broker that was too slow for one connection is asked again at the next, and nothing wrong was said of it', async () => {
  await using peer = await OpenWirePeer.start()
  let connections = 0
  await using slow = await serving(socket => {
    // Whoever asks what it speaks, and whoever then tries AMQP, which it hangs up on without a word.
    if (++connections === 1) return
    if (connections === 2) return void socket.once('data', () => socket.destroy())
    const through = connect(peer.port, '127.0.0.1').on('error', () => {})
    socket.pipe(through).pipe(socket)
  })
  const log = memoryLog()
  const dial = networkDialer(log)()
  await assert.rejects(dialled(dial, slow.port), { code: 'STORE_UNAVAILABLE' })
  assert.deepEqual(log.texts('info'), [])
  const live = await dialled(dial, slow.port)
  assert.equal(live.protocol, 'OpenWire')
  live.close()
  assert.deepEqual(log.texts('info'), [`tcp://127.0.0.1:${slow.port} greets by OpenWire`])
})

test('what is forced is spoken without asking', async () => {
  await using peer = await OpenWirePeer.start({ greeting: Buffer.alloc(0) })
  const dial = networkDialer(memoryLog())()
  const live = await dialled(dial, peer.port, 'openwire')
  assert.deepEqual([live.protocol, peer.connections.length], ['OpenWire', 1])
  live.close()
  await using classic = await serving(socket => void socket.write(frameOf(greeting())))
  await assert.rejects(dialled(dial, classic.port, 'amqp'), { message: /it speaks OpenWire, not AMQP 1\.0/ })
})

for (const [protocol, greets] of [
  ['auto', false],
  ['amqp', false],
  ['openwire', false],
  ['openwire', true],
] as const) {
  const where = greets ? 'that has greeted' : 'that says nothing'
  test(`a connection by ${protocol} to a broker ${where} is given up at once when its owner leaves`, async () => {
    const clock = new ManualClock()
    const ends: Promise<unknown>[] = []
    await using server = await serving(socket => {
      ends.push(once(socket.resume(), 'close'))
      if (greets) socket.write(frameOf(greeting()))
    })
    const connections = brokerConnections({ clock, log: memoryLog() })
    const target = targetOf(server.port, protocol)
    const opening = connections.join(target).open(5000)
    while (ends.length === 0) await new Promise(resolve => setImmediate(resolve))
    for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
    connections.leave(target)
    await assert.rejects(opening, { code: 'STORE_UNAVAILABLE', message: /given up before it was open/ })
    await Promise.all(ends)
    assert.equal(clock.armed, 0)
  })
}

test('under which numbers messages went is kept in the journal, for the process after this one', async () => {
  let silent = true
  await using peer = await OpenWirePeer.start({ on: came => came.name === 'TextMessage' && silent })
  const journal = new RigJournal()
  /** What a process does. */
  const sending = async (): Promise<unknown> => {
    const connections = brokerConnections({ clock: systemClock, log: memoryLog(), journal })
    const target = targetOf(peer.port, 'openwire')
    const live = await connections.join(target).open(5000)
    const link = live.openSender({ destination: { kind: 'queue', name: 'q' }, clock: systemClock, fullness: () => {} })
    const body = { kind: 'text', bytes: Buffer.from('x') } as const
    const message = {
      body,
      properties: new Map(),
      persistent: true,
      priority: 4,
      duplicateId: 'm',
      kept: true,
    } as const
    const sent = link.send(message, 5000, 5000).catch((thrown: unknown) => thrown)
    await peer.until(of => of.of('TextMessage').length === (silent ? 1 : 2))
    if (silent) live.abandon(new IntegrationError('STORE_UNAVAILABLE', 'the process was killed'))
    const outcome = await sent
    connections.leave(target)
    return outcome
  }
  assert.ok(await sending())
  silent = false
  assert.equal(await sending(), undefined)
  const [first, again] = peer.of('TextMessage')
  assert.deepEqual(again!.messageId, first!.messageId)
})
