import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mark, marks, mediate } from '../../testing/rig.ts'

test('its mediators run for a reply and are passed over for a request', async () => {
  const xml = `<out>${mark('out')}</out>${mark('after')}`
  assert.deepEqual(marks((await mediate(xml, { isResponse: true })).ctx), ['mark = out', 'mark = after'])
  assert.deepEqual(marks((await mediate(xml)).ctx), ['mark = after'])
})

test('what ends the flow inside ends it outside', async () => {
  assert.equal((await mediate('<out><drop/></out>', { isResponse: true })).outcome, 'done')
})

test('a reply that was received by call is a request again', async () => {
  const { ctx } = await mediate(
    `<call><endpoint><address uri="http://h/"/></endpoint></call><in>${mark('in')}</in><out>${mark('out')}</out>`,
  )
  assert.deepEqual(marks(ctx), ['mark = in'])
})
