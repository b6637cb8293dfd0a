import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock, type Timer } from '../../kernel/clock.ts'
import { FlowWork } from '../../kernel/flow-work.ts'
import { contextOf, type TestContext } from '../../testing/rig.ts'
import { QueueRig } from '../../testing/queue-rig.ts'

function flow(rig: QueueRig, ...steps: readonly string[]): string {
  const made = steps.map(step => {
    const [what, queue] = step.split(' ')
    if (what === 'send') return `<call><endpoint><address uri="${rig.at(queue!)}"/></endpoint></call>`
    return what === 'do' ? `<sequence key="${queue}"/>` : `<transaction action="${what}"/>`
  })
  return `<sequence name="work">${made.join('')}</sequence>`
}

async function run(rig: QueueRig): Promise<TestContext> {
  const ctx = contextOf({ runtime: rig.registry })
  try {
    await rig.find('sequence', 'work').mediate(ctx)
  } finally {
    ctx.exchange.over()
  }
  return ctx
}

test('what is sent between new and commit becomes visible together', async t => {
  const rig = await QueueRig.start(t)
  const seen: number[] = []
  rig.steps.set('look', () => void seen.push(rig.depth('B')))
  rig.deploy(flow(rig, 'new', 'send B', 'do look', 'send C', 'commit', 'do look'))
  await run(rig)
  assert.deepEqual([seen, rig.depth('B'), rig.depth('C')], [[0, 1], 1, 1])
})

test('rollback undoes everything, and the flow goes on outside', async t => {
  const rig = await QueueRig.start(t)
  rig.deploy(flow(rig, 'new', 'send B', 'rollback', 'new', 'send C', 'commit'))
  await run(rig)
  assert.deepEqual([rig.depth('B'), rig.depth('C')], [0, 1])
})

test('a flow that fails, or ends, without a commit has sent nothing', async t => {
  const rig = await QueueRig.start(t)
  rig.steps.set('fail', () => {
    throw new Error('no')
  })
  rig.deploy(flow(rig, 'new', 'send B', 'do fail', 'commit'))
  await assert.rejects(run(rig))
  rig.deploy(flow(rig, 'new', 'send B'))
  const ctx = await run(rig)
  await ctx.log.waitFor('the flow ended without')
  assert.equal(rig.depth('B'), 0)
})

test('new inside a transaction, and anything else without one, is a fault', async t => {
  const rig = await QueueRig.start(t)
  for (const steps of [['new', 'new'], ['commit'], ['rollback'], ['fault-if-no-tx'], ['resume']]) {
    rig.deploy(flow(rig, ...steps))
    await assert.rejects(run(rig), { code: 'TRANSACTION_FAILED' }, steps.join())
  }
  rig.deploy(flow(rig, 'use-existing-or-new', 'use-existing-or-new', 'fault-if-no-tx', 'send B', 'commit'))
  await run(rig)
  assert.equal(rig.depth('B'), 1)
})

test('what is sent while it is suspended is not part of it', async t => {
  const rig = await QueueRig.start(t)
  rig.deploy(flow(rig, 'new', 'send B', 'suspend', 'new', 'send C', 'commit', 'resume', 'rollback'))
  await run(rig)
  assert.deepEqual([rig.depth('B'), rig.depth('C')], [0, 1])
})

test('the transaction of a listener can be joined and rolled back, but not committed early', async t => {
  const rig = await QueueRig.start(t)
  rig.deploy(flow(rig, 'use-existing-or-new', 'send B', 'rollback'))
  const zero = '?jms.redeliveryPolicy.maximumRedeliveries=0'
  await rig.listen({ 'transport.jms.SessionTransacted': 'true' }, '', zero)
  await rig.put('A', { body: 'x' })
  await rig.until(() => rig.depth('DLQ') === 1)
  rig.deploy(flow(rig, 'send B', 'commit'))
  await rig.put('A', { body: 'x' })
  await rig.until(() => rig.depth('DLQ') === 2)
  assert.equal(rig.depth('B'), 0)
  await rig.services.log.waitFor('belongs to inbound endpoint in')
})

test('work at a second broker is refused while it is open, naming both and the way out', async t => {
  const rig = await QueueRig.start(t)
  const other = await QueueRig.start(t)
  const call = (at: string): string => `<call><endpoint><address uri="${at}"/></endpoint></call>`
  rig.deploy(
    `<sequence name="work"><transaction action="new"/>${call(rig.at('B'))}${call(other.at('C'))}<transaction action="commit"/></sequence>`,
  )
  await assert.rejects(run(rig), error => {
    const { message } = error as Error
    assert.match(message, new RegExp(`${rig.url}.*${other.url}.*cannot be part of it.*outbox`))
    return true
  })
  assert.deepEqual([rig.depth('B'), other.depth('C')], [0, 0])
})

