/** The composition root: the only file that knows every module. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { payloads } from './codecs/payloads.ts'
import { messageViews } from './codecs/views.ts'
import { Deployer, type DeployReport } from './deploy/deployer.ts'
import { link } from './deploy/linker.ts'
import { Loader } from './deploy/loader.ts'
import { endpointMaker, onDemand } from './deploy/on-demand.ts'
import { placeholders } from './deploy/placeholders.ts'
import { Resources } from './deploy/resources.ts'
import { watchFolders } from './deploy/watcher.ts'
import { HttpClient } from './drivers/http/client.ts'
import type { Journal } from './drivers/journal/contracts.ts'
import { openJournal } from './drivers/journal/journal.ts'
import { expressionCompiler } from './expr/expression.ts'
import type { Clock } from './kernel/clock.ts'
import type { Diagnostic, Endpoint, Log } from './kernel/contracts.ts'
import { IntegrationError, systemCode, textOf } from './kernel/errors.ts'
import { Lifecycle, type StopReport } from './kernel/lifecycle.ts'
import { WaitingCallers } from './kernel/waiting-callers.ts'
import { encodeStored, newMessageId } from './kernel/stored-message.ts'
import { kinds } from './kinds/all.ts'
import { describe } from './management/describe.ts'
import { openAdmin, type Admin } from './management/admin.ts'
import { isLoopback, startManagement, type Management } from './management/management.ts'
import type { LogSystem } from './observe/log.ts'
import { leafEndpoint } from './runtime/leaf-endpoint.ts'
import { Catalog } from './schema/catalog.ts'
import type { DecodeEnv } from './schema/element-site.ts'
import type { Services } from './schema/services.ts'
import type { Settings } from './settings/fields.ts'
import { documentReader } from './transport/documents.ts'
import { certificateFrom, ownCertificate, type ServerCertificate } from './transport/certificate.ts'
import type { PortWish } from './transport/doors.ts'
import { startListener, type Listener } from './transport/inbound.ts'
import { handleMain, MAIN, toAddressed } from './transport/main-flow.ts'
import { httpSender } from './transport/outbound.ts'
import { soapFaultReason, transportCodecs } from './transport/payload-codecs.ts'
import { portHolder } from './transport/port-holder.ts'
import { listenerDefaults } from './transport/settings.ts'

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
}

/** What decoding artifacts needs; shared with `holdfast check`. */
export function decodeEnv(
  home: string,
  env: NodeJS.ProcessEnv,
  clock: Clock,
  resources = new Resources(home),
): DecodeEnv {
  const resource = (key: string): string | undefined => {
    const found = resources.read(key)
    return found && Buffer.from(found.bytes).toString('utf8')
  }
  const substitute = placeholders(home, env)
  const compile = expressionCompiler({
    views: messageViews,
    clock,
    resource,
    environmentVariable: name => env[name],
    config(name) {
      const found = substitute(`\${configs.${name}}`)
      return 'value' in found ? found.value : undefined
    },
  })
  return { catalog: new Catalog(kinds), compile, substitute, resource }
}

export function createApp(options: AppOptions): App {
  return new HoldfastApp(options)
}

class HoldfastApp implements App {
  readonly #options: AppOptions
  readonly #log: Log
  readonly #lifecycle: Lifecycle
  readonly folders: readonly string[]
  #journal: Journal | undefined
  #client: HttpClient | undefined
  #deployer: Deployer | undefined
  #loader: Loader | undefined
  #listener: Listener | undefined
  #management: Management | undefined
  #admin: Admin | undefined
  #watch: Disposable | undefined
  #certificate: ServerCertificate | undefined
  #ready = false
  #digest = ''
  /** Clock milliseconds at which unchanged files are deployed again, because something outside was not there. */
  #retryAt = Number.POSITIVE_INFINITY
  #report: DeployReport | undefined
  readonly #deployed = new Set<() => void>()
  readonly #callers: WaitingCallers
  readonly #resources: Resources

