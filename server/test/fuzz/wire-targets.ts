/** What listens: HTTP requests to a whole server, AMQP frames to the embedded broker. */
import net from 'node:net'
import { startBroker } from '../../broker/broker.ts'
import { send, TestClient } from '../../testing/amqp-rig.ts'
import { AppRig } from '../../testing/app-rig.ts'
import { MemoryJournal } from '../../testing/memory-journal.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import { Wire } from '../../testing/wire.ts'
import type { Dice } from './dice.ts'
import { aJson, anXml, aSoap } from './messages.ts'
import type { Target } from './target.ts'

const SERVICES: Readonly<Record<string, string>> = {
  'all.xml': `<definitions xmlns="http://ws.apache.org/ns/synapse">
  <proxy name="Echo" transports="http"><target><inSequence><respond/></inSequence></target></proxy>
  <proxy name="Look" transports="http"><target><inSequence><log level="full"/><filter xpath="//a"><then><property name="x" expression="//a"/></then></filter><respond/></inSequence></target></proxy>
  <proxy name="Keep" transports="http"><target><inSequence><property name="OUT_ONLY" value="true"/><property name="FORCE_SC_ACCEPTED" value="true" scope="axis2"/><store messageStore="kept"/></inSequence></target></proxy>
  <messageStore name="kept" class="org.apache.synapse.message.store.impl.memory.InMemoryStore"><parameter name="store.limit">100</parameter></messageStore>
  <api name="api" context="/api"><resource methods="GET POST" uri-template="/{id}/x?q={q}"><inSequence><property name="p" expression="get-property('uri.var.id')"/><respond/></inSequence></resource></api>
</definitions>`,
}
const PATHS = [
  '/services/Echo',
  '/services/Look',
  '/services/Keep',
  '/api/1/x?q=2',
  '/services/',
  '/services/Echo?wsdl',
  '/',
  '*',
  '/services/Echo/%2e%2e/%00',
  'http://x/services/Echo',
  '/api/%/x',
]
const HEADERS = [
  'Content-Type: text/xml',
  'Content-Type: application/json',
  'Content-Type: ;;;',
  'Content-Encoding: gzip',
  'SOAPAction: "',
  'Expect: 100-continue',
  'Connection: close',
  'Connection: upgrade',
  'Transfer-Encoding: chunked',
  'Host:',
  `X: ${'y'.repeat(2_000)}`,
  'Content-Type: multipart/form-data; boundary=',
  'Accept: */*',
  'Content-Length: 5',
  'Content-Length: -1',
  'Cookie: a=b',
  'Range: bytes=0-',
]

function aRequest(dice: Dice): Buffer {
  const method = dice.pick([
    'POST',
    'POST',
    'GET',
    'PUT',
    'DELETE',
    'HEAD',
    'OPTIONS',
    'PATCH',
    'TRACE',
    'CONNECT',
    'PRI',
    'post',
  ])
  const body = dice.once(3) ? '' : dice.pick([aSoap, aJson, anXml])(dice)
  const headers = Array.from({ length: dice.few(5) }, () => dice.pick(HEADERS))
  const chunked = headers.includes('Transfer-Encoding: chunked')
  const length = chunked ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]
  const head = [`${method} ${dice.pick(PATHS)} HTTP/1.${dice.below(3)}`, 'Host: x', ...length, ...headers]
  const framed = chunked ? `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n0\r\n\r\n` : body
  const whole = Buffer.from(`${head.join('\r\n')}\r\n\r\n${framed}`)
  return dice.once(2) ? dice.noise(whole) : whole
}

