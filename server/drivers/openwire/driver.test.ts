/** The driver against a scripted peer; `server/test/brokers` has the brokers themselves. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock, systemClock } from '../../kernel/clock.ts'
import type { Clock } from '../../kernel/clock.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { numbered, OpenWirePeer } from '../../testing/openwire-peer.ts'
import type { PeerConnection, PeerScript } from '../../testing/openwire-peer.ts'
import type { Fullness, JmsMessage, Live } from '../jms/contracts.ts'
import { accepted, released } from '../jms/settlement.ts'
import { IDLE_TIMEOUT, MAX_FRAME_SIZE, RECONNECTING } from '../jms/target.ts'
import type { BrokerTarget } from '../jms/target.ts'
import { dialOpenWire, Identity, type SentNote, type SentNotes } from './index.ts'

interface Dialled {
  readonly clock?: Clock
  readonly identity?: Identity
  readonly target?: Partial<BrokerTarget>
}

function dialled(
  port: number,
  { clock = systemClock, identity = new Identity(), target = {} }: Dialled = {},
): Promise<Live> {
  const whole: BrokerTarget = {
    protocol: 'openwire',
    hosts: [{ host: '127.0.0.1', port, tls: false }],
    reconnecting: RECONNECTING,
    idleTimeout: IDLE_TIMEOUT,
    maxFrameSize: MAX_FRAME_SIZE,
    ...target,
  }
  return dialOpenWire({ host: whole.hosts[0]!, target: whole, clock, deadlineMs: 5000 }, identity)
}

function message(id: string): JmsMessage {
  return {
    body: { kind: 'text', bytes: Buffer.from(id) },
    properties: new Map(),
    persistent: true,
    priority: 4,
    duplicateId: id,
  }
}

const from = { kind: 'queue', name: 'q' } as const

function sender(live: Live, { clock = systemClock, fullness = () => {} }: { clock?: Clock; fullness?: Fullness } = {}) {
  const link = live.openSender({ destination: from, clock, fullness })
  return (id: string, ms = 5000): Promise<void> => link.send(message(id), ms, ms)
}

function receiver(live: Live, more: { clock?: Clock; window?: number; browse?: boolean; pollMs?: number } = {}) {
  return live.openReceiver({ from, clock: systemClock, window: 1, ...more })
}

/** Sends to whoever pulls what is in the line. */
function queueOf(...texts: string[]): Required<Pick<PeerScript, 'on'>> {
  let number = 0
  return {
    on(came, connection) {
      if (came.name !== 'MessagePull') return false
      const text = texts.shift()
      if (text !== undefined) connection.dispatch(came.consumerId!, numbered(text, ++number))
      else if (came.timeout < 0) connection.dispatch(came.consumerId!, null)
      return true
    },
  }
}

test('both sides greet, and the login carries user, password and a client id of its own', async () => {
  await using peer = await OpenWirePeer.start()
  const target = { username: 'app', password: 'sécret' }
  const live = await dialled(peer.port, { target })
  const other = await dialled(peer.port, { target })
  const [one, two] = peer.of('ConnectionInfo')
  assert.deepEqual([one!.userName, one!.password, one!.responseRequired], ['app', 'sécret', true])
  assert.notEqual(one!.clientId, two!.clientId)
  assert.deepEqual(live.peer, { product: 'ActiveMQ', version: '5.18.3' })
  live.close()
  other.close()
  await peer.until(({ connections }) => connections.every(({ closed }) => closed))
  assert.equal(peer.of('ShutdownInfo').length, 2)
})

test('a peer that waits for our greeting gets it', async () => {
  await using peer = await OpenWirePeer.start({ greeting: Buffer.alloc(0) })
  const live = await dialled(peer.port)
  assert.equal(live.protocol, 'OpenWire')
  live.close()
})