  constructor(options: AppOptions) {
    const { settings, clock } = options
    this.#options = options
    this.#log = options.logs.log
    this.#callers = new WaitingCallers(clock)
    this.#resources = new Resources(settings.server.home)
    this.folders =
      settings.server.artifacts.length > 0 ? settings.server.artifacts : [join(settings.server.home, 'deploy')]
    this.#lifecycle = new Lifecycle({ clock, drainMs: settings.server.drain, graceMs: 1_000 })
      .add({ name: 'home', start: () => this.#openHome() })
      .add({
        name: 'journal',
        start: () => this.#openJournal(),
        stop: async () => this.#journal?.[Symbol.asyncDispose](),
      })
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
        stop: async () => this.#deployer?.[Symbol.asyncDispose](),
      })
      .add({ name: 'processors', stop: () => this.#deployer?.stopProcessors() })
      .add({
        name: 'listener',
        start: () => this.#openListener(),
        stop: () => this.#listener?.stop(settings.server.drain),
      })
      .add({ name: 'watcher', start: () => this.#startWatching(), stop: () => this.#watch?.[Symbol.dispose]() })
  }

  get home(): string {
    return this.#options.settings.server.home
  }

  get ports(): App['ports'] {
    const doors = this.#listener?.ports ?? []
    const of = (scheme: string): number[] => doors.filter(door => door.scheme === scheme).map(door => door.port)
    return { http: of('http'), https: of('https'), management: this.#management?.port ?? 0 }
  }

  get firstPassword(): string | undefined {
    return this.#admin?.firstPassword
  }

  get lastDeployment(): DeployReport | undefined {
    return this.#report
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

  // ── the parts, in start order ──

  async #openHome(): Promise<void> {
    for (const folder of ['registry/config', 'registry/governance', 'data', 'deploy']) {
      const path = join(this.home, folder)
      try {
        await mkdir(path, { recursive: true })
      } catch (thrown) {
        throw new IntegrationError(
          'HOME_UNUSABLE',
          `the folder ${path} cannot be made (${systemCode(thrown) ?? textOf(thrown)}): correct the rights of ${this.home}, or choose another place with --home`,
          { cause: thrown },
        )
      }
    }
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
    const trusted = settings.https.enabled ? [(await this.#serverCertificate()).certificate] : []
    this.#client = new HttpClient({
      clock,
      connections: settings.endpoint.maxConnectionsPerHost,
      connectTimeoutMs: settings.endpoint.connectTimeout,
      tls: { trusted },
    })
  }

  async #openManagement(): Promise<void> {
    const { settings, clock, version, logs } = this.#options
    const { host, port, adminUser, adminPassword, tokenExpiry, maxTokens } = settings.management
    this.#admin = await openAdmin({ user: adminUser, password: adminPassword, home: this.home })
    const tls = isLoopback(host) ? undefined : await this.#serverCertificate()
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
      registry: () => this.#deployer!.current,
      report: () => ({
        ready: this.#ready,
        diagnostics: this.#report?.diagnostics ?? [],
        faulty: (this.#report?.faulty ?? []).map(({ name, file, diagnostics }) => ({ name, file, diagnostics })),
        ...(this.#journal && { journal: this.#journal.status }),
      }),
      describe: artifact => describe(this.#deployer?.source(artifact.role, artifact.name)),
      addresses: () => this.ports.http.map(bound => `http://${settings.server.hostname}:${bound}`),
      ...(tls && { tls }),
    })
  }

  async #firstDeployment(): Promise<void> {
    const { settings, env } = this.#options
    const decoding = decodeEnv(this.home, env, this.#options.clock, this.#resources)
    const services = this.#services(decoding)
    const log = this.#log.child({ category: 'Deployer' })
    this.#loader = new Loader(this.folders, decoding)
    this.#deployer = new Deployer({
      services,
      log,
      missing: onDemand(decoding, services, log),
      drainMs: settings.server.drain,
    })
    await this.#deploy()
  }

  async #openListener(): Promise<void> {
    const { settings, clock } = this.#options
    const { http, https } = settings
    const ports: PortWish[] = http.enabled ? http.ports.map(port => ({ port, setting: '--http-port' })) : []
    if (https.enabled) {
      const tls = await this.#serverCertificate()
      ports.push(...https.ports.map(port => ({ port, tls, setting: '--https-port' })))
    }
    this.#listener = await startListener({
      ports,
      settings: {
        ...listenerDefaults,
        ...(http.host !== '' && { host: http.host }),
        maxBodyBytes: http.maxBodySize,
        maxHeaderBytes: http.maxHeaderSize,
        maxInFlight: http.maxInFlight || Number.MAX_SAFE_INTEGER,
        maxConnections: http.maxConnections || Number.MAX_SAFE_INTEGER,
        headersTimeoutMs: http.headersTimeout,
        requestTimeoutMs: http.requestTimeout,
        socketTimeoutMs: http.idleTimeout,
        keepAliveMs: http.keepAliveTimeout,
        answerTimeoutMs: http.answerTimeout,
      },
      registry: () => this.#deployer!.current,
      log: this.#log.child({ category: 'Listener' }),
      clock,
      codecs: transportCodecs,
      main: { origin: MAIN, handle: handleMain },
    })
  }

