import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IntegrationError } from '../../kernel/errors.ts'
import { deployed, fakeServices, faultOf, mark, marks, mediate, SYNAPSE } from '../../testing/rig.ts'

const subscription = (id: string): string =>
  `<subscription id="${id}"><endpoint><address uri="http://${id}/"/></endpoint></subscription>`
const PUBLISH = `<eventPublisher eventSourceName="S"/>${mark('after')}`

test('the message is published to the event source; a subscriber that is away leaves the others alone', async () => {
  const services = fakeServices()
  services.answer = (_request, { url }) => {
    if (url.includes('away')) throw new IntegrationError('CONNECT_FAILED', 'away')
    return null
  }
  const source = `<eventSource xmlns="${SYNAPSE}" name="S">${subscription('away')}${subscription('there')}</eventSource>`
  const { ctx } = await mediate(PUBLISH, { runtime: deployed(services, [source]) }, services)
  assert.deepEqual(services.sent.map(({ target }) => target.url).sort(), ['http://away/', 'http://there/'])
  assert.deepEqual(marks(ctx), ['mark = after'])
})

test('a name that is not there, or that is a sequence, is a fault', async () => {
  const services = fakeServices()
  assert.equal((await faultOf(mediate(PUBLISH, {}, services))).code, 'SEQUENCE_UNKNOWN')
  const runtime = deployed(services, [`<sequence xmlns="${SYNAPSE}" name="S"><log/></sequence>`])
  assert.match(
    (await faultOf(mediate(PUBLISH, { runtime }, services))).message,
    /"S" is a sequence and no event source/,
  )
})
