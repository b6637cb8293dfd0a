import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stored } from '../testing/store-rig.ts'
import { decodeStored, encodeStored, setAside } from './stored-message.ts'

test('what is set aside is itself, with the reason; setting it aside again is the same message', () => {
  const message = stored('<a/>', { OUT_ONLY: 'true' }, 'a')
  const record = Buffer.concat([...encodeStored(message)])
  const aside = setAside(record, 'orders', 'nobody can read it', 5)
  assert.deepEqual(aside.envelope.properties, {
    OUT_ONLY: 'true',
    QUARANTINE_STORE: 'orders',
    QUARANTINE_REASON: 'nobody can read it',
  })
  assert.deepEqual({ ...aside, envelope: message.envelope }, decodeStored(record))
})

test('of a record that is no message every byte is kept', () => {
  const record = Buffer.from([9, 9, 9, 9, 9, 9])
  const aside = setAside(record, 'orders', 'version 9', 5)
  assert.deepEqual([aside.body, aside.storedAt, aside.contentType], [record, 5, 'application/octet-stream'])
  assert.equal(aside.envelope.properties['QUARANTINE_REASON'], 'version 9')
})