test('a store at the same broker keeps its message with the transaction, another one at once', async t => {
  const rig = await QueueRig.start(t)
  const store = `<messageStore name="S" class="org.apache.synapse.message.store.impl.jms.JmsStore"><parameter name="java.naming.provider.url">${rig.url}</parameter><parameter name="store.jms.destination">S</parameter></messageStore>`
  const seen: number[] = []
  rig.steps.set('look', () => void seen.push(rig.depth('S')))
  const steps = (end: string): string =>
    `<sequence name="work"><property name="OUT_ONLY" value="true"/><transaction action="new"/><store messageStore="S"/><store messageStore="J"/><sequence key="look"/><transaction action="${end}"/></sequence>`
  const plain = '<messageStore name="J" class="org.apache.synapse.message.store.impl.memory.InMemoryStore"/>'
  rig.deploy(store, plain, steps('rollback'))
  await run(rig)
  assert.equal(rig.depth('S'), 0)
  rig.deploy(store, plain, steps('commit'))
  await run(rig)
  assert.deepEqual([seen, rig.depth('S')], [[0, 0], 1])
})

/** In time; a flow that waits for itself would wait for ever. */
async function within<T>(work: Promise<T>): Promise<T> {
  const patience = new AbortController()
  const late = systemClock.sleep(20_000, patience.signal).then((): never => assert.fail('it never ends'))
  return Promise.race([work, late]).finally(() => patience.abort())
}

test('a commit in a branch that runs beside the flow waits for nobody; the flow commits what the branch has sent', async t => {
  const rig = await QueueRig.start(t)
  rig.steps.set('pause', () => new Promise(resolve => setImmediate(resolve)))
  const call = (queue: string): string => `<call><endpoint><address uri="${rig.at(queue)}"/></endpoint></call>`
  const commit = '<transaction action="commit"/>'
  rig.deploy(
    `<sequence name="work"><transaction action="new"/><clone continueParent="true"><target><sequence><sequence key="pause"/>${call('B')}${commit}</sequence></target></clone>${call('C')}${commit}</sequence>`,
  )
  await within(run(rig))
  assert.deepEqual([rig.depth('B'), rig.depth('C')], [1, 1])
})

test('nor does one in a copy that enqueue or a sampler has set aside wait for itself', async t => {
  const rig = await QueueRig.start(t)
  const call = (queue: string): string => `<call><endpoint><address uri="${rig.at(queue)}"/></endpoint></call>`
  const commit = '<transaction action="commit"/>'
  rig.deploy(
    `<sequence name="later">${call('B')}${commit}</sequence>`,
    `<sequence name="work"><transaction action="new"/><enqueue sequence="later" executor="e"/>${call('C')}${commit}</sequence>`,
  )
  await within(run(rig))
  assert.deepEqual([rig.depth('B'), rig.depth('C')], [1, 1])
  rig.deploy(
    '<sequence name="work"><transaction action="new"/><sampler><target sequence="later"/></sampler></sequence>',
  )
  const { exchange } = await within(run(rig))
  assert.equal(exchange.fault?.code, 'TRANSACTION_FAILED')
  assert.equal(rig.depth('B'), 1)
})

test('branches of a flow that is waited for have transactions of their own', async t => {
  const rig = await QueueRig.start(t)
  const branch = (queue: string): string =>
    `<target><sequence><transaction action="new"/><call><endpoint><address uri="${rig.at(queue)}"/></endpoint></call><transaction action="commit"/></sequence></target>`
  rig.deploy(
    `<sequence name="work"><clone continueParent="true">${branch('B')}${branch('C')}</clone><clone>${branch('D')}${branch('E')}</clone></sequence>`,
  )
  const ctx = contextOf({ runtime: rig.registry })
  const work = (ctx.work = new FlowWork())
  await rig.find('sequence', 'work').mediate(ctx)
  await within(work.over())
  assert.equal(ctx.exchange.unhandled, null)
  ctx.exchange.over()
  assert.deepEqual(
    ['B', 'C', 'D', 'E'].map(queue => rig.depth(queue)),
    [1, 1, 1, 1],
  )
})

test('P1: whoever waits for a flow that ends without its commit is told that nothing was done', async t => {
  const rig = await QueueRig.start(t)
  rig.deploy(flow(rig, 'new', 'send B'))
  const { exchange } = await run(rig)
  assert.equal(exchange.fault?.code, 'TRANSACTION_FAILED')
  assert.match(exchange.unhandled?.message ?? '', /rolled back: the flow ended without/)
  rig.deploy(flow(rig, 'new', 'send B', 'rollback'))
  const told = await run(rig)
  assert.deepEqual([told.exchange.fault, told.exchange.unhandled], [null, null])
})

test('after a minute it is rolled back, and what the flow still does in it is refused', async t => {
  const rig = await QueueRig.start(t)
  let minuteOver = (): void => assert.fail('nothing waits for a minute')
  const after = (ms: number, run: () => void): Timer => {
    if (ms === 60_000) minuteOver = run
    return systemClock.after(ms, run)
  }
  Object.assign(rig.services, { clock: { ...systemClock, after } })
  rig.steps.set('linger', () => minuteOver())
  rig.deploy(flow(rig, 'new', 'send B', 'do linger', 'send C', 'commit'))
  await assert.rejects(run(rig), /is over: it was open for 60000 ms/)
  assert.deepEqual([rig.depth('B'), rig.depth('C')], [0, 0])
})
