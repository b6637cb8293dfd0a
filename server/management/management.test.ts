import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { ManualClock } from '../kernel/clock.ts'
import type { Registry, StoredMessage } from '../kernel/contracts.ts'
import { LogLevels } from '../observe/levels.ts'
import { fakeEndpoint, fakeProcessor, fakeRegistry, fakeStore, storedMessage } from '../testing/fake-registry.ts'
import { memoryLog, type MemoryLog } from '../testing/memory-log.ts'
import { openAdmin } from './admin.ts'
import type { ManagementReport } from './api.ts'
import { managementApp, startManagement, type ManagementOptions } from './management.ts'

const READY: ManagementReport = { ready: true, diagnostics: [], faulty: [] }

interface Rig {
  readonly app: FastifyInstance
  readonly clock: ManualClock
  readonly log: MemoryLog
  readonly levels: LogLevels
  call(method: 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT', path: string, body?: unknown): Promise<Answer>
}

interface Answer {
  readonly status: number
  readonly json: Record<string, unknown>
  readonly text: string
  readonly headers: Record<string, unknown>
}

async function optionsFor(registry: Registry, changes: Partial<ManagementOptions> = {}): Promise<ManagementOptions> {
  return {
    host: 'localhost',
    port: 0,
    version: '1.2.3',
    registry: () => registry,
    report: () => READY,
    admin: await openAdmin({ user: 'admin', password: 'right', home: '/nowhere' }),
    log: memoryLog(),
    clock: new ManualClock(),
    tokenExpiryMs: 3_600_000,
    maxTokens: 200,
    ...changes,
  }
}

async function rig(
  t: TestContext,
  registry: Registry = fakeRegistry({}),
  changes: Partial<ManagementOptions> = {},
): Promise<Rig> {
  const log = memoryLog()
  const clock = new ManualClock()
  const levels = new LogLevels('info')
  const app = managementApp(await optionsFor(registry, { log, clock, levels, ...changes }))
  t.after(() => app.close())
  let token: string | undefined
  return {
    app,
    clock,
    log,
    levels,
    async call(method, path, body) {
      token ??= String((await login(app)).json['AccessToken'])
      return send(app, method, `/management${path}`, `Bearer ${token}`, body)
    },
  }
}

async function send(
  app: FastifyInstance,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT',
  url: string,
  authorization?: string,
  body?: unknown,
): Promise<Answer> {
  const payload = body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }
  const headers = {
    ...(authorization !== undefined && { authorization }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
  }
  const response = await app.inject({ method, url, headers, ...payload })
  let json: Record<string, unknown> = {}
  if (response.headers['content-type']?.toString().startsWith('application/json')) json = response.json()
  return { status: response.statusCode, json, text: response.body, headers: response.headers }
}

const login = (app: FastifyInstance, credentials = 'admin:right'): Promise<Answer> =>
  send(app, 'GET', '/management/login', `Basic ${Buffer.from(credentials).toString('base64')}`)

test('the health check needs no login and is 503 until the first deployment has finished', async t => {
  let report: ManagementReport = { ...READY, ready: false }
  const { app } = await rig(t, fakeRegistry({}), { report: () => report })

  const before = await send(app, 'GET', '/healthz')
  assert.equal(before.status, 503)
  assert.equal(before.json['status'], 'starting')
  report = READY
  const after = await send(app, 'GET', '/healthz')
  assert.equal(after.status, 200)
  assert.deepEqual(after.json, { status: 'ready', version: '1.2.3', faultyArtifacts: [], stores: [], processors: [] })
  assert.deepEqual((await send(app, 'GET', '/liveness')).json, { server: 'started' })
})

test('the health check lists faulty artifacts, stores and processors with their reasons', async t => {
  const store = fakeStore('orders')
  Object.assign(store.state, { state: 'connecting', reason: 'no answer from amqp://u:hunter2@broker' })
  const processor = fakeProcessor('forward', 'orders')
  processor.state = {
    wanted: 'active',
    observed: 'waiting',
    since: 0,
    reason: 'endpoint suspended',
    nextTry: 1000,
    messageId: 'm-1',
    attempts: 2,
  }
  const at = { file: 'bad.xml', line: 3, column: 7 }
  const diagnostics = [
    { code: 'x', severity: 'warning' as const, message: 'minor', at: { ...at, line: 1 } },
    { code: 'y', severity: 'error' as const, message: 'unknown element', at, hint: 'Did you mean send?' },
  ]
  const report: ManagementReport = {
    ready: true,
    diagnostics,
    faulty: [{ name: 'Bad', file: 'bad.xml', diagnostics }],
    journal: { state: 'full', reason: 'no space left', since: 0 },
  }
  const { app } = await rig(t, fakeRegistry({ 'message-store': [store], 'message-processor': [processor] }), {
    report: () => report,
  })

  const { status, json } = await send(app, 'GET', '/healthz')
  const epoch = new Date(0).toISOString()
  assert.equal(status, 200)
  assert.deepEqual(json['faultyArtifacts'], [
    { name: 'Bad', file: 'bad.xml', line: 3, column: 7, error: 'unknown element', hint: 'Did you mean send?' },
  ])
  assert.deepEqual(json['stores'], [
    { name: 'orders', state: 'connecting', since: epoch, reason: 'no answer from amqp://u:*****@broker' },
  ])
  assert.deepEqual(json['processors'], [
    {
      name: 'forward',
      wanted: 'active',
      observed: 'waiting',
      since: epoch,
      reason: 'endpoint suspended',
      nextAttemptAt: new Date(1000).toISOString(),
      blockedMessageId: 'm-1',
      attempts: 2,
    },
  ])
  assert.deepEqual(json['journal'], { state: 'full', since: epoch, reason: 'no space left' })
})

test('a login gives a token, which opens the API until logout', async t => {
  const { app, log } = await rig(t)
  const token = String((await login(app)).json['AccessToken'])
  const get = (): Promise<Answer> => send(app, 'GET', '/management/message-stores', `Bearer ${token}`)

  assert.deepEqual((await get()).json, { count: 0, list: [] })
  assert.equal((await send(app, 'GET', '/management/logout', `Bearer ${token}`)).status, 200)
  assert.equal((await get()).status, 401)
  assert.equal((await send(app, 'GET', '/management/logout', `Bearer ${token}`)).status, 401)
  assert.ok(log.lines.every(({ text }) => !text.includes(token)))
})

test('without a valid login the answer is 401, empty, with the header MI sends', async t => {
  const { app } = await rig(t)
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
  const { call, clock } = await rig(t, fakeRegistry({}), { tokenExpiryMs: 1000 })

  assert.equal((await call('GET', '/server')).status, 200)
  await clock.advance(1000)
  assert.equal((await call('GET', '/server')).status, 401)
})

test('with too many logins the oldest ends', async t => {
  const { app } = await rig(t, fakeRegistry({}), { maxTokens: 2 })
  const tokens: string[] = []
  for (let count = 0; count < 3; count++) tokens.push(String((await login(app)).json['AccessToken']))

  const statuses = await Promise.all(
    tokens.map(async token => (await send(app, 'GET', '/management', `Bearer ${token}`)).status),
  )
  assert.deepEqual(statuses, [401, 200, 200])
})

test('guessing passwords is slowed down, also for the right one, and forgiven after a while', async t => {
  const { app, clock, log } = await rig(t)
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

test('stores are listed with their size and found by a part of their name', async t => {
  const orders = fakeStore('Orders')
  orders.add(message('m-1'))
  const away = fakeStore('away', { depth: () => Promise.reject(new Error('no broker')), type: 'jms-message-store' })
  const { call } = await rig(t, fakeRegistry({ 'message-store': [orders, away] }))

  assert.deepEqual((await call('GET', '/message-stores')).json, {
    count: 2,
    list: [
      { name: 'Orders', type: 'in-memory-message-store', size: 1, state: 'ready' },
      { name: 'away', type: 'jms-message-store', size: -1, state: 'ready' },
    ],
  })
  const found = (await call('GET', '/message-stores?searchKey=ORD')).json
  assert.equal(found['count'], 1)
})

test('one store is told with its file, its XML and parameters, secrets masked', async t => {
  const describe = (): { configuration: string; parameters: Record<string, string> } => ({
    configuration:
      '<messageStore name="orders"><parameter name="store.jms.password">hunter2</parameter></messageStore>',
    parameters: { 'store.jms.password': 'hunter2', 'store.jms.destination': 'Q' },
  })
  const registry = fakeRegistry({
    'message-store': [fakeStore('orders', { failover: 'spare' })],
    'message-processor': [fakeProcessor('forward', 'orders'), fakeProcessor('other', 'elsewhere')],
  })
  const { call } = await rig(t, registry, { describe })

  const { json, text } = await call('GET', '/message-stores?name=orders')
  assert.equal(json['size'], 0)
  assert.equal(json['file'], 'orders.xml')
  assert.equal(json['failover'], 'spare')
  assert.deepEqual(json['processors'], ['forward'])
  assert.deepEqual(json['properties'], { 'store.jms.password': '*****', 'store.jms.destination': 'Q' })
  assert.ok(!text.includes('hunter2'))
  const missing = await call('GET', '/message-stores?name=nope')
  assert.equal(missing.status, 404)
  assert.deepEqual(missing.json, { Error: "Specified message store ('nope') not found" })
})

test('messages are listed oldest first, in pages', async t => {
  const store = fakeStore('orders')
  for (const id of ['m-1', 'm-2', 'm-3']) store.add(message(id))
  Object.assign(store.held[1]!, { attempts: 2, lastTry: { error: 'HTTP 503', errorCode: '0', notBefore: 5 } })
  const { call } = await rig(t, fakeRegistry({ 'message-store': [store] }))

  const first = (await call('GET', '/message-stores/orders/messages?limit=2')).json
  const list = first['list'] as Record<string, unknown>[]
  assert.deepEqual(
    list.map(item => item['id']),
    ['m-1', 'm-2'],
  )
  assert.equal(first['matched'], 3)
  assert.equal(first['next'], 'm-2')
  assert.deepEqual(list[1], {
    id: 'm-2',
    enqueuedAt: '2026-01-31T00:00:00.000Z',
    bytes: 8,
    contentType: 'text/xml',
    from: 'Intake',
    attempts: 2,
    inFlight: false,
    lastError: 'HTTP 503',
    errorCode: '0',
    nextAttemptAt: new Date(5).toISOString(),
  })
  const second = (await call('GET', '/message-stores/orders/messages?limit=2&after=m-2')).json
  assert.equal(second['count'], 1)
  assert.equal(second['next'], undefined)

  assert.equal((await call('GET', '/message-stores/orders/messages?limit=none')).status, 400)
  assert.equal((await call('GET', '/message-stores/nope/messages')).status, 404)
})

test('a store nobody can look into says so', async t => {
  const traits = { durable: true, ordered: true, browsable: false, sharedBetweenNodes: true }
  const { call } = await rig(t, fakeRegistry({ 'message-store': [fakeStore('orders', { traits })] }))

  const { status, json } = await call('GET', '/message-stores/orders/messages')
  assert.equal(status, 501)
  assert.match(String(json['Error']), /does not let anybody look into it/)
})

test('one message is shown with headers and properties, credentials masked', async t => {
  const store = fakeStore('orders')
  store.add({
    ...message('urn:uuid:1/x'),
    headers: ['SOAPAction', 'urn:order', 'Authorization', 'Basic aHVudGVyMg=='],
    envelope: { properties: { region: 'north', apiToken: 'hunter2' }, axis2: {} },
  })
  const { call } = await rig(t, fakeRegistry({ 'message-store': [store] }))

  const path = `/message-stores/orders/messages/${encodeURIComponent('urn:uuid:1/x')}`
  const { json } = await call('GET', path)
  assert.deepEqual(json['headers'], [
    ['SOAPAction', 'urn:order'],
    ['Authorization', '*****'],
  ])
  assert.deepEqual(json['properties'], { region: 'north', apiToken: '*****' })
  assert.equal(json['body'], '<order/>')
  assert.equal(json['truncated'], false)

  const body = await call('GET', `${path}/body`)
  assert.equal(body.text, '<order/>')
  assert.equal(body.headers['content-type'], 'text/xml')
  assert.equal(body.headers['x-content-type-options'], 'nosniff')
  assert.equal((await call('GET', '/message-stores/orders/messages/none')).status, 404)
  assert.equal((await call('GET', '/message-stores/orders/messages/none/body')).status, 404)
})

test('a large or binary body is shown in part and in base64', async t => {
  const store = fakeStore('orders')
  store.add({ ...message('m-1'), contentType: 'application/octet-stream', body: new Uint8Array(100_000).fill(255) })
  const { call } = await rig(t, fakeRegistry({ 'message-store': [store] }))

  const { json } = await call('GET', '/message-stores/orders/messages/m-1')
  assert.equal(json['bodyEncoding'], 'base64')
  assert.equal(json['truncated'], true)
  assert.equal(Buffer.from(String(json['body']), 'base64').length, 65_536)
})

test('messages are deleted one by one, some, or all, and the audit log says by whom', async t => {
  const store = fakeStore('orders')
  for (const id of ['m-1', 'm-2', 'm-3', 'm-4', 'm-5']) store.add(message(id))
  const { call, log } = await rig(t, fakeRegistry({ 'message-store': [store] }))
  const held = (): string[] => store.held.map(({ message }) => message.id)

  assert.deepEqual((await call('DELETE', '/message-stores/orders/messages/m-1')).json, {
    Message: '1 message deleted from orders',
  })
  const some = await call('POST', '/message-stores/orders/operations', { action: 'delete', ids: ['m-2', 'm-3'] })
  assert.equal(some.json['Message'], '2 messages deleted from orders')
  assert.deepEqual(held(), ['m-4', 'm-5'])
  assert.equal((await call('DELETE', '/message-stores/orders/messages/m-1')).status, 404)

  assert.equal(
    (await call('POST', '/message-stores/orders/operations', { action: 'delete' })).json['Message'],
    '2 messages deleted from orders',
  )
  store.add(message('m-6'))
  assert.equal((await call('DELETE', '/message-stores/orders/messages')).status, 200)
  assert.deepEqual(held(), [])
  assert.deepEqual(JSON.parse(log.texts().find(text => text.includes('"deleted"'))!), {
    performedBy: 'admin',
    action: 'deleted',
    type: 'message',
    info: '{"store":"orders","ids":"m-1","count":1}',
  })
})

test('a message that is being delivered is not deleted, and the answer says so', async t => {
  const store = fakeStore('orders')
  store.add(message('m-1'), { inFlight: true })
  store.add(message('m-2'))
  const { call } = await rig(t, fakeRegistry({ 'message-store': [store] }))

  assert.equal((await call('DELETE', '/message-stores/orders/messages/m-1')).status, 409)
  const { status, json } = await call('POST', '/message-stores/orders/operations', {
    action: 'delete',
    ids: ['m-1', 'm-2', 'm-3'],
  })
  assert.equal(status, 409)
  assert.equal(json['Error'], '1 message deleted from orders; m-1 is being delivered right now; m-3 is not there')
})

test('messages move between stores unchanged', async t => {
  const [from, to] = [fakeStore('from'), fakeStore('to')]
  for (const id of ['m-1', 'm-2', 'm-3']) from.add(message(id))
  const { message: original } = from.held[1]!
  const { call } = await rig(t, fakeRegistry({ 'message-store': [from, to] }))

  const { json } = await call('POST', '/message-stores/from/operations', { action: 'move', ids: ['m-2'], to: 'to' })
  assert.equal(json['Message'], '1 message moved from from to to')
  assert.equal(to.held[0]!.message, original)

  assert.equal(
    (await call('POST', '/message-stores/from/operations', { action: 'move', to: 'to' })).json['Message'],
    '2 messages moved from from to to',
  )
  assert.deepEqual(
    to.held.map(({ message }) => message.id),
    ['m-2', 'm-1', 'm-3'],
  )
  assert.equal(from.held.length, 0)
})

test('all messages move page by page, and those being delivered stay', async t => {
  const [from, to] = [fakeStore('from'), fakeStore('to')]
  for (let count = 0; count < 250; count++) from.add(message(`m-${count}`), { inFlight: count === 7 })
  const { call } = await rig(t, fakeRegistry({ 'message-store': [from, to] }))

  const { json } = await call('POST', '/message-stores/from/operations', { action: 'move', to: 'to' })
  assert.equal(json['Message'], '249 messages moved from from to to, 1 message being delivered right now left alone')
  assert.deepEqual(
    from.held.map(({ message }) => message.id),
    ['m-7'],
  )
  assert.equal(to.held.length, 249)
})

test('a move never loses: a target that refuses leaves the message where it is', async t => {
  const [from, to] = [fakeStore('from'), fakeStore('to')]
  from.add(message('m-1'))
  to.refuseWith = new Error('full')
  const { call } = await rig(t, fakeRegistry({ 'message-store': [from, to] }))

  const { status, json } = await call('POST', '/message-stores/from/operations', {
    action: 'move',
    ids: ['m-1'],
    to: 'to',
  })
  assert.equal(status, 500)
  assert.match(String(json['Error']), /m-1: full/)
  assert.equal(from.held.length, 1)
  assert.equal((await call('POST', '/message-stores/from/operations', { action: 'move', to: 'to' })).status, 500)
  assert.equal(from.held.length, 1)
})

test('a message taken for delivery during its move stays with its first store alone', async t => {
  const [from, to] = [fakeStore('from'), fakeStore('to')]
  from.add(message('m-1'))
  from.beforeRemove = () => Object.assign(from.held[0]!, { inFlight: true })
  const { call } = await rig(t, fakeRegistry({ 'message-store': [from, to] }))

  const { status } = await call('POST', '/message-stores/from/operations', { action: 'move', ids: ['m-1'], to: 'to' })
  assert.equal(status, 409)
  assert.deepEqual([from.held.length, to.held.length], [1, 0])
})

test('an operation that makes no sense is refused with the reason', async t => {
  const store = fakeStore('orders')
  const { call } = await rig(t, fakeRegistry({ 'message-store': [store] }))
  const tries: [unknown, number, RegExp][] = [
    [undefined, 400, /JSON payload is missing/],
    ['{ not JSON', 400, /not JSON/],
    [{}, 400, /Missing parameters/],
    [{ action: 'replay' }, 400, /delete or move, not 'replay'/],
    [{ action: 'delete', ids: 'm-1' }, 400, /ids must be a list/],
    [{ action: 'move', ids: ['m-1'] }, 400, /to must name the store/],
    [{ action: 'move', ids: ['m-1'], to: 'nope' }, 404, /'nope'\) not found/],
    [{ action: 'move', ids: ['m-1'], to: 'orders' }, 400, /store it is in/],
  ]
  for (const [body, status, text] of tries) {
    const answer = await call('POST', '/message-stores/orders/operations', body)
    assert.equal(answer.status, status, answer.text)
    assert.match(String(answer.json['Error']), text)
  }
})

test('a processor is told with its state, and its passwords masked', async t => {
  const processor = fakeProcessor('forward', 'orders', { parameters: { interval: '1000', 'is.active': 'true' } })
  const { call } = await rig(t, fakeRegistry({ 'message-processor': [processor] }), {
    describe: () => ({ parameters: { keyPassword: 'x' } }),
  })

  const { json } = await call('GET', '/message-processors?name=forward')
  assert.equal(json['status'], 'active')
  assert.equal(json['messageStore'], 'orders')
  assert.equal(json['fileName'], 'forward.xml')
  assert.deepEqual(json['parameters'], { interval: '1000', 'is.active': 'true', keyPassword: '*****' })
  assert.deepEqual((await call('GET', '/message-processors?name=nope')).json, {
    Error: 'Message processor does not exist',
  })

  processor.state = { wanted: 'active', observed: 'stopped', since: 0, reason: 'gave up after 4 attempts' }
  const { json: listing } = await call('GET', '/message-processors')
  assert.deepEqual(listing['list'], [
    {
      name: 'forward',
      type: 'Scheduled-message-forwarding-processor',
      status: 'inactive',
      wanted: 'active',
      observed: 'stopped',
      since: new Date(0).toISOString(),
      reason: 'gave up after 4 attempts',
    },
  ])
})

test('a processor is activated and deactivated by name, and the answer is flat', async t => {
  const processor = fakeProcessor('forward', 'orders')
  const { call, log } = await rig(t, fakeRegistry({ 'message-processor': [processor] }))

  const off = await call('POST', '/message-processors', { name: 'forward', status: 'Inactive' })
  assert.deepEqual(off.json, {
    Message: 'forward : is deactivated',
    observed: 'stopped',
    reason: 'deactivated by admin through the management API',
  })
  const on = await call('POST', '/message-processors', { name: 'forward', status: 'active' })
  assert.deepEqual(on.json, { Message: 'forward : is activated', observed: 'idle' })
  assert.deepEqual(processor.asked, ['deactivate by operator:admin', 'activate by operator:admin'])
  assert.ok(log.texts().some(text => text.includes('"action":"disabled","type":"message_processor"')))
})

test('an activation that fails is not told as a success', async t => {
  const processor = fakeProcessor('forward', 'orders', { activate: () => Promise.reject(new Error('no store')) })
  const { call } = await rig(t, fakeRegistry({ 'message-processor': [processor] }))

  const { status, json } = await call('POST', '/message-processors', { name: 'forward', status: 'active' })
  assert.equal(status, 500)
  assert.deepEqual(json, { Error: 'forward : could not be activated: no store' })
  assert.equal(
    (await call('POST', '/message-processors', { name: 'forward', status: 'maybe' })).json['Error'],
    'Provided state is not valid',
  )
  assert.equal(
    (await call('POST', '/message-processors', { name: 'forward' })).json['Error'],
    'Missing parameters in payload',
  )
  assert.equal((await call('POST', '/message-processors', { name: 'nope', status: 'active' })).status, 404)
  assert.equal((await call('POST', '/message-processors')).status, 400)
})

test('an endpoint shows its state and can be switched off and on', async t => {
  const { call } = await rig(t, fakeRegistry({ endpoint: [fakeEndpoint('Warehouse'), fakeEndpoint('group', false)] }), {
    describe: () => ({ type: 'address' }),
  })
  assert.equal(
    (await call('POST', '/endpoints', { name: 'Warehouse', status: 'inactive' })).json['Message'],
    'Warehouse is switched Off',
  )
  const { json } = await call('GET', '/endpoints?endpointName=Warehouse')
  assert.deepEqual([json['type'], json['isActive'], json['state']], ['address', false, 'off'])
  await call('POST', '/endpoints', { name: 'Warehouse', status: 'active' })
  const { json: listing } = await call('GET', '/endpoints?searchKey=ware')
  assert.equal((listing['list'] as Record<string, unknown>[])[0]!['isActive'], true)
  assert.equal((await call('POST', '/endpoints', { name: 'group', status: 'active' })).status, 400)
  assert.equal((await call('GET', '/endpoints?endpointName=nope')).status, 404)
})

test('a proxy service shows where it is reached', async t => {
  const proxy = {
    name: 'Orders',
    transports: ['http'],
    startOnLoad: true,
    origin: { label: 'proxy:Orders', kind: 'proxy', name: 'Orders' } as const,
    handle: async () => undefined,
    wsdl: async () => null,
  }
  const { call } = await rig(t, fakeRegistry({ proxy: [proxy] }), {
    addresses: () => ['http://h:8280', 'https://h:8243'],
  })

  const { json } = await call('GET', '/proxy-services?proxyServiceName=Orders')
  assert.deepEqual(json['eprs'], ['http://h:8280/services/Orders'])
  assert.equal(json['wsdl1_1'], 'http://h:8280/services/Orders?wsdl')
  assert.equal(json['isRunning'], true)
})

test('a sequence shows its mediators, a local entry its value', async t => {
  const at = { file: 'main.xml', line: 1, column: 1 }
  const mediator = { mediate: () => 'next' as const }
  const sequence = {
    name: 'main',
    steps: [
      { mediator, kind: 'log', at },
      { mediator, kind: 'send', at },
    ],
    ...mediator,
  }
  const entry = { key: 'greeting', contentType: 'text/plain', text: () => 'hello' }
  const { call } = await rig(t, fakeRegistry({ sequence: [sequence], 'local-entry': [entry] }))

  assert.deepEqual((await call('GET', '/sequences?sequenceName=main')).json['mediators'], ['log', 'send'])
  assert.deepEqual((await call('GET', '/local-entries?name=greeting')).json, {
    name: 'greeting',
    type: 'Inline Text',
    value: 'hello',
  })
})

test('log levels are shown and changed while the server runs', async t => {
  const { call, levels } = await rig(t)
  levels.category('LogMediator')

  assert.deepEqual((await call('GET', '/logging?loggerName=LogMediator')).json, {
    loggerName: 'LogMediator',
    componentName: 'Holdfast',
    level: 'INFO',
  })
  const changed = await call('PATCH', '/logging', { loggerName: 'LogMediator', loggingLevel: 'DEBUG' })
  assert.equal(changed.json['message'], 'Successfully updated the log level of logger LogMediator to DEBUG')
  assert.equal(levels.category('LogMediator').debugOn, true)
  await call('PATCH', '/logging', { loggerName: 'rootLogger', loggingLevel: 'ERROR' })
  assert.equal(levels.get('root'), 'error')
  assert.equal((await call('PATCH', '/logging', { loggerName: 'x', loggingLevel: 'LOUD' })).status, 400)
  assert.equal((await call('GET', '/logging?loggerName=nope')).status, 404)
})

test('an unknown path is 404 without a body, a method a resource lacks is 405 and names those it has', async t => {
  const { call } = await rig(t)
  const unknown = await call('GET', '/banana')
  assert.deepEqual([unknown.status, unknown.text], [404, ''])
  const wrong = await call('PUT', '/message-processors')
  assert.equal(wrong.status, 405)
  assert.equal(wrong.headers['allow'], 'GET, POST')
  assert.deepEqual(wrong.json, { Error: 'PUT is not possible here' })
  assert.equal((await call('GET', '/server')).json['productName'], 'Holdfast')
  assert.equal((await call('GET', '/')).json['ManagementApi'], 'Active')
})

test('a defect is told as such, without its insides', async t => {
  const registry = fakeRegistry({})
  const { app, call, log } = await rig(t, { ...registry, names: () => assert.fail('secret insides') })
  const { status, json } = await call('GET', '/sequences')

  assert.equal(status, 500)
  assert.deepEqual(json, { Error: 'the request failed; the log says why' })
  assert.deepEqual(log.texts('error'), ['a management request failed'])
  assert.equal((await send(app, 'GET', '/liveness')).status, 200)
})

test('it listens on both loopback addresses, and ends at once when closed', async () => {
  const management = await startManagement(await optionsFor(fakeRegistry({})))
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

  const options = await optionsFor(fakeRegistry({}), { host: '127.0.0.1', port })
  await assert.rejects(startManagement(options), { code: 'PORT_IN_USE', message: /--management-port/ })
})

test('anything but loopback is refused without a certificate', async () => {
  for (const host of ['0.0.0.0', '', '::', '192.168.0.1']) {
    await assert.rejects(startManagement(await optionsFor(fakeRegistry({}), { host })), { code: 'SETTING_INVALID' })
  }
})

function message(id: string): StoredMessage {
  return storedMessage({ id, envelope: { service: 'Intake', properties: {}, axis2: {} } })
}