export async function requests(): Promise<Target> {
  const rig = await AppRig.start(SERVICES, {
    env: {
      HOLDFAST_HTTP_HEADERS_TIMEOUT: '1 s',
      HOLDFAST_HTTP_REQUEST_TIMEOUT: '2 s',
      HOLDFAST_HTTP_IDLE_TIMEOUT: '2 s',
      HOLDFAST_HTTP_ANSWER_TIMEOUT: '1 s',
    },
  })
  let cases = 0
  return {
    async once(dice) {
      const text = Buffer.concat(Array.from({ length: 1 + dice.few(3) }, () => aRequest(dice)))
      await closed(rig.port, text)
      if (++cases % 20 > 0) return
      const wire = await Wire.to(rig.port)
      const { status } = await wire.post('/services/Echo', '<a/>', 'Content-Type: application/xml').answer()
      wire.destroy()
      if (status !== 200) throw new Error(`a sound request is answered ${status}`)
    },
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  }
}

/** Sends bytes and the end, and waits until the other side closes, which it must by itself. */
function closed(port: number, bytes: Buffer): Promise<void> {
  return new Promise(resolve => {
    const socket = net.connect({ port, host: '127.0.0.1' })
    socket.on('error', () => {})
    socket.on('close', () => resolve())
    socket.resume()
    socket.end(bytes)
  })
}

export async function broker(): Promise<Target> {
  const running = await startBroker({
    port: 0,
    journal: new MemoryJournal(),
    log: memoryLog({ debug: false }),
    idleTimeoutMs: 500,
  })
  const recorded = await conversation(running.address.port)
  let cases = 0
  return {
    async once(dice) {
      const socket = net.connect({ port: running.address.port, host: '127.0.0.1' })
      socket.on('error', () => {})
      socket.resume()
      const ended = new Promise<void>(resolve => socket.once('close', () => resolve()))
      // Frames whole or mangled, in the order they came in or not.
      const frames = recorded.map(frame => (dice.once(3) ? dice.noise(frame) : frame))
      if (dice.once(4)) frames.splice(dice.below(frames.length), 1 + dice.few(3))
      if (dice.once(4)) frames.push(dice.pick(frames.length > 0 ? frames : recorded))
      socket.end(Buffer.concat(frames))
      await ended
      if (++cases % 25 > 0) return
      await using client = await TestClient.open(running.address.port)
      const { kind } = await send(await client.sender('sound'), { body: 'x' })
      if (kind !== 'accepted') throw new Error(`a sound client's message is ${kind}`)
      const receiver = await client.receiver('sound')
      receiver.link.add_credit(1)
      ;(await receiver.next()).delivery.accept()
    },
    [Symbol.asyncDispose]: () => running.stop(),
  }
}

/** What a client sends from its first to its last byte: header, then frames. */
async function conversation(port: number): Promise<Buffer[]> {
  const heard: Buffer[] = []
  const tap = net.createServer(client => {
    const server = net.connect({ port, host: '127.0.0.1' })
    client.on('data', chunk => heard.push(chunk))
    client.pipe(server).pipe(client)
    for (const one of [client, server]) one.on('error', () => {})
  })
  await new Promise<void>(resolve => tap.listen(0, '127.0.0.1', resolve))
  {
    await using client = await TestClient.open((tap.address() as net.AddressInfo).port)
    const sender = await client.sender('q')
    for (const [index, body] of ['a', { b: [1, null, true, 'x'] }, Buffer.alloc(300)].entries()) {
      await send(sender, {
        message_id: `ID:${index}`,
        correlation_id: 'c',
        reply_to: 'r',
        ttl: 10_000,
        application_properties: { p: 1, q: 'x' },
        body,
      })
    }
    const receiver = await client.receiver('q')
    receiver.link.add_credit(3)
    ;(await receiver.next()).delivery.accept()
    ;(await receiver.next()).delivery.modified({ delivery_failed: true })
    await client.receiver('$management').catch(() => {})
  }
  tap.close()
  const all = Buffer.concat(heard)
  const frames: Buffer[] = []
  for (let at = 0; at < all.length;) {
    const isHeader = all.subarray(at, at + 4).toString('latin1') === 'AMQP'
    const size = isHeader ? 8 : Math.max(8, all.readUInt32BE(at))
    frames.push(all.subarray(at, at + size))
    at += size
  }
  return frames
}
