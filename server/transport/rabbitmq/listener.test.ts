import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MessageContext } from '../../kernel/context.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { RabbitRig } from '../../testing/rabbit-rig.ts'

const text = (ctx: MessageContext): string => Buffer.from(ctx.message.body.raw ?? []).toString()

const ASKED = { 'rabbitmq.queue.auto.ack': 'false' }

function set(name: string, value = 'true'): (ctx: MessageContext) => void {
  return ctx => ctx.message.axis2.set(name, value)
}

test('a message is acknowledged when its flow has come to its end, and not before', async t => {
  const rig = RabbitRig.start(t)
  let go = (): void => {}
  const gate = new Promise<void>(resolve => (go = resolve))
  const came: string[] = []
  rig.steps.set('work', async ctx => {
    came.push(text(ctx), ctx.message.headers.get('company') ?? '', String(ctx.message.headers.get('Content-Type')))
    await gate
  })
  rig.deploy()
  await rig.listen()
  await rig.until(() => rig.rabbit.queues.has('A'))
  rig.rabbit.put('A', '{"a":1}', { contentType: 'application/json', headers: { company: 'WSO2' } })
  await rig.until(() => came.length > 0)
  assert.deepEqual(came, ['{"a":1}', 'WSO2', 'application/json'])
  rig.rabbit.cut()
  assert.equal(rig.rabbit.depth('A'), 1, 'it is still there for somebody else')
  go()
  await rig.until(() => came.length === 6 && rig.rabbit.depth('A') === 0)
})

test('with auto.ack a failed flow takes its message out, too; without, it comes again until it works', async t => {
  for (const auto of ['true', 'false']) {
    const rig = RabbitRig.start(t)
    let runs = 0
    rig.steps.set('work', () => {
      if (++runs < 3) throw new IntegrationError('MEDIATION_FAILED', 'not today')
    })
    rig.deploy()
    rig.rabbit.make('A')
    rig.rabbit.put('A', '<a/>')
    rig.rabbit.put('A', '<b/>')
    await rig.listen({ 'rabbitmq.queue.auto.ack': auto })
    await rig.until(() => runs === (auto === 'true' ? 2 : 4) && rig.rabbit.depth('A') === 0)
  }
})

for (const [name, value] of [
  ['SET_ROLLBACK_ONLY', 'true'],
  ['set_rollback_only', 'TRUE'],
  ['ACK_DECISION', 'SET_ROLLBACK_ONLY'],
] as const) {
  test(`${name} ${value}: the message goes to the dead letters`, async t => {
    const rig = RabbitRig.start(t)
    rig.steps.set('work', set(name.toUpperCase(), value))
    rig.deploy()
    rig.rabbit.make('dead')
    rig.rabbit.make('A', { 'x-dead-letter-routing-key': 'dead' })
    rig.rabbit.put('A', '<a/>')
    await rig.listen(ASKED)
    await rig.until(() => rig.rabbit.depth('dead') === 1)
    assert.equal(rig.rabbit.depth('A'), 0)
  })
}

test('SET_REQUEUE_ON_ROLLBACK gives it back to the queue, ACKNOWLEDGE true takes it out although the flow failed', async t => {
  const rig = RabbitRig.start(t)
  let runs = 0
  rig.steps.set('work', ctx => {
    if (++runs < 3) set('SET_REQUEUE_ON_ROLLBACK')(ctx)
    else {
      set('ACKNOWLEDGE')(ctx)
      throw new IntegrationError('MEDIATION_FAILED', 'too late')
    }
  })
  rig.deploy()
  rig.rabbit.make('A')
  rig.rabbit.put('A', '<a/>')
  await rig.listen(ASKED)
  await rig.until(() => runs === 3 && rig.rabbit.depth('A') === 0)
})

test('ACKNOWLEDGE false rejects where the queue has dead letters of our making, and gives back elsewhere', async t => {
  const rig = RabbitRig.start(t)
  rig.steps.set('work', set('ACKNOWLEDGE', 'false'))
  rig.deploy()
  rig.rabbit.make('dead')
  await rig.listen({
    ...ASKED,
    'rabbitmq.queue.optional.args.x-dead-letter-exchange': '',
    'rabbitmq.queue.optional.x-dead-letter-routing-key': 'dead',
  })
  await rig.until(() => rig.rabbit.queues.has('A'))
  rig.rabbit.put('A', '<a/>')
  await rig.until(() => rig.rabbit.depth('dead') === 1)

  const other = RabbitRig.start(t)
  let runs = 0
  other.steps.set('work', ctx => set('ACKNOWLEDGE', ++runs < 3 ? 'false' : 'true')(ctx))
  other.deploy()
  other.rabbit.make('A')
  other.rabbit.put('A', '<a/>')
  await other.listen(ASKED)
  await other.until(() => runs === 3 && other.rabbit.depth('A') === 0)
})

test('ACK_ON_SUCCESS gives back what a fault sequence has handled', async t => {
  const rig = RabbitRig.start(t)
  let runs = 0
  rig.steps.set('work', ctx => {
    set('ACK_ON_SUCCESS')(ctx)
    if (++runs === 1) throw new IntegrationError('MEDIATION_FAILED', 'not today')
  })
  rig.steps.set('handled', () => undefined)
  rig.deploy()
  rig.rabbit.make('A')
  rig.rabbit.put('A', '<a/>')
  await rig.listen(ASKED, 'onError="handled"')
  await rig.until(() => runs === 2 && rig.rabbit.depth('A') === 0)
})

