import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import net from 'node:net'
import { test } from 'node:test'
import type { FaultProxy } from './fault-proxy.ts'
import { startFaultProxy } from './fault-proxy.ts'

/** A server that sends everything back, behind a proxy, and what became of its connections. */
async function echo() {
  const sockets = new Set<net.Socket>()
  const ends: string[] = []
  const server = net.createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket)
    socket.on('error', (error: NodeJS.ErrnoException) => ends.push(error.code!))
    socket.on('end', () => {
      ends.push('end')
      socket.end()
    })
    socket.on('data', chunk => socket.write(chunk))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const proxy = await startFaultProxy({ targetPort: (server.address() as AddressInfo).port })
  return {
    proxy,
    sockets,
    ends,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]()
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

async function client(proxy: FaultProxy): Promise<net.Socket> {
  const socket = net.connect(proxy.port, proxy.host)
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

async function read(socket: net.Socket): Promise<string> {
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  return chunk.toString()
}

async function codeOf(socket: net.Socket): Promise<string> {
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  return error.code!
}

test('bytes pass in both directions and are counted', async () => {
  await using rig = await echo()
  const socket = await client(rig.proxy)
  socket.write('hello')
  assert.equal(await read(socket), 'hello')
  assert.deepEqual(rig.proxy.passed, { up: 5, down: 5 })
  assert.equal(rig.proxy.accepted, 1)
  assert.equal(rig.proxy.open, 1)
  socket.end()
  await once(socket, 'close')
  await rig.proxy.waitFor(proxy => proxy.open === 0)
  assert.deepEqual(rig.ends, ['end'])
})

test('more than a socket buffer passes unharmed', async () => {
  await using rig = await echo()
  const socket = await client(rig.proxy)
  const size = 8 * 1024 * 1024
  let received = 0
  const all = new Promise<void>(resolve => {
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length
      if (received === size) resolve()
    })
  })
  socket.write(Buffer.alloc(size, 'x'))
  await all
  assert.deepEqual(rig.proxy.passed, { up: size, down: size })
  socket.destroy()
})

test('a stalled connection stays open and says nothing until it flows again', async () => {
  await using rig = await echo()
  const socket = await client(rig.proxy)
  socket.write('a')
  await read(socket)
  rig.proxy.stall()
  socket.write('b')
  const other = await client(rig.proxy)
  other.write('c')
  await rig.proxy.waitFor(proxy => proxy.accepted === 2)
  assert.deepEqual(rig.proxy.passed, { up: 1, down: 1 })
  assert.equal(rig.sockets.size, 1)

  const [b, c] = [read(socket), read(other)]
  rig.proxy.forward()
  assert.deepEqual([await b, await c], ['b', 'c'])
  for (const one of [socket, other]) one.destroy()
})

test('one direction alone can stall', async () => {
  await using rig = await echo()
  const socket = await client(rig.proxy)
  socket.write('a')
  await read(socket)
  rig.proxy.stall('down')
  const reply = read(socket)
  socket.write('b')
  await rig.proxy.waitFor(proxy => proxy.passed.up === 2)
  assert.equal(rig.proxy.passed.down, 1)
  rig.proxy.forward()
  assert.equal(await reply, 'b')
  socket.destroy()
})

test('swallowed bytes are lost for good, and the sender does not notice', async () => {
  await using rig = await echo()
  const socket = await client(rig.proxy)
  rig.proxy.swallow('down')
  socket.write('lost')
  await rig.proxy.waitFor(proxy => proxy.swallowed.down === 4)
  rig.proxy.forward()
  socket.write('kept')
  assert.equal(await read(socket), 'kept')
  assert.deepEqual(rig.proxy.swallowed, { up: 0, down: 4 })
  socket.destroy()
})

test('of a half-open connection one side has gone and the other does not know', async () => {
  await using rig = await echo()
  const socket = await client(rig.proxy)
  socket.write('a')
  await read(socket)
  rig.proxy.halfOpen()
  socket.destroy()
  await rig.proxy.waitFor(proxy => proxy.open === 0)
  const [server] = rig.sockets
  assert.deepEqual(rig.ends, [])
  assert.equal(server!.destroyed, false)
  const ended = once(server!, 'close')
  rig.proxy.forward()
  await ended
})

test('a cut resets both sides, and the next connection is well', async () => {
  await using rig = await echo()
  const socket = await client(rig.proxy)
  socket.write('a')
  await read(socket)
  const [server] = rig.sockets
  const gone = Promise.all([codeOf(socket), new Promise(resolve => server!.once('close', resolve))])
  rig.proxy.cut()
  assert.equal((await gone)[0], 'ECONNRESET')
  assert.deepEqual(rig.ends, ['ECONNRESET'])

  const next = await client(rig.proxy)
  next.write('b')
  assert.equal(await read(next), 'b')
  next.destroy()
})

test('a connection can be cut after exactly so many bytes, once', async () => {
  await using rig = await echo()
  rig.proxy.cutAfter(7, 'up')
  const socket = await client(rig.proxy)
  socket.write('12345')
  assert.equal(await read(socket), '12345')
  const gone = codeOf(socket)
  socket.write('67890')
  assert.equal(await gone, 'ECONNRESET')
  assert.equal(rig.proxy.passed.up, 7)
  const next = await client(rig.proxy)
  next.write('0123456789')
  assert.equal(await read(next), '0123456789')
  next.destroy()
})

test('refusing closes the port to newcomers only, accepting opens the same one', async () => {
  await using rig = await echo()
  const socket = await client(rig.proxy)
  await rig.proxy.refuse()
  assert.equal(await codeOf(net.connect(rig.proxy.port, rig.proxy.host)), 'ECONNREFUSED')
  socket.write('still here')
  assert.equal(await read(socket), 'still here')
  await rig.proxy.accept()
  const next = await client(rig.proxy)
  next.write('back')
  assert.equal(await read(next), 'back')
  for (const one of [socket, next]) one.destroy()
})

test('a server that is not there resets its clients', async () => {
  await using rig = await echo()
  const free = net.createServer()
  await new Promise<void>(resolve => free.listen(0, '127.0.0.1', resolve))
  const { port } = free.address() as AddressInfo
  await new Promise(resolve => free.close(resolve))
  rig.proxy.retarget(port)
  const socket = net.connect(rig.proxy.port, rig.proxy.host)
  assert.equal(await codeOf(socket), 'ECONNRESET')
})

test('waiting in vain ends with what passed', async () => {
  await using rig = await echo()
  await assert.rejects(
    rig.proxy.waitFor(proxy => proxy.accepted > 0, 1),
    /0 connections accepted, 0 open, 0 bytes up/,
  )
})
