import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeEndpoint, fakeProcessor, fakeRegistry, fakeStore } from '../testing/fake-registry.ts'
import { managementRig, send } from '../testing/management-rig.ts'
import type { ManagementReport } from './api.ts'

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
  const { app } = await managementRig(t, fakeRegistry({ 'message-store': [store], 'message-processor': [processor] }), {
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

test('an endpoint shows its state and can be switched off and on', async t => {
  const { call } = await managementRig(
    t,
    fakeRegistry({ endpoint: [fakeEndpoint('Warehouse'), fakeEndpoint('group', false)] }),
    {
      describe: () => ({ type: 'address' }),
    },
  )
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
  const { call } = await managementRig(t, fakeRegistry({ proxy: [proxy] }), {
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
  const { call } = await managementRig(t, fakeRegistry({ sequence: [sequence], 'local-entry': [entry] }))

  assert.deepEqual((await call('GET', '/sequences?sequenceName=main')).json['mediators'], ['log', 'send'])
  assert.deepEqual((await call('GET', '/local-entries?name=greeting')).json, {
    name: 'greeting',
    type: 'Inline Text',
    value: 'hello',
  })
})

test('log levels are shown and changed while the server runs', async t => {
  const { call, levels } = await managementRig(t)
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

test('an API shows its addresses and resources', async t => {
  const api = {
    name: 'Shop:v1',
    prefix: '/shop/1',
    context: '/shop',
    version: '1',
    resources: [{ methods: ['GET'], url: '/{id}' }],
    accepts: () => true,
    route: () => assert.fail(),
  }
  const { call } = await managementRig(t, fakeRegistry({ api: [api] }), { addresses: () => ['http://h:8280'] })

  const { json: listing } = await call('GET', '/apis')
  assert.deepEqual(listing['list'], [
    { name: 'Shop:v1', url: 'http://h:8280/shop/1', urlList: ['http://h:8280/shop/1'], tracing: 'disabled' },
  ])
  const { json } = await call('GET', '/apis?apiName=Shop:v1')
  assert.deepEqual([json['version'], json['host'], json['port']], ['1', '*', -1])
  assert.deepEqual(json['resources'], [{ methods: ['GET'], url: '/{id}' }])
  assert.equal((await call('GET', '/apis?apiName=nope')).status, 404)
})

test('a group shows the states of its members, and is switched with them', async t => {
  const [first, second] = [fakeEndpoint('first'), fakeEndpoint('second')]
  const group = { ...fakeEndpoint('group', false), members: [first, { ...fakeEndpoint('named', false) }] }
  const { call } = await managementRig(t, fakeRegistry({ endpoint: [group, { ...second, name: 'named' }] }))

  await call('POST', '/endpoints', { name: 'group', status: 'inactive' })
  const { json } = await call('GET', '/endpoints?endpointName=group')
  const members = json['members'] as Record<string, unknown>[]
  assert.deepEqual(
    members.map(({ name, state }) => [name, state]),
    [
      ['first', 'off'],
      ['named', 'active'],
    ],
  )
  assert.equal(json['isActive'], true)
})
