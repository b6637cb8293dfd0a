import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deployed, fakeServices, mark, marks, mediate, SYNAPSE } from '../../testing/rig.ts'

function source(name: string, topic: string): string {
  return `<eventSource xmlns="${SYNAPSE}" name="${name}"><subscription id="${name}"><filter source="${topic}"/><endpoint><address uri="http://${name}/"/></endpoint></subscription></eventSource>`
}

test('the message goes to every event source with a subscriber of the topic, which may be an expression', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [source('a', 'prices'), source('b', 'prices/gold'), source('c', 'orders')])
  const run = (topic: string) =>
    mediate(`<event topic="${topic}"/>${mark('after')}`, { runtime, properties: { t: 'prices/gold' } }, services)
  const { ctx } = await run('prices')
  assert.deepEqual(
    services.sent.map(({ target }) => target.url),
    ['http://a/'],
  )
  assert.deepEqual(marks(ctx), ['mark = after'])
  await run(`{get-property('t')}`)
  assert.deepEqual(services.sent.map(({ target }) => target.url).sort(), ['http://a/', 'http://a/', 'http://b/'])
})

test('without anybody who wants it nothing happens', async () => {
  assert.deepEqual(marks((await mediate(`<event topic="x"/>${mark('after')}`)).ctx), ['mark = after'])
})

test('event sources are looked for once in each snapshot, not for each message', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [source('a', 'prices')])
  let looks = 0
  const names = runtime.names.bind(runtime)
  runtime.names = role => (looks++, names(role))
  for (let number = 0; number < 3; number++) await mediate('<event topic="prices"/>', { runtime }, services)
  assert.deepEqual([looks, services.sent.length], [1, 3])
})
