/** Requests from this process: as many as there is room for, or at a fixed rate. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Connections } from './connections.ts'
import type { Usage } from './processes.ts'

/** Whatever can be asked and watched. */
export interface Target {
  readonly name: string
  readonly url: string
  readonly usage: Usage
}

export interface Request {
  readonly path: string
  readonly body: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  /** What every answer must have. */
  readonly status: number
}

export interface Load {
  readonly perSecond: number
  /** Processor microseconds of the program for one request. */
  readonly cpuMicros: number
  readonly p50: number
  readonly p99: number
  readonly residentMb: number
}

/** Posts over `connections` for some seconds, the next one as soon as there is an answer. */
export async function load(
  target: Target,
  request: Request,
  { seconds, connections }: { readonly seconds: number; readonly connections: number },
): Promise<Load> {
  await using client = new Client(target, request, connections)
  const end = performance.now() + seconds * 1000
  return await client.measured(async () => {
    const lane = async (): Promise<void> => {
      while (performance.now() < end) await client.post(performance.now())
    }
    await Promise.all(Array.from({ length: connections }, lane))
  })
}

/** Posts exactly `count` over `connections`. */
export async function send(
  target: Target,
  request: Request,
  { count, connections }: { readonly count: number; readonly connections: number },
): Promise<Load> {
  await using client = new Client(target, request, connections)
  let sent = 0
  return await client.measured(async () => {
    const lane = async (): Promise<void> => {
      while (sent++ < count) await client.post(performance.now())
    }
    await Promise.all(Array.from({ length: connections }, lane))
  })
}

/**
 * Posts at a fixed rate, whether or not answers come: a request that has to wait for a connection counts from when it was
 * due, so that a server that stalls is seen to.
 */
export async function atRate(
  target: Target,
  request: Request,
  {
    seconds,
    perSecond,
    connections,
  }: { readonly seconds: number; readonly perSecond: number; readonly connections: number },
): Promise<Load> {
  await using client = new Client(target, request, connections)
  const began = performance.now()
  return await client.measured(async () => {
    const open: Promise<void>[] = []
    for (let sent = 0; sent < seconds * perSecond;) {
      const due = began + (sent / perSecond) * 1000
      if (due > performance.now()) await sleep(1)
      else {
        open.push(client.post(due))
        sent++
      }
    }
    await Promise.all(open)
  })
}

class Client implements AsyncDisposable {
  readonly #target: Target
  readonly #request: Request
  readonly #connections: Connections
  readonly #bytes: Buffer
  readonly #waits: number[] = []

  constructor(target: Target, request: Request, connections: number) {
    this.#target = target
    this.#request = request
    this.#connections = new Connections(target.url, connections)
    this.#bytes = written(target.url, request)
  }

  async post(since: number): Promise<void> {
    const { path, status } = this.#request
    const reply = await this.#connections.send(this.#bytes).catch((cause: Error) => {
      throw new Error(`${this.#target.name}${path}: ${cause.message}`, { cause })
    })
    if (reply.status !== status) throw new Error(`${this.#target.name}${path} answered ${reply.status}: ${reply.text}`)
    this.#waits.push(performance.now() - since)
  }

  async measured(run: () => Promise<void>): Promise<Load> {
    const before = this.#target.usage
    const began = performance.now()
    await run()
    const took = (performance.now() - began) / 1000
    const after = this.#target.usage
    const waits = this.#waits.sort((a, b) => a - b)
    return {
      perSecond: waits.length / took,
      cpuMicros: ((after.cpuSeconds - before.cpuSeconds) / waits.length) * 1e6,
      p50: waits[Math.floor(waits.length * 0.5)] ?? 0,
      p99: waits[Math.floor(waits.length * 0.99)] ?? 0,
      residentMb: after.residentMb,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connections.close()
  }
}

/** The request as it goes over the wire, every time the same. */
function written(url: string, { path, body, headers }: Request): Buffer {
  const fields = { host: new URL(url).host, 'content-type': 'text/xml; charset=UTF-8', ...headers }
  const lines = Object.entries({ ...fields, 'content-length': String(body.length) }).map(line => line.join(': '))
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body])
}
