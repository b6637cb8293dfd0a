import { fork, type ChildProcess } from 'node:child_process'
import type { FaultKind } from './faults.ts'
import type { Order, Report } from './worker.ts'

export interface Failure {
  readonly seed: number
  readonly what: string
}

export interface Outcome {
  readonly seeds: number
  readonly messages: number
  readonly fired: ReadonlyMap<FaultKind, number>
  readonly failures: readonly Failure[]
}

export interface CrewOptions {
  /** The bundle. */
  readonly path: string
  readonly jobs: number
  readonly from: number
  readonly seeds: number
  /** Nothing more is begun after so many failures. */
  readonly enough: number
  readonly onProgress?: (seeds: number, failures: readonly Failure[]) => void
}

/** Seeds handed out at once: few, so that all come to an end at about the same time. */
const CHUNK = 25
/** A seed takes milliseconds: one that is still going after so long hangs. */
const HANGS_MS = 60_000

/** Each process has a core to itself: threads that collect its garbage would take it from the others. */
const FLAGS = [
  '--expose-gc',
  '--single-threaded-gc',
  '--max-semi-space-size=16',
  '--enable-source-maps',
  '--disable-warning=ExperimentalWarning',
]

/** Plays seeds in several processes, each in one of them. */
export async function play(options: CrewOptions): Promise<Outcome> {
  const end = options.from + options.seeds
  let next = options.from
  let seeds = 0
  let messages = 0
  const fired = new Map<FaultKind, number>()
  const failures: Failure[] = []
  const take = (): Order | undefined => {
    if (next >= end || failures.length >= options.enough) return undefined
    const order = { from: next, count: Math.min(CHUNK, end - next) }
    next += order.count
    return order
  }
  const work = async (): Promise<void> => {
    for (let order = take(); order;) {
      const worker = new Worker(options.path)
      try {
        for (; order; order = take()) {
          const report = await worker.ask(order)
          if (report.kind !== 'played') continue
          seeds += report.seeds
          messages += report.messages
          for (const [kind, times] of report.fired) fired.set(kind, (fired.get(kind) ?? 0) + times)
          failures.push(...report.failed)
          options.onProgress?.(seeds, failures)
        }
      } catch (thrown) {
        // What is left of its chunk is given up with it: the run has failed anyway.
        failures.push({ seed: worker.seed, what: (thrown as Error).message })
        order = take()
      } finally {
        worker.end()
      }
    }
  }
  await Promise.all(Array.from({ length: options.jobs }, work))
  return { seeds, messages, fired, failures: failures.sort((a, b) => a.seed - b.seed) }
}

/** Plays one seed again and tells its story. */
export async function tell(path: string, seed: number): Promise<string> {
  const worker = new Worker(path)
  try {
    const report = await worker.ask({ tell: seed })
    return report.kind === 'told' ? report.timeline : ''
  } finally {
    worker.end()
  }
}

class Worker {
  /** The seed it is at. */
  seed = 0
  readonly #child: ChildProcess

  constructor(path: string) {
    this.#child = fork(path, { execArgv: FLAGS })
  }

  /** Rejects if the process dies or hangs. */
  ask(order: Order): Promise<Report> {
    const child = this.#child
    return new Promise((resolve, reject) => {
      const hangs = (): void => {
        end()
        child.kill('SIGKILL')
        reject(new Error(`defect: it was still going after ${HANGS_MS / 1000} s and let no time pass`))
      }
      let timer = setTimeout(hangs, HANGS_MS)
      const end = (): void => {
        clearTimeout(timer)
        child.off('message', hear)
        child.off('exit', died)
      }
      const hear = (report: Report): void => {
        if (report.kind !== 'begins') {
          end()
          return resolve(report)
        }
        this.seed = report.seed
        clearTimeout(timer)
        timer = setTimeout(hangs, HANGS_MS)
      }
      const died = (code: number | null, signal: string | null): void => {
        end()
        reject(new Error(`defect: the process ended (${signal ?? code})`))
      }
      child.on('message', hear)
      child.once('exit', died)
      child.send(order)
    })
  }

  end(): void {
    this.#child.disconnect()
  }
}