test('a message that was dead-lettered too often goes to the error queue, confirmed, and runs no flow', async t => {
  const rig = RabbitRig.start(t)
  let runs = 0
  rig.steps.set('work', () => void runs++)
  rig.deploy()
  rig.rabbit.make('A')
  rig.rabbit.make('error')
  const headers = (count: number) => ({ headers: { 'x-death': [{ queue: 'A', count, reason: 'rejected' }] } })
  rig.rabbit.put('A', '<again/>', headers(3))
  rig.rabbit.put('A', '<once/>', headers(2))
  await rig.listen({
    ...ASKED,
    'rabbitmq.message.max.dead.lettered.count': '2',
    'rabbitmq.message.error.queue.routing.key': 'error',
  })
  await rig.until(() => rig.rabbit.depth('error') === 1 && runs === 1)
  assert.equal(rig.rabbit.queues.get('error')!.ready[0]!.content.toString(), '<again/>')
})

test('without an error queue it is set aside instead of thrown away', async t => {
  const rig = RabbitRig.start(t)
  const aside: string[] = []
  Object.assign(rig.services, {
    quarantine: async (name: string, _record: Uint8Array, reason: string) => void aside.push(`${name}: ${reason}`),
  })
  rig.steps.set('work', () => undefined)
  rig.deploy()
  rig.rabbit.make('A')
  rig.rabbit.put('A', '<again/>', { headers: { 'x-death': [{ queue: 'A', count: 3 }] } })
  await rig.listen({ ...ASKED, 'rabbitmq.message.max.dead.lettered.count': '2' })
  await rig.until(() => aside.length === 1 && rig.rabbit.depth('A') === 0)
  assert.deepEqual(aside, ['in: it was dead-lettered 3 times'])
})

test('a message that cannot be set aside now goes back to its queue and comes again', async t => {
  const rig = RabbitRig.start(t)
  let tries = 0
  Object.assign(rig.services, {
    quarantine: async () => {
      if (++tries < 3) throw new Error('the disk is full')
    },
  })
  rig.steps.set('work', () => undefined)
  rig.deploy()
  rig.rabbit.make('A')
  rig.rabbit.put('A', '<again/>', { headers: { 'x-death': [{ queue: 'A', count: 3 }] } })
  const inbound = await rig.listen({ ...ASKED, 'rabbitmq.message.max.dead.lettered.count': '2' })
  await rig.until(() => tries === 3 && rig.rabbit.depth('A') === 0)
  await rig.until(() => inbound.state.observed === 'listening')
})

test('a message without a content type has the one of the artifact', async t => {
  const rig = RabbitRig.start(t)
  const types: unknown[] = []
  rig.steps.set('work', ctx => void types.push(ctx.message.headers.get('Content-Type')))
  rig.deploy()
  rig.rabbit.make('A')
  rig.rabbit.put('A', 'a,b')
  rig.rabbit.put('A', 'a,b', { contentType: 'text/csv' })
  await rig.listen({ 'rabbitmq.message.content.type': 'text/x-orders' })
  await rig.until(() => types.length === 2)
  assert.deepEqual(types, ['text/x-orders', 'text/csv'])
})

test('an answer of the flow goes to the reply queue with the correlation of the request; one nobody waits for is no failure', async t => {
  const rig = RabbitRig.start(t)
  rig.deploy('<sequence name="work"><respond/></sequence>')
  rig.rabbit.make('A')
  rig.rabbit.make('replies')
  rig.rabbit.put('A', '<a/>', { contentType: 'application/xml', replyTo: 'replies', correlationId: 'c-1' })
  rig.rabbit.put('A', '<b/>', { contentType: 'application/xml', replyTo: 'gone', correlationId: 'c-2' })
  await rig.listen(ASKED)
  await rig.until(() => rig.rabbit.depth('replies') === 1 && rig.rabbit.depth('A') === 0)
  const [reply] = rig.rabbit.queues.get('replies')!.ready
  assert.deepEqual([reply!.content.toString(), reply!.properties.correlationId], ['<a/>', 'c-1'])
})

test('P7: it says whether it listens; a broker that goes away is waited for, and several consumers work at once', async t => {
  const rig = RabbitRig.start(t)
  let working = 0
  let most = 0
  rig.steps.set('work', async () => {
    most = Math.max(most, ++working)
    await rig.until(() => most === 3)
    working--
  })
  rig.deploy()
  rig.rabbit.away = true
  const inbound = await rig.listen({ 'rabbitmq.concurrent.consumer.count': '3' })
  await rig.until(() => inbound.state.observed === 'connecting' && inbound.state.reason === 'nothing listens there')
  rig.rabbit.away = false
  await rig.until(() => inbound.state.observed === 'listening')
  for (const body of ['<a/>', '<b/>', '<c/>']) rig.rabbit.put('A', body)
  await rig.until(() => most === 3)
  await inbound.deactivate({ by: 'operator:admin' }, 'enough')
  assert.equal(inbound.state.observed, 'stopped')
  assert.equal(rig.rabbit.queues.get('A')!.consumers.length, 0)
})
