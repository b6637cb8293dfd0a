/** A whole server inside the test's process: artifacts as texts, real ports, a log that can be read and waited for. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { createApp, diagnosticLine, type App } from '../app.ts'
import { systemClock, type Clock } from '../kernel/clock.ts'
import { LogLevels } from '../observe/levels.ts'
import { loadSettings } from '../settings/load.ts'
import { ADMIN } from './child.ts'
import { ManagementClient } from './management-client.ts'
import { memoryLog, type MemoryLog } from './memory-log.ts'
import { tempFolder } from './temp-folder.ts'
import { Wire } from './wire.ts'

const PATIENCE_MS = 10_000
const LOOK_AGAIN_MS = 10

export interface AppRigOptions {
  /** Settings as the environment would give them. */
  readonly env?: Readonly<Record<string, string>>
  /** Absent: the machine's. */
  readonly clock?: Clock
}

export interface Reply {
  readonly status: number
  readonly type: string
  readonly text: string
}

export class AppRig implements AsyncDisposable {
  readonly app: App
  readonly log: MemoryLog
  /** Where the artifacts are. */
  readonly folder: string
  readonly #end: () => Promise<void>

  private constructor(app: App, log: MemoryLog, folder: string, end: () => Promise<void>) {
    this.app = app
    this.log = log
    this.folder = folder
    this.#end = end
  }

  /** A server on these artifacts, by file name; resolves once they are deployed. */
  static async start(files: Readonly<Record<string, string>>, options: AppRigOptions = {}): Promise<AppRig> {
    const { env = {}, clock = systemClock } = options
    const home = await tempFolder('app')
    const folder = join(home.path, 'artifacts')
    await mkdir(folder)
    for (const [name, xml] of Object.entries(files)) await writeArtifact(folder, name, xml)
    const { settings, diagnostics } = await loadSettings({
      flags: { home: home.path, artifacts: [folder], 'http-port': ['0'], 'management-port': '0', 'log-file': '' },
      env: {
        HOLDFAST_HTTPS_ENABLED: 'false',
        HOLDFAST_ADMIN_USER: ADMIN.user,
        HOLDFAST_ADMIN_PASSWORD: ADMIN.password,
        ...env,
      },
      cwd: home.path,
    })
    if (diagnostics.length > 0) throw new Error(diagnostics.map(diagnosticLine).join('\n'))
    const log = memoryLog({ debug: false })
    const nothing = async (): Promise<void> => {}
    const logs = {
      log,
      levels: new LogLevels('info'),
      flush: nothing,
      flushSync: () => {},
      [Symbol.asyncDispose]: nothing,
    }
    const app = createApp({ settings, logs, clock, env: {}, version: '0.0.0' })
    const end = async (): Promise<void> => {
      await app.stop()
      await home[Symbol.asyncDispose]()
    }
    const rig = new AppRig(app, log, folder, end)
    try {
      await app.start()
      return rig
    } catch (thrown) {
      await end()
      throw thrown
    }
  }

  get port(): number {
    return this.app.ports.http[0]!
  }

  write(name: string, xml: string): Promise<void> {
    return writeArtifact(this.folder, name, xml)
  }

  remove(name: string): Promise<void> {
    return rm(join(this.folder, name))
  }

  /** What the deployment had to say, as it is logged: `file:line:col: what. What to do.` */
  get diagnostics(): readonly string[] {
    return this.app.lastDeployment?.diagnostics.map(diagnosticLine) ?? []
  }

  /** Resolves once the deployment has to say exactly this, and nothing else. */
  async says(...lines: readonly string[]): Promise<void> {
    const since = systemClock.monotonic()
    while (!isDeepStrictEqual(this.diagnostics, lines)) {
      if (systemClock.monotonic() - since > PATIENCE_MS) {
        throw new Error(`the deployment says\n${this.diagnostics.join('\n')}\nand not\n${lines.join('\n')}`)
      }
      await systemClock.sleep(LOOK_AGAIN_MS)
    }
  }

  /** A POST, of XML unless told otherwise. */
  async post(path: string, body: string | Uint8Array<ArrayBuffer>, type = 'text/xml; charset=UTF-8'): Promise<Reply> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method: 'POST',
      body,
      headers: type === '' ? {} : { 'content-type': type },
    })
    return { status: response.status, type: response.headers.get('content-type') ?? '', text: await response.text() }
  }

  /** A connection on which requests are written by hand. */
  wire(): Promise<Wire> {
    return Wire.to(this.port)
  }

  /** Messages a store holds. */
  async depth(store: string): Promise<number | undefined> {
    return (await new ManagementClient(this.app.ports.management).depths())[store]
  }

  /** The JSON of the health check. */
  async health(): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
    const response = await fetch(`http://127.0.0.1:${this.app.ports.management}/healthz`)
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#end()
  }
}

async function writeArtifact(folder: string, name: string, xml: string): Promise<void> {
  const path = join(folder, name)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, xml)
}
