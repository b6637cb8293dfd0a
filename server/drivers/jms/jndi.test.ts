import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveJms } from './jndi.ts'
import type { JmsConfiguration, ResolvedJms } from './jndi.ts'
import { parseProperties } from './properties-file.ts'

const ACTIVEMQ = 'org.apache.activemq.jndi.ActiveMQInitialContextFactory'
const ARTEMIS = 'org.apache.activemq.artemis.jndi.ActiveMQInitialContextFactory'
const QPID = 'org.apache.qpid.jms.jndi.JmsInitialContextFactory'

function resolve(parameters: Record<string, string>, rest: Partial<JmsConfiguration> = {}): ResolvedJms {
  return resolveJms({
    parameters: new Map(Object.entries(parameters)),
    destination: 'Q',
    readFile: () => undefined,
    ...rest,
  })
}

const placeOf = ({ target }: ResolvedJms): string | undefined =>
  target && `${target.hosts[0]!.host}:${target.hosts[0]!.port}`
const errorOf = ({ remarks }: ResolvedJms): string | undefined =>
  remarks.find(({ severity }) => severity === 'error')?.code

test("ActiveMQ's factory takes the provider URL, or the one of the named factory", () => {
  const plain = resolve({
    'java.naming.factory.initial': ACTIVEMQ,
    'java.naming.provider.url': 'tcp://localhost:61616',
  })
  assert.deepEqual([placeOf(plain), plain.protocol, plain.queue], ['localhost:61616', 'auto', 'Q'])
  const named = resolve(
    {
      'java.naming.factory.initial': ACTIVEMQ,
      'java.naming.provider.url': 'tcp://a:1',
      'connection.CF.brokerURL': 'tcp://b:2',
    },
    { connectionFactory: 'CF' },
  )
  assert.equal(placeOf(named), 'b:2')
})

test("Artemis's factory takes connectionFactory entries, or the provider URL", () => {
  const entry = { 'java.naming.factory.initial': ARTEMIS, 'connectionFactory.QueueConnectionFactory': 'tcp://b:61617' }
  assert.equal(placeOf(resolve(entry)), 'b:61617')
  assert.equal(
    placeOf(resolve({ 'java.naming.factory.initial': ARTEMIS, 'java.naming.provider.url': 'tcp://a' })),
    'a:61616',
  )
})

test("Qpid's factory reads a properties file, and parameters in the XML win over it", () => {
  const file = 'connectionfactory.QueueConnectionFactory = amqp://file:5672\nqueue.Q = physical\\u0020name\n'
  const parameters = { 'java.naming.factory.initial': QPID, 'java.naming.provider.url': 'conf/jndi.properties' }
  const fromFile = resolve(parameters, { readFile: path => (path === 'conf/jndi.properties' ? file : undefined) })
  assert.deepEqual([placeOf(fromFile), fromFile.queue, fromFile.protocol], ['file:5672', 'physical name', 'amqp'])
  const inline = resolve(
    { ...parameters, 'connectionfactory.QueueConnectionFactory': 'amqps://inline' },
    { readFile: () => file },
  )
  assert.equal(placeOf(inline), 'inline:5671')
})

test('a properties file that is not there is an error that names it', () => {
  const resolved = resolve({ 'java.naming.factory.initial': QPID, 'java.naming.provider.url': 'conf/jndi.properties' })
  assert.equal(errorOf(resolved), 'jndi-file-missing')
  assert.match(resolved.remarks[0]!.message, /conf\/jndi\.properties/)
})

test("WSO2's own broker is refused with the reason: its address is AMQP 0-9-1", () => {
  const resolved = resolve({
    'java.naming.factory.initial': 'org.wso2.andes.jndi.PropertiesFileInitialContextFactory',
    'connectionfactory.QueueConnectionFactory': "amqp://admin:admin@clientID/carbon?brokerlist='tcp://localhost:5675'",
  })
  assert.deepEqual([errorOf(resolved), resolved.target], ['broker-url-0-9-1', undefined])
})

