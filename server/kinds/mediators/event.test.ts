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
