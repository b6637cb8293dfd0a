import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endpointWith } from '../../testing/endpoint-states.ts'

test('without any settings every failure suspends for 30 seconds, the first timeout included (trap H28)', async () => {
  for (const failure of ['CONNECT_FAILED', 'SEND_TIMEOUT', 'RECEIVE_FAILED'] as const) {
    const e = endpointWith('')
    assert.deepEqual([await e.send(failure), e.rest()], ['suspended', 30_000])
  }
})

test('each rest is longer by the factor, up to the maximum, and a success starts anew', async () => {
  const e = endpointWith(
    '<suspendOnFailure><initialDuration>1000</initialDuration><progressionFactor>2</progressionFactor><maximumDuration>3000</maximumDuration></suspendOnFailure>',
  )
  for (const rest of [1_000, 2_000, 3_000, 3_000]) {
    assert.equal(await e.send('CONNECT_FAILED'), 'suspended')
    assert.equal(e.rest(), rest)
    await e.services.clock.advance(rest)
  }
  assert.equal(await e.send(), 'active')
  await e.send('CONNECT_FAILED')
  assert.equal(e.rest(), 1_000)
})

test('only the codes named suspend; others leave the endpoint active', async () => {
  const e = endpointWith('<suspendOnFailure><errorCodes>101503, 101505</errorCodes></suspendOnFailure>')
  assert.equal(await e.send('RECEIVE_FAILED'), 'active')
  assert.equal(await e.send('CONNECT_FAILED'), 'suspended')
})

test('-1 alone in both lists switches suspension off; as first duration it means the 30 seconds (trap H28)', async () => {
  const never = endpointWith(
    '<suspendOnFailure><errorCodes>-1</errorCodes></suspendOnFailure><markForSuspension><errorCodes>-1</errorCodes></markForSuspension>',
  )
  for (const failure of ['CONNECT_FAILED', 'SEND_TIMEOUT'] as const) assert.equal(await never.send(failure), 'active')
  const usual = endpointWith('<suspendOnFailure><initialDuration>-1</initialDuration></suspendOnFailure>')
  await usual.send('CONNECT_FAILED')
  assert.equal(usual.rest(), 30_000)
})

test('while it rests nothing is sent, and the log says so in the words of Synapse', async () => {
  const e = endpointWith('<suspendOnFailure><initialDuration>1000</initialDuration></suspendOnFailure>')
  await e.send('CONNECT_FAILED')
  await e.send()
  assert.equal(e.services.sent.length, 1)
  assert.deepEqual(
    e.services.log.texts('warn').map(text => text.replace(/ : \S+Z$/, '')),
    [
      'Endpoint : e with address http://be/ will be marked SUSPENDED as it failed',
      'Suspending endpoint : e with address http://be/ - current suspend duration is : 1000ms - Next retry after',
    ],
  )
  await e.services.clock.advance(1_000)
  await e.send()
  assert.deepEqual(e.services.log.texts('info'), [
    'Endpoint : e with address http://be/ currently SUSPENDED will now be marked active since it processed its last message',
  ])
})
