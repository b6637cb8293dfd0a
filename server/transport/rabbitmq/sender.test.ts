import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConnectionFactories } from '../../kernel/connection-factories.ts'
import { contextOf, mediate, faultOf, type Given } from '../../testing/rig.ts'
import { RabbitRig } from '../../testing/rabbit-rig.ts'
import { parseRabbitAddress } from '../../runtime/rabbitmq/address.ts'
import { routeOf } from './places.ts'

const call = (address: string): string =>
  `<call><endpoint><address uri="${address.replaceAll('&', '&amp;')}"/></endpoint></call>`

test('the name in an address is a queue, or the exchange if a queue is named, too', () => {
  const of = (url: string) => {
    const { parameters, written, queue: name } = parseRabbitAddress(url)
    const { queue, exchange, routingKey } = routeOf(parameters, written, name)
    return [queue?.name, exchange?.name, routingKey]
  }
  assert.deepEqual(of('rabbitmq:/orders'), ['orders', undefined, 'orders'])
  assert.deepEqual(of('rabbitmq:/?rabbitmq.queue.name=orders'), ['orders', undefined, 'orders'])
  assert.deepEqual(of('rabbitmq:/Ex?rabbitmq.queue.name=q'), ['q', 'Ex', 'q'])
  assert.deepEqual(of('rabbitmq:/x?rabbitmq.exchange.name=Ex&rabbitmq.queue.routing.key=k'), [undefined, 'Ex', 'k'])
  assert.deepEqual(of('rabbitmq:/a%2Fb'), ['a/b', undefined, 'a/b'])
  assert.throws(() => of('rabbitmq:/'), { code: 'NO_ADDRESS', message: /names neither a queue nor an exchange/ })
  assert.throws(() => of('rabbitmq:/q?rabbitmq.concurrent.consumer.count=x'), { code: 'NO_ADDRESS' })
})

test('one-way: the flow goes on when the broker has the message, with its type and headers', async t => {
  const rig = RabbitRig.start(t)
  rig.deploy()
  const given: Given = {
    runtime: rig.registry,
    body: '<order/>',
    headers: { 'X-Trace': '7', 'Content-Type': 'application/xml' },
    properties: { OUT_ONLY: 'true' },
  }
  await mediate(call('rabbitmq:/orders'), given, rig.services)
  const [message] = rig.rabbit.queues.get('orders')!.ready
  assert.equal(message!.content.toString(), '<order/>')
  assert.equal(message!.properties.contentType, 'application/xml')
  assert.equal(message!.properties.headers!['X-Trace'], '7')
  assert.equal(message!.properties.deliveryMode, 2)
})

test('a message that no queue takes is a fault of the endpoint, and so is a broker that is away', async t => {
  const rig = RabbitRig.start(t)
  rig.deploy()
  const given = { runtime: rig.registry, body: '<order/>', properties: { OUT_ONLY: 'true' } }
  rig.rabbit.exchanges.set('amq.direct', new Map())
  const fault = await faultOf(
    mediate(call('rabbitmq:/?rabbitmq.exchange.name=amq.direct&rabbitmq.queue.routing.key=none'), given, rig.services),
  )
  assert.equal(fault.code, 'CONNECT_FAILED')
  assert.match(fault.message, /no queue takes messages for exchange amq.direct with key none/)
  rig.rabbit.away = true
  rig.rabbit.cut()
  assert.equal((await faultOf(mediate(call('rabbitmq:/orders'), given, rig.services))).code, 'CONNECT_FAILED')
})

/** Answers what comes to `orders`, as another program would. */
async function answering(rig: RabbitRig, answer: string): Promise<void> {
  await rig.until(() => rig.rabbit.depth('orders') === 1)
  const { properties } = rig.rabbit.queues.get('orders')!.ready.shift()!
  const { replyTo, correlationId } = properties as { replyTo: string; correlationId: string }
  rig.rabbit.put(replyTo, '<other/>', { correlationId: 'of somebody else' })
  rig.rabbit.put(replyTo, answer, { correlationId, contentType: 'application/xml' })
}

for (const [title, address] of [
  ['a queue of its own', 'rabbitmq:/orders'],
  ['the queue that is named', 'rabbitmq:/orders?rabbitmq.replyto.name=replies'],
] as const) {
  test(`request and reply: the answer with the right correlation is taken from ${title}`, async t => {
    const rig = RabbitRig.start(t)
    rig.deploy()
    rig.rabbit.make('replies')
    const ctx = contextOf({ runtime: rig.registry, body: '<order/>' })
    const sending = mediate(call(address), ctx, rig.services)
    await answering(rig, '<done/>')
    await sending
    await ctx.message.body.collect()
    assert.equal(Buffer.from(ctx.message.body.raw!).toString(), '<done/>')
    assert.equal(rig.rabbit.depth('replies'), title === 'a queue of its own' ? 0 : 1, 'what is for others stays')
  })
}

test('a reply that does not come is a timeout of the endpoint', async t => {
  const rig = RabbitRig.start(t)
  rig.deploy()
  const given = { runtime: rig.registry, body: '<order/>', axis2: { 'rabbitmq.wait.reply.timeout': '20' } }
  const fault = await faultOf(mediate(call('rabbitmq:/orders'), given, rig.services))
  assert.equal(fault.code, 'SEND_TIMEOUT')
})

test('an address names a connection factory, and says itself what differs; one nobody knows is a fault with what to do', async t => {
  const factories = new ConnectionFactories({
    'rabbitmq.sender': [
      {
        name: 'shop',
        parameters: new Map([
          ['rabbitmq.server.host.name', 'h'],
          ['rabbitmq.queue.name', 'theirs'],
        ]),
      },
    ],
  })
  const rig = RabbitRig.start(t, { factories })
  rig.deploy()
  const given: Given = { runtime: rig.registry, body: '<order/>', properties: { OUT_ONLY: 'true' } }
  await mediate(call('rabbitmq:/?rabbitmq.connection.factory=shop'), given, rig.services)
  await mediate(call('rabbitmq:/?rabbitmq.connection.factory=shop&rabbitmq.queue.name=ours'), given, rig.services)
  assert.deepEqual([rig.rabbit.depth('theirs'), rig.rabbit.depth('ours')], [1, 1])
  assert.throws(() => parseRabbitAddress('rabbitmq:/q?rabbitmq.connection.factory=shp', factories), {
    code: 'NO_ADDRESS',
    message:
      /no connection factory "shp" in deployment\.toml\. Did you mean "shop"\? Add \[\[transport\.rabbitmq\.sender\]\]/,
  })
})

test('addresses made from messages are endless, channels are not', async t => {
  const rig = RabbitRig.start(t)
  rig.deploy()
  const given: Given = { runtime: rig.registry, body: '<order/>', properties: { OUT_ONLY: 'true' } }
  for (let number = 0; number < 120; number++) await mediate(call(`rabbitmq:/orders-${number}`), given, rig.services)
  await rig.until(() => rig.rabbit.channels <= 50)
  assert.equal(rig.rabbit.depth('orders-0'), 1)
  await mediate(call('rabbitmq:/orders-0'), given, rig.services)
  assert.equal(rig.rabbit.depth('orders-0'), 2)
})
