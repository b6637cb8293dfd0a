import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mark, marks, mediate } from '../../testing/rig.ts'

test('its mediators run for a request and are passed over for a reply', async () => {
  const xml = `<in>${mark('in')}</in>${mark('after')}`
  assert.deepEqual(marks((await mediate(xml)).ctx), ['mark = in', 'mark = after'])
  assert.deepEqual(marks((await mediate(xml, { isResponse: true })).ctx), ['mark = after'])
})

test('what ends the flow inside ends it outside', async () => {
  assert.equal((await mediate('<in><drop/></in>')).outcome, 'done')
  assert.equal((await mediate('<in><drop/></in>', { isResponse: true })).outcome, 'next')
})
