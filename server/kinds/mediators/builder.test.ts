import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contextOf, faultOf, mediate } from '../../testing/rig.ts'

test('a body that cannot be read is a fault here, not later', async () => {
  const broken = (body: string, contentType: string) => faultOf(mediate('<builder/>', { body, contentType }))
  assert.equal((await broken('<a>', 'text/xml')).errorCode, 601000)
  assert.equal((await broken('{', 'application/json')).errorCode, 601000)
})

test('a good body is collected and left as it is', async () => {
  const ctx = contextOf({ body: '<a  b="1"/>', streamed: true })
  await mediate('<builder/>', ctx)
  assert.deepEqual([ctx.message.body.ready, ctx.message.body.changed], [true, null])
})
