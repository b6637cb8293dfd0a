/** Queues at an embedded broker, artifacts that use them, and steps written in TypeScript. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { startBroker, type Broker } from '../broker/broker.ts'
import { systemClock } from '../kernel/clock.ts'
import { ConnectionFactories } from '../kernel/connection-factories.ts'
import type { MessageContext } from '../kernel/context.ts'
import type { InboundEndpoint, MessageStore, Registry, RoleName, Roles } from '../kernel/contracts.ts'
import { QueueTransport } from '../transport/jms/transport.ts'
import { send, TestClient } from './amqp-rig.ts'
import { MemoryDisk, MemoryJournal } from './memory-journal.ts'
import { memoryLog } from './memory-log.ts'
import { build, deployed, fakeServices, memoryRegistry, type FakeServices } from './rig.ts'
import { sequencesOf } from './scripted-steps.ts'

/** A broker of its own, artifacts that use it, and steps the test writes in TypeScript. */
export class QueueRig implements AsyncDisposable {
  readonly broker: Broker
  readonly services: FakeServices
  readonly steps = new Map<string, (ctx: MessageContext) => unknown>()
  #registry: Registry = memoryRegistry({})
  readonly #factories: ConnectionFactories
  readonly #listeners: InboundEndpoint[] = []
  readonly #stores: MessageStore[] = []
  readonly #transport: QueueTransport

  private constructor(broker: Broker, factories: ConnectionFactories) {
    this.broker = broker
    this.url = `tcp://127.0.0.1:${broker.address.port}`
    this.#factories = factories
    const services: FakeServices = fakeServices({ clock: systemClock as never, registry: () => this.#registry })
    this.#transport = new QueueTransport(() => services, factories)
    const http = services.http
    this.services = Object.assign(services, {
      jms: this.#transport,
      http: {
        send: (...args: Parameters<typeof http.send>) =>
          args[1].url.startsWith('jms:') ? this.#transport.send(...args) : http.send(...args),
      },
    })
  }

  static async start(
    t: TestContext,
    factories: (url: string) => ConnectionFactories = () => ConnectionFactories.none,
  ): Promise<QueueRig> {
    const journal = new MemoryJournal(new MemoryDisk())
    const broker = await startBroker({ port: 0, journal, log: memoryLog() })
    const rig = new QueueRig(broker, factories(`tcp://127.0.0.1:${broker.address.port}`))
    t.after(() => rig[Symbol.asyncDispose]())
    return rig
  }

  readonly url: string

  /** The address of a queue as an endpoint has it, for XML. */
  at(queue: string, more = ''): string {
    return `jms:/${queue}?java.naming.provider.url=${this.url}${more}`.replaceAll('&', '&amp;')
  }

  /** Deploys these; sequences named like one of the {@link steps} run that. */
  deploy(...xmls: readonly string[]): void {
    this.#registry = deployed(
      this.services,
      xmls,
      { sequence: sequencesOf(this.steps) },
      { connectionFactories: this.#factories },
    )
    for (const name of this.#registry.names('message-store')) this.#stores.push(this.find('message-store', name))
  }

  get registry(): Registry {
    return this.#registry
  }

  find<R extends RoleName>(role: R, name: string): Roles[R] {
    return this.#registry.find(role, name)!
  }

  async listen(
    parameters: Readonly<Record<string, string>>,
    more = '',
    query = '',
    sequence = 'work',
  ): Promise<InboundEndpoint> {
    const written = {
      'java.naming.provider.url': `${this.url}${query}`,
      'transport.jms.Destination': 'A',
      ...parameters,
    }
    const xml = `<inboundEndpoint name="in" protocol="jms" sequence="${sequence}"${more}><parameters>${Object.entries(
      written,
    )
      .map(([name, value]) => `<parameter name="${name}">${value}</parameter>`)
      .join('')}</parameters></inboundEndpoint>`
    const inbound = build('inbound-endpoint', xml, this.services, { connectionFactories: this.#factories })
    this.#listeners.push(inbound)
    await inbound.start()
    return inbound
  }

  depth(queue: string): number {
    return this.broker.queues().find(({ name }) => name === queue)?.depth ?? 0
  }

  async put(queue: string, ...messages: readonly Record<string, unknown>[]): Promise<void> {
    await using client = await TestClient.open(this.broker.address.port)
    const sender = await client.sender(queue)
    for (const message of messages) assert.equal((await send(sender, message)).kind, 'accepted')
  }

  /** Everything in a queue, taken out. */
  async drain(queue: string): Promise<Record<string, unknown>[]> {
    await using client = await TestClient.open(this.broker.address.port)
    const receiver = await client.receiver(queue)
    const came = await receiver.drain()
    for (const { delivery } of came) delivery.accept()
    await new Promise(resolve => setImmediate(resolve))
    return came.map(({ message }) => message as unknown as Record<string, unknown>)
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise(resolve => setImmediate(resolve))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#listeners.map(listener => listener[Symbol.asyncDispose]()))
    await Promise.all(this.#stores.map(store => store[Symbol.asyncDispose]()))
    this.#transport[Symbol.dispose]()
    await this.broker.stop()
  }
}
