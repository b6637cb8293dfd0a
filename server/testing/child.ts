/** The built program as child processes: for tests that really stop, kill and restart it. */
import { fileURLToPath } from 'node:url'
import { systemClock } from '../kernel/clock.ts'
import { Program, ready, START_MS } from './program.ts'

export type { Exit } from './program.ts'

/** The build under test; a test may be pointed at another one, such as an installed release. */
const BINARY = process.env['HOLDFAST_BINARY'] ?? fileURLToPath(new URL('../../dist/holdfast.js', import.meta.url))

const ASK_AGAIN_MS = 20

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Runs the program under another one, such as a tracer: command and arguments before `node`. */
  readonly under?: readonly string[]
}

/** One run of `holdfast …`. */
export class Child extends Program {
  constructor(args: readonly string[], { env = {}, cwd, under = [] }: ChildOptions = {}) {
    const [program, ...rest] = [...under, process.execPath, BINARY, ...args]
    super({
      title: `holdfast ${args.join(' ')}`,
      program: program!,
      args: rest,
      env: { ...cleanEnv(), ...env },
      channel: under.length === 0,
      ...(cwd !== undefined && { cwd }),
    })
  }

  /** Resolves once `url` answers 200. */
  async answers(url: string, ms = START_MS): Promise<void> {
    const since = systemClock.monotonic()
    for (;;) {
      if (this.exit) throw this.failure('it ended before it was ready')
      if (systemClock.monotonic() - since > ms) throw this.failure(`${url} did not answer 200 within ${ms} ms`)
      try {
        const { status, body } = await fetch(url, { signal: AbortSignal.timeout(ms) })
        await body?.cancel()
        if (status === 200) return
      } catch {
        // Not listening yet.
      }
      await Promise.race([systemClock.sleep(ASK_AGAIN_MS), this.exited])
    }
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
