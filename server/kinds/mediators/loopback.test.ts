import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MessageContext } from '../../kernel/context.ts'
import { mark, marks, mediate } from '../../testing/rig.ts'

test('the out flow runs on the message as a response, and nothing after it runs', async () => {
  const seen: unknown[] = []
  const onReply = {
    mediate: ({ message }: MessageContext) => (seen.push(message.isResponse, message.addressing.to), 'done' as const),
  }
  const { ctx, outcome } = await mediate(`<loopback/>${mark('after')}`, { to: 'http://x/', origin: { onReply } })
  assert.deepEqual([outcome, seen, marks(ctx)], ['done', [true, undefined], []])
})

test('in the out flow it has no effect but a warning', async () => {
  const { ctx, outcome } = await mediate(`<loopback/>${mark('after')}`, { isResponse: true })
  assert.deepEqual([outcome, marks(ctx)], ['next', ['mark = after']])
  assert.match(ctx.log.texts('warn')[0]!, /no effect/)
})
