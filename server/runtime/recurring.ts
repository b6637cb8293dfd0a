import type { Clock } from '../kernel/clock.ts'
import type { Actor, Log, Task, TaskState, TaskTimetable } from '../kernel/contracts.ts'
import { asIntegrationError, type IntegrationError } from '../kernel/errors.ts'
import type { Services } from '../schema/services.ts'
import { WantedStates, type Wanted } from './wanted-states.ts'

/** When something runs. Followed while somebody listens; counts begin anew each time. */
export interface Timetable {
  readonly shown: TaskTimetable
  /** Calls `run` at every time; `end` once there are no more. The returned function takes both back. */
  follow(clock: Clock, run: () => void, end: () => void): () => void
  /** Clock milliseconds of the next run, as far as it can be told; asked while it is followed. */
  next(): number | undefined
}

export interface RecurringParts {
  readonly name: string
  readonly group: string
  readonly className: string
  readonly properties: Readonly<Record<string, string>>
  readonly timetable: Timetable
  /** A run waits for the one before it; otherwise they may overlap. */
  readonly oneByOne: boolean
  readonly services: Services
  readonly log: Log
  /** Resolves with the fault it ended in, if any. */
  readonly work: () => Promise<IntegrationError | undefined>
}

const KEPT = { called: 'task', table: 'tasks' }
/** Runs of one task at the same time: beyond that a back end that hangs would eat the server. */
const MOST_AT_ONCE = 20

/** The life of a task: its timetable, what operators want (kept over restarts), and what became of its runs. */
export class RecurringTask implements Task {
  readonly name: string
  readonly group: string
  readonly className: string
  readonly properties: Readonly<Record<string, string>>
  readonly #parts: RecurringParts
  readonly #running = new Set<Promise<unknown>>()
  readonly #states: WantedStates
  #wanted: Wanted
  #forget: (() => void) | null = null
  #finished = false
  #closed = false
  #since: number
  #runs = 0
  #failures = 0
  #lastRun: TaskState['lastRun']
  /** One by one: a time that came while the task was busy is made up for, once. */
  #due = false

  constructor(parts: RecurringParts) {
    this.#parts = parts
    this.name = parts.name
    this.group = parts.group
    this.className = parts.className
    this.properties = parts.properties
    this.#states = new WantedStates(parts.services, parts.log, KEPT)
    this.#since = parts.services.clock.now()
    this.#wanted = { wanted: 'active', by: 'deploy', reason: 'not started yet', since: this.#since }
  }

  get timetable(): TaskTimetable {
    return this.#parts.timetable.shown
  }

  get state(): TaskState {
    const { wanted, reason } = this.#wanted
    const running = this.#running.size > 0
    const observed = running ? 'running' : this.#finished ? 'finished' : this.#forget ? 'waiting' : 'stopped'
    const why =
      observed === 'stopped'
        ? this.#closed
          ? 'it was stopped'
          : reason
        : this.#finished
          ? 'it has run as often as it was told to'
          : undefined
    const nextRun = this.#forget && !this.#finished ? this.#parts.timetable.next() : undefined
    return {
      wanted,
      observed,
      since: this.#since,
      runs: this.#runs,
      failures: this.#failures,
      ...(why !== undefined && { reason: why }),
      ...(nextRun !== undefined && { nextRun }),
      ...(this.#lastRun && { lastRun: this.#lastRun }),
    }
  }

  async start(): Promise<void> {
    const { log } = this.#parts
    const kept = this.#states.of(this.name)
    if (kept) this.#wanted = kept
    if (this.#wanted.wanted === 'active') {
      this.#follow()
      return
    }
    const { by, reason, since } = this.#wanted
    log.info(`Task [${this.name}] is deployed but inactive`, { by, reason, since: new Date(since).toISOString() })
  }

  async activate({ by }: Actor): Promise<void> {
    if (this.#forget && !this.#finished) {
      this.#parts.log.warn(`task [${this.name}] is already active`)
      return
    }
    await this.#want('active', by, `activated by ${by}`)
    this.#stop()
    this.#follow()
    this.#parts.log.info(`Task [${this.name}] has been activated`, { by })
  }

  async deactivate({ by }: Actor, reason: string): Promise<void> {
    if (this.#wanted.wanted === 'inactive') {
      this.#parts.log.warn(`task [${this.name}] is already inactive`)
      return
    }
    await this.#want('inactive', by, reason)
    this.#stop()
    this.#since = this.#parts.services.clock.now()
    this.#parts.log.info(`Task [${this.name}] has been deactivated`, { by, reason })
  }

  async run({ by }: Actor): Promise<IntegrationError | undefined> {
    this.#parts.log.info(`Task [${this.name}] is triggered`, { by })
    return this.#run()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#stop()
    await Promise.allSettled(this.#running)
  }

  #follow(): void {
    if (this.#closed) return
    this.#finished = false
    this.#since = this.#parts.services.clock.now()
    this.#forget = this.#parts.timetable.follow(
      this.#parts.services.clock,
      () => this.#tick(),
      () => {
        this.#finished = true
        this.#since = this.#parts.services.clock.now()
      },
    )
  }

  #stop(): void {
    this.#forget?.()
    this.#forget = null
    this.#due = false
    this.#finished = false
  }

  #tick(): void {
    const busy = this.#running.size
    if (this.#parts.oneByOne && busy > 0) {
      this.#due = true
      return
    }
    if (busy >= MOST_AT_ONCE) {
      this.#parts.log.warn(
        `task [${this.name}] is left out this time: ${busy} of its runs have not come to their end`,
        {
          hint: 'Give the back end a timeout, or the task a longer interval.',
        },
      )
      return
    }
    void this.#run()
  }

  async #run(): Promise<IntegrationError | undefined> {
    const { services, work, log } = this.#parts
    const at = services.clock.now()
    this.#runs++
    this.#lastRun = { at }
    const running = work().catch((thrown: unknown) => {
      const error = asIntegrationError(thrown)
      log.error(`task [${this.name}] failed: ${error.message}`, { error })
      return error
    })
    this.#running.add(running)
    const fault = await running
    this.#running.delete(running)
    if (fault) {
      this.#failures++
      this.#lastRun = { at, error: fault.message }
    }
    if (this.#due && this.#forget) {
      this.#due = false
      this.#tick()
    }
    return fault
  }

  async #want(wanted: 'active' | 'inactive', by: string, reason: string): Promise<void> {
    this.#wanted = { wanted, by, reason, since: this.#parts.services.clock.now() }
    await this.#states.keep(this.name, this.#wanted)
  }
}
