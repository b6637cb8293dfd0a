import type { Clock, Timer } from './clock.ts'

/** Something that is started in its turn and stopped in reverse. */
export interface Part {
  readonly name: string
  /** `signal` aborts when a stop is asked for while the start still runs. */
  start?(signal: AbortSignal): Promise<void> | void
  /**
   * Called after every start that was begun, even one that failed: it must cope with half of its work. Whoever drains
   * does so until `patience` aborts, then ends at once.
   */
  stop?(patience: AbortSignal): Promise<void> | void
}

export type LifecycleState = 'new' | 'starting' | 'running' | 'failed' | 'stopping' | 'stopped'

export interface StopProblem {
  readonly part: string
  readonly error: unknown
}

export interface StopReport {
  /** Parts that failed to stop, or were left behind because they took too long; the others were stopped all the same. */
  readonly problems: readonly StopProblem[]
}

export interface LifecycleOptions {
  readonly clock: Clock
  /** How long all parts together may drain once a stop was asked for. */
  readonly drainMs: number
  /** How long one part may still take after that (or after its turn came late) before it is left behind. */
  readonly graceMs: number
  /** Told before each step; for the log. */
  readonly onStep?: (step: 'start' | 'stop', part: string) => void
}

/**
 * Ordered start and reverse stop. The two exclude each other and share the promise in flight: a second `start` or
 * `stop` joins the first, a `stop` during a start first lets the part that is starting end, a `start` during a stop
 * waits for it. A failed start leaves everything begun so far in place; `stop` cleans it up.
 */
export class Lifecycle implements AsyncDisposable {
  readonly #options: LifecycleOptions
  readonly #parts: Part[] = []
  /** Parts whose start was begun, in order. */
  readonly #begun: Part[] = []
  #state: LifecycleState = 'new'
  #starting: Promise<void> | null = null
  #stopping: Promise<StopReport> | null = null
  #startAbort = new AbortController()
  #patience = new AbortController()

  constructor(options: LifecycleOptions) {
    this.#options = options
  }

  get state(): LifecycleState {
    return this.#state
  }

  /** Adds the next part in start order. */
  add(part: Part): this {
    if (this.#state !== 'new') throw new TypeError(`${part.name} was added after the start`)
    this.#parts.push(part)
    return this
  }

  /** Rejects with what the first failing part threw; then only {@link stop} makes sense. */
  start(): Promise<void> {
    if (this.#starting) return this.#starting
    if (this.#state === 'running') return Promise.resolve()
    this.#starting = this.#start().finally(() => (this.#starting = null))
    return this.#starting
  }

  /** Never rejects: what went wrong is in the report. */
  stop(): Promise<StopReport> {
    if (this.#stopping) return this.#stopping
    if (this.#starting === null && this.#begun.length === 0) {
      if (this.#state !== 'failed') this.#state = 'stopped'
      return Promise.resolve({ problems: [] })
    }
    this.#stopping = this.#stop().finally(() => (this.#stopping = null))
    return this.#stopping
  }

  /** A second signal: whoever still drains stops doing so now. */
  hurry(): void {
    this.#patience.abort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #start(): Promise<void> {
    if (this.#stopping) await this.#stopping
    // A failed start that nobody cleaned up still holds things: they go first, or they would be held twice.
    if (this.#begun.length > 0) await this.#release(AbortSignal.abort())
    this.#state = 'starting'
    this.#startAbort = new AbortController()
    const { signal } = this.#startAbort
    try {
      for (const part of this.#parts) {
        if (signal.aborted) break
        this.#options.onStep?.('start', part.name)
        this.#begun.push(part)
        await part.start?.(signal)
      }
    } catch (error) {
      this.#state = 'failed'
      throw error
    }
    if (signal.aborted) {
      this.#state = 'failed'
      throw new Error('the start was given up because a stop was asked for')
    }
    this.#state = 'running'
  }

  async #stop(): Promise<StopReport> {
    this.#patience = new AbortController()
    const patience = this.#patience
    const deadline = this.#options.clock.after(this.#options.drainMs, () => patience.abort())
    if (this.#starting) {
      this.#startAbort.abort()
      // Its failure is told to whoever called start; a start that hangs is not waited for beyond the deadline.
      await Promise.race([this.#starting.catch(() => undefined), aborted(patience.signal)])
    }
    this.#state = 'stopping'
    const report = await this.#release(patience.signal)
    deadline.cancel()
    this.#state = 'stopped'
    return report
  }

  /** Stops whatever was begun, last first. */
  async #release(patience: AbortSignal): Promise<StopReport> {
    const problems: StopProblem[] = []
    for (let part = this.#begun.pop(); part; part = this.#begun.pop()) {
      this.#options.onStep?.('stop', part.name)
      try {
        await this.#stopPart(part, patience)
      } catch (error) {
        problems.push({ part: part.name, error })
      }
    }
    return { problems }
  }

  /** Races the part against its grace, which begins when the patience of all has ended. */
  async #stopPart(part: Part, patience: AbortSignal): Promise<void> {
    const { clock, graceMs } = this.#options
    let grace: Timer | undefined
    let begin: (() => void) | undefined
    const tooLong = new Promise<never>((_resolve, reject) => {
      begin = () => {
        grace = clock.after(graceMs, () =>
          reject(new Error(`${part.name} did not stop within ${graceMs} ms after the deadline and was left behind`)),
        )
      }
      if (patience.aborted) begin()
      else patience.addEventListener('abort', begin, { once: true })
    })
    try {
      await Promise.race([part.stop?.(patience), tooLong])
    } finally {
      patience.removeEventListener('abort', begin!)
      grace?.cancel()
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}
