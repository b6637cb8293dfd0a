/** The composition root: this file and those in `app/` are the only ones that know every module. */
import { join } from 'node:path'
import { connectionFactoriesOf, decodeEnv, extensionFolders } from './app/decoding.ts'
import { Deployment } from './app/deployment.ts'
import { openHome } from './app/home.ts'
import { Listening } from './app/listening.ts'
import { OwnCertificate } from './app/own-certificate.ts'
import { servicesOf } from './app/services.ts'
import { formatOf } from './codecs/client-format.ts'
import { parseContentType } from './codecs/content-type.ts'
import type { DeployReport } from './deploy/deployer.ts'
import { Resources } from './deploy/resources.ts'
import { SqlDatabases } from './drivers/sql/databases.ts'
import { HttpClient } from './drivers/http/client.ts'
import { replyMessage } from './drivers/http/message.ts'
import type { Journal } from './drivers/journal/contracts.ts'
import { openJournal } from './drivers/journal/journal.ts'
import { ExtensionFolders } from './extensions/folder.ts'
import type { Clock } from './kernel/clock.ts'
import type { Log, Registry } from './kernel/contracts.ts'
import { Lifecycle, type StopReport } from './kernel/lifecycle.ts'
import type { Message } from './kernel/message.ts'
import { WaitingCallers } from './kernel/waiting-callers.ts'
import { QUARANTINE_SUFFIX } from './kernel/stored-message.ts'
import { describe } from './management/describe.ts'
import { openAdmin, type Admin } from './management/admin.ts'
import { isLoopback, startManagement, type Management } from './management/management.ts'
import type { LogSystem } from './observe/log.ts'
import type { Settings } from './settings/fields.ts'
import { portHolder } from './transport/port-holder.ts'
import { forwardProxy, outgoingTls } from './transport/outgoing-settings.ts'

export { connectionFactoriesOf, decodeEnv, extensionFolders } from './app/decoding.ts'
export { diagnosticLine } from './app/deployment.ts'
export { bodyTextOf, requestMessage } from './app/messages.ts'

export interface AppOptions {
  readonly settings: Settings
  readonly logs: LogSystem
  readonly clock: Clock
  readonly env: NodeJS.ProcessEnv
  readonly version: string
}

/** A server, from its settings to the ports it listens on. */
export interface App extends AsyncDisposable {
  start(): Promise<void>
  /** Lets work under way finish until the drain time is over. Never rejects. */
  stop(): Promise<StopReport>
  /** A second request to stop: nobody drains any longer. */
  hurry(): void
  readonly home: string
  /** The folders artifacts are read from. */
  readonly folders: readonly string[]
  readonly ports: { readonly http: readonly number[]; readonly https: readonly number[]; readonly management: number }
  /** A password made at this start, to be shown once. */
  readonly firstPassword: string | undefined
  readonly lastDeployment: DeployReport | undefined
  /** What is deployed now. */
  readonly registry: Registry
  readonly log: Log
  /** Asks any HTTP service, this server among them; resolves with the collected answer. */
  ask(url: string, request: Question): Promise<Message>
}

export interface Question {
  readonly method: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
  readonly timeoutMs: number
}

export function createApp(options: AppOptions): App {
  return new HoldfastApp(options)
}

class HoldfastApp implements App {
  readonly #options: AppOptions
  readonly #log: Log
  readonly #lifecycle: Lifecycle
  readonly folders: readonly string[]
  readonly #callers: WaitingCallers
  readonly #resources: Resources
  readonly #extensions: ExtensionFolders
  readonly #databases: SqlDatabases
  readonly #certificate: OwnCertificate
  readonly #deployment: Deployment
  readonly #listening: Listening
  #journal: Journal | undefined
  #client: HttpClient | undefined
  #queues: readonly Disposable[] = []
  #management: Management | undefined
  #admin: Admin | undefined
  #ready = false