test('key files that cannot be used are told at once, and leave no timer behind that ends the process', async () => {
  const clock = new ManualClock()
  const host = { host: '127.0.0.1', port: 1, tls: true }
  const target = { hosts: [host], tls: { ca: '/nowhere/ca.pem' } }
  await assert.rejects(dialled(1, { clock, target }), { code: 'BROKER_REFUSED', message: /\/nowhere\/ca\.pem/ })
  assert.equal(clock.armed, 0)
})

test('a session whose rollback is refused is closed all the same', async () => {
  const on: PeerScript['on'] = (came, connection) => {
    if (came.name !== 'TransactionInfo' || !came.responseRequired) return false
    connection.refuse(came, 'javax.jms.JMSException', 'no such transaction')
    return true
  }
  await using peer = await OpenWirePeer.start({ on })
  const live = await dialled(peer.port)
  const session = await live.openSession({ clock: systemClock, deadlineMs: 5000 })
  await session.openSender({ destination: from, clock: systemClock, fullness: () => {} }).send(message('a'), 5000, 5000)
  await assert.rejects(session.close(), /no such transaction/)
  assert.ok(session.gone)
  await peer.until(({ connections }) => connections.some(({ closed }) => closed))
  live.close()
})

test('a refused login says who was refused, never the password', async () => {
  const on: PeerScript['on'] = (came, connection) => {
    if (came.name !== 'ConnectionInfo') return false
    connection.refuse(came, 'java.lang.SecurityException', 'User name [app] or password is invalid.')
    return true
  }
  await using peer = await OpenWirePeer.start({ on })
  await assert.rejects(dialled(peer.port, { target: { username: 'app', password: 'hunter2' } }), (error: Error) => {
    assert.match(error.message, /refused the login as app\. .*is invalid/)
    return (error as { code?: string }).code === 'BROKER_REFUSED' && !error.message.includes('hunter2')
  })
})

