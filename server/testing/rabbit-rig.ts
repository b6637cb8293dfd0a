/** RabbitMQ as a transport, over queues in memory; artifacts that use it, and steps written in TypeScript. */
import type { TestContext } from 'node:test'
import { systemClock } from '../kernel/clock.ts'
import { ConnectionFactories } from '../kernel/connection-factories.ts'
import type { MessageContext } from '../kernel/context.ts'
import type { InboundEndpoint, Registry } from '../kernel/contracts.ts'
import { RabbitQueues } from '../transport/rabbitmq/transport.ts'
import { FakeRabbit } from './fake-rabbit.ts'
import { build, deployed, fakeServices, memoryRegistry, type FakeServices } from './rig.ts'
import { sequencesOf } from './scripted-steps.ts'

export class RabbitRig implements AsyncDisposable {
  readonly rabbit = new FakeRabbit()
  readonly services: FakeServices
  readonly steps = new Map<string, (ctx: MessageContext) => unknown>()
  readonly #transport: RabbitQueues
  readonly #listeners: InboundEndpoint[] = []
  #registry: Registry = memoryRegistry({})
  readonly #factories: ConnectionFactories

  /** `network`: the addresses of the artifacts are real. */
  private constructor(network: boolean, factories: ConnectionFactories) {
    this.#factories = factories
    const services: FakeServices = fakeServices({ clock: systemClock as never, registry: () => this.#registry })
    this.#transport = new RabbitQueues(() => services, factories, network ? undefined : this.rabbit.dialerFor)
    const { http } = services
    this.services = Object.assign(services, {
      rabbitmq: this.#transport,
      http: {
        send: (...args: Parameters<typeof http.send>) =>
          args[1].url.startsWith('rabbitmq:') ? this.#transport.send(...args) : http.send(...args),
      },
    })
  }

  static start(t: TestContext, { network = false, factories = ConnectionFactories.none } = {}): RabbitRig {
    const rig = new RabbitRig(network, factories)
    t.after(() => rig[Symbol.asyncDispose]())
    return rig
  }

  get registry(): Registry {
    return this.#registry
  }

  /** Deploys these; sequences named like one of the {@link steps} run that. */
  deploy(...xmls: readonly string[]): void {
    this.#registry = deployed(
      this.services,
      xmls,
      { sequence: sequencesOf(this.steps) },
      { connectionFactories: this.#factories },
    )
  }

  /** Reads queue `A` into the sequence `work`. */
  async listen(parameters: Readonly<Record<string, string>> = {}, attributes = ''): Promise<InboundEndpoint> {
    const written = { 'rabbitmq.queue.name': 'A', 'rabbitmq.message.requeue.delay': '1', ...parameters }
    const inside = Object.entries(written).map(([name, value]) => `<parameter name="${name}">${value}</parameter>`)
    const xml = `<inboundEndpoint name="in" protocol="rabbitmq" sequence="work" ${attributes}><parameters>${inside.join('')}</parameters></inboundEndpoint>`
    const inbound = build('inbound-endpoint', xml, this.services, { connectionFactories: this.#factories })
    this.#listeners.push(inbound)
    await inbound.start()
    return inbound
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise(resolve => setImmediate(resolve))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.#listeners) await listener[Symbol.asyncDispose]()
    this.#transport[Symbol.dispose]()
  }
}
