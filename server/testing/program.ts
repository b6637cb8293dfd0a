/** A child process whose words a test waits for, and that is never left behind. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { Changes } from '../kernel/changes.ts'
import { systemClock } from '../kernel/clock.ts'

/** Output kept of each process: its end is what explains a failure. */
const KEPT = 64 * 1024
/** Longer than a start takes on a machine that has much else to do. */
export const START_MS = 30_000

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface ProgramParts {
  /** How failures name it. */
  readonly title: string
  readonly program: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Opens a channel by which the program learns that we are gone, should we be killed ourselves. */
  readonly channel?: boolean
}

const alive = new Set<ChildProcess>()
// Not even a test that dies leaves a process behind.
process.on('exit', () => {
  for (const process of alive) process.kill('SIGKILL')
})

export class Program implements AsyncDisposable {
  readonly command: string
  readonly pid: number
  readonly #process: ChildProcess
  readonly #changes = new Changes(systemClock)
  readonly #exited: Promise<Exit>
  #exit: Exit | undefined
  #output = ''

  constructor({ title, program, args, env, cwd, channel = false }: ProgramParts) {
    this.command = title
    const stdio = ['ignore', 'pipe', 'pipe', ...(channel ? ['ipc' as const] : [])] as const
    const started = spawn(program, args, { env, stdio: [...stdio], ...(cwd && { cwd }) })
    this.#process = started
    this.pid = started.pid ?? 0
    alive.add(started)
    for (const stream of [started.stdout!, started.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => this.#heard(text))
    }
    this.#exited = once(started, 'close').then(([code, signal]) => {
      alive.delete(started)
      this.#exit = { code, signal } as Exit
      this.#changes.tell()
      return this.#exit
    })
    started.on('error', error => this.#heard(`${error.message}\n`))
  }

  /** The end of what it wrote, to either stream. */
  get output(): string {
    return this.#output
  }

  /** Undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit
  }

  /** Resolves once it has ended and everything it wrote was read. */
  get exited(): Promise<Exit> {
    return this.#exited
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name)
  }

  /** Says something to it on its channel. */
  tell(message: object): void {
    this.#process.send(message)
  }

  /** Sends the signal and waits for the end. */
  end(name: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.signal(name)
    return this.#exited
  }

  /** Resolves with its output once it matches; rejects with it if the process ends before, or after `ms`. */
  async says(pattern: RegExp, ms = START_MS): Promise<string> {
    const found = (): boolean => {
      if (pattern.test(this.#output)) return true
      if (this.#exit) throw this.failure(`it ended before it said ${String(pattern)}`)
      return false
    }
    await this.#changes.until(found, ms, () => this.failure(`it did not say ${String(pattern)}`).message)
    return this.#output
  }

  /** An error that shows what the process wrote last. */
  failure(text: string): Error {
    const state = this.#exit ? `ended with ${this.#exit.signal ?? this.#exit.code}` : `runs as ${this.pid}`
    return new Error(`${text}\n${this.command} (${state}) wrote:\n${this.#output.trimEnd() || '(nothing)'}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#exit) await this.end()
  }

  #heard(text: string): void {
    this.#output += text
    // Cut seldom, not at every line.
    if (this.#output.length > 2 * KEPT) this.#output = this.#output.slice(-KEPT)
    this.#changes.tell()
  }
}

/** Waits until it is ready; one that does not get there is ended. */
export async function ready<P extends AsyncDisposable>(program: P, wait: () => Promise<unknown>): Promise<P> {
  try {
    await wait()
    return program
  } catch (thrown) {
    await program[Symbol.asyncDispose]()
    throw thrown
  }
}
