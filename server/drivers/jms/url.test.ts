import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hidden, parseBrokerUrl } from './url.ts'

const hostsOf = (url: string): string[] =>
  (parseBrokerUrl(url).target?.hosts ?? []).map(({ host, port, tls }) => `${tls ? 'tls ' : ''}${host}:${port}`)
const codesOf = (url: string): string[] => parseBrokerUrl(url).remarks.map(({ code }) => code)

test('each scheme gives host, port and whether TLS is spoken', () => {
  const cases: Record<string, string[]> = {
    'tcp://localhost:61616': ['localhost:61616'],
    'tcp://broker': ['broker:61616'],
    'nio://b:1': ['b:1'],
    'auto+nio://b:1': ['b:1'],
    'ssl://b': ['tls b:61617'],
    'nio+ssl://b:1': ['tls b:1'],
    'tcp://b:61616?sslEnabled=true': ['tls b:61616'],
    'amqp://b': ['b:5672'],
    'amqps://ns.servicebus.windows.net': ['tls ns.servicebus.windows.net:5671'],
    'tcp://[::1]:61616': ['::1:61616'],
    'failover:(tcp://a:1,ssl://b:2)?randomize=false': ['a:1', 'tls b:2'],
    'failover:tcp://a:1,tcp://b:2': ['a:1', 'b:2'],
    'failover://(tcp://a:1?wireFormat.maxInactivityDuration=0,tcp://b:2)': ['a:1', 'b:2'],
    '(tcp://a:1,tcp://b:2)?ha=true&reconnectAttempts=-1': ['a:1', 'b:2'],
  }
  for (const [url, hosts] of Object.entries(cases)) assert.deepEqual(hostsOf(url), hosts, url)
})

test('only an amqp scheme is sure of the protocol', () => {
  assert.equal(parseBrokerUrl('amqp://b').options.protocol, 'amqp')
  assert.equal(parseBrokerUrl('failover:(amqps://a,amqps://b)').options.protocol, 'amqp')
  assert.equal(parseBrokerUrl('tcp://b').options.protocol, 'auto')
})

test('user, password and virtual host come from the address, decoded', () => {
  const { target } = parseBrokerUrl('amqp://u%40x:p:w%2F@b:5672/vh%201')
  assert.deepEqual([target?.username, target?.password, target?.virtualHost], ['u@x', 'p:w/', 'vh 1'])
})

test('reconnecting follows the kind of list', () => {
  const failover = parseBrokerUrl(
    'failover:(tcp://a,tcp://b)?maxReconnectDelay=5000&useExponentialBackOff=false&initialReconnectDelay=50',
  )
  assert.deepEqual(failover.target?.reconnecting, { initialDelay: 50, maxDelay: 5000, factor: 1, randomize: true })
  const artemis = parseBrokerUrl(
    '(tcp://a,tcp://b)?retryInterval=300&retryIntervalMultiplier=1.5&maxRetryInterval=9000',
  )
  assert.deepEqual(artemis.target?.reconnecting, { initialDelay: 300, maxDelay: 9000, factor: 1.5, randomize: false })
})

test('a limit on reconnecting is not obeyed, and that is said', () => {
  assert.deepEqual(codesOf('failover:(tcp://a)?maxReconnectAttempts=3'), ['broker-url-endless'])
  assert.deepEqual(codesOf('(tcp://a)?reconnectAttempts=0'), ['broker-url-endless'])
  assert.deepEqual(codesOf('failover:(tcp://a)?maxReconnectAttempts=-1'), [])
})

test('redelivery, prefetch and wire format options are honoured, also nested ones', () => {
  const { options, target } = parseBrokerUrl(
    'failover:(tcp://a)?nested.wireFormat.maxInactivityDuration=4000&jms.redeliveryPolicy.maximumRedeliveries=0&jms.redeliveryPolicy.useExponentialBackOff=true&jms.prefetchPolicy.queuePrefetch=5&jms.useCompression=true',
  )
  assert.equal(target?.idleTimeout, 4000)
  assert.deepEqual([options.redelivery.maximumRedeliveries, options.redelivery.redeliveryDelay], [0, 1000])
  assert.deepEqual([options.redelivery.useExponentialBackOff, options.prefetch, options.compress], [true, 5, true])
})

