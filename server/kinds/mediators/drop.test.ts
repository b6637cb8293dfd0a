import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mark, marks, mediate } from '../../testing/rig.ts'

test('the flow ends here, in the sequences around it, too', async () => {
  const { ctx, outcome } = await mediate(`<sequence name="block"><drop/></sequence>${mark('after')}`, {
    to: 'http://backend/',
  })
  assert.equal(outcome, 'done')
  assert.deepEqual(marks(ctx), [])
  assert.equal(ctx.message.addressing.to, undefined)
})

test('it answers nobody and promises no answer: the listener acknowledges by itself', async () => {
  const { ctx } = await mediate('<drop/>')
  assert.deepEqual([ctx.answers.length, ctx.exchange.expected, ctx.exchange.answered], [0, false, false])
})
