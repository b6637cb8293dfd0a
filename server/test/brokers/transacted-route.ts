/** IPF's route: read A, call X, send to B, call Y, send to C, call Z; one transaction with A, B and C at one broker. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkDialer } from '../../drivers/brokers/index.ts'
import type { JmsMessage, Live } from '../../drivers/jms/index.ts'
import { Changes } from '../../kernel/changes.ts'
import { systemClock } from '../../kernel/clock.ts'
import { memoryLog } from '../../testing/memory-log.ts'
import { drained, linked, openLive, put } from './real-live.ts'
import { addressed } from './real-store.ts'
import type { Protocol, RealServer } from './servers/index.ts'

export const FACTORIES = {
  artemis: 'org.apache.activemq.artemis.jndi.ActiveMQInitialContextFactory',
  classic: 'org.apache.activemq.jndi.ActiveMQInitialContextFactory',
}

export const FORWARDING = 'org.apache.synapse.message.processor.impl.forwarder.ScheduledMessageForwardingProcessor'

const PATIENCE_MS = 60_000
const LOOK_AGAIN_MS = 20

export type Step = 'X' | 'Y' | 'Z'

/** Asks of the flow on its way. Each is answered with its own body at once, unless the test has a say. */
export class Desk implements AsyncDisposable {
  readonly #server: Server
  readonly #changes = new Changes(systemClock)
  readonly #asked: { readonly step: string; readonly key: string | undefined; readonly attempt: string | undefined }[] =
    []
  readonly #held: { readonly step: string; readonly finish: () => void }[] = []
  /** What a step answers. */
  answer: (step: string, times: number) => number = () => 200
  /** Steps that wait until {@link go}. */
  readonly holds = new Set<string>()

