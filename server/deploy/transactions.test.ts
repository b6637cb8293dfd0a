import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConnectionFactories } from '../kernel/connection-factories.ts'
import { decode } from '../testing/rig.ts'
import { link } from './linker.ts'

const FACTORY = 'java.naming.factory.initial=org.apache.activemq.jndi.ActiveMQInitialContextFactory'
const to = (queue: string, broker: string): string =>
  `<call><endpoint><address uri="jms:/${queue}?${FACTORY}&amp;java.naming.provider.url=tcp://${broker}:61616"/></endpoint></call>`
const NEW = '<transaction action="new"/>'
const COMMIT = '<transaction action="commit"/>'
const sequence = (name: string, ...steps: readonly string[]): string =>
  `<sequence name="${name}">${steps.join('')}</sequence>`
const store = (name: string, broker: string): string =>
  `<messageStore name="${name}" class="org.apache.synapse.message.store.impl.jms.JmsStore"><parameter name="java.naming.provider.url">tcp://${broker}:61616</parameter></messageStore>`

function mixed(...xmls: readonly string[]): readonly { message: string; hint: string | undefined; line: number }[] {
  const { diagnostics } = link(xmls.map((xml, index) => decode(xml, {}, `${index}.xml`)))
  return diagnostics
    .filter(({ code }) => code === 'mixed-managers')
    .map(({ message, hint, at }) => ({ message, hint, line: at.line }))
}

test('IP-10: a transaction over two brokers is refused, naming both, with the outbox as the way out', () => {
  const [said, ...rest] = mixed(sequence('work', NEW, to('B', 'one'), '\n', to('C', 'two'), COMMIT))
  assert.equal(
    said?.message,
    'the transaction is at the broker tcp://one:61616, and the broker tcp://two:61616 cannot be part of it',
  )
  assert.match(said?.hint ?? '', /outbox: <store>.*message processor forward it/)
  assert.deepEqual([said?.line, rest.length], [2, 0])
})

test('IP-10: so is one over what it refers to: sequences, endpoints and stores', () => {
  const other = sequence('other', '<store messageStore="S"/>')
  assert.equal(
    mixed(sequence('work', NEW, to('B', 'one'), '<sequence key="other"/>', COMMIT), other, store('S', 'two')).length,
    1,
  )
  assert.equal(
    mixed(sequence('work', NEW, to('B', 'one'), '<sequence key="other"/>', COMMIT), other, store('S', 'one')).length,
    0,
  )
})

test('IP-10: brokers named by a connection factory of deployment.toml are told apart', () => {
  const named = (queue: string, factory: string): string =>
    `<call><endpoint><address uri="jms:/${queue}?transport.jms.ConnectionFactory=${factory}"/></endpoint></call>`
  const factories = new ConnectionFactories({
    'jms.sender': ['one', 'two'].map(name => ({
      name,
      parameters: new Map([
        ['java.naming.factory.initial', 'org.apache.activemq.jndi.ActiveMQInitialContextFactory'],
        ['java.naming.provider.url', `tcp://${name}:61616`],
      ]),
    })),
  })
  const refused = (...steps: readonly string[]): readonly string[] =>
    link([decode(sequence('a', NEW, ...steps, COMMIT))], { factories })
      .diagnostics.filter(({ code }) => code === 'mixed-managers')
      .map(({ message }) => message)
  assert.deepEqual(refused(named('B', 'one'), named('C', 'two')), [
    'the transaction is at the broker tcp://one:61616, and the broker tcp://two:61616 cannot be part of it',
  ])
  assert.deepEqual(refused(named('B', 'one'), to('C', 'one')), [])
})

test('one broker is fine, and so are two transactions one after the other, or one that is suspended', () => {
  assert.deepEqual(mixed(sequence('a', NEW, to('B', 'one'), to('C', 'one'), COMMIT)), [])
  assert.deepEqual(mixed(sequence('a', NEW, to('B', 'one'), COMMIT, NEW, to('C', 'two'), COMMIT)), [])
  const [suspend, resume] = ['suspend', 'resume'].map(action => `<transaction action="${action}"/>`)
  assert.deepEqual(mixed(sequence('a', NEW, to('B', 'one'), suspend!, to('C', 'two'), resume!, COMMIT)), [])
  assert.deepEqual(mixed(sequence('a', to('B', 'one'), to('C', 'two'))), [])
})

test('of the branches of a filter or a switch one runs: each may be at a broker of its own', () => {
  const cases = `<case regex="a">${to('B', 'one')}</case><case regex="b">${to('B', 'two')}</case>`
  const either = `<switch source="//x">${cases}<default>${to('B', 'three')}</default></switch>`
  const filter = `<filter xpath="//x"><then>${to('B', 'one')}</then><else>${to('B', 'two')}</else></filter>`
  assert.deepEqual(mixed(sequence('a', NEW, either, COMMIT)), [])
  assert.deepEqual(mixed(sequence('a', NEW, filter, COMMIT)), [])
  assert.equal(mixed(sequence('a', NEW, filter, to('B', 'three'), COMMIT)).length, 1)
  assert.equal(mixed(sequence('a', NEW, to('B', 'one'), either, COMMIT)).length, 2)
  const both = `<filter xpath="//x"><then>${to('B', 'one')}${COMMIT}</then><else>${COMMIT}</else></filter>`
  assert.deepEqual(mixed(sequence('a', NEW, both, to('B', 'two'))), [])
  const ends = `<filter xpath="//x"><then>${COMMIT}</then><else>${to('B', 'one')}</else></filter>`
  assert.equal(mixed(sequence('a', NEW, ends, to('B', 'two'), COMMIT)).length, 1)
})

test('IP-10: a database takes part in no transaction of a broker', () => {
  const report = `<dbreport useTransaction="true"><connection><pool><driver>org.postgresql.Driver</driver><url>jdbc:postgresql://h/d</url><user>u</user><password>p</password></pool></connection><statement><sql>DELETE FROM t</sql></statement></dbreport>`
  const [said] = mixed(sequence('a', NEW, to('B', 'one'), report, COMMIT))
  assert.match(said?.message ?? '', /the broker tcp:\/\/one:61616, and a database/)
  assert.deepEqual(mixed(sequence('a', NEW, to('B', 'one'), report.replace(' useTransaction="true"', ''), COMMIT)), [])
})