test('IBM MQ is refused, unless its AMQP channel is named', () => {
  const factory = 'com.sun.jndi.fscontext.RefFSContextFactory'
  assert.equal(
    errorOf(resolve({ 'java.naming.factory.initial': factory, 'java.naming.provider.url': 'file:/C:/JNDI' })),
    'jms-factory-refused',
  )
  const channel = resolve(
    { 'java.naming.factory.initial': factory, 'java.naming.provider.url': 'amqp://mq:5672' },
    { protocol: 'amqp' },
  )
  assert.equal(placeOf(channel), 'mq:5672')
})

test('queue names go through JNDI, dynamicQueues, or stand for themselves; topics are refused', () => {
  const names = { 'java.naming.provider.url': 'tcp://a', 'queue.orders': 'ORDERS.IN', 'topic.news': 'NEWS' }
  assert.equal(resolve(names, { destination: 'orders' }).queue, 'ORDERS.IN')
  assert.equal(resolve(names, { destination: 'dynamicQueues/x.y' }).queue, 'x.y')
  assert.equal(resolve(names, { destination: 'plain' }).queue, 'plain')
  assert.equal(errorOf(resolve(names, { destination: 'news' })), 'jms-topic')
  assert.equal(errorOf(resolve(names, { destination: 'dynamicTopics/t' })), 'jms-topic')
})

test("credentials: the store's, then the address's, then JNDI's", () => {
  const names = {
    'java.naming.provider.url': 'amqp://url:urlpw@a',
    'java.naming.security.principal': 'jndi',
    'java.naming.security.credentials': 'jndipw',
  }
  assert.equal(resolve(names, { username: 'store', password: 'pw' }).target?.username, 'store')
  assert.equal(resolve(names, { username: 'half' }).target?.username, 'url')
  assert.equal(resolve({ ...names, 'java.naming.provider.url': 'amqp://a' }).target?.password, 'jndipw')
})

test('without an address the error says where to give one; an unknown factory is only a warning', () => {
  assert.equal(errorOf(resolve({ 'java.naming.factory.initial': ACTIVEMQ })), 'jms-address-missing')
  const unknown = resolve({
    'java.naming.factory.initial': 'com.example.Factory',
    'java.naming.provider.url': 'amqp://a',
  })
  assert.deepEqual([unknown.remarks[0]?.code, placeOf(unknown)], ['jms-factory-unknown', 'a:5672'])
})

test('the protocol is what is asked for, else what the factory and the address are sure of, else the port is asked', () => {
  const spoken = (factory: string, url: string, protocol: JmsConfiguration['protocol'] = 'auto') => {
    const { target } = resolve(
      { 'java.naming.factory.initial': factory, 'java.naming.provider.url': url },
      { protocol },
    )
    return target?.protocol
  }
  assert.equal(spoken(ACTIVEMQ, 'tcp://a:61616'), 'auto')
  assert.equal(spoken(ACTIVEMQ, 'amqp://a:5672'), 'amqp')
  assert.equal(spoken(ACTIVEMQ, 'amqp://a:5672', 'openwire'), 'openwire')
  assert.equal(spoken(ACTIVEMQ, 'tcp://a:61616', 'amqp'), 'amqp')
  assert.equal(spoken(ARTEMIS, 'tcp://a:61616'), 'amqp')
  assert.equal(spoken(ARTEMIS, 'tcp://a:61616', 'openwire'), 'openwire')
})

test('STOMP by force is refused with what to use', () => {
  assert.equal(errorOf(resolve({ 'java.naming.provider.url': 'tcp://a' }, { protocol: 'stomp' })), 'jms-protocol')
})

test('properties files are read as Java reads them', () => {
  const text =
    '# comment\n! too\n\na=1\nb : 2\nc 3\nd\\ e = f\\=g\nlong = one, \\\n   two\nback = c:\\\\x\\\\\nempty\nu=\\u00e9\\t|\n'
  assert.deepEqual(Object.fromEntries(parseProperties(text)), {
    a: '1',
    b: '2',
    c: '3',
    'd e': 'f=g',
    long: 'one, two',
    back: 'c:\\x\\',
    empty: '',
    u: 'é\t|',
  })
})
