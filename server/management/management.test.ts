import assert from 'node:assert/strict'
import https from 'node:https'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { fakeRegistry } from '../testing/fake-registry.ts'
import { login, managementOptions, managementRig, READY, send, type Answer } from '../testing/management-rig.ts'
import { selfSigned } from '../transport/certificate.ts'
import type { ManagementReport } from './api.ts'
import { startManagement } from './management.ts'

test('the health check needs no login and is 503 until the first deployment has finished', async t => {
  let report: ManagementReport = { ...READY, ready: false }
  const { app } = await managementRig(t, fakeRegistry({}), { report: () => report })

  const before = await send(app, 'GET', '/healthz')
  assert.equal(before.status, 503)
  assert.equal(before.json['status'], 'starting')
  report = READY
  const after = await send(app, 'GET', '/healthz')
  assert.equal(after.status, 200)
  assert.deepEqual(after.json, { status: 'ready', version: '1.2.3', faultyArtifacts: [], stores: [], processors: [] })
  assert.deepEqual((await send(app, 'GET', '/liveness')).json, { server: 'started' })
})

test('the health check names what of the journal cannot be read, without its bytes', async t => {
  const damage = [{ file: '/home/data/00000002.log', offset: 4096, bytes: 812, what: 'message 7 of queue orders' }]
  const journal = { state: 'open', since: 0, damage }
  const { app } = await managementRig(t, fakeRegistry({}), { report: () => ({ ...READY, journal }) })
  assert.deepEqual((await send(app, 'GET', '/healthz')).json['journal'], {
    state: 'open',
    since: '1970-01-01T00:00:00.000Z',
    damage: [{ file: '/home/data/00000002.log', offset: 4096, what: 'message 7 of queue orders' }],
  })
})

test('a login gives a token, which opens the API until logout', async t => {
  const { app, log } = await managementRig(t)
  const token = String((await login(app)).json['AccessToken'])
  const get = (): Promise<Answer> => send(app, 'GET', '/management/message-stores', `Bearer ${token}`)

  assert.deepEqual((await get()).json, { count: 0, list: [] })
  assert.equal((await send(app, 'GET', '/management/logout', `Bearer ${token}`)).status, 200)
  assert.equal((await get()).status, 401)
  assert.equal((await send(app, 'GET', '/management/logout', `Bearer ${token}`)).status, 401)
  assert.ok(log.lines.every(({ text }) => !text.includes(token)))
})

test('without a valid login the answer is 401, empty, with the header MI sends', async t => {
  const { app } = await managementRig(t)
  const refused = [
    await login(app, 'admin:wrong'),
    await login(app, 'nobody:right'),
    await send(app, 'GET', '/management/login'),
    await send(app, 'GET', '/management/login', 'Basic !!!'),
    await send(app, 'GET', '/management/message-stores'),
    await send(app, 'GET', '/management/message-stores', 'Bearer guess'),
    await send(app, 'POST', '/management/message-processors', 'Bearer guess', '{ not JSON'),
    await send(app, 'PUT', '/management/message-stores', 'Bearer guess'),
  ]
  for (const { status, text, headers } of refused) {
    assert.equal(status, 401)
    assert.equal(text, '')
    assert.equal(headers['www_authenticate'], 'Basic realm="WSO2 EI"')
  }
})

test('a token expires', async t => {
  const { call, clock } = await managementRig(t, fakeRegistry({}), { tokenExpiryMs: 1000 })

  assert.equal((await call('GET', '/server')).status, 200)
  await clock.advance(1000)
  assert.equal((await call('GET', '/server')).status, 401)
})

test('with too many logins the oldest ends', async t => {
  const { app } = await managementRig(t, fakeRegistry({}), { maxTokens: 2 })
  const tokens: string[] = []
  for (let count = 0; count < 3; count++) tokens.push(String((await login(app)).json['AccessToken']))

  const statuses = await Promise.all(
    tokens.map(async token => (await send(app, 'GET', '/management', `Bearer ${token}`)).status),
  )
  assert.deepEqual(statuses, [401, 200, 200])
})

