import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endpointWith } from '../../testing/endpoint-states.ts'

const three =
  '<markForSuspension><errorCodes>101504</errorCodes><retriesBeforeSuspension>3</retriesBeforeSuspension><retryDelay>100</retryDelay></markForSuspension>'

test('with three retries the fourth failure in a row suspends', async () => {
  const e = endpointWith(three)
  for (let time = 1; time <= 3; time++) {
    assert.deepEqual([await e.send('SEND_TIMEOUT'), e.rest()], ['timeout', 100], `failure ${time}`)
    await e.services.clock.advance(100)
  }
  assert.deepEqual([await e.send('SEND_TIMEOUT'), e.rest()], ['suspended', 30_000])
})

test('a success in between starts the count anew', async () => {
  const e = endpointWith(three)
  await e.send('SEND_TIMEOUT')
  await e.services.clock.advance(100)
  assert.equal(await e.send(), 'active')
  for (let time = 1; time <= 3; time++) {
    assert.equal(await e.send('SEND_TIMEOUT'), 'timeout')
    await e.services.clock.advance(100)
  }
})

test('before the delay is over nothing is sent', async () => {
  const e = endpointWith(three)
  await e.send('SEND_TIMEOUT')
  await e.send()
  assert.equal(e.services.sent.length, 1)
})

test('a failure of another kind suspends at once, unless suspendOnFailure names others', async () => {
  assert.equal(await endpointWith(three).send('CONNECT_FAILED'), 'suspended')
  const other = endpointWith(`${three}<suspendOnFailure><errorCodes>101505</errorCodes></suspendOnFailure>`)
  assert.equal(await other.send('CONNECT_FAILED'), 'active')
})

test('without codes it concerns timeouts and closed connections', async () => {
  const layers = '<markForSuspension><retriesBeforeSuspension>1</retriesBeforeSuspension></markForSuspension>'
  assert.equal(await endpointWith(layers).send('SEND_TIMEOUT'), 'timeout')
  assert.equal(await endpointWith(layers).send('CONNECTION_CLOSED'), 'timeout')
  assert.equal(await endpointWith(layers).send('CONNECT_FAILED'), 'suspended')
})
