import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PriorityExecutor } from '../../runtime/priority-executor.ts'
import { contextOf, deployed, fakeServices, mark, marks, mediate, SYNAPSE } from '../../testing/rig.ts'

test('the sequence runs on a copy while the flow goes on, and answers the caller', async () => {
  const services = fakeServices()
  const work = `<sequence xmlns="${SYNAPSE}" name="work">${mark('work')}<property name="p" value="w"/><respond/></sequence>`
  const ctx = contextOf({ runtime: deployed(services, [work]) })
  await mediate(`<enqueue sequence="work" priority="3" executor="e"/>${mark('after')}`, ctx, services)
  await new Promise(setImmediate)
  assert.deepEqual([...marks(ctx)].sort(), ['mark = after', 'mark = work'])
  assert.equal(ctx.exchange.expected, true)
  assert.equal(ctx.answers.length, 1)
  assert.equal(ctx.properties.has('p'), false)
})

test('a sequence that is not there is a fault of the copy, and told in the log', async () => {
  const ctx = contextOf()
  await mediate(`<enqueue sequence="none" executor="e2"/>${mark('after')}`, ctx)
  await new Promise(setImmediate)
  assert.match(ctx.log.texts('error').join(), /Sequence named none cannot be found/)
  assert.deepEqual(marks(ctx), ['mark = after'])
})

test('so many run at once, the most urgent first, equals in turn; what is too much is refused', async () => {
  const executor = new PriorityExecutor(1)
  const order: string[] = []
  let free: () => void = () => undefined
  executor.add(0, () => new Promise<void>(resolve => (free = resolve)))
  const add = (priority: number, name: string): boolean => executor.add(priority, async () => void order.push(name))
  for (const [priority, name] of [
    [1, 'a'],
    [5, 'b'],
    [1, 'c'],
    [9, 'd'],
  ] as const)
    assert.equal(add(priority, name), true)
  assert.deepEqual(order, [])
  free()
  await new Promise(setImmediate)
  assert.deepEqual(order, ['d', 'b', 'a', 'c'])

  let stuck: () => void = () => undefined
  executor.add(0, () => new Promise<void>(resolve => (stuck = resolve)))
  const results = Array.from({ length: 10_001 }, () => add(0, 'x'))
  assert.deepEqual([results.at(-2), results.at(-1)], [true, false])
  stuck()
})
