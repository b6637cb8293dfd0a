import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InboundEndpoint, MessageSource, SourceState } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { Inbound } from '../../runtime/inbound.ts'
import { decodeGood, diagnosticsOf, fakeServices, placesOf, type FakeServices } from '../../testing/rig.ts'

const JMS = `<inboundEndpoint name="orders" protocol="jms" sequence="take" onError="undo"><parameters>
  <parameter name="java.naming.provider.url">tcp://localhost:61616</parameter>
  <parameter name="transport.jms.Destination">A</parameter>
</parameters></inboundEndpoint>`

interface FakeSource extends MessageSource {
  readonly asked: string[]
  state: SourceState
}

function fakeSource(refuses?: Error): FakeSource {
  const asked: string[] = []
  return {
    asked,
    state: { observed: 'listening', since: 5 },
    async start() {
      asked.push('start')
      if (refuses) throw refuses
    },
    stop: async () => void asked.push('stop'),
  }
}

function inbound(services: FakeServices, source: MessageSource, initiallyActive = true): InboundEndpoint {
  return new Inbound({
    name: 'orders',
    protocol: 'jms',
    sequence: 'take',
    onError: undefined,
    parameters: {},
    initiallyActive,
    source,
    services,
    log: services.log,
  })
}

const OPERATOR = { by: 'operator:ann' }

test('the sequences are referred to, so that a name that leads nowhere is told', () => {
  assert.deepEqual(
    decodeGood(JMS).refs.map(({ role, name }) => `${role}:${name}`),
    ['sequence:take', 'sequence:undo'],
  )
})

test('a protocol that is not offered is refused where it is written, and a slip of the pen is recognised', () => {
  assert.deepEqual(placesOf('<inboundEndpoint name="x" protocol="hl7"/>'), ['1:37 not-supported'])
  const [slip] = diagnosticsOf('<inboundEndpoint name="x" protocol="jmss"/>')
  assert.equal(slip?.hint, 'Did you mean "jms"?')
  assert.deepEqual(placesOf('<inboundEndpoint name="x"/>'), ['1:1 missing'])
  const [java] = diagnosticsOf('<inboundEndpoint name="x" class="org.acme.Poller"/>')
  assert.match(java?.message ?? '', /org\.acme\.Poller.*needs Java/)
})

test('parameters written without <parameters> around them are read as well', () => {
  const { node } = decodeGood(
    '<inboundEndpoint name="x" protocol="jms"><parameter name="java.naming.provider.url">tcp://h:1</parameter></inboundEndpoint>',
  )
  const { inbound } = node!.config as { inbound: { parameters: Record<string, string> } }
  assert.deepEqual(inbound.parameters, { 'java.naming.provider.url': 'tcp://h:1' })
})

test('it shows what its source does, and why it does nothing after an operator has stopped it', async () => {
  const services = fakeServices()
  const source = fakeSource()
  const it = inbound(services, source)
  assert.equal(it.state.observed, 'stopped')
  await it.start()
  assert.deepEqual(it.state, { wanted: 'active', observed: 'listening', since: 5 })
  source.state = { observed: 'connecting', since: 6, reason: 'nothing listens there', nextTry: 9 }
  assert.deepEqual(it.state, { wanted: 'active', ...source.state })
  await it.deactivate(OPERATOR, 'the warehouse moves')
  assert.deepEqual(
    { ...it.state, since: 0 },
    { wanted: 'inactive', observed: 'stopped', since: 0, reason: 'the warehouse moves' },
  )
  assert.deepEqual(source.asked, ['start', 'stop'])
})

test('what an operator said holds over restarts, against suspend="true" as well', async () => {
  const services = fakeServices()
  const first = inbound(services, fakeSource())
  await first.start()
  await first.deactivate(OPERATOR, 'not today')
  const source = fakeSource()
  const again = inbound(services, source)
  await again.start()
  assert.deepEqual([source.asked, again.state.reason], [[], 'not today'])
  await again.activate(OPERATOR)
  const suspended = fakeSource()
  await inbound(services, suspended, false).start()
  assert.deepEqual(suspended.asked, ['start'])
})

test('suspend="true" deploys it without taking anything, and says so', async () => {
  const services = fakeServices()
  const source = fakeSource()
  const it = inbound(services, source, false)
  await it.start()
  assert.deepEqual([source.asked, it.state.wanted, it.state.reason], [[], 'inactive', 'suspend="true"'])
})

test('a source that cannot begin is told of, and can be started again', async () => {
  const services = fakeServices()
  const it = inbound(services, fakeSource(new Error('port 80 is taken')))
  await assert.rejects(it.start(), /port 80 is taken/)
  assert.deepEqual([it.state.wanted, it.state.observed, it.state.reason], ['active', 'stopped', 'port 80 is taken'])
  await assert.rejects(it.activate(OPERATOR), /port 80 is taken/)
})

test('closing it stops the source, and nothing starts it again', async () => {
  const services = fakeServices()
  const source = fakeSource()
  const it = inbound(services, source)
  await it.start()
  await it[Symbol.asyncDispose]()
  await it.activate(OPERATOR)
  assert.deepEqual([source.asked, it.state.observed], [['start', 'stop'], 'stopped'])
})

test('what an operator decided and the disk did not take holds over a redeployment', async () => {
  const services = fakeServices()
  const before = inbound(services, fakeSource())
  await before.start()
  services.journal.failValues = new IntegrationError('DISK_FULL', 'no room')
  await before.deactivate(OPERATOR, 'maintenance')
  await before[Symbol.asyncDispose]()
  const source = fakeSource()
  const after = inbound(services, source)
  await after.start()
  assert.deepEqual([after.state.wanted, after.state.reason, source.asked], ['inactive', 'maintenance', []])
})
