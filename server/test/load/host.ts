/** A server under load: watched from outside, in a process of its own. Reads Linux's /proc. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { once } from 'node:events'
import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Worker } from 'node:worker_threads'
import { systemClock } from '../../kernel/clock.ts'
import { startServer, type Child } from '../../testing/child.ts'
import { ManagementClient } from '../../testing/management-client.ts'
import { freePorts } from '../../testing/ports.ts'
import { deploy } from '../crash/scenarios.ts'

const WATCH = new URL('../../testing/health-watch.mjs', import.meta.url)
const ASK_MS = 50
const SAMPLE_MS = 50
const HEALTH_TIMEOUT_MS = 30_000

export interface Watched {
  readonly asked: number
  readonly slowestMs: number
  /** Of the wait in which it worked most: for how long the server itself kept the caller waiting. */
  readonly busyMs: number
  readonly failed: number
  readonly reason: string
}

export interface HostOptions {
  readonly artifacts: ReadonlyMap<string, string>
  readonly env?: Readonly<Record<string, string>>
  readonly folder?: string
}

export class Host implements AsyncDisposable {
  readonly folder: string
  readonly http: number
  readonly management: number
  readonly #options: HostOptions
  #server: Child | undefined
  #watch: Worker | undefined
  #peakMb = 0
  readonly #sampling = new AbortController()

  private constructor(folder: string, ports: readonly [number, number], options: HostOptions) {
    this.folder = folder
    this.http = ports[0]
    this.management = ports[1]
    this.#options = options
  }

  static async prepare(options: HostOptions): Promise<Host> {
    const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'holdfast-load-')))
    const host = new Host(folder, (await freePorts(2)) as [number, number], options)
    await deploy(join(folder, 'artifacts'), options.artifacts)
    return host
  }

  static async open(options: HostOptions): Promise<Host> {
    const host = await Host.prepare(options)
    try {
      await host.start()
      return host
    } catch (thrown) {
      await host[Symbol.asyncDispose]()
      throw thrown
    }
  }

  get home(): string {
    return join(this.folder, 'home')
  }

  /** Milliseconds until it was ready. */
  async start(): Promise<number> {
    const since = systemClock.monotonic()
    this.#server = await startServer({
      home: this.home,
      artifacts: join(this.folder, 'artifacts'),
      ports: { http: this.http, management: this.management },
      args: ['--quiet'],
      env: this.#options.env ?? {},
    })
    const took = systemClock.monotonic() - since
    const url = `http://127.0.0.1:${this.management}/healthz`
    this.#watch = new Worker(WATCH, {
      workerData: { url, pid: this.pid, everyMs: ASK_MS, timeoutMs: HEALTH_TIMEOUT_MS },
    })
    void this.#sample()
    return Math.round(took)
  }

  get pid(): number {
    return this.#server!.pid
  }

  get residentMb(): number {
    return status(this.pid, 'VmRSS')
  }

  get peakMb(): number {
    return this.#peakMb
  }

  get api(): ManagementClient {
    return new ManagementClient(this.management)
  }

  /** How the health check has answered since it was last asked for. */
  async watched(): Promise<Watched> {
    const watch = this.#watch!
    const answer = once(watch, 'message')
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    watch.postMessage('how is it?')
    return ((await answer) as [Watched])[0]
  }

  alive(): void {
    if (this.#server?.exit) throw this.#server.failure('the server ended by itself')
  }

  async stop(): Promise<void> {
    this.#sampling.abort()
    await this.#watch?.terminate()
    const server = this.#server!
    this.#server = undefined
    const { code } = await server.end('SIGTERM')
    if (code !== 0) throw server.failure('the server did not stop in good order')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sampling.abort()
    await this.#watch?.terminate()
    await this.#server?.[Symbol.asyncDispose]()
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  async #sample(): Promise<void> {
    while (!this.#sampling.signal.aborted && this.#server && !this.#server.exit) {
      this.#peakMb = Math.max(this.#peakMb, this.residentMb)
      await systemClock.sleep(SAMPLE_MS, this.#sampling.signal)
    }
  }
}

/** A figure of /proc in megabytes; 0 once the process is gone. */
function status(pid: number, field: string): number {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Math.round(Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) / 1024)
  } catch {
    return 0
  }
}

export interface BackEnd extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** Requests it is working on. */
  readonly waiting: number
  readonly served: number
}

/** A back end that does as little as possible: reads the request and answers as it is told. */
export async function backEnd(
  answer: (request: IncomingMessage, response: ServerResponse, bytes: number) => void | Promise<void>,
): Promise<BackEnd> {
  let waiting = 0
  let served = 0
  const server: Server = http.createServer((request, response) => {
    waiting++
    response.on('close', () => {
      waiting--
      served++
    })
    let bytes = 0
    request.on('data', (chunk: Buffer) => (bytes += chunk.length))
    request.on('end', () => void answer(request, response, bytes))
    request.on('error', () => {})
    response.on('error', () => {})
  })
  server.requestTimeout = 0
  server.keepAliveTimeout = 60_000
  await new Promise<void>(resolve => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}/`,
    get waiting() {
      return waiting
    },
    get served() {
      return served
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}

export interface Reply {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly bytes: number
  readonly ms: number
}

/** One request; the body may be a stream of as many zeros. */
export function request(
  port: number,
  path: string,
  { bytes = 0, agent, type = 'text/xml' }: { bytes?: number; agent?: http.Agent | false; type?: string } = {},
): Promise<Reply> {
  const since = systemClock.monotonic()
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': type, 'content-length': bytes }
    const sent = http.request(
      { port, host: '127.0.0.1', path, method: 'POST', headers, ...(agent !== undefined && { agent }) },
      response => {
        let got = 0
        response.on('data', (chunk: Buffer) => (got += chunk.length))
        response.on('error', reject)
        response.on('end', () => {
          const ms = Math.round(systemClock.monotonic() - since)
          const { statusCode, headers } = response
          resolve({ status: statusCode!, retryAfter: headers['retry-after'], bytes: got, ms })
        })
      },
    )
    sent.on('error', reject)
    pour(sent, bytes)
  })
}

const CHUNK = Buffer.alloc(64 * 1024, ' ')

/** Writes so many blanks at the pace they are taken. */
export function pour(into: http.ClientRequest | ServerResponse, bytes: number): void {
  Readable.from(blanks(bytes)).pipe(into)
}

function* blanks(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= CHUNK.length) yield left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK
}