test('guessing passwords is slowed down, also for the right one, and forgiven after a while', async t => {
  const { app, clock, log } = await managementRig(t)
  for (let tries = 0; tries < 5; tries++) assert.equal((await login(app, 'admin:wrong')).status, 401)

  const blocked = await login(app)
  assert.equal(blocked.status, 429)
  assert.equal(blocked.headers['retry-after'], '1')
  assert.match(String(blocked.json['Error']), /try again in 1 s/)
  await clock.advance(1000)
  assert.equal((await login(app, 'admin:wrong')).status, 401)
  assert.equal((await login(app)).headers['retry-after'], '2')
  await clock.advance(2000)
  assert.equal((await login(app)).status, 200)
  assert.equal((await login(app, 'admin:wrong')).status, 401)
  assert.equal((await login(app)).status, 200)
  assert.ok(log.lines.some(({ text }) => text.includes('"action":"refused"')))
})

test('an unknown path is 404 without a body, a method a resource lacks is 405 and names those it has', async t => {
  const { call } = await managementRig(t)
  const unknown = await call('GET', '/banana')
  assert.deepEqual([unknown.status, unknown.text], [404, ''])
  const wrong = await call('PUT', '/message-processors')
  assert.equal(wrong.status, 405)
  assert.equal(wrong.headers['allow'], 'GET, POST')
  assert.deepEqual(wrong.json, { Error: 'PUT is not possible here' })
  assert.equal((await call('GET', '/server')).json['productName'], 'Holdfast')
  assert.equal((await call('GET', '/')).json['ManagementApi'], 'Active')
})

test('the server tells what its journal has done', async t => {
  const use = { segments: 2, bytes: 128, liveBytes: 64, live: 3, groups: 5, records: 9 }
  const { call } = await managementRig(t, fakeRegistry({}), { journalUse: () => use })
  assert.deepEqual((await call('GET', '/server')).json['journal'], {
    segments: 2,
    bytes: 128,
    liveBytes: 64,
    messages: 3,
    commits: 5,
    records: 9,
  })
})

test('a defect is told as such, without its insides', async t => {
  const registry = fakeRegistry({})
  const { app, call, log } = await managementRig(t, { ...registry, names: () => assert.fail('secret insides') })
  const { status, json } = await call('GET', '/sequences')

  assert.equal(status, 500)
  assert.deepEqual(json, { Error: 'the request failed; the log says why' })
  assert.deepEqual(log.texts('error'), ['a management request failed'])
  assert.equal((await send(app, 'GET', '/liveness')).status, 200)
})

test('it listens on both loopback addresses, and ends at once when closed', async () => {
  const management = await startManagement(await managementOptions(fakeRegistry({})))
  assert.equal((await fetch(`http://127.0.0.1:${management.port}/healthz`)).status, 200)
  assert.equal((await fetch(`${management.url}/healthz`)).status, 200)
  await management[Symbol.asyncDispose]()

  await assert.rejects(fetch(`${management.url}/healthz`))
})

test('a port that is taken is told with what to do', async t => {
  const holder = createServer().listen(0, '127.0.0.1')
  t.after(() => holder.close())
  await new Promise(resolve => holder.once('listening', resolve))
  const { port } = holder.address() as AddressInfo

  const options = await managementOptions(fakeRegistry({}), { host: '127.0.0.1', port })
  await assert.rejects(startManagement(options), { code: 'PORT_IN_USE', message: /--management-port/ })
})

test('anything but loopback is refused without a certificate', async () => {
  for (const host of ['0.0.0.0', '', '::', '192.168.0.1']) {
    await assert.rejects(startManagement(await managementOptions(fakeRegistry({}), { host })), {
      code: 'SETTING_INVALID',
    })
  }
})

test('with a certificate it listens anywhere, and speaks TLS only', async t => {
  const tls = selfSigned(['localhost'], Date.UTC(2026, 0, 1))
  const management = await startManagement(await managementOptions(fakeRegistry({}), { host: '0.0.0.0', tls }))
  t.after(() => management[Symbol.asyncDispose]())

  const status = await new Promise<number | undefined>((resolve, reject) => {
    const { port } = management
    https
      .get({ host: '127.0.0.1', port, path: '/healthz', rejectUnauthorized: false, agent: false }, answer => {
        answer.resume()
        resolve(answer.statusCode)
      })
      .on('error', reject)
  })
  assert.equal(status, 200)
  await assert.rejects(fetch(`http://127.0.0.1:${management.port}/healthz`))
})
