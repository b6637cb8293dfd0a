/** Queues at a real RabbitMQ as a transport: what is read from one is sent to another, answered, or dead-lettered. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '../../kernel/clock.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { RabbitRig } from '../../testing/rabbit-rig.ts'
import { mediate } from '../../testing/rig.ts'
import { missingOurOwn, startRabbit } from './servers/index.ts'
import type { RabbitServer } from './servers/index.ts'

describe('RabbitMQ as a transport', { skip: await missingOurOwn('rabbitmq') }, () => {
  let server: RabbitServer
  before(async () => {
    server = await startRabbit()
  })
  after(() => server[Symbol.asyncDispose]())

  const parameters = (): Record<string, string> => ({
    'rabbitmq.server.host.name': '127.0.0.1',
    'rabbitmq.server.port': String(server.port('rabbitmq')),
    'rabbitmq.server.user.name': server.user,
    'rabbitmq.server.password': server.password,
  })
  const at = (queue: string, more: Readonly<Record<string, string>> = {}): string =>
    `rabbitmq:/${queue}?${new URLSearchParams({ ...parameters(), ...more }).toString()}`.replaceAll('&', '&amp;')
  const send = (queue: string): string => `<call><endpoint><address uri="${at(queue)}"/></endpoint></call>`
  const oneWay = { OUT_ONLY: 'true' }

  async function depth(queue: string): Promise<number> {
    const said = await server.ctl('list_queues', '--silent', 'name', 'messages')
    const line = said.split('\n').find(one => one.startsWith(`${queue}\t`))
    return line === undefined ? -1 : Number(line.split('\t')[1])
  }

  async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
    const since = systemClock.monotonic()
    while (!(await holds())) {
      assert.ok(systemClock.monotonic() - since < 60_000, `not within 60 s: ${what}`)
      await systemClock.sleep(50)
    }
  }

  test('a request is answered by a flow that reads the queue', async t => {
    const rig = RabbitRig.start(t, { network: true })
    rig.deploy('<sequence name="work"><respond/></sequence>')
    await rig.listen({ ...parameters(), 'rabbitmq.queue.name': 'questions' })
    const given = { runtime: rig.registry, body: '<question/>', contentType: 'application/xml' }
    const { ctx } = await mediate(send('questions'), given, rig.services)
    await ctx.message.body.collect()
    assert.equal(Buffer.from(ctx.message.body.raw!).toString(), '<question/>')
  })

  test('P2: read from one queue, sent to another: the broker is killed in between, and everything arrives', async t => {
    const rig = RabbitRig.start(t, { network: true })
    const arrived: string[] = []
    let killing = Promise.resolve()
    const forward = send('there')
    rig.steps.set('work', async ctx => {
      const body = Buffer.from(ctx.message.body.raw!).toString()
      if (body === '<m>20</m>' && !arrived.includes('killed')) {
        arrived.push('killed')
        killing = server.kill().then(() => server.start())
      }
      await mediate(forward, { runtime: rig.registry, body, properties: oneWay }, rig.services)
    })
    rig.deploy()
    for (let n = 0; n < 40; n++) {
      await mediate(send('here'), { runtime: rig.registry, body: `<m>${n}</m>`, properties: oneWay }, rig.services)
    }
    await rig.listen({ ...parameters(), 'rabbitmq.queue.name': 'here', 'rabbitmq.queue.auto.ack': 'false' })
    await until('all 40 are there', async () => (await killing, (await depth('there').catch(() => -1)) >= 40))
    assert.equal(await depth('here'), 0)
    const reader = RabbitRig.start(t, { network: true })
    const bodies = new Set<string>()
    reader.steps.set('work', ctx => void bodies.add(Buffer.from(ctx.message.body.raw!).toString()))
    reader.deploy()
    await reader.listen({ ...parameters(), 'rabbitmq.queue.name': 'there' })
    await until('all are read', async () => (await depth('there')) === 0)
    assert.deepEqual(bodies, new Set(Array.from({ length: 40 }, (_, n) => `<m>${n}</m>`)))
  })

  test('a message goes round through a queue with a delay, and to the error queue after that', async t => {
    const rig = RabbitRig.start(t, { network: true })
    let runs = 0
    rig.steps.set('work', ctx => {
      runs++
      ctx.message.axis2.set('SET_ROLLBACK_ONLY', 'true')
      throw new IntegrationError('MEDIATION_FAILED', 'never')
    })
    rig.deploy()
    const make = (queue: string, more: Readonly<Record<string, string>>) =>
      mediate(
        `<call><endpoint><address uri="${at(queue, more)}"/></endpoint></call>`,
        { runtime: rig.registry, body: '<m/>', properties: oneWay },
        rig.services,
      )
    await make('wait', {
      'rabbitmq.queue.optional.x-message-ttl': '20',
      'rabbitmq.queue.optional.x-dead-letter-exchange': '',
      'rabbitmq.queue.optional.x-dead-letter-routing-key': 'round',
    })
    await make('error', {})
    const inbound = await rig.listen({
      ...parameters(),
      'rabbitmq.queue.name': 'round',
      'rabbitmq.queue.auto.ack': 'false',
      'rabbitmq.queue.optional.x-dead-letter-exchange': '',
      'rabbitmq.queue.optional.x-dead-letter-routing-key': 'wait',
      'rabbitmq.message.max.dead.lettered.count': '2',
      'rabbitmq.message.error.queue.routing.key': 'error',
    })
    await until('it listens', () => inbound.state.observed === 'listening')
    await make('round', {})
    await until('it is in the error queue', async () => (await depth('error')) >= 2)
    assert.ok(runs >= 3)
    assert.equal(await depth('round'), 0)
  })
})
