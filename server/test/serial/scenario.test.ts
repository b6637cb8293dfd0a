import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ADMIN, Child } from '../../testing/child.ts'
import { onDocumentedPorts } from '../../testing/documented-ports.ts'
import { ManagementClient } from '../../testing/management-client.ts'
import { tempFolder } from '../../testing/temp-folder.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')
const env = { HOLDFAST_ADMIN_USER: ADMIN.user, HOLDFAST_ADMIN_PASSWORD: ADMIN.password }

/** What a reader of the document has open: three windows and a shell. */
class Desk implements AsyncDisposable {
  readonly backend: Child
  readonly management = new ManagementClient(9164)
  readonly #home: string
  readonly #sample: string
  broker: Child
  server: Child

  private constructor(home: string, sample: string) {
    this.#home = home
    this.#sample = sample
    this.backend = new Child(['backend'])
    this.broker = this.#newBroker()
    this.server = this.#newServer()
  }

  static async open(home: string, sample: string): Promise<Desk> {
    const desk = new Desk(home, sample)
    try {
      await desk.backend.says(/Stock-quote back end at http:\/\/127\.0\.0\.1:9000/)
      await desk.broker.says(/Holdfast broker at amqp:\/\/127\.0\.0\.1:61616/)
      await desk.server.answers('http://localhost:9164/healthz')
      return desk
    } catch (thrown) {
      await desk[Symbol.asyncDispose]()
      throw thrown
    }
  }

  async startBroker(): Promise<void> {
    this.broker = this.#newBroker()
    await this.broker.says(/Holdfast broker at/)
  }

  async startServer(): Promise<void> {
    this.server = this.#newServer()
    await this.server.answers('http://localhost:9164/healthz')
  }

  /** `holdfast stockquote …`; resolves with what it printed, once it has ended well. */
  async stockquote(...args: string[]): Promise<string> {
    await using client = new Child(['stockquote', ...args])
    assert.deepEqual(await client.exited, { code: 0, signal: null }, client.output)
    return client.output
  }

  async seen(): Promise<{ operations: Record<string, number>; keys: { duplicates: unknown[] } }> {
    return (await (await fetch('http://localhost:9000/_seen')).json()) as Awaited<ReturnType<Desk['seen']>>
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of [this.server, this.broker, this.backend]) await child[Symbol.asyncDispose]()
  }

  #newBroker(): Child {
    return new Child(['broker', '--home', this.#home], { cwd: root })
  }

  #newServer(): Child {
    const artifacts = join('samples', this.#sample, 'artifacts')
    return new Child(['run', '--artifacts', artifacts, '--home', this.#home], { cwd: root, env })
  }
}

await onDocumentedPorts('the scenarios of the documents run as printed', import.meta.url, () => {
  test('WF-3, WF-7, WF-8: the EI scenario, unmodified, survives the loss of the broker, and of the server while orders wait', async () => {
    await using home = await tempFolder('scenario')
    await using desk = await Desk.open(home.path, '02-failover-ei')
    const order = ['-Daddurl=http://localhost:8280/services/Proxy1', '-Dmode=placeorder']

    assert.match(await desk.stockquote(...order), /Order placed for \d+ shares of stock IBM at a price of \$ /)
    await desk.backend.says(/SimpleStockQuoteService {2}:: Accepted order #1 for : \d+ stocks of IBM at \$ [\d.]+/)
    await desk.server.says(/\{LogMediator\} - \{proxy:Proxy1\} To: .*Envelope: .*placeOrder/)

    await desk.broker.end('SIGKILL')
    for (let left = 3; left > 0; left--) await desk.stockquote(...order)
    assert.deepEqual(await desk.management.depths(), { Orginal: -1, failover: 3 })
    assert.deepEqual((await desk.seen()).operations, { placeOrder: 1 })

    await desk.server.end('SIGKILL')
    await desk.startServer()
    assert.equal((await desk.management.depths())['failover'], 3)

    await desk.startBroker()
    await desk.backend.says(/Accepted order #4 for/)
    await desk.stockquote(...order)
    await desk.backend.says(/Accepted order #5 for/)
    const { operations, keys } = await desk.seen()
    assert.deepEqual([operations, keys.duplicates], [{ placeOrder: 5 }, []])
    assert.deepEqual(await desk.server.end('SIGTERM'), { code: 0, signal: null })
    assert.deepEqual(await desk.broker.end('SIGTERM'), { code: 0, signal: null })
  })

  test('WF-3: the MI scenario, unmodified, answers on 8290 and the back end prints the lines of the document', async () => {
    await using home = await tempFolder('scenario')
    await using desk = await Desk.open(home.path, '03-failover-mi')
    const body = await readFile(join(root, 'samples', '03-failover-mi', 'request.xml'))
    const invoke = async (): Promise<void> => {
      const url = 'http://localhost:8290/services/Proxy1'
      const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'text/xml' }, body })
      assert.deepEqual([response.status, await response.text()], [202, ''])
    }

    await invoke()
    await desk.backend.says(
      /Stock quote service invoked\.\n.*Generating getQuote response for IBM\n[^]*Stock quote generated\./,
    )

    await desk.broker.end('SIGTERM')
    for (let left = 3; left > 0; left--) await invoke()
    assert.deepEqual(await desk.management.depths(), { Original: -1, failover: 3 })
    await desk.startBroker()
    await desk.backend.says(/(Stock quote generated\.[^]*){4}/)
    const { operations, keys } = await desk.seen()
    assert.deepEqual([operations, keys.duplicates], [{ getQuote: 4 }, []])
  })
})
