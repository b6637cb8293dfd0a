/** A server that keeps an order for its broker and is killed on the way, at a point that the test names. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { systemClock } from '../../kernel/clock.ts'
import type { MessageStore } from '../../kernel/contracts.ts'
import { startServer } from '../../testing/child.ts'
import type { Child, ServerOptions } from '../../testing/child.ts'
import { startFaultProxy } from '../../testing/fault-proxy.ts'
import type { FaultProxy } from '../../testing/fault-proxy.ts'
import { ManagementClient } from '../../testing/management-client.ts'
import { orderBody } from '../../testing/order-load.ts'
import { freePorts } from '../../testing/ports.ts'
import { tempFolder } from '../../testing/temp-folder.ts'
import { forwarding, OrderDesk, orderArtifacts } from './orders.ts'
import { realStore } from './real-store.ts'
import type { RealServer } from './servers/index.ts'
import { storeBy } from './ways.ts'
import type { Driver } from './ways.ts'

const KILL_POINTS = pathToFileURL(join(import.meta.dirname, '../../testing/kill-points.mjs')).href
const WAIT_MS = 120_000
const LOOK_AGAIN_MS = 20
/** Of an order: more than everything that is said before it, less than what Artemis treats as a large message. */
const PADDING = 60_000
/** So many bytes up are the order on its way. */
const ON_ITS_WAY = 50_000

/** Looks again until it is so; neither broker nor management API says it by itself. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const since = systemClock.monotonic()
  while (!(await holds())) {
    if (systemClock.monotonic() - since > WAIT_MS) throw new Error(`not within ${WAIT_MS} ms: ${what}`)
    await systemClock.sleep(LOOK_AGAIN_MS)
  }
}

/** Proxy `Orders` → store `Original` at the broker, out of reach at first → `Spare` in the journal, and its relay. */
interface Parts {
  readonly desk: OrderDesk
  readonly proxy: FaultProxy
  readonly options: ServerOptions
  /** The queue itself, without the proxy. */
  readonly queue: MessageStore
  /** To be let go of, the last first. */
  readonly resources: readonly AsyncDisposable[]
}

export class Outbox implements AsyncDisposable {
  readonly desk: OrderDesk
  readonly proxy: FaultProxy
  readonly #options: ServerOptions
  readonly #queue: MessageStore
  readonly #resources: readonly AsyncDisposable[]
  #child: Child | undefined

  private constructor({ desk, proxy, options, queue, resources }: Parts) {
    this.desk = desk
    this.proxy = proxy
    this.#options = options
    this.#queue = queue
    this.#resources = resources
  }

  static async open(server: RealServer, driver: Driver, name: string): Promise<Outbox> {
    const folder = await tempFolder('outbox')
    const desk = await OrderDesk.open()
    const proxy = await startFaultProxy({ targetPort: server.port(driver) })
    // AMQP 1.0 does not tell how many messages RabbitMQ has.
    const looking = server.title.startsWith('RabbitMQ') ? 'rabbitmq' : driver
    const queue = realStore(storeBy(looking, server, name)).store
    const [http, management] = (await freePorts(2)) as [number, number]
    const artifacts = join(folder.path, 'artifacts')
    const options: ServerOptions = {
      home: join(folder.path, 'home'),
      artifacts,
      ports: { http, management },
      env: { NODE_OPTIONS: `--import=${KILL_POINTS}` },
    }
    const outbox = new Outbox({ desk, proxy, options, queue, resources: [folder, desk, proxy, queue] })
    try {
      await proxy.refuse()
      await mkdir(artifacts)
      const { className, parameters } = storeBy(driver, server, name, proxy.port)
      for (const [file, xml] of Object.entries(orderArtifacts(desk, parameters, className)))
        await writeFile(join(artifacts, file), xml)
      outbox.#child = await startServer(options)
      return outbox
    } catch (thrown) {
      await outbox[Symbol.asyncDispose]()
      throw thrown
    }
  }

  /** The status of the answer, or undefined where the server died before it gave one. */
  async post(id: string): Promise<number | undefined> {
    const url = `http://127.0.0.1:${this.#options.ports.http}/services/Orders`
    try {
      const body = orderBody(id, PADDING)
      return (await fetch(url, { method: 'POST', body, headers: { 'content-type': 'text/xml' } })).status
    } catch {
      return undefined
    }
  }

  /** The relay finds the broker, and gets no answer once it sends the order. */
  async sendUnanswered(): Promise<void> {
    await this.proxy.accept()
    const sending = this.proxy.waitFor(({ passed }) => passed.up > ON_ITS_WAY, WAIT_MS)
    await sending.then(() => this.proxy.stall('down'))
  }

  /** From now on the server kills itself at this point of its journal. */
  async killAt(point: 'append' | 'sync', when: 'before' | 'after'): Promise<void> {
    this.#child!.tell({ kill: { point, when, nth: 1 } })
    // An answer tells that it has heard what was said before.
    await this.#child!.answers(`http://127.0.0.1:${this.#options.ports.management}/healthz`, WAIT_MS)
  }

  kill(): Promise<unknown> {
    return this.#child!.end('SIGKILL')
  }

  /** Resolves once it has killed itself. */
  async died(): Promise<void> {
    const { signal, code } = await this.#child!.exited
    if (signal !== 'SIGKILL') throw this.#child!.failure(`it ended with ${signal ?? code}`)
  }

  /** Started again, with nothing in its way, until it has nothing left to relay. */
  async restart(): Promise<void> {
    this.proxy.cut()
    this.proxy.forward()
    this.#child = await startServer(this.#options)
  }

  async relayed(): Promise<void> {
    await this.proxy.accept()
    await until('the relay has nothing left', async () => (await this.spare()) === 0)
  }

  /** Messages that wait for the relay. */
  async spare(): Promise<number | undefined> {
    return (await new ManagementClient(this.#options.ports.management).depths())['Spare']
  }

  /** How many copies the broker has. */
  async copies(): Promise<number> {
    const store = this.#queue
    if (!store.traits.browsable) return store.depth()
    const ids: string[] = []
    for await (const { message } of store.browse()) ids.push(message.id)
    if (new Set(ids).size > 1) throw new Error(`copies with ids of their own: ${ids.join(', ')}`)
    return ids.length
  }

  /** Lets everything at the broker be delivered to the desk. */
  async deliver(): Promise<void> {
    await writeFile(join(this.#options.artifacts, 'forward.xml'), forwarding())
    await until('the broker has nothing left', async () => this.desk.seen.size > 0 && (await this.copies()) === 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child?.[Symbol.asyncDispose]()
    for (const resource of this.#resources.toReversed()) await resource[Symbol.asyncDispose]()
  }
}
