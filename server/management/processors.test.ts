import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeProcessor, fakeRegistry } from '../testing/fake-registry.ts'
import { managementRig } from '../testing/management-rig.ts'

test('a processor is told with its state, and its passwords masked', async t => {
  const processor = fakeProcessor('forward', 'orders', { parameters: { interval: '1000', 'is.active': 'true' } })
  const { call } = await managementRig(t, fakeRegistry({ 'message-processor': [processor] }), {
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
  const { call, log } = await managementRig(t, fakeRegistry({ 'message-processor': [processor] }))

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
  const { call } = await managementRig(t, fakeRegistry({ 'message-processor': [processor] }))

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
