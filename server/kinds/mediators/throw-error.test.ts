import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contextOf, deployed, fakeServices, faultOf, mark, marks, mediate } from '../../testing/rig.ts'

test('the fault has a code of any text, whatever error was there before', async () => {
  const ctx = contextOf({ properties: { ERROR_CODE: 101503, ERROR_MESSAGE: 'old', why: 'no such customer' } })
  const fault = await faultOf(mediate(`<throwError type="REFUSED" errorMessage="{$ctx:why}"/>`, ctx))
  assert.equal(fault.message, 'no such customer')
  assert.deepEqual(
    ['ERROR_CODE', 'ERROR_MESSAGE', 'ERROR_EXCEPTION'].map(name => ctx.properties.get(name)),
    ['REFUSED', 'no such customer', 'REFUSED: no such customer'],
  )
})

test('the nearest handler runs and sees it; nothing after it does', async () => {
  const runtime = deployed(fakeServices(), [
    `<sequence name="sorry"><log level="custom"><property name="code" expression="$ctx:ERROR_CODE"/></log></sequence>`,
    `<sequence name="risky" onError="sorry"><throwError type="E1" errorMessage="m"/>${mark('never')}</sequence>`,
  ])
  const { ctx, outcome } = await mediate(`<sequence key="risky"/>${mark('after')}`, { runtime })
  assert.deepEqual([outcome, marks(ctx)], ['done', ['code = E1']])
})
