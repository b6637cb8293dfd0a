import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFor } from '../../runtime/event-topics.ts'
import { deployed, fakeServices, mark, marks, mediate, SYNAPSE, type FakeServices } from '../../testing/rig.ts'

const SOURCE = `<eventSource xmlns="${SYNAPSE}" name="Prices">
  <subscriptionManager><property name="topicHeaderName" value="Topic"/><property name="topicHeaderNS" value="urn:acme"/></subscriptionManager>
  <subscription id="all"><filter source="prices"/><endpoint><address uri="http://all/"/></endpoint></subscription>
  <subscription id="gold"><filter source="/prices/gold/"/><endpoint><address uri="http://gold/"/></endpoint></subscription>
  <subscription id="any"><endpoint><address uri="http://any/"/></endpoint></subscription>
</eventSource>`

function about(topic: string): { body: string; contentType: string } {
  const soap = 'http://schemas.xmlsoap.org/soap/envelope/'
  const header = `<s:Header><t:Topic xmlns:t="urn:acme">${topic}</t:Topic></s:Header>`
  return { body: `<s:Envelope xmlns:s="${soap}">${header}<s:Body><p/></s:Body></s:Envelope>`, contentType: 'text/xml' }
}

const sentTo = ({ sent }: FakeServices): string[] => sent.map(({ target }) => new URL(target.url).host).sort()

test('a copy goes to each subscriber of the topic that a header names, one way, and the flow goes on', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [SOURCE])
  const { ctx } = await mediate(
    `<sequence key="Prices"/>${mark('after')}`,
    { ...about('prices/gold'), runtime },
    services,
  )
  assert.deepEqual(sentTo(services), ['all', 'any', 'gold'])
  assert.ok(services.sent.every(({ oneWay }) => oneWay))
  assert.deepEqual(marks(ctx), ['mark = after'])
  assert.equal(ctx.properties.has('OUT_ONLY'), false)
})

test('a message without a topic goes to whoever wants everything', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [SOURCE])
  await mediate('<sequence key="Prices"/>', { runtime }, services)
  assert.deepEqual(sentTo(services), ['any'])
})

test('a filter is for its topic and those below it, however slashes are written', () => {
  const matches = (topic: string | undefined, published: string): boolean =>
    isFor({ id: 'x', topic, endpoint: undefined as never }, published)
  assert.deepEqual(
    [
      matches('a/b', 'a/b'),
      matches('/a/b/', 'a/b/c'),
      matches('a/*', 'a/b'),
      matches('a/b', 'a/bc'),
      matches('a/b', 'a'),
      matches(undefined, 'a'),
    ],
    [true, true, true, false, false, true],
  )
})
