/** A server of somebody else's that a test started: to be killed, stopped, frozen and started again on its data. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { systemClock } from '../../../kernel/clock.ts'
import { Program } from '../../../testing/program.ts'
import type { ProgramParts } from '../../../testing/program.ts'
import { isInstalled } from './commands.ts'

export const USER = 'hf'
export const PASSWORD = 'hfpw'

/** Many times what they take on a machine with nothing else to do. */
const READY_MS = 180_000
const STOP_MS = 60_000
const ASK_AGAIN_MS = 20

// The servers end with us: on a signal Node would not even run the exit handlers that end them.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.once(signal, () => {
    process.stderr.write(`ended by ${signal}, which is how the runner ends a file that takes too long\n`)
    process.exit(1)
  })
}

export type Protocol = 'openwire' | 'amqp' | 'amqps' | 'openwire-tls' | 'rabbitmq' | 'rabbitmq-tls'

const SCHEMES: Readonly<Record<Protocol, string>> = {
  openwire: 'tcp',
  amqp: 'amqp',
  amqps: 'amqps',
  'openwire-tls': 'ssl',
  rabbitmq: 'amqp',
  'rabbitmq-tls': 'amqps',
}

export interface ServerParts {
  readonly title: string
  readonly host?: string
  readonly user?: string
  readonly password?: string
  readonly ports: Readonly<Partial<Record<Protocol, number>>>
  /** What one run is; started anew after each end. */
  readonly program: () => ProgramParts
  /** The line by which it says that it serves. */
  readonly says: RegExp
  /** Whose end is the end of the server, if not the program's itself. */
  readonly pid?: () => Promise<number>
  /** What is left to do once it has ended for good. */
  readonly clean: () => Promise<void>
}

export class RealServer implements AsyncDisposable {
  readonly title: string
  readonly host: string
  readonly user: string
  readonly password: string
  readonly #parts: ServerParts
  #program: Program | undefined
  #pid = 0
  #disposed = false

  constructor(parts: ServerParts) {
    this.title = parts.title
    this.host = parts.host ?? '127.0.0.1'
    this.user = parts.user ?? USER
    this.password = parts.password ?? PASSWORD
    this.#parts = parts
  }

  port(protocol: Protocol): number {
    const port = this.#parts.ports[protocol]
    if (port === undefined) throw new Error(`${this.title} was not started with a port for ${protocol}`)
    return port
  }

  /** Without user and password, as people write it into their configuration. */
  url(protocol: Protocol): string {
    return `${SCHEMES[protocol]}://${this.host}:${this.port(protocol)}`
  }

  get running(): boolean {
    return this.#program !== undefined && this.#program.exit === undefined
  }

  get pid(): number {
    return this.#pid
  }

  /** What it wrote in this run. */
  get output(): string {
    return this.#program?.output ?? ''
  }

  /** Starts it on the data it has; resolves once it takes connections. */
  async start(): Promise<void> {
    this.launch()
    await this.serving()
  }

  /** Starts it without waiting, such as a backup that serves only when its primary is dead. */
  launch(): void {
    if (this.running) throw new Error(`${this.title} runs already`)
    const parts = this.#parts.program()
    // Should this test be killed, the server is killed with it.
    const bound = isInstalled('setpriv')
      ? { program: 'setpriv', args: ['--pdeathsig', 'KILL', parts.program, ...parts.args] }
      : {}
    this.#program = new Program({ ...parts, ...bound })
    this.#pid = this.#program.pid
  }

  async serving(): Promise<void> {
    const program = this.#program!
    await program.says(this.#parts.says, READY_MS)
    if (this.#parts.pid) this.#pid = await this.#parts.pid()
    for (const port of Object.values(this.#parts.ports)) await this.#listens(port)
  }

  /** Waits for a line of its log. */
  says(pattern: RegExp, ms = READY_MS): Promise<string> {
    return this.#program!.says(pattern, ms)
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** As its operator stops it. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  /** Freezes it: connections stay open and nobody answers. */
  pause(): void {
    process.kill(this.#pid, 'SIGSTOP')
    const since = systemClock.monotonic()
    while (!isFrozen(this.#pid)) {
      if (systemClock.monotonic() - since > STOP_MS)
        throw new Error(`${this.title} did not freeze within ${STOP_MS} ms`)
    }
  }

  resume(): void {
    process.kill(this.#pid, 'SIGCONT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    if (this.running) await this.kill()
    await this.#parts.clean()
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const program = this.#program
    if (!program || program.exit) return
    signalTo(this.#pid, signal)
    const patience = new AbortController()
    const ended = await Promise.race([program.exited, systemClock.sleep(STOP_MS, patience.signal)])
    patience.abort()
    if (ended) return
    signalTo(this.#pid, 'SIGKILL')
    await program.end()
    if (signal === 'SIGTERM') throw new Error(`${this.title} did not stop within ${STOP_MS} ms`)
  }

  async #listens(port: number): Promise<void> {
    const since = systemClock.monotonic()
    while (!(await accepts(port))) {
      if (this.#program!.exit) throw this.#program!.failure('it ended before it listened')
      if (systemClock.monotonic() - since > READY_MS) throw this.#program!.failure(`it does not listen on ${port}`)
      await systemClock.sleep(ASK_AGAIN_MS)
    }
  }
}

/** The signal is only sent when `kill` returns: a thread at work may answer yet one more request. True where nobody can tell. */
function isFrozen(pid: number): boolean {
  const tasks = `/proc/${pid}/task`
  if (!existsSync(tasks)) return true
  return readdirSync(tasks).every(task => {
    try {
      return /\) [Tt] /.test(readFileSync(`${tasks}/${task}/stat`, 'utf8'))
    } catch {
      // That thread has ended meanwhile.
      return true
    }
  })
}

function signalTo(pid: number, signal: 'SIGKILL' | 'SIGTERM'): void {
  try {
    process.kill(pid, signal)
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    const done = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => done(true))
    socket.once('error', () => done(false))
  })
}
