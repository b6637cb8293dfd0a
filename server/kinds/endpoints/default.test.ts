import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeServices, faultOf, mediate } from '../../testing/rig.ts'

const send = (inside: string): string => `<send><endpoint>${inside}</endpoint></send>`

test('the message says where, the endpoint how', async () => {
  const services = fakeServices()
  await mediate(send('<default format="soap11"/>'), { to: 'http://there/' }, services)
  assert.deepEqual(services.sent[0]!.target, { url: 'http://there/', format: 'soap11' })
})

test('a header mediator sets where it goes (trap H41)', async () => {
  const services = fakeServices()
  await mediate(
    `<property name="To" value="http://no/"/><header name="To" value="http://yes/"/>${send('<default/>')}`,
    {},
    services,
  )
  assert.equal(services.sent[0]!.target.url, 'http://yes/')
})

test('a message without an address is a fault', async () => {
  assert.equal((await faultOf(mediate(send('<default/>')))).code, 'NO_ADDRESS')
})
