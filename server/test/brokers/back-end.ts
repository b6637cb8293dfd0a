/** An HTTP service that writes down what it is sent, and when by the clock of a test, and answers as told. */
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Changes } from '../../kernel/changes.ts'
import { systemClock, type Clock } from '../../kernel/clock.ts'

const PATIENCE_MS = 300_000
const ORDER = /<order>([\w-]+)<\/order>/

export const orderXml = (name: string): string => `<order>${name}</order>`

export interface Hit {
  /** What stands in its `<order>`, or all of it. */
  readonly order: string
  readonly method: string
  readonly headers: IncomingHttpHeaders
  /** Elapsed milliseconds of the clock. */
  readonly at: number
}

export interface BackEndAnswer {
  readonly status: number
  readonly body?: string
}

export class BackEnd implements AsyncDisposable {
  readonly hits: Hit[] = []
  /** Orders it answered with a success. */
  readonly accepted: string[] = []
  /** What the n-th request, counted from 1, is answered. */
  answer: (n: number, order: string) => BackEndAnswer | Promise<BackEndAnswer> = () => ({ status: 202 })
  readonly #server: Server
  readonly #changes = new Changes(systemClock)

  private constructor(server: Server, clock: Clock) {
    this.#server = server
    server.on('request', (request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', async () => {
        const body = Buffer.concat(parts).toString()
        const { method = '', headers } = request
        const hit = { order: ORDER.exec(body)?.[1] ?? body, method, headers, at: clock.monotonic() }
        this.hits.push(hit)
        const { status, body: said } = await this.answer(this.hits.length, hit.order)
        if (status < 300) this.accepted.push(hit.order)
        response.writeHead(status, said === undefined ? {} : { 'content-type': 'text/xml' }).end(said)
        this.#changes.tell()
      })
    })
  }

  static async open(clock: Clock = systemClock): Promise<BackEnd> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new BackEnd(server, clock)
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/orders`
  }

  get orders(): readonly string[] {
    return this.hits.map(({ order }) => order)
  }

  /** When each request came, counted from the first. */
  get times(): readonly number[] {
    return this.hits.map(({ at }) => at - this.hits[0]!.at)
  }

  async until(hits: number): Promise<void> {
    const state = (): string => `${this.hits.length} of ${hits} requests came`
    await this.#changes.until(() => this.hits.length >= hits, PATIENCE_MS, state)
  }

  async untilAccepted(orders: number): Promise<void> {
    const state = (): string => `${this.accepted.length} of ${orders} orders were accepted`
    await this.#changes.until(() => this.accepted.length >= orders, PATIENCE_MS, state)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
  }
}
