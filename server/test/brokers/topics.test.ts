/** Topics as a transport: who listens gets everything; a durable subscription keeps it while nobody does. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Changes } from '../../kernel/changes.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { MessageContext } from '../../kernel/context.ts'
import type { InboundEndpoint, Outcome, Registry } from '../../kernel/contracts.ts'
import { build, contextOf, deployed, fakeServices, memoryRegistry } from '../../testing/rig.ts'
import { QueueTransport } from '../../transport/jms/transport.ts'
import { missing, startBroker } from './servers/index.ts'
import type { RealServer } from './servers/index.ts'

const WAIT_MS = 60_000

const WAYS = [
  ['classic-5.17.2', 'openwire'],
  ['classic-6.3.1', 'openwire'],
  ['classic-5.18.3', 'amqp'],
  ['artemis-2.56.0', 'amqp'],
] as const

/** Inbound endpoints of one server, and what publishes to topics. */
class Rig implements AsyncDisposable {
  readonly came: string[] = []
  readonly #changes = new Changes(systemClock)
  readonly #server: RealServer
  readonly #url: string
  readonly #protocol: string
  readonly #transport: QueueTransport
  readonly #services
  readonly #inbounds: InboundEndpoint[] = []
  #registry: Registry = memoryRegistry({})

  constructor(server: RealServer, protocol: 'amqp' | 'openwire') {
    this.#server = server
    this.#protocol = protocol
    this.#url = server.url(protocol)
    const services = fakeServices({ clock: systemClock as never, registry: () => this.#registry })
    this.#transport = new QueueTransport(() => services)
    const send: typeof services.http.send = (...args) => this.#transport.send(...args)
    this.#services = Object.assign(services, { jms: this.#transport, http: { send } })
  }

  get #login(): readonly (readonly [string, string])[] {
    return [
      ['java.naming.provider.url', this.#url],
      ['transport.jms.UserName', this.#server.user],
      ['transport.jms.Password', this.#server.password],
      ['transport.jms.Protocol', this.#protocol],
    ]
  }

  #deploy(flow: (ctx: MessageContext, who: string) => void, names: readonly string[]): void {
    const sequence = Object.fromEntries(
      names.map(name => [
        name,
        {
          name,
          steps: [],
          mediate: async (ctx: MessageContext): Promise<Outcome> => {
            await ctx.message.body.collect()
            flow(ctx, name)
            this.#changes.tell()
            return 'next'
          },
        },
      ]),
    )
    this.#registry = deployed(this.#services, [], { sequence })
  }

  /** Listens to the topic, each name for itself; resolves once the broker knows. */
  async listen(
    topic: string,
    names: readonly string[],
    more: Readonly<Record<string, string>> = {},
    flow: (ctx: MessageContext, who: string) => void = (ctx, who) =>
      void this.came.push(`${who} ${Buffer.from(ctx.message.body.raw!).toString()}`),
  ): Promise<InboundEndpoint[]> {
    this.#deploy(flow, names)
    const parameters = new Map([
      ...this.#login,
      ['transport.jms.Destination', topic],
      ['transport.jms.DestinationType', 'topic'],
      ...Object.entries(more),
    ])
    const inside = [...parameters].map(([name, value]) => `<parameter name="${name}">${value}</parameter>`).join('')
    const made = names.map(name =>
      build(
        'inbound-endpoint',
        `<inboundEndpoint name="${name}" protocol="jms" sequence="${name}"><parameters>${inside}</parameters></inboundEndpoint>`,
        this.#services,
      ),
    )
    this.#inbounds.push(...made)
    for (const one of made) await one.start()
    for (const one of made) {
      const since = systemClock.monotonic()
      while (one.state.observed !== 'listening') {
        if (systemClock.monotonic() - since > WAIT_MS) assert.fail(one.state.reason)
        await systemClock.sleep(10)
      }
    }
    return made
  }

  async publish(topic: string, ...texts: readonly string[]): Promise<void> {
    const query = [...this.#login, ['transport.jms.DestinationType', 'topic']]
    const uri = `jms:/${topic}?${query.map(pair => pair.join('=')).join('&amp;')}`
    const xml = `<sequence name="out"><property name="OUT_ONLY" value="true"/><call><endpoint><address uri="${uri}"/></endpoint></call></sequence>`
    const runtime = deployed(this.#services, [xml])
    for (const body of texts) await runtime.find('sequence', 'out')!.mediate(contextOf({ runtime, body }))
  }

  async until(count: number): Promise<void> {
    await this.#changes.until(
      () => this.came.length >= count,
      WAIT_MS,
      () => `only ${this.came.join(', ')}`,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#inbounds) await one[Symbol.asyncDispose]()
    this.#transport[Symbol.dispose]()
  }
}

for (const [name, protocol] of WAYS) {
  describe(`topics at ${name}, over ${protocol}`, { skip: await missing(name) }, () => {
    let server: RealServer
    let topics = 0
    before(async () => {
      server = await startBroker(name)
    })
    after(() => server[Symbol.asyncDispose]())
    const fresh = (): string => `topic.${process.pid}.${protocol}.${++topics}`

    test('everybody who listens gets every message, in order', async () => {
      await using rig = new Rig(server, protocol)
      const topic = fresh()
      await rig.listen(topic, ['one', 'two'])
      await rig.publish(topic, '<a/>', '<b/>', '<c/>')
      await rig.until(6)
      for (const who of ['one', 'two']) {
        const theirs = rig.came.filter(came => came.startsWith(who))
        assert.deepEqual(
          theirs,
          ['<a/>', '<b/>', '<c/>'].map(body => `${who} ${body}`),
        )
      }
    })

    test('a durable subscription keeps what is published while nobody reads it, over a restart of the reader', async () => {
      const topic = fresh()
      const durable = {
        'transport.jms.SubscriptionDurable': 'true',
        'transport.jms.DurableSubscriberName': `news.${topic}`,
        'transport.jms.DurableSubscriberClientID': `client.${topic}`,
      }
      {
        await using first = new Rig(server, protocol)
        await first.listen(topic, ['one'], durable)
        await first.publish(topic, '<a/>')
        await first.until(1)
      }
      await using second = new Rig(server, protocol)
      await second.publish(topic, '<b/>', '<c/>')
      await second.listen(topic, ['one'], durable)
      await second.publish(topic, '<d/>')
      await second.until(3)
      assert.deepEqual(second.came, ['one <b/>', 'one <c/>', 'one <d/>'])
    })

    test('what a flow fails on comes again over a durable subscription, in its transaction, until it goes through', async () => {
      await using rig = new Rig(server, protocol)
      const topic = fresh()
      const transacted = {
        'transport.jms.DurableSubscriberName': `news.${topic}`,
        'transport.jms.SessionTransacted': 'true',
      }
      const url = server.url(protocol)
      const policy = 'jms.redeliveryPolicy.initialRedeliveryDelay=0'
      const provider = { 'java.naming.provider.url': `${url}${url.includes('?') ? '&amp;' : '?'}${policy}` }
      await rig.listen(topic, ['one'], { ...transacted, ...provider }, ctx => {
        rig.came.push(`${ctx.properties.get('jms.message.delivery.count')}`)
        if (rig.came.length < 3) throw new Error('not today')
      })
      await rig.publish(topic, '<a/>', '<b/>')
      await rig.until(4)
      assert.deepEqual(rig.came, ['1', '2', '3', '1'])
    })
  })
}