  constructor(options: AppOptions) {
    const { settings, clock, logs } = options
    this.#options = options
    const log = (this.#log = logs.log)
    this.#callers = new WaitingCallers(clock)
    this.#resources = new Resources(settings.server.home)
    this.folders =
      settings.server.artifacts.length > 0 ? settings.server.artifacts : [join(settings.server.home, 'deploy')]
    this.#databases = new SqlDatabases(clock, {
      connectMs: settings.database.connectTimeout,
      statementMs: settings.database.statementTimeout,
    })
    this.#extensions = new ExtensionFolders(
      extensionFolders(settings.server.home, this.folders, settings.extension.folders),
      settings.extension.timeout,
    )
    this.#certificate = new OwnCertificate(settings, clock)
    this.#deployment = new Deployment({
      settings,
      clock,
      log,
      folders: this.folders,
      resources: this.#resources,
      extensions: this.#extensions,
    })
    this.#listening = new Listening({
      settings,
      clock,
      log,
      registry: () => this.registry,
      certificate: () => this.#certificate.read(),
    })
    this.#lifecycle = this.#parts()
  }

  /** In start order; they stop the other way round. */
  #parts(): Lifecycle {
    const { settings, clock } = this.#options
    return new Lifecycle({ clock, drainMs: settings.server.drain, graceMs: 1_000 })
      .add({ name: 'home', start: () => openHome(this.home) })
      .add({
        name: 'journal',
        start: () => this.#openJournal(),
        stop: async () => this.#journal?.[Symbol.asyncDispose](),
      })
      .add({ name: 'databases', stop: () => this.#databases[Symbol.asyncDispose]() })
      .add({
        name: 'http client',
        start: () => this.#openClient(),
        stop: patience => this.#client?.close(patience.aborted ? 0 : 1_000),
      })
      .add({
        name: 'management',
        start: () => this.#openManagement(),
        stop: async () => this.#management?.[Symbol.asyncDispose](),
      })
      .add({
        name: 'artifacts',
        start: () => this.#firstDeployment(),
        stop: async () => {
          await this.#deployment.deployer?.[Symbol.asyncDispose]()
          for (const queues of this.#queues) queues[Symbol.dispose]()
        },
      })
      .add({ name: 'processors', stop: () => this.#deployment.deployer?.stopProcessors() })
      .add({ name: 'listener', start: () => this.#listening.open(), stop: () => this.#listening.stop() })
      .add({
        name: 'tasks',
        start: () => this.#deployment.deployer?.open(),
        stop: () => this.#deployment.deployer?.shut(),
      })
      .add({
        name: 'watcher',
        start: () => this.#deployment.watch(),
        stop: () => this.#deployment.stopWatching(),
      })
  }

  get registry(): Registry {
    return this.#deployment.deployer!.current
  }

  get log(): Log {
    return this.#log
  }

  async ask(url: string, { method, headers, body, timeoutMs }: Question): Promise<Message> {
    const reply = await this.#client!.request({
      url,
      method,
      headers: headers.flat(),
      body: Buffer.from(body),
      timeoutMs,
    })
    const message = replyMessage(reply, formatOf(parseContentType(reply.contentType)), 0)
    await message.body.collect()
    return message
  }

  get home(): string {
    return this.#options.settings.server.home
  }

  get ports(): App['ports'] {
    return { ...this.#listening.ports, management: this.#management?.port ?? 0 }
  }

  get firstPassword(): string | undefined {
    return this.#admin?.firstPassword
  }

  get lastDeployment(): DeployReport | undefined {
    return this.#deployment.report
  }

  async start(): Promise<void> {
    await this.#lifecycle.start()
    this.#ready = true
  }

  stop(): Promise<StopReport> {
    this.#ready = false
    this.#callers.releaseAll()
    return this.#lifecycle.stop()
  }

  hurry(): void {
    this.#lifecycle.hurry()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #openJournal(): Promise<void> {
    const { settings, clock } = this.#options
    this.#journal = await openJournal({
      folder: join(this.home, 'data'),
      clock,
      log: this.#log.child({ category: 'Journal' }),
      segmentBytes: settings.journal.segmentSize,
    })
  }

  async #openClient(): Promise<void> {
    const { settings, clock } = this.#options
    // The server may call itself over HTTPS with a certificate of its own making.
    const trusted = settings.https.enabled ? [(await this.#certificate.read()).certificate] : []
    const proxy = forwardProxy(settings.endpoint)
    this.#client = new HttpClient({
      clock,
      connections: settings.endpoint.maxConnectionsPerHost,
      connectTimeoutMs: settings.endpoint.connectTimeout,
      tls: await outgoingTls(settings.endpoint, trusted, clock.now()),
      ...(proxy && { proxy }),
    })
  }

  async #openManagement(): Promise<void> {
    const { settings, clock, version, logs } = this.#options
    const { host, port, adminUser, adminPassword, tokenExpiry, maxTokens } = settings.management
    this.#admin = await openAdmin({ user: adminUser, password: adminPassword, home: this.home })
    const tls = isLoopback(host) ? undefined : await this.#certificate.read()
    this.#management = await startManagement({
      host,
      port,
      portHolder,
      admin: this.#admin,
      clock,
      tokenExpiryMs: tokenExpiry,
      maxTokens,
      version,
      log: this.#log.child({ category: 'Management' }),
      levels: logs.levels,
      registry: () => this.registry,
      report: () => ({
        ready: this.#ready,
        diagnostics: this.#deployment.report?.diagnostics ?? [],
        faulty: (this.#deployment.report?.faulty ?? []).map(({ name, file, diagnostics }) => ({
          name,
          file,
          diagnostics,
        })),
        ...(this.#journal && { journal: { ...this.#journal.status, damage: this.#journal.damage } }),
      }),
      describe: artifact => describe(this.#deployment.deployer?.source(artifact.role, artifact.name)),
      journalUse: () => this.#journal?.stats(),
      quarantines: () => this.#journal?.stats().queues.filter(({ name }) => name.endsWith(QUARANTINE_SUFFIX)) ?? [],
      addresses: () => this.ports.http.map(bound => `http://${settings.server.hostname}:${bound}`),
      ...(tls && { tls }),
    })
  }

  async #firstDeployment(): Promise<void> {
    const { settings, env, clock } = this.#options
    const factories = connectionFactoriesOf(settings)
    const decoding = decodeEnv(this.home, env, clock, this.#resources, this.#extensions, factories)
    const { services, queues } = servicesOf(
      {
        settings,
        clock,
        log: this.#log,
        journal: this.#journal!,
        client: this.#client!,
        resources: this.#resources,
        deployment: this.#deployment,
        callers: this.#callers,
        databases: this.#databases,
        extensions: this.#extensions,
        openPort: wish => this.#listening.openPort(wish),
      },
      decoding,
    )
    this.#queues = queues
    await this.#deployment.first(decoding, services)
  }
}