  private constructor(server: Server) {
    this.#server = server
    server.on('request', (request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        const step = request.url!.slice(1)
        const key = request.headers['idempotency-key'] as string | undefined
        this.#asked.push({ step, key, attempt: request.headers['x-delivery-attempt'] as string | undefined })
        const finish = (): void => this.#finish(step, response, Buffer.concat(parts))
        if (this.holds.has(step)) this.#held.push({ step, finish })
        else finish()
        this.#changes.tell()
      })
    })
  }

  static async open(): Promise<Desk> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Desk(server)
  }

  url(step: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${step}`
  }

  times(step: string): number {
    return this.#asked.filter(asked => asked.step === step).length
  }

  /** Keys a step was asked with, each once. */
  keys(step: string): readonly (string | undefined)[] {
    return [...new Set(this.#asked.filter(asked => asked.step === step).map(({ key }) => key))]
  }

  get asked(): readonly { readonly step: string; readonly attempt: string | undefined }[] {
    return this.#asked
  }

  /** Resolves once a step is being held. */
  async holding(step: string): Promise<void> {
    await this.#changes.until(
      () => this.#held.some(held => held.step === step),
      PATIENCE_MS,
      () => `nobody asked ${step}`,
    )
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    await this.#changes.until(condition, PATIENCE_MS, () => what)
  }

  /** Holds nothing any more. */
  go(): void {
    this.holds.clear()
    for (const { finish } of this.#held.splice(0)) finish()
  }

  #finish(step: string, response: ServerResponse, body: Buffer): void {
    const status = this.answer(step, this.times(step))
    response.writeHead(status, { 'content-type': 'application/xml' }).end(body)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.go()
    this.#server.closeAllConnections()
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
  }
}

let round = 0

/** The artifacts of one route over queues of its own, and a look at these from outside. */
export class Route {
  readonly server: RealServer
  readonly protocol: Protocol
  readonly desk: Desk
  readonly names: { readonly A: string; readonly B: string; readonly C: string }
  readonly #factory: string
  /** Where the route reaches the broker: itself, or a proxy before it. */
  readonly #url: string

  constructor(server: RealServer, protocol: Protocol, desk: Desk, port = server.port(protocol)) {
    this.server = server
    this.protocol = protocol
    this.desk = desk
    this.#factory = server.title.includes('Artemis') ? FACTORIES.artemis : FACTORIES.classic
    this.#url = `${protocol === 'amqp' ? 'amqp' : 'tcp'}://127.0.0.1:${port}`
    const id = `${protocol}.${++round}`
    this.names = { A: `A.${id}`, B: `B.${id}`, C: `C.${id}` }
  }

  at(queue: string): string {
    const { user, password } = this.server
    const parameters = [
      `java.naming.factory.initial=${this.#factory}`,
      `java.naming.provider.url=${this.#url}`,
      `transport.jms.UserName=${user}`,
      `transport.jms.Password=${password}`,
    ]
    return `jms:/${queue}?${parameters.join('&')}`.replaceAll('&', '&amp;')
  }

  listener(parameters: Readonly<Record<string, string>> = {}, query = '', name = 'process'): string {
    const { user, password } = this.server
    const all = {
      'java.naming.factory.initial': this.#factory,
      'java.naming.provider.url': `${this.#url}${query}`.replaceAll('&', '&amp;'),
      'transport.jms.UserName': user,
      'transport.jms.Password': password,
      'transport.jms.Destination': this.names.A,
      'transport.jms.SessionTransacted': 'true',
      ...parameters,
    }
    const inside = Object.entries(all).map(([key, value]) => `<parameter name="${key}">${value}</parameter>`)
    return `<inboundEndpoint xmlns="http://ws.apache.org/ns/synapse" name="${name}" protocol="jms" sequence="work" onError="undo"><parameters>${inside.join('')}</parameters></inboundEndpoint>`
  }

  /** The parameters of a message store at the same broker, by the same address. */
  store(): Record<string, string> {
    return addressed(this.server, this.#url, `Outbox.${this.names.A}`, this.#factory)
  }

  ask(step: string): string {
    return `<call><endpoint><address uri="${this.desk.url(step)}"/></endpoint></call>
      <filter source="$axis2:HTTP_SC" regex="5.."><then><throwError type="HTTP" errorMessage="${step} does not work"/></then></filter>`
  }

  to(queue: string): string {
    return `<call><endpoint><address uri="${this.at(queue)}"/></endpoint></call>`
  }

  sequence(name: string, inside: string): string {
    return `<sequence xmlns="http://ws.apache.org/ns/synapse" name="${name}">${inside}</sequence>`
  }

  /** By file name. `policy` is the redelivery policy as options of the broker's address. */
  artifacts(policy = '', parameters: Readonly<Record<string, string>> = {}): Record<string, string> {
    const { B, C } = this.names
    return {
      'work.xml': this.sequence('work', `${this.ask('X')}${this.to(B)}${this.ask('Y')}${this.to(C)}${this.ask('Z')}`),
      'undo.xml': this.sequence(
        'undo',
        `${this.ask('undo')}<property name="SET_ROLLBACK_ONLY" value="true" scope="axis2"/>`,
      ),
      'process.xml': this.listener(parameters, policy),
    }
  }

  async #live(): Promise<Live> {
    const dial = networkDialer(memoryLog())()
    const protocol = this.protocol === 'amqp' ? 'amqp' : 'openwire'
    return openLive(this.server, `tcp://127.0.0.1:${this.server.port(this.protocol)}`, (host, target, ...rest) =>
      dial(host, { ...target, protocol }, ...rest),
    )
  }

  async put(queue: string, ...texts: readonly string[]): Promise<void> {
    const live = await this.#live()
    const sender = linked(live).sender(queue)
    for (const text of texts) await put(sender, text, { messageId: `ID:${randomUUID()}` })
    live.close()
  }

  /** Takes away what is in a queue: so many. */
  async take(queue: string, expected: number): Promise<JmsMessage[]> {
    const live = await this.#live()
    const found = await drained(live, queue, expected)
    live.close()
    return found
  }

  /** Resolves once there is something in a queue, which stays there. */
  async sees(queue: string): Promise<void> {
    const live = await this.#live()
    const from = { kind: 'queue', name: queue } as const
    const until = systemClock.monotonic() + PATIENCE_MS
    for (let found = false; !found;) {
      assert.ok(systemClock.monotonic() < until, `nothing came into ${queue}`)
      // A browser shows what there is when it is opened, and not what comes later.
      const browser = live.openReceiver({ from, clock: systemClock, window: 1, browse: true })
      const seen = await browser.take(0)
      found = seen !== null
      await seen?.settle({ kind: 'released' })
      await browser.close()
      await systemClock.sleep(LOOK_AGAIN_MS)
    }
    live.close()
  }

  /** Fails unless there is so much in B and C now; a look that finds something takes it away. */
  async holds(B: number, C: number): Promise<void> {
    const found = [await this.take(this.names.B, B), await this.take(this.names.C, C)]
    assert.deepEqual(
      found.map(({ length }) => length),
      [B, C],
    )
  }
}
