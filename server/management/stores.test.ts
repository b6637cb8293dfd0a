import { movedOn } from '../kernel/stored-message.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoredMessage } from '../kernel/contracts.ts'
import { fakeProcessor, fakeRegistry, fakeStore, storedMessage } from '../testing/fake-registry.ts'
import { managementRig } from '../testing/management-rig.ts'

test('stores are listed with their size and found by a part of their name', async t => {
  const orders = fakeStore('Orders')
  orders.add(message('m-1'))
  const away = fakeStore('away', { depth: () => Promise.reject(new Error('no broker')), type: 'jms-message-store' })
  const { call } = await managementRig(t, fakeRegistry({ 'message-store': [orders, away] }))

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
  const { call } = await managementRig(t, registry, { describe })

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
  const { call } = await managementRig(t, fakeRegistry({ 'message-store': [store] }))

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
  const { call } = await managementRig(t, fakeRegistry({ 'message-store': [fakeStore('orders', { traits })] }))

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
  const { call } = await managementRig(t, fakeRegistry({ 'message-store': [store] }))

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
  const { call } = await managementRig(t, fakeRegistry({ 'message-store': [store] }))

  const { json } = await call('GET', '/message-stores/orders/messages/m-1')
  assert.equal(json['bodyEncoding'], 'base64')
  assert.equal(json['truncated'], true)
  assert.equal(Buffer.from(String(json['body']), 'base64').length, 65_536)
})

test('messages are deleted one by one, some, or all, and the audit log says by whom', async t => {
  const store = fakeStore('orders')
  for (const id of ['m-1', 'm-2', 'm-3', 'm-4', 'm-5']) store.add(message(id))
  const { call, log } = await managementRig(t, fakeRegistry({ 'message-store': [store] }))
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
  const { call } = await managementRig(t, fakeRegistry({ 'message-store': [store] }))

  assert.equal((await call('DELETE', '/message-stores/orders/messages/m-1')).status, 409)
  const { status, json } = await call('POST', '/message-stores/orders/operations', {
    action: 'delete',
    ids: ['m-1', 'm-2', 'm-3'],
  })
  assert.equal(status, 409)
  assert.equal(json['Error'], '1 message deleted from orders; m-1 is being delivered right now; m-3 is not there')
})

test('messages move between stores unchanged but for the hop, which keeps a broker from taking a return for a repetition', async t => {
  const [from, to] = [fakeStore('from'), fakeStore('to')]
  for (const id of ['m-1', 'm-2', 'm-3']) from.add(message(id))
  const { message: original } = from.held[1]!
  const { call } = await managementRig(t, fakeRegistry({ 'message-store': [from, to] }))

  const { json } = await call('POST', '/message-stores/from/operations', { action: 'move', ids: ['m-2'], to: 'to' })
  assert.equal(json['Message'], '1 message moved from from to to')
  assert.deepEqual(to.held[0]!.message, movedOn(original))
  assert.equal(to.held[0]!.message.id, original.id)

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
  const { call } = await managementRig(t, fakeRegistry({ 'message-store': [from, to] }))

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
  const { call } = await managementRig(t, fakeRegistry({ 'message-store': [from, to] }))

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
  const { call } = await managementRig(t, fakeRegistry({ 'message-store': [from, to] }))

  const { status } = await call('POST', '/message-stores/from/operations', { action: 'move', ids: ['m-1'], to: 'to' })
  assert.equal(status, 409)
  assert.deepEqual([from.held.length, to.held.length], [1, 0])
})

test('an operation that makes no sense is refused with the reason', async t => {
  const store = fakeStore('orders')
  const { call } = await managementRig(t, fakeRegistry({ 'message-store': [store] }))
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

function message(id: string): StoredMessage {
  return storedMessage({ id, envelope: { service: 'Intake', properties: {}, axis2: {} } })
}

test('what was set aside is a store like any other: listed while it holds something, shown with the reason, moved back, deleted', async t => {
  const orders = fakeStore('orders')
  const aside = fakeStore('orders.quarantine')
  const reason = 'the broker tcp://u:hunter2@host said no'
  for (const id of ['m-1', 'm-2']) {
    const given = message(id)
    aside.add({ ...given, envelope: { ...given.envelope, properties: { QUARANTINE_REASON: reason } } })
  }
  const deployed = fakeRegistry({ 'message-store': [orders] })
  const registry = {
    ...deployed,
    find: ((role, name) =>
      role === 'message-store' && name === aside.name ? aside : deployed.find(role, name)) as typeof deployed.find,
  }
  const quarantines = () => [
    { name: aside.name, held: aside.held.length },
    { name: 'other.quarantine', held: 0 },
  ]
  const { call } = await managementRig(t, registry, { quarantines })

  const list = (await call('GET', '/message-stores')).json['list'] as Record<string, unknown>[]
  assert.deepEqual(
    list.map(({ name, size }) => [name, size]),
    [
      ['orders', 0],
      ['orders.quarantine', 2],
    ],
  )
  const shown = await call('GET', '/message-stores/orders.quarantine/messages')
  const [first] = shown.json['list'] as Record<string, unknown>[]
  assert.equal(first!['setAside'], 'the broker tcp://u:*****@host said no')
  assert.equal((await call('GET', '/message-stores?name=orders.quarantine')).json['size'], 2)

  const back = await call('POST', '/message-stores/orders.quarantine/operations', {
    action: 'move',
    ids: ['m-1'],
    to: 'orders',
  })
  assert.equal(back.status, 200)
  assert.deepEqual(
    orders.held.map(({ message: { id } }) => id),
    ['m-1'],
  )
  assert.equal((await call('DELETE', '/message-stores/orders.quarantine/messages/m-2')).status, 200)
  assert.equal(aside.held.length, 0)
  assert.equal((await call('GET', '/message-stores')).json['count'], 1)
})
