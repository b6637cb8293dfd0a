import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { decode } from '../../testing/rig.ts'
import { link } from '../linker.ts'
import { deliveryRemarks, deliveryRules } from './index.ts'

const FORWARD = 'org.apache.synapse.message.processor.impl.forwarder.ScheduledMessageForwardingProcessor'
const FAILOVER = 'org.apache.synapse.message.processor.impl.failover.FailoverScheduledMessageForwardingProcessor'
const MEMORY = 'org.apache.synapse.message.store.impl.memory.InMemoryStore'
const JMS = 'org.apache.synapse.message.store.impl.jms.JmsStore'
const RABBIT = 'org.apache.synapse.message.store.impl.rabbitmq.RabbitMQStore'

const parameters = (given: Readonly<Record<string, string>>): string =>
  Object.entries(given)
    .map(([name, value]) => `<parameter name="${name}">${value}</parameter>`)
    .join('')
const forward = (given: Readonly<Record<string, string>> = {}, name = 'P'): string =>
  `<messageProcessor name="${name}" class="${FORWARD}" messageStore="S" targetEndpoint="E">${parameters(given)}</messageProcessor>`
const store = (name: string, given: Readonly<Record<string, string>> = {}, className = ''): string =>
  `<messageStore name="${name}"${className && ` class="${className}"`}>${parameters(given)}</messageStore>`
const jms = (name: string, url: string, given: Readonly<Record<string, string>> = {}): string =>
  store(name, { 'java.naming.provider.url': url, ...given }, JMS)
const rabbit = (name: string, hosts: string, given: Readonly<Record<string, string>> = {}): string =>
  store(name, { 'store.rabbitmq.host.name': hosts, ...given }, RABBIT)
const sequence = (inside: string): string => `<sequence name="main">${inside}</sequence>`
const proxy = (out: string): string =>
  `<proxy name="X"><target><inSequence><drop/></inSequence><outSequence>${out}</outSequence></target></proxy>`
const endpoint = (inside: string): string =>
  `<endpoint name="E"><address uri="http://h/">${inside}</address></endpoint>`
const guaranteed = {
  'store.producer.guaranteed.delivery.enable': 'true',
  'store.failover.message.store.name': 'F',
}
const failover = `<messageProcessor name="B" class="${FAILOVER}" messageStore="F">${parameters({ 'message.target.store.name': 'S' })}</messageProcessor>`

/** `code line:column` of everything remarked. */
function remarks(...artifacts: readonly string[]): string[] {
  const xml = `<definitions xmlns="http://ws.apache.org/ns/synapse">\n${artifacts.join('\n')}\n</definitions>`
  const linked = link([decode(xml)])
  assert.deepEqual(linked.faulty, [])
  return deliveryRemarks(linked.artifacts).map(({ code, at }) => `${code} ${at.line}:${at.column}`)
}

const has = (code: string, ...artifacts: readonly string[]): boolean =>
  remarks(...artifacts).some(remark => remark.startsWith(`${code} `))

/** What triggers each rule, and the same with what it advises. */
const cases: Readonly<
  Record<string, { readonly bad: readonly string[]; readonly good: readonly (readonly string[])[] }>
