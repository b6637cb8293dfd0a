import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker, type WorkerOptions } from 'node:worker_threads'
import type { Clock, Timer } from '../../kernel/clock.ts'
import { IntegrationError, textOf } from '../../kernel/errors.ts'
import { optionalPackage } from '../../kernel/optional-package.ts'
import type { Query, QueryAnswer, QueryResult } from './contracts.ts'

export interface QueryLimits {
  /** Milliseconds one query may run. */
  readonly time: number
  /** MiB all values of a query may take. */
  readonly memory: number
}

export const QUERY_LIMITS: QueryLimits = { time: 5000, memory: 128 }

interface Job {
  readonly query: Query
  readonly done: (result: QueryResult) => void
  readonly failed: (error: IntegrationError) => void
}

/** In a build it lies beside the program, or one folder up from its parts. */
const BUILT = ['./xquery-worker.js', '../xquery-worker.js'].map(name => fileURLToPath(new URL(name, import.meta.url)))

/** From the sources: threads do not inherit what lets this process read TypeScript. */
const FROM_SOURCE = `import("tsx/esm/api").then(tsx => { tsx.register(); return import(${JSON.stringify(new URL('./worker.ts', import.meta.url).href)}) })`

function startThread(options: WorkerOptions): Worker {
  if (import.meta.url.endsWith('.ts')) return new Worker(FROM_SOURCE, { ...options, eval: true })
  return new Worker(BUILT.find(file => existsSync(file)) ?? BUILT[0]!, options)
}

/**
 * Runs queries one after another on a thread of its own. One that runs too long, or takes too much memory, ends with its
 * thread; those that wait go on with a new one.
 */
export class QueryEngine implements AsyncDisposable {
  readonly #clock: Clock
  readonly #limits: QueryLimits
  readonly #waiting: Job[] = []
  #worker: Worker | null = null
  #current: Job | null = null
  #timer: Timer | null = null
  #isReady = false

  constructor(clock: Clock, limits: QueryLimits = QUERY_LIMITS) {
    this.#clock = clock
    this.#limits = limits
  }

  /** Rejects with PACKAGE_MISSING, or with what is wrong with the query on these values. */
  async run(query: Query): Promise<QueryResult> {
    // The thread would only say that it cannot begin.
    await optionalPackage('fontoxpath', 'the xquery mediator', () => import('fontoxpath'))
    return new Promise((done, failed) => {
      this.#waiting.push({ query, done, failed })
      this.#next()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const worker = this.#worker
    this.#worker = null
    await worker?.terminate()
  }

  #next(): void {
    if (this.#current || this.#waiting.length === 0) return
    const worker = (this.#worker ??= this.#start())
    // Loading the engine does not count as the query's time.
    if (!this.#isReady) return
    const job = this.#waiting.shift()!
    this.#current = job
    worker.ref()
    this.#timer = this.#clock.after(this.#limits.time, () => {
      this.#lose(
        `it was given up after ${this.#limits.time} ms; look for a function that calls itself without end, or for ranges such as 1 to 1000000000`,
      )
      void worker.terminate()
    })
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    worker.postMessage(job.query)
  }

  #start(): Worker {
    const { memory } = this.#limits
    const worker = startThread({
      workerData: 'ready',
      resourceLimits: { maxOldGenerationSizeMb: memory, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 },
    })
    this.#isReady = false
    worker.on('message', (answer: QueryAnswer | 'ready') => {
      if (this.#worker !== worker) return
      if (answer === 'ready') this.#isReady = true
      else this.#answered(answer)
      this.#next()
    })
    const ended = (why: string): void => {
      if (this.#worker === worker) this.#lose(why)
    }
    worker.on('error', (thrown: unknown) => {
      const outOfMemory = (thrown as { code?: unknown }).code === 'ERR_WORKER_OUT_OF_MEMORY'
      ended(outOfMemory ? `it used more than ${memory} MiB of memory` : textOf(thrown))
    })
    worker.on('exit', () => ended('its thread ended'))
    return worker
  }

  #answered(answer: QueryAnswer): void {
    const job = this.#settle()
    if (!job) return
    if ('error' in answer) job.failed(new IntegrationError('TRANSFORM_FAILED', answer.error))
    else job.done(answer.result)
  }

  /** The thread is gone, and with it what it was at. */
  #lose(why: string): void {
    this.#worker = null
    // Before it was ready it had no query: whoever waits would wait for ever.
    const job = this.#settle() ?? this.#waiting.shift()
    job?.failed(new IntegrationError('TRANSFORM_FAILED', why))
    this.#next()
  }

  #settle(): Job | null {
    const job = this.#current
    this.#timer?.cancel()
    this.#timer = null
    this.#current = null
    // An idle thread keeps no process alive.
    this.#worker?.unref()
    return job
  }
}
