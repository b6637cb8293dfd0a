import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contextOf, mark, marks, mediate } from '../../testing/rig.ts'

test('the current message is the answer, and nothing after it runs', async () => {
  const { ctx, outcome } = await mediate(`${mark('before')}<respond/>${mark('after')}`, {
    to: 'http://backend/',
    body: '<quote/>',
  })
  assert.equal(outcome, 'done')
  assert.deepEqual(marks(ctx), ['mark = before'])
  assert.deepEqual(ctx.answers, [ctx.message])
  assert.deepEqual([ctx.message.isResponse, ctx.message.addressing.to], [true, undefined])
})

test('headers of the request go back with it: an echo, as in Synapse (trap H8)', async () => {
  const { ctx } = await mediate('<respond/>', { headers: { 'X-Order': '7' } })
  assert.equal(ctx.answers[0]!.headers.get('x-order'), '7')
})

test('it answers from inside nested blocks, and the blocks around it end, too', async () => {
  const { ctx, outcome } = await mediate(
    `<sequence name="block"><in><respond/></in>${mark('inner')}</sequence>${mark('outer')}`,
  )
  assert.equal(outcome, 'done')
  assert.deepEqual([marks(ctx), ctx.answers.length], [[], 1])
})

test('a body nobody looked into is not collected', async () => {
  const { ctx } = await mediate('<respond/>', { streamed: true })
  assert.equal(ctx.answers[0]!.body.ready, false)
})

test('a second answer is ignored with a warning', async () => {
  const ctx = contextOf()
  await mediate('<respond/>', ctx)
  await mediate('<respond/>', ctx)
  assert.equal(ctx.answers.length, 1)
  assert.deepEqual(ctx.log.texts('warn'), ['a second answer to the same request was ignored'])
})

test('without a caller it just ends the flow', async () => {
  const { ctx, outcome } = await mediate('<respond/>', { caller: false })
  assert.deepEqual([outcome, ctx.log.texts('warn')], ['done', []])
})