> = {
  'stops-unheard': {
    bad: [forward()],
    good: [
      [forward({ 'message.processor.failMessagesStore': 'F' })],
      [forward({ 'message.processor.deactivate.sequence': 'D' })],
      [forward({ 'max.delivery.attempts': '-1' })],
    ],
  },
  'throws-away': {
    bad: [forward({ 'max.delivery.drop': 'Enabled' })],
    good: [[forward({ 'message.processor.failMessagesStore': 'F' })], [forward({ 'max.delivery.drop': 'Disabled' })]],
  },
  'order-not-kept': {
    bad: [forward({ 'member.count': '3' })],
    good: [[forward({ concurrency: '3', 'concurrency.key': 'id' })], [forward({ 'member.count': '1' })]],
  },
  rivals: { bad: [forward(), forward({}, 'Q')], good: [[forward(), forward({ 'is.active': 'false' }, 'Q')]] },
  'never-delivered': {
    bad: [store('S'), sequence('<store messageStore="S"/>')],
    good: [[store('S'), sequence('<store messageStore="S"/>'), forward()]],
  },
  'failover-never-emptied': {
    bad: [store('S', guaranteed), store('F')],
    good: [[store('S', guaranteed), store('F'), failover]],
  },
  'failover-in-memory': {
    bad: [store('S', guaranteed), store('F', {}, MEMORY), failover],
    good: [[store('S', guaranteed), store('F'), failover]],
  },
  'failover-same-broker': {
    bad: [jms('S', 'failover:(tcp://a:61616,tcp://127.0.0.1:1)', guaranteed), jms('F', 'tcp://localhost:1'), failover],
    good: [
      [jms('S', 'tcp://a:61616', guaranteed), jms('F', 'tcp://b:61616'), failover],
      [jms('S', 'tcp://a:61616', guaranteed), jms('F', 'tcp://a:61617'), failover],
      [jms('S', 'tcp://a:61616', guaranteed), store('F'), failover],
    ],
  },
  'rests-half-a-minute': {
    bad: [forward(), endpoint('')],
    good: [[forward(), endpoint('<suspendOnFailure><errorCodes>-1</errorCodes></suspendOnFailure>')], [endpoint('')]],
  },
  'never-runs': {
    bad: [sequence('<respond/><log/>')],
    good: [[sequence('<log/><respond/>')], [sequence('<send/><drop/>')], [sequence('<call/><log/>')]],
  },
  'caller-waits': {
    bad: [proxy('<log/>')],
    good: [[proxy('<log/><respond/>')], [proxy('<filter xpath="true()"><then><send/></then></filter>')], [proxy('')]],
  },
  'timeout-discards': {
    bad: [endpoint('<timeout><duration>1</duration><responseAction>discard</responseAction></timeout>')],
    good: [
      [endpoint('<timeout><duration>1</duration><responseAction>fault</responseAction></timeout>')],
      [endpoint('<timeout><duration>1</duration></timeout>')],
    ],
  },
  'secret-in-clear': {
    bad: [store('S', { 'store.jdbc.password': 'geheim' }, MEMORY)],
    good: [[store('S', { 'store.jdbc.password': '' }, MEMORY)], [store('S', { 'password.file': '/x' }, MEMORY)]],
  },
}

for (const { code } of deliveryRules) {
  test(`rule ${code} speaks where it should, and is silent where its advice was taken`, () => {
    const { bad, good } = cases[code]!
    assert.equal(has(code, ...bad), true)
    for (const artifacts of good) assert.equal(has(code, ...artifacts), false, artifacts.join('\n'))
  })
}

test('a failover store at the broker of its original store is told at the place that names it, RabbitMQ, too (BI-5)', () => {
  const code = (primary: string, secondary: string): string | undefined => {
    const three = [rabbit('S', primary, guaranteed), rabbit('F', secondary), failover]
    return remarks(...three).find(remark => remark.startsWith('failover-same-broker'))
  }
  assert.equal(code('rabbit1,Rabbit2', 'rabbit2')?.split(' ')[1], '2:239')
  assert.equal(code('rabbit1', 'rabbit2'), undefined)
})

test('every rule is on its page, with why and what to write instead', () => {
  const page = readFileSync(new URL('../../docs/check.md', import.meta.url), 'utf8')
  for (const { code, severity, why, instead } of deliveryRules) {
    assert.ok(page.includes(`| \`${code}\` | ${severity} | ${why} | ${instead} |`), code)
  }
})

test('a remark stands where the thing itself is written', () => {
  const discard = '<timeout><duration>1</duration><responseAction>discard</responseAction></timeout>'
  assert.deepEqual(remarks(endpoint(discard)), ['timeout-discards 2:76'])
  assert.deepEqual(remarks(sequence('<respond/><log/>')), ['never-runs 2:33'])
})

test('a secret is named, never shown', () => {
  const xml = `<definitions>${store('S', { 'store.jdbc.password': 'geheim' }, MEMORY)}</definitions>`
  for (const { message, hint } of deliveryRemarks(link([decode(xml)]).artifacts)) {
    assert.doesNotMatch(`${message} ${hint}`, /geheim/)
  }
})
