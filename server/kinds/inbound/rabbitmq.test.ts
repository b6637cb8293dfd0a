import assert from 'node:assert/strict'
import { test } from 'node:test'
import { optionalArguments } from '../../runtime/rabbitmq/parameters.ts'
import { RabbitRig } from '../../testing/rabbit-rig.ts'
import { diagnosticsOf } from '../../testing/rig.ts'

function found(parameters: Readonly<Record<string, string>>): string[] {
  const inside = Object.entries(parameters).map(([name, value]) => `<parameter name="${name}">${value}</parameter>`)
  const xml = `<inboundEndpoint xmlns="http://ws.apache.org/ns/synapse" name="in" protocol="rabbitmq"><parameters>${inside.join('')}</parameters></inboundEndpoint>`
  return diagnosticsOf(xml).map(({ severity, code, message }) => `${severity} ${code}: ${message}`)
}

test('what the documents of the peer write is understood; what has no effect here is a hint', () => {
  assert.deepEqual(
    found({
      'rabbitmq.server.host.name': 'localhost',
      'rabbitmq.server.port': '5672',
      'rabbitmq.queue.name': 'orders',
      'rabbitmq.queue.auto.ack': 'false',
      'rabbitmq.queue.optional.args.x-dead-letter-exchange': 'dlx',
      'rabbitmq.message.max.dead.lettered.count': '3',
    }),
    [],
  )
  const hints = found({ 'rabbitmq.channel.consumer.qos': '10', 'rabbitmq.factory.x': '1' })
  assert.deepEqual(
    hints.map(text => text.split(':')[0]),
    ['hint no-effect', 'hint no-effect'],
  )
})

test('addresses that cannot be used are errors at their place', () => {
  assert.match(
    found({ 'rabbitmq.server.host.name': 'a,b', 'rabbitmq.server.port': '1,2,3' })[0]!,
    /^error broker-address: The number of hostnames must be equal to the number of ports/,
  )
  assert.match(
    found({
      'rabbitmq.connection.ssl.enabled': 'true',
      'rabbitmq.connection.ssl.keystore.location': 'client.jks',
    })[0]!,
    /^error broker-address: client.jks is a Java key store/,
  )
})

test('arguments are numbers and truth values where they look like it', () => {
  const written = {
    'rabbitmq.queue.optional.x-max-length': '10',
    'rabbitmq.queue.optional.args.x-queue-type': 'quorum',
    'rabbitmq.queue.optional.x-single-active-consumer': 'true',
    'rabbitmq.exchange.optional.alternate-exchange': 'rest',
  }
  assert.deepEqual(optionalArguments(written, 'queue'), {
    'x-max-length': 10,
    'x-queue-type': 'quorum',
    'x-single-active-consumer': true,
  })
  assert.deepEqual(optionalArguments(written, 'exchange'), { 'alternate-exchange': 'rest' })
})

test('with sequential false messages are worked on at once; secrets are no properties of a message', async t => {
  const rig = RabbitRig.start(t)
  let working = 0
  const seen: unknown[] = []
  rig.steps.set('work', async ctx => {
    working++
    seen.push(ctx.properties.get('rabbitmq.server.password'), ctx.properties.get('rabbitmq.queue.name'))
    await rig.until(() => working >= 5)
  })
  rig.deploy()
  rig.rabbit.make('A')
  for (let n = 0; n < 5; n++) rig.rabbit.put('A', `<m>${n}</m>`)
  await rig.listen({ sequential: 'false', 'rabbitmq.server.password': 'hunter2' })
  await rig.until(() => working === 5)
  assert.deepEqual(new Set(seen), new Set([undefined, 'A']))
})
