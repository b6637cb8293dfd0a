import { setMaxListeners } from 'node:events'
import http from 'node:http'
import { systemClock } from '../kernel/clock.ts'
import { textOf } from '../kernel/errors.ts'

/** What one client asks again and again, and what it must be told every time. */
export interface Asked {
  readonly path: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  readonly status: number
  readonly answer: RegExp
  /** Between an answer and the next request. */
  readonly pauseMs: number
}

export interface Failure {
  readonly at: number
  readonly path: string
  readonly what: string
}

/** Kept; the count goes on. */
const MOST_KEPT = 20

/** Clients, each with one connection kept alive, that ask without end and write down every answer that is not the one. */
export class SteadyLoad implements AsyncDisposable {
  readonly #port: number
  readonly #stop = new AbortController()
  readonly #running: Promise<void>[]
  readonly failures: Failure[] = []
  #answered = 0
  #failed = 0
  #slowest = 0

  constructor(port: number, clients: readonly Asked[]) {
    this.#port = port
    setMaxListeners(0, this.#stop.signal)
    this.#running = clients.map(asked => this.#run(asked))
  }

  get answered(): number {
    return this.#answered
  }

  get failed(): number {
    return this.#failed
  }

  /** Milliseconds the slowest answer took. */
  get slowest(): number {
    return this.#slowest
  }

  /** Each client gets the answer it waits for. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#running)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #run(asked: Asked): Promise<void> {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    while (!this.#stop.signal.aborted) {
      const since = systemClock.monotonic()
      try {
        const { status, text } = await ask(this.#port, asked, agent)
        if (status === asked.status && asked.answer.test(text)) this.#answered++
        else this.#fail(asked.path, `${status} ${text.slice(0, 300)}`)
      } catch (thrown) {
        this.#fail(asked.path, textOf(thrown))
      }
      this.#slowest = Math.max(this.#slowest, systemClock.monotonic() - since)
      await systemClock.sleep(asked.pauseMs, this.#stop.signal)
    }
    agent.destroy()
  }

  #fail(path: string, what: string): void {
    this.#failed++
    if (this.failures.length < MOST_KEPT) this.failures.push({ at: systemClock.now(), path, what })
  }
}

function ask(port: number, asked: Asked, agent: http.Agent): Promise<{ status: number; text: string }> {
  const { path, body, headers } = asked
  return new Promise((resolve, reject) => {
    const length = Buffer.byteLength(body)
    const options = { port, host: '127.0.0.1', path, method: 'POST', agent }
    const request = http.request({ ...options, headers: { ...headers, 'content-length': length } }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', chunk => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode!, text }))
      response.on('error', reject)
    })
    request.on('error', reject)
    request.end(body)
  })
}
