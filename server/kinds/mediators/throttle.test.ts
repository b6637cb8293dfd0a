import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  contextOf,
  deployed,
  diagnosticsOf,
  fakeServices,
  faultOf,
  mark,
  marks,
  mediate,
  SYNAPSE,
  type Given,
  type TestContext,
} from '../../testing/rig.ts'

const CONCURRENT = '<throttle:MaximumConcurrentAccess>1</throttle:MaximumConcurrentAccess>'

function policy(inside = CONCURRENT): string {
  return `<wsp:Policy xmlns:wsp="http://schemas.xmlsoap.org/ws/2004/09/policy" xmlns:throttle="http://www.wso2.org/products/wso2commons/throttle"><throttle:MediatorThrottleAssertion>${inside}</throttle:MediatorThrottleAssertion></wsp:Policy>`
}

function perCaller(count: number): string {
  return `<wsp:Policy><throttle:ID throttle:type="IP">other</throttle:ID><wsp:Policy><throttle:Control><wsp:Policy><throttle:MaximumCount>${count}</throttle:MaximumCount><throttle:UnitTime>1000</throttle:UnitTime></wsp:Policy></throttle:Control></wsp:Policy></wsp:Policy>`
}

function throttle(inside: string, attributes = 'id="A"'): string {
  return `<throttle ${attributes}>${inside}</throttle>`
}

const BOTH = `<onAccept>${mark('in')}</onAccept><onReject>${mark('out')}</onReject>`

test('what passes runs onAccept, what does not onReject; both go on unless they end it', async () => {
  const services = fakeServices()
  const xml = `${throttle(`<policy>${policy()}</policy>${BOTH}`)}${mark('after')}`
  assert.deepEqual(marks((await mediate(xml, {}, services)).ctx), ['mark = in', 'mark = after'])
  assert.deepEqual(marks((await mediate(xml, {}, services)).ctx), ['mark = out', 'mark = after'])
})

test('the place is free again when the reply passes a throttle of the same id, or the exchange is over', async () => {
  const services = fakeServices()
  const xml = throttle(`<policy>${policy()}</policy>`)
  const enter = async (): Promise<TestContext> => (await mediate(xml, {}, services)).ctx
  const first = await enter()
  assert.equal((await faultOf(enter())).code, 'THROTTLED')
  first.message.isResponse = true
  await mediate(throttle('', 'id="B"'), first, services)
  assert.equal((await faultOf(enter())).code, 'THROTTLED')
  await mediate(throttle(''), first, services)
  const second = await enter()
  second.exchange.over()
  await enter()
})

test('without onReject a message that may not pass is a fault that says why', async () => {
  const services = fakeServices()
  const xml = throttle(`<policy>${policy(perCaller(0))}</policy>`)
  const fault = await faultOf(mediate(xml, { axis2: { REMOTE_ADDR: '203.0.113.7' } }, services))
  assert.equal(fault.message, 'the throttle A lets this message not pass: 203.0.113.7 has come too often')
  assert.equal(fault.retryable, true)
})

test('callers are told apart by address; X-Forwarded-For counts only from where a reverse proxy may be', async () => {
  const services = fakeServices()
  const xml = `${throttle(`<policy>${policy(perCaller(1))}</policy>${BOTH}`)}`
  const from = async (peer: string, forwarded?: string): Promise<string> => {
    const given: Given = {
      axis2: { REMOTE_ADDR: peer },
      ...(forwarded !== undefined && { headers: { 'X-Forwarded-For': forwarded } }),
    }
    return marks((await mediate(xml, given, services)).ctx)[0]!
  }
  assert.equal(await from('203.0.113.1'), 'mark = in')
  assert.equal(await from('203.0.113.1', '198.51.100.1'), 'mark = out')
  assert.equal(await from('127.0.0.1', '198.51.100.1, 10.0.0.1'), 'mark = in')
  assert.equal(await from('10.1.2.3', '198.51.100.1'), 'mark = out')
  assert.equal(await from('10.1.2.3', '198.51.100.2'), 'mark = in')
})

test('a policy by key is read again when its text has changed; one that is none is a fault that names it', async () => {
  const services = fakeServices()
  const entry = (text: string): string => `<localEntry xmlns="${SYNAPSE}" key="p">${text}</localEntry>`
  const run = async (text: string): Promise<readonly string[]> => {
    const ctx = contextOf({ runtime: deployed(services, [entry(text)]) })
    return marks((await mediate(throttle(`<policy key="p"/>${BOTH}`), ctx, services)).ctx)
  }
  assert.deepEqual(await run(policy()), ['mark = in'])
  assert.deepEqual(await run(policy()), ['mark = out'])
  assert.deepEqual(await run(policy(CONCURRENT.replace('1', '5'))), ['mark = in'])
  assert.match((await faultOf(run('<a/>'))).message, /the policy "p" cannot be used: the policy limits nothing/)
  assert.match((await faultOf(run('nothing'))).message, /the policy "p" cannot be used/)
})

test('named sequences stand for what is written in place', async () => {
  const services = fakeServices()
  const runtime = deployed(services, [
    `<sequence xmlns="${SYNAPSE}" name="yes">${mark('yes')}</sequence>`,
    `<sequence xmlns="${SYNAPSE}" name="no">${mark('no')}<drop/></sequence>`,
  ])
  const xml = `${throttle(`<policy>${policy()}</policy>`, 'id="A" onAccept="yes" onReject="no"')}${mark('after')}`
  assert.deepEqual(marks((await mediate(xml, { runtime }, services)).ctx), ['mark = yes', 'mark = after'])
  assert.deepEqual(marks((await mediate(xml, { runtime }, services)).ctx), ['mark = no'])
})

test('a policy that cannot be used is told when it is deployed, at its place', () => {
  const said = diagnosticsOf(`<sequence name="s">\n${throttle(`<policy>\n${policy('')}</policy>`)}</sequence>`)
  assert.deepEqual(
    said.map(({ code, at }) => [code, at.line]),
    [['invalid-value', 3]],
  )
})
