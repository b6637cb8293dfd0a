/** The built program as child processes: for tests that really stop, kill and restart it. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Changes } from '../kernel/changes.ts'
import { systemClock } from '../kernel/clock.ts'

/** The build under test; a test may be pointed at another one, such as an installed release. */
const BINARY = process.env['HOLDFAST_BINARY'] ?? fileURLToPath(new URL('../../dist/holdfast.js', import.meta.url))

/** Output kept of each process: its end is what explains a failure. */
const KEPT = 64 * 1024
/** Longer than a start takes on a machine that has much else to do. */
const START_MS = 30_000
const ASK_AGAIN_MS = 20

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Runs the program under another one, such as a tracer: command and arguments before `node`. */
  readonly under?: readonly string[]
}

const alive = new Set<ChildProcess>()
// Not even a test that dies leaves a process behind.
process.on('exit', () => {
  for (const process of alive) process.kill('SIGKILL')
})

/** One run of `holdfast …`. */
export class Child implements AsyncDisposable {
  readonly command: string
  readonly pid: number
  readonly #process: ChildProcess
  readonly #changes = new Changes(systemClock)
  readonly #exited: Promise<Exit>
  #exit: Exit | undefined
  #output = ''

  constructor(args: readonly string[], { env = {}, cwd, under = [] }: ChildOptions = {}) {
    const [program, ...rest] = [...under, process.execPath, BINARY, ...args]
    this.command = `holdfast ${args.join(' ')}`
    // The channel tells the program that we are gone, should we be killed ourselves.
    const stdio = ['ignore', 'pipe', 'pipe', ...(under.length > 0 ? [] : ['ipc' as const])] as const
    const started = spawn(program!, rest, { env: { ...cleanEnv(), ...env }, stdio: [...stdio], ...(cwd && { cwd }) })
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

  /** Resolves once `url` answers 200. */
  async answers(url: string, ms = START_MS): Promise<void> {
    const since = systemClock.monotonic()
    for (;;) {
      if (this.#exit) throw this.failure('it ended before it was ready')
      if (systemClock.monotonic() - since > ms) throw this.failure(`${url} did not answer 200 within ${ms} ms`)
      try {
        const { status, body } = await fetch(url, { signal: AbortSignal.timeout(ms) })
        await body?.cancel()
        if (status === 200) return
      } catch {
        // Not listening yet.
      }
      await Promise.race([systemClock.sleep(ASK_AGAIN_MS), this.#exited])
    }
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

/** Nothing that configures Holdfast or Node from outside reaches a child. */
function cleanEnv(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(HOLDFAST_|NODE_)/.test(name))
  return Object.fromEntries(kept)
}

export interface ServerOptions extends ChildOptions {
  readonly home: string
  readonly artifacts: string
  /** Ports stay the same over restarts. */
  readonly ports: { readonly http: number; readonly management: number }
  readonly args?: readonly string[]
}

export const ADMIN = { user: 'admin', password: 'only-for-this-test' }

/** `holdfast run` without HTTPS, just started. */
export function serverChild(options: ServerOptions): Child {
  const { home, artifacts, ports, args = [] } = options
  const [http, management] = [String(ports.http), String(ports.management)]
  const where = ['--home', home, '--artifacts', artifacts, '--http-port', http, '--management-port', management]
  return new Child(['run', ...where, ...args], {
    ...options,
    env: {
      HOLDFAST_HTTPS_ENABLED: 'false',
      HOLDFAST_HTTP_HOST: '127.0.0.1',
      HOLDFAST_MANAGEMENT_HOST: '127.0.0.1',
      HOLDFAST_ADMIN_USER: ADMIN.user,
      HOLDFAST_ADMIN_PASSWORD: ADMIN.password,
      ...options.env,
    },
  })
}

/** `holdfast run` without HTTPS; resolves once everything is deployed. */
export function startServer(options: ServerOptions): Promise<Child> {
  const child = serverChild(options)
  return ready(child, () => child.answers(`http://127.0.0.1:${options.ports.management}/healthz`))
}

/** `holdfast broker`; resolves once it listens. */
export function startBrokerChild(home: string, port: number, env: ChildOptions['env'] = {}): Promise<Child> {
  const child = new Child(['broker', '--home', home, '--port', String(port)], { env })
  return ready(child, () => child.says(/Holdfast broker at/))
}

async function ready(child: Child, wait: () => Promise<unknown>): Promise<Child> {
  try {
    await wait()
    return child
  } catch (thrown) {
    await child[Symbol.asyncDispose]()
    throw thrown
  }
}