test('a peer that speaks something else, nothing, or breaks the protocol is given up with the reason', async () => {
  const cases: [PeerScript, RegExp][] = [
    [
      { greeting: Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n') },
      /does not speak OpenWire, it begins with 485454502f/,
    ],
    [{ greeting: Buffer.from('00000009014163746976654d51', 'hex') }, /did not answer|ends in the middle/],
    [
      { greeting: Buffer.from('7fffffff014163746976654d51', 'hex') },
      /does not speak OpenWire, it begins with 7fffffff/,
    ],
    [{ greeting: Buffer.from('00ffffff014163746976654d51', 'hex') }, /frame of 16777215 bytes/],
    [{ version: 6 }, /version 6 of OpenWire/],
    [{ on: (_came, connection) => void connection.socket.destroy() }, /connection was closed|ECONNRESET|broke/],
  ]
  for (const [script, expected] of cases) {
    await using peer = await OpenWirePeer.start(script)
    await assert.rejects(dialled(peer.port), { message: expected })
  }
})

test('a broker that does not answer is given up after the deadline', async () => {
  await using peer = await OpenWirePeer.start({ on: () => true })
  const clock = new ManualClock()
  const rejected = assert.rejects(dialled(peer.port, { clock }), { message: /did not answer within 5000 ms/ })
  await peer.until(({ connections }) => connections[0]?.of('ConnectionInfo')[0])
  await clock.advance(5000)
  await rejected
  assert.equal(clock.armed, 0)
})

test('sixteen messages are under way at once, each from a producer of its own, in order, over a connection of their own', async () => {
  const waiting: (() => void)[] = []
  const on: PeerScript['on'] = (came, connection) => {
    if (came.name !== 'TextMessage') return false
    waiting.push(() => connection.answer(came))
    return true
  }
  await using peer = await OpenWirePeer.start({ on })
  const live = await dialled(peer.port)
  const send = sender(live)
  const sent = Array.from({ length: 20 }, (_, index) => send(`m${index}`))
  await peer.until(of => of.of('TextMessage').length === 16)
  assert.deepEqual([peer.connections.length, peer.connections[0]!.of('TextMessage').length], [2, 0])
  const producers = peer.of('TextMessage').map(({ producerId }) => producerId!.value)
  assert.equal(new Set(producers).size, 16)
  assert.ok(peer.of('ProducerInfo').every(({ destination }) => destination === null))
  const answered = waiting.splice(0)
  for (const answer of answered) answer()
  await peer.until(of => of.of('TextMessage').length === 20)
  for (const answer of waiting) answer()
  await Promise.all(sent)
  assert.deepEqual(
    peer
      .of('TextMessage')
      .map(({ marshalledProperties }) => /m\d+/.exec(Buffer.from(marshalledProperties!).toString())![0]),
    Array.from({ length: 20 }, (_, index) => `m${index}`),
  )
  live.close()
})

test('a message that was not answered is sent again under its producer and number on the next connection', async () => {
  let silent = true
  const on: PeerScript['on'] = came => came.name === 'TextMessage' && silent
  await using peer = await OpenWirePeer.start({ on })
  const identity = new Identity()
  const live = await dialled(peer.port, { identity })
  const send = sender(live)
  const lost = assert.rejects(send('one'), { ambiguous: true })
  const first = await peer.until(of => of.of('TextMessage')[0])
  silent = false
  peer.connections[1]!.socket.destroy()
  await lost
  await send('two')
  await send('one')
  const [, two, again] = peer.of('TextMessage')
  assert.deepEqual(again!.messageId, first.messageId)
  assert.notEqual(two!.messageId!.producerId!.value, first.messageId!.producerId!.value)
  const infos = peer.of('ConnectionInfo').slice(1)
  assert.deepEqual(new Set(infos.map(({ connectionId }) => connectionId!.value)), new Set([identity.connectionId]))
  assert.ok(infos.every(({ failoverReconnect }) => failoverReconnect))
  live.close()
})

test('after an error answer a message gets a fresh number; a full broker is told apart', async () => {
  let full = true
  const on: PeerScript['on'] = (came, connection) => {
    if (came.name !== 'TextMessage' || !full) return false
    connection.refuse(came, 'jakarta.jms.ResourceAllocationException', 'Usage Manager Memory Limit reached')
    return true
  }
  await using peer = await OpenWirePeer.start({ on })
  const live = await dialled(peer.port)
  const said: boolean[] = []
  const send = sender(live, { fullness: now => said.push(now) })
  await assert.rejects(send('one'), { code: 'STORE_UNAVAILABLE', ambiguous: false, message: /Memory Limit reached/ })
  full = false
  await send('one')
  const [first, again] = peer.of('TextMessage')
  assert.equal(again!.messageId!.producerSequenceId, first!.messageId!.producerSequenceId + 1)
  assert.deepEqual(said, [true, false])
  live.close()
})

/** Notes that a crash of the process does not touch. */
function notebook(): SentNotes & { readonly notes: Map<string, SentNote> } {
  const notes = new Map<string, SentNote>()
  return {
    notes,
    get: key => notes.get(key),
    note: async (key, note) => void notes.set(key, note),
    forget: async key => void notes.delete(key),
  }
}

const kept = (live: Live, id: string): Promise<void> =>
  live
    .openSender({ destination: from, clock: systemClock, fullness: () => {} })
    .send({ ...message(id), kept: true }, 5000, 5000)

test('a message that is sent again after a crash of ours goes under the name and number it had, and nothing else does', async () => {
  let silent = true
  await using peer = await OpenWirePeer.start({ on: came => came.name === 'TextMessage' && silent })
  const book = notebook()
  const before = await dialled(peer.port, { identity: new Identity(book) })
  const lost = assert.rejects(kept(before, 'one'))
  const first = await peer.until(of => of.of('TextMessage')[0])
  assert.equal(book.notes.size, 1)
  before.abandon(new IntegrationError('STORE_UNAVAILABLE', 'the process was killed'))
  await lost
  silent = false
  const after = await dialled(peer.port, { identity: new Identity(book) })
  await kept(after, 'two')
  await kept(after, 'one')
  await kept(after, 'three')
  const [firstTime, ...later] = peer.of('TextMessage')
  const theirs = firstTime!.messageId!.producerId!.connectionId
  const again = later.filter(({ messageId }) => messageId!.producerId!.connectionId === theirs)
  assert.deepEqual(
    again.map(({ messageId }) => messageId),
    [first.messageId],
  )
  assert.equal(later.length, 3)
  const connection = peer.connections.findLast(one => one.of('ConnectionInfo')[0]?.connectionId?.value === theirs)!
  assert.equal(connection.of('ConnectionInfo')[0]!.failoverReconnect, true)
  await peer.until(() => connection.closed)
  after.close()
})

test('a number that the broker answered with an error is forgotten before its producer sends anything else', async () => {
  const order: string[] = []
  let full = true
  const on: PeerScript['on'] = (came, connection) => {
    if (came.name !== 'TextMessage') return false
    order.push(`sent ${came.messageId!.producerSequenceId}`)
    if (full) connection.refuse(came, 'javax.jms.ResourceAllocationException', 'full')
    else connection.answer(came)
    full = false
    return true
  }
  await using peer = await OpenWirePeer.start({ on })
  const book = notebook()
  const forget = book.forget
  const live = await dialled(peer.port, {
    identity: new Identity({ ...book, forget: async key => (await forget(key), void order.push('forgotten')) }),
  })
  const refused = assert.rejects(kept(live, 'one'))
  await refused
  await kept(live, 'two')
  assert.deepEqual([order, [...book.notes.keys()]], [['sent 1', 'forgotten', 'sent 2'], ['two q']])
  live.close()
})

test('where a number cannot be forgotten its producer is used no more; a disk that takes no note keeps no message back', async () => {
  let full = true
  const on: PeerScript['on'] = (came, connection) => {
    if (came.name !== 'TextMessage' || !full) return false
    connection.refuse(came, 'javax.jms.ResourceAllocationException', 'full')
    full = false
    return true
  }
  await using peer = await OpenWirePeer.start({ on })
  const book = notebook()
  const live = await dialled(peer.port, {
    identity: new Identity({ ...book, forget: () => Promise.reject(new Error('the disk is full')) }),
  })
  await assert.rejects(kept(live, 'one'))
  await kept(live, 'two')
  const [one, two] = peer.of('TextMessage').map(({ producerId }) => producerId!.value)
  assert.notEqual(one, two)
  live.close()
  const note = (): Promise<void> => Promise.reject(new Error('the disk is full'))
  const other = await dialled(peer.port, { identity: new Identity({ ...notebook(), note }) })
  await kept(other, 'three')
  other.close()
})

test('a message that is not confirmed in time costs the producers their connection, and nobody else', async () => {
  const clock = new ManualClock()
  await using peer = await OpenWirePeer.start({ on: came => came.name === 'TextMessage' })
  const live = await dialled(peer.port, { clock })
  const late = assert.rejects(sender(live, { clock })('one', 1000), { ambiguous: true, message: /did not confirm/ })
  await peer.until(of => of.of('TextMessage')[0])
  await clock.advance(1000)
  await late
  await peer.until(({ connections }) => connections[1]!.closed)
  assert.deepEqual([live.gone, peer.connections[0]!.closed], [null, false])
  live.close()
})

test('what waits because all producers are busy is not ambiguous, and says that the broker takes nothing', async () => {
  const clock = new ManualClock()
  await using peer = await OpenWirePeer.start({ on: came => came.name === 'TextMessage' })
  const live = await dialled(peer.port, { clock })
  const said: boolean[] = []
  const send = sender(live, { clock, fullness: full => said.push(full) })
  const busy = Array.from({ length: 16 }, (_, index) => assert.rejects(send(`m${index}`, 9000)))
  const late = assert.rejects(send('late', 1000), { ambiguous: false, message: /earlier ones are not confirmed/ })
  await peer.until(of => of.of('TextMessage').length === 16)
  await clock.advance(1000)
  await late
  assert.deepEqual(said, [true])
  live.close()
  await Promise.all(busy)
})

test('a message is asked for only when somebody wants it, and one at a time', async () => {
  await using peer = await OpenWirePeer.start(queueOf('a', 'b'))
  const live = await dialled(peer.port)
  const link = receiver(live, { pollMs: 5000 })
  const one = (await link.take(5000))!
  assert.equal(Buffer.from((one.message.body as { bytes: Uint8Array }).bytes).toString(), 'a')
  assert.deepEqual([peer.of('ConsumerInfo')[0]!.prefetchSize, peer.of('MessagePull')[0]!.timeout], [0, 5000])
  assert.equal(await link.take(0), null, 'there is no room for another')
  await one.settle(accepted)
  await link.take(5000)
  const [ack] = peer.of('MessageAck')
  assert.deepEqual([ack!.ackType, ack!.messageCount, ack!.lastMessageId!.brokerSequenceId], [4, 1, 1])
  assert.equal(peer.of('MessagePull').length, 2)
  live.close()
})

test('asked without waiting, an empty queue answers at once', async () => {
  await using peer = await OpenWirePeer.start(queueOf())
  const live = await dialled(peer.port)
  assert.equal(await receiver(live).take(0), null)
  assert.equal(peer.of('MessagePull')[0]!.timeout, -1)
  live.close()
})

test('that a queue is empty is believed when it is said twice: Artemis says so while it is about to dispatch', async () => {
  const script = queueOf('a')
  let asked = 0
  const on: PeerScript['on'] = (came, connection) => {
    if (came.name !== 'MessagePull' || ++asked > 1) return script.on(came, connection)
    connection.dispatch(came.consumerId!, null)
    return true
  }
  await using peer = await OpenWirePeer.start({ on })
  const live = await dialled(peer.port)
  assert.ok(await receiver(live).take(0))
  assert.equal(await receiver(live).take(0), null)
  assert.equal(asked, 4)
  live.close()
})

test('a question for a message that stays without an answer is asked again for whoever still waits (WF-11)', async () => {
  const on: PeerScript['on'] = (came, connection) => {
    if (came.name !== 'MessagePull') return false
    if (connection.of('MessagePull').length < 3) connection.dispatch(came.consumerId!, null)
    else connection.dispatch(came.consumerId!, numbered('late', 1))
    return true
  }
  await using peer = await OpenWirePeer.start({ on })
  const live = await dialled(peer.port)
  assert.ok(await receiver(live, { pollMs: 700 }).take(60_000))
  assert.deepEqual(
    peer.of('MessagePull').map(({ timeout }) => timeout),
    [700, 700, 700],
  )
  live.close()
})

test('a larger window is filled by the broker', async () => {
  const on: PeerScript['on'] = (came, connection) => {
    if (came.name !== 'ConsumerInfo') return false
    connection.answer(came)
    for (let number = 1; number <= 3; number++) connection.dispatch(came.consumerId!, numbered(`m${number}`, number))
    return true
  }
  await using peer = await OpenWirePeer.start({ on })
  const live = await dialled(peer.port)
  const link = receiver(live, { window: 3 })
  for (let left = 3; left > 0; left--) assert.ok(await link.take(5000))
  assert.deepEqual([peer.of('ConsumerInfo')[0]!.prefetchSize, peer.of('MessagePull').length], [3, 0])
  live.close()
})

test('what is given back is back when its consumer is closed: uncounted, or counted up to it', async () => {
  await using peer = await OpenWirePeer.start(queueOf('a', 'b'))
  const live = await dialled(peer.port)
  const link = receiver(live)
  await (await link.take(5000))!.settle(released)
  await (await link.take(5000))!.settle({ kind: 'modified', deliveryFailed: true, undeliverableHere: false })
  const [one, two] = peer.of('RemoveInfo')
  assert.deepEqual([one!.lastDeliveredSequenceId, two!.lastDeliveredSequenceId], [-1, 2])
  const [first, second] = peer.of('ConsumerInfo')
  assert.deepEqual([one!.objectId, two!.objectId], [first!.consumerId, second!.consumerId])
  assert.equal(peer.of('MessageAck').length, 0)
  live.close()
})

test('a consumer is not closed under the messages that others hold of it', async () => {
  let number = 0
  const on: PeerScript['on'] = (came, connection) => {
    if (came.name !== 'ConsumerInfo') return false
    connection.answer(came)
    for (let left = 2; left > 0; left--) connection.dispatch(came.consumerId!, numbered('x', ++number))
    return true
  }
  await using peer = await OpenWirePeer.start({ on })
  const live = await dialled(peer.port)
  const link = receiver(live, { window: 2 })
  const one = (await link.take(5000))!
  const two = (await link.take(5000))!
  await one.settle(released)
  assert.equal(peer.of('RemoveInfo').length, 0)
  await two.settle(accepted)
  await peer.until(of => of.of('RemoveInfo').length === 1)
  const acknowledged = peer.of('MessageAck')[0]!
  assert.equal(acknowledged.lastMessageId!.brokerSequenceId, 2)
  live.close()
})

test('a rejected message is poisoned, with the reason as its cause', async () => {
  await using peer = await OpenWirePeer.start(queueOf('a'))
  const live = await dialled(peer.port)
  const link = receiver(live)
  await (await link.take(5000))!.settle({ kind: 'rejected', condition: 'x', description: 'HTTP 500, 4 times' })
  const ack = await peer.until(of => of.of('MessageAck')[0])
  assert.deepEqual([ack.ackType, ack.poisonCause!.message], [1, 'HTTP 500, 4 times'])
  live.close()
})

test('a message taken before the connection was lost cannot be settled, and who waits is told', async () => {
  await using peer = await OpenWirePeer.start(queueOf('a'))
  const live = await dialled(peer.port)
  const link = receiver(live, { window: 1 })
  const one = (await link.take(5000))!
  const other = receiver(live).take(60_000)
  await peer.until(of => of.of('MessagePull').length === 2)
  peer.connections[0]!.socket.destroy()
  await assert.rejects(other, { code: 'STORE_UNAVAILABLE' })
  await assert.rejects(one.settle(accepted), { ambiguous: true, message: /will deliver it again/ })
  assert.ok(link.over && one.lost && live.gone)
})

test('a refused consumer is told as such, and nothing is asked of it', async () => {
  const on: PeerScript['on'] = (came, connection) => {
    if (came.name !== 'ConsumerInfo') return false
    connection.refuse(came, 'javax.jms.JMSSecurityException', 'User app is not authorized to read from: queue://q')
    return true
  }
  await using peer = await OpenWirePeer.start({ on })
  const live = await dialled(peer.port)
  await assert.rejects(receiver(live).take(5000), { code: 'BROKER_REFUSED', message: /not authorized to read/ })
  assert.deepEqual([peer.of('MessagePull').length, live.gone], [0, null])
  live.close()
})

test('a look ends where the broker says that there is no more, and makes room as it goes', async () => {
  const on: PeerScript['on'] = (came, connection) => {
    if (came.name !== 'ConsumerInfo') return false
    connection.answer(came)
    for (const number of [1, 2]) connection.dispatch(came.consumerId!, numbered(`m${number}`, number))
    connection.dispatch(came.consumerId!, null)
    return true
  }
  await using peer = await OpenWirePeer.start({ on })
  const live = await dialled(peer.port)
  const look = receiver(live, { browse: true })
  assert.ok((await look.take(0)) && (await look.take(0)))
  assert.deepEqual([await look.take(0), await look.take(0)], [null, null])
  await peer.until(of => of.of('MessageAck').length === 2)
  assert.deepEqual(
    peer.of('MessageAck').map(({ ackType }) => ackType),
    [2, 2],
  )
  assert.equal(peer.of('ConsumerInfo')[0]!.browser, true)
  live.close()
})

test('a transaction is begun with its first work; the acknowledgement and the message are part of it', async () => {
  await using peer = await OpenWirePeer.start(queueOf('a'))
  const live = await dialled(peer.port)
  const session = await live.openSession({ clock: systemClock, deadlineMs: 5000 })
  await session.commit()
  assert.equal(peer.of('TransactionInfo').length, 0)
  const link = session.openReceiver({ from, clock: systemClock, window: 1 })
  const taken = (await link.take(5000))!
  const out = session.openSender({ destination: from, clock: systemClock, fullness: () => {} })
  await out.send(message('b'), 5000, 5000)
  await taken.settle(accepted)
  await session.commit()
  const [begin, commit] = peer.of('TransactionInfo')
  assert.deepEqual([begin!.type, commit!.type], [0, 2])
  const id = begin!.transactionId
  assert.deepEqual([peer.of('TextMessage')[0]!.transactionId, peer.of('MessageAck')[0]!.transactionId], [id, id])
  assert.equal(peer.connections.length, 2, 'on a connection of its own')
  await session.close()
  live.close()
})

test('rolled back, what was taken is given back, counted; a commit without an answer is ambiguous', async () => {
  const ends = { silent: false }
  const script = queueOf('a', 'b')
  const on: PeerScript['on'] = (came, connection) =>
    (came.name === 'TransactionInfo' && came.type === 2 && ends.silent) || script.on(came, connection)
  await using peer = await OpenWirePeer.start({ on })
  const live = await dialled(peer.port)
  const session = await live.openSession({ clock: systemClock, deadlineMs: 5000 })
  const link = session.openReceiver({ from, clock: systemClock, window: 1 })
  await (await link.take(5000))!.settle(accepted)
  await session.rollback()
  const order = peer.connections[1]!.came.map(({ name }) => name)
  assert.ok(order.indexOf('TransactionInfo') < order.indexOf('RemoveInfo'))
  assert.equal(peer.of('RemoveInfo')[0]!.lastDeliveredSequenceId, 1)
  await (await link.take(5000))!.settle(accepted)
  ends.silent = true
  const commit = assert.rejects(session.commit(), { ambiguous: true })
  await peer.until(of => of.of('TransactionInfo').some(({ type }) => type === 2))
  peer.connections[1]!.socket.destroy()
  await commit
  assert.ok(session.gone)
  live.close()
})

test('says something when nothing was said, and gives up a peer that does not', async () => {
  const clock = new ManualClock()
  await using peer = await OpenWirePeer.start()
  const live = await dialled(peer.port, { clock, target: { idleTimeout: 9000 } })
  await clock.advance(3000)
  await clock.advance(3000)
  await peer.until(of => of.of('KeepAliveInfo').length >= 1)
  peer.connections[0]!.send({ name: 'KeepAliveInfo', responseRequired: true })
  await peer.until(of => of.of('KeepAliveInfo').length >= 2)
  assert.equal(live.gone, null)
  for (let step = 0; step < 6; step++) await clock.advance(3000)
  assert.match(live.gone!.message, /silent for more than 9000 ms/)
  assert.equal(clock.armed, 0)
})

test('where silence is no fault, a broker that does not let go of a consumer loses its connection', async () => {
  const clock = new ManualClock()
  const properties = { MaxInactivityDuration: 0n }
  await using peer = await OpenWirePeer.start({ properties, on: came => came.name === 'RemoveInfo' })
  const live = await dialled(peer.port, { clock })
  const incoming = receiver(live, { clock })
  await incoming.destination()
  const waiting = incoming.take(60_000)
  await peer.until(of => of.of('ConsumerInfo').length === 1)
  const closing = incoming.close()
  assert.equal(await waiting, null)
  await peer.until(of => of.of('RemoveInfo').length === 1)
  assert.equal(live.gone, null)
  await clock.advance(10_000)
  await closing
  assert.match(live.gone!.message, /did not let go of a consumer within 10000 ms/)
  assert.equal(clock.armed, 0)
})

test('the broker may close a connection, a consumer, or say what went wrong', async () => {
  const cases: [(connection: PeerConnection) => void, RegExp][] = [
    [connection => connection.send({ name: 'ConnectionControl', close: true }), /asked us to leave/],
    [connection => connection.send({ name: 'ShutdownInfo' }), /shutting down/],
    [
      connection => connection.send({ name: 'ConnectionError', exception: { className: 'a.B', message: 'broken' } }),
      /refused: broken \(B\)/,
    ],
    [connection => connection.socket.write(Buffer.from('0000000316ffff', 'hex')), /broke the protocol/],
    [connection => connection.socket.write(Buffer.from('ffffffff', 'hex')), /frame of -1 bytes/],
  ]
  for (const [what, expected] of cases) {
    await using peer = await OpenWirePeer.start()
    const live = await dialled(peer.port)
    const gone = new Promise<Error>(resolve => live.onGone(resolve))
    what(peer.connections[0]!)
    assert.match((await gone).message, expected)
  }
  await using peer = await OpenWirePeer.start()
  const live = await dialled(peer.port)
  const link = receiver(live)
  const waiting = assert.rejects(link.take(60_000), { message: /the broker ended it/ })
  const { consumerId } = await peer.until(of => of.of('MessagePull')[0])
  peer.connections[0]!.send({ name: 'ConsumerControl', consumerId, close: true })
  await waiting
  assert.equal(live.gone, null)
  live.close()
})

test('a frame of a kind nobody knows is passed over', async () => {
  await using peer = await OpenWirePeer.start(queueOf('a'))
  const live = await dialled(peer.port)
  peer.connections[0]!.socket.write(Buffer.from('00000003c80102', 'hex'))
  assert.ok(await receiver(live).take(5000))
  live.close()
})

test('a message longer than was agreed on is refused before it is sent, and others go on', async () => {
  await using peer = await OpenWirePeer.start({ properties: { MaxFrameSize: 1000n } })
  const live = await dialled(peer.port)
  const link = live.openSender({ destination: from, clock: systemClock, fullness: () => {} })
  const large = { ...message('x'), body: { kind: 'bytes', bytes: Buffer.alloc(2000) } } as const
  await assert.rejects(link.send(large, 5000, 5000), { ambiguous: false, message: /raise wireFormat.maxFrameSize/ })
  await link.send(message('y'), 5000, 5000)
  assert.equal(peer.of('BytesMessage').length, 0)
  live.close()
})

test('a durable subscription is read in a session under its client id, which no other connection has', async () => {
  await using peer = await OpenWirePeer.start()
  const live = await dialled(peer.port, { target: { clientId: 'news-reader' } })
  const session = await live.openSession({ clock: systemClock, deadlineMs: 5000 })
  const topic = { kind: 'topic', name: 'news', subscription: 'daily' } as const
  await session.openReceiver({ from: topic, clock: systemClock, window: 1 }).destination()
  const [plain, reader] = peer.of('ConnectionInfo').map(({ clientId }) => clientId)
  assert.notEqual(plain, 'news-reader')
  assert.equal(reader, 'news-reader')
  const [consumer] = peer.connections[1]!.of('ConsumerInfo')
  assert.deepEqual(
    [consumer!.destination, consumer!.subscriptionName],
    [{ name: 'Topic', physicalName: 'news' }, 'daily'],
  )
  live.close()
})

test('a temporary queue is made for this connection, and its name is known', async () => {
  await using peer = await OpenWirePeer.start()
  const live = await dialled(peer.port)
  const replies = live.openReceiver({ from: 'temporary', clock: systemClock, window: 1 })
  const { kind, name } = await replies.destination()
  const [made] = peer.of('DestinationInfo')
  assert.deepEqual([kind, made!.destination!.physicalName, made!.operationType], ['temporary-queue', name, 0])
  assert.ok(name.startsWith(peer.of('ConnectionInfo')[0]!.connectionId!.value!))
  live.close()
})