  #startWatching(): void {
    const { settings, clock } = this.#options
    if (!settings.server.hotDeployment) return
    this.#watch = watchFolders({
      folders: this.folders,
      clock,
      intervalMs: settings.deploy.scanInterval,
      look: () => this.#deploy(),
    })
  }

  async #serverCertificate(): Promise<ServerCertificate> {
    const { certFile, keyFile } = this.#options.settings.https
    const now = this.#options.clock.now()
    this.#certificate ??=
      certFile !== undefined && keyFile !== undefined
        ? await certificateFrom({ certificate: certFile, key: keyFile }, now)
        : await ownCertificate(join(this.home, 'security'), now)
    return this.#certificate
  }

  // ── deploying ──

  /** Looks at the folders and deploys what has changed. Never rejects: a look that fails is tried again. */
  async #deploy(): Promise<void> {
    const { settings, clock } = this.#options
    try {
      await this.#loader!.prepare()
      this.#resources.bring(this.#loader!.resources)
      const loaded = this.#loader!.load()
      this.#resources.rootAt(loaded.registryRoot)
      if (loaded.digest === this.#digest && clock.now() < this.#retryAt) return
      const linked = link(loaded.files, this.#deployer!.origins)
      const report = await this.#deployer!.apply(linked)
      this.#digest = loaded.digest
      const waiting = report.unprepared.length > 0
      this.#retryAt = waiting ? clock.now() + settings.deploy.retryInterval : Number.POSITIVE_INFINITY
      this.#sayDiagnostics(report.diagnostics)
      this.#report = report
      for (const listener of this.#deployed) listener()
    } catch (thrown) {
      this.#log.error('the artifact folders could not be deployed', { error: thrown })
    }
  }

  /** Each problem once, when it first appears. */
  #sayDiagnostics(diagnostics: readonly Diagnostic[]): void {
    const said = new Set(this.#report?.diagnostics.map(diagnosticLine))
    const log = this.#log.child({ category: 'Deployer' })
    for (const diagnostic of diagnostics) {
      const line = diagnosticLine(diagnostic)
      if (said.has(line)) continue
      if (diagnostic.severity === 'error') log.error(line)
      else if (diagnostic.severity === 'warning') log.warn(line)
      else log.info(line)
    }
  }

  #services(decoding: DecodeEnv): Services {
    const { settings, clock } = this.#options
    const journal = this.#journal!
    const kindSettings = {
      globalEndpointTimeout: settings.endpoint.globalTimeout,
      deliveryIdHeader: settings.forward.deliveryIdHeader,
      storeConfirmDeadline: settings.store.confirmTimeout,
      maxBodySize: settings.http.maxBodySize,
      ...(settings.api.corsEnabled && {
        cors: { origins: settings.api.corsOrigins, headers: settings.api.corsHeaders },
      }),
    }
    const http = httpSender(this.#client!, {
      deliveryIdHeader: settings.forward.deliveryIdHeader,
      maxBodySize: settings.http.maxBodySize,
      preserveHeaders: listenerDefaults.preserveHeaders,
    })
    const resources = this.#resources
    const services: Services = {
      clock,
      log: this.#log,
      journal,
      registry: () => this.#deployer!.current,
      onDeploy: listener => {
        this.#deployed.add(listener)
        return () => void this.#deployed.delete(listener)
      },
      callers: this.#callers,
      payloads,
      faultReason: soapFaultReason,
      resources,
      makeEndpoint: endpointMaker(decoding, () => services),
      documents: documentReader(this.#client!, { resources, limit: settings.http.maxBodySize }),
      settings: kindSettings,
      http,
      get defaultEndpoint(): Endpoint {
        return implicit
      },
      quarantine: (store, record, reason) => this.#quarantine(store, record, reason),
      encode: encodeStored,
    }
    const at = { file: '', line: 0, column: 0 }
    const implicit = leafEndpoint(
      [],
      {
        at,
        name: 'AnonymousEndpoint',
        owner: { role: 'endpoint', name: 'AnonymousEndpoint' },
        services,
        log: this.#log,
        flow: () => ({ steps: [], mediate: () => 'next' }),
        endpoint: () => implicit,
        prepare: () => undefined,
      },
      request => ({ url: request.addressing.to! }),
    )
    return { ...services, defaultEndpoint: toAddressed(implicit) }
  }

  async #quarantine(store: string, record: Uint8Array, reason: string): Promise<void> {
    const queue = this.#journal!.queue(`${store}.quarantine`)
    await queue.put(newMessageId(), record)
    this.#log.warn(`a message of store ${store} cannot be used; it is kept in ${store}.quarantine`, { reason })
  }
}

/** `file:line:col: what. What to do.` */
export function diagnosticLine({ at, message, hint }: Diagnostic): string {
  return `${at.file}:${at.line}:${at.column}: ${message}${hint === undefined ? '' : `. ${hint}`}`
}
