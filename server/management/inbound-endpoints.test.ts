import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeInbound, fakeRegistry } from '../testing/fake-registry.ts'
import { managementRig, send } from '../testing/management-rig.ts'

test('the list has name and protocol, as in MI, and what each one is doing and why', async t => {
  const inbound = fakeInbound('orders')
  inbound.state = {
    wanted: 'active',
    observed: 'connecting',
    since: 0,
    reason: 'tcp://user:geheim@h refused',
    nextTry: 5000,
  }
  const { call } = await managementRig(t, fakeRegistry({ 'inbound-endpoint': [inbound] }))
  assert.deepEqual((await call('GET', '/inbound-endpoints')).json, {
    count: 1,
    list: [
      {
        name: 'orders',
        protocol: 'jms',
        status: 'active',
        wanted: 'active',
        observed: 'connecting',
        since: '1970-01-01T00:00:00.000Z',
        reason: 'tcp://user:*****@h refused',
        nextAttemptAt: '1970-01-01T00:00:05.000Z',
      },
    ],
  })
})

test('one of them shows its sequences and parameters, secrets masked', async t => {
  const inbound = fakeInbound('orders', {
    onError: 'undo',
    parameters: { 'transport.jms.Password': 'geheim', interval: '100' },
  })
  const { call } = await managementRig(t, fakeRegistry({ 'inbound-endpoint': [inbound] }))
  const { json } = await call('GET', '/inbound-endpoints?inboundEndpointName=orders')
  const { sequence, error, parameters } = json
  assert.deepEqual(
    { sequence, error, parameters },
    {
      sequence: 'take',
      error: 'undo',
      parameters: [
        { name: 'transport.jms.Password', value: '*****' },
        { name: 'interval', value: '100' },
      ],
    },
  )
  assert.equal((await call('GET', '/inbound-endpoints?inboundEndpointName=nope')).status, 404)
})

test('an operator stops and starts one by name, and the audit log says who', async t => {
  const inbound = fakeInbound('orders')
  const { call, log } = await managementRig(t, fakeRegistry({ 'inbound-endpoint': [inbound] }))
  const off = await call('POST', '/inbound-endpoints', { name: 'orders', status: 'inactive' })
  const reason = 'deactivated by admin through the management API'
  assert.deepEqual([off.status, off.json], [200, { Message: 'orders : is deactivated', observed: 'stopped', reason }])
  const listed = (await call('GET', '/inbound-endpoints')).json as { list: { status: string }[] }
  assert.equal(listed.list[0]?.status, 'inactive')
  await call('POST', '/inbound-endpoints', { name: 'orders', status: 'active' })
  assert.deepEqual(inbound.asked, ['deactivate by operator:admin', 'activate by operator:admin'])
  const actions = log.texts('info').flatMap(line => /"action":"(\w+)","type":"inbound_endpoint"/.exec(line)?.[1] ?? [])
  assert.deepEqual(actions, ['disabled', 'enabled'])
  assert.equal((await call('POST', '/inbound-endpoints', { name: 'orders', status: 'maybe' })).status, 400)
  assert.equal((await call('POST', '/inbound-endpoints', { name: 'nope', status: 'active' })).status, 404)
})

test('the health check tells which inbound endpoint does not listen, and why', async t => {
  const inbound = fakeInbound('orders')
  inbound.state = { wanted: 'active', observed: 'connecting', since: 0, reason: 'nothing listens there' }
  const { app } = await managementRig(t, fakeRegistry({ 'inbound-endpoint': [inbound] }))
  const { json } = await send(app, 'GET', '/healthz')
  assert.deepEqual(json['inboundEndpoints'], [
    {
      name: 'orders',
      wanted: 'active',
      observed: 'connecting',
      since: '1970-01-01T00:00:00.000Z',
      reason: 'nothing listens there',
    },
  ])
})
