import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { AppRig } from '../testing/app-rig.ts'
import { bytesOf, listening, reply } from '../testing/listener-rig.ts'
import { BodyRoom } from './body-room.ts'

const KB = 1024
const LARGE = 'x'.repeat(200 * KB)

test('there is room until there is none, and for one that is alone there always is', () => {
  const room = new BodyRoom(100)
  room.take(60, 0)
  assert.throws(() => room.take(60, 0), { code: 'OVERLOADED', retryable: true })
  assert.equal(room.held, 60, 'what was refused takes nothing')
  room.take(60, 60)
  assert.equal(room.full, true)
  room.add(-120)
  assert.deepEqual([room.held, room.full], [0, false])
})

test('a body that would take more memory than there is for all of them is answered 503 with the time to come back', async t => {
  let finish!: () => void
  const finished = new Promise<void>(resolve => (finish = resolve))
  let collected!: () => void
  const first = new Promise<void>(resolve => (collected = resolve))
  const { wire, listener } = await listening(
    t,
    async ctx => {
      await bytesOf(ctx)
      collected()
      await finished
      ctx.exchange.reply(reply('kept'), ctx)
    },
    { settings: { maxHeldBytes: 300 * KB, retryAfterSeconds: 7 } },
  )
  const kept = (await wire()).post('/services/P', LARGE)
  await first
  assert.equal(listener.heldBytes, LARGE.length)
  const refused = await (await wire()).post('/services/P', LARGE).answer()
  assert.equal(refused.status, 503)
  assert.match(refused.head, /Retry-After: 7/)
  assert.match(refused.body, /OVERLOADED.*max_held_size/)
  assert.equal(listener.heldBytes, LARGE.length, 'it gave back what it had taken')

  finish()
  assert.equal((await kept.answer()).body, 'kept')
  const again = await wire()
  assert.equal((await again.post('/services/P', LARGE).answer()).status, 200)
  assert.equal(listener.heldBytes, 0)
})

test('a body that passes through takes no room', async t => {
  const { wire, listener } = await listening(
    t,
    ctx => {
      const stream = ctx.message.body.takeStream()!
      ctx.exchange.reply(reply(stream), ctx)
    },
    { settings: { maxHeldBytes: 100 * KB } },
  )
  const { status, body } = await (await wire()).post('/services/P', LARGE).answer()
  assert.equal(status, 200)
  assert.equal(body, LARGE)
  assert.equal(listener.heldBytes, 0)
})

test('while the room is full, small requests are refused, too, before anything of them is read', async t => {
  let collected!: () => void
  const first = new Promise<void>(resolve => (collected = resolve))
  let finish!: () => void
  const finished = new Promise<void>(resolve => (finish = resolve))
  const { wire, listener } = await listening(
    t,
    async ctx => {
      await bytesOf(ctx)
      collected()
      await finished
    },
    { settings: { maxHeldBytes: 100 * KB } },
  )
  const alone = (await wire()).post('/services/P', LARGE)
  await first
  const refused = await (await wire()).post('/services/P', 'small').answer()
  assert.equal(refused.status, 503)
  assert.match(refused.head, /Retry-After: 1/)
  assert.equal(listener.shed, 1)
  finish()
  assert.equal((await alone.answer()).status, 202)
})

test('replies that are looked into take room as well: whose reply finds none is told to come back, the others go on', async () => {
  let finish!: () => void
  let asked!: () => void
  const isHeld = new Promise<void>(resolve => (asked = resolve))
  const behind = createServer((request, response) => {
    request.resume()
    response.writeHead(200, { 'content-type': 'application/xml' })
    if (request.url === '/large') response.end(`<large>${LARGE}</large>`)
    else {
      finish = () => void response.end('<held/>')
      asked()
    }
  }).listen(0, '127.0.0.1')
  await once(behind, 'listening')
  const url = `http://127.0.0.1:${(behind.address() as AddressInfo).port}`
  const call = (path: string): string => `<call><endpoint><address uri="${url}/${path}"/></endpoint></call>`
  const look = '<property name="seen" expression="string-length(//large)"/>'
  const proxy = (name: string, then: string): string =>
    `<proxy xmlns="http://ws.apache.org/ns/synapse" name="${name}" transports="http"><target><inSequence>${call('large')}${look}${then}<respond/></inSequence></target></proxy>`
  await using rig = await AppRig.start(
    { 'first.xml': proxy('First', call('hold')), 'second.xml': proxy('Second', '') },
    { env: { HOLDFAST_HTTP_MAX_HELD_SIZE: '300 KiB' } },
  )
  const ask = (name: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${rig.port}/services/${name}`, {
      method: 'POST',
      body: '<q/>',
      headers: { 'content-type': 'application/xml' },
    })
  const first = ask('First')
  await isHeld
  const refused = await ask('Second')
  assert.equal(refused.status, 503)
  assert.ok(refused.headers.get('retry-after'))
  assert.match(await refused.text(), /max_held_size/)
  finish()
  assert.match(await (await first).text(), /held/)
  const again = await ask('Second')
  assert.equal(again.status, 200)
  assert.match(await again.text(), /xxx/)
  behind.closeAllConnections()
  behind.close()
})