test('unknown options are accepted with a hint, values that are no numbers with a warning', () => {
  assert.deepEqual(parseBrokerUrl('tcp://a?jms.watchTopicAdvisories=false').remarks, [
    { code: 'broker-url-option', severity: 'hint', message: 'accepted without effect: jms.watchTopicAdvisories' },
  ])
  assert.deepEqual(codesOf('tcp://a?jms.prefetchPolicy.queuePrefetch=many'), ['broker-url-value'])
})

test('silence can never be switched off: a dead peer would go unnoticed', () => {
  assert.equal(parseBrokerUrl('tcp://a?wireFormat.maxInactivityDuration=0').target?.idleTimeout, 10_000)
})

test('key stores are PKCS12 or PEM; a Java key store is refused with the command that converts it', () => {
  assert.deepEqual(
    parseBrokerUrl('amqps://a?transport.trustStoreLocation=ca.p12&transport.trustStorePassword=x').target?.tls,
    {
      pfx: 'ca.p12',
      passphrase: 'x',
    },
  )
  assert.deepEqual(parseBrokerUrl('ssl://a?trustStorePath=ca.pem').target?.tls, { ca: 'ca.pem' })
  const refused = parseBrokerUrl('ssl://a?transport.trustStoreLocation=client.jks')
  assert.equal(refused.target, undefined)
  assert.match(refused.remarks[0]?.hint ?? '', /keytool .* -deststoretype PKCS12/)
  const both = 'ssl://a?keyStorePath=me.p12&keyStorePassword=x&trustStorePassword=y&trustStorePath='
  assert.deepEqual(parseBrokerUrl(`${both}ca.pem`).target?.tls, { pfx: 'me.p12', passphrase: 'x', ca: 'ca.pem' })
  assert.deepEqual(codesOf(`${both}trust.p12`), ['broker-url-trust-store'])
  assert.deepEqual(parseBrokerUrl('ssl://a?keyStorePath=me.pem').target?.tls, { cert: 'me.pem', key: 'me.pem' })
  assert.deepEqual(codesOf('amqps://a?transport.trustAll=true'), ['broker-url-trust-all'])
  assert.equal(parseBrokerUrl('amqps://a?transport.verifyHost=false').target?.tls?.verifyHost, false)
})

test('what cannot be used is an error with what to do, and no target', () => {
  const cases: Record<string, string> = {
    '': 'broker-url-empty',
    'localhost:61616': 'broker-url-invalid',
    'failover:()': 'broker-url-invalid',
    'tcp://a:99999': 'broker-url-invalid',
    'http://a': 'broker-url-scheme',
    'discovery:(multicast://default)': 'broker-url-scheme',
    'mqtt://a': 'broker-url-scheme',
    "amqp://admin:admin@clientid/carbon?brokerlist='tcp://localhost:5675'": 'broker-url-0-9-1',
  }
  for (const [url, code] of Object.entries(cases)) {
    const { target, remarks } = parseBrokerUrl(url)
    assert.equal(target, undefined, url)
    assert.deepEqual([remarks[0]?.code, remarks[0]?.severity], [code, 'error'], url)
    assert.ok(remarks[0]?.hint, url)
  }
})

test('a broker inside the Java process is a queue of the journal', () => {
  const { options, target, remarks } = parseBrokerUrl('vm://localhost?broker.persistent=false')
  assert.deepEqual([options.insideJvm, target, remarks[0]?.severity], ['localhost', undefined, 'warning'])
})

test('passwords do not get into messages', () => {
  assert.equal(hidden('amqp://u:secret@b?jms.password=secret&x=1'), 'amqp://u:***@b?jms.password=***&x=1')
  assert.ok(!JSON.stringify(parseBrokerUrl('amqp:/u:secret@b').remarks).includes('secret'))
})
