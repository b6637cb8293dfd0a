import { Deployer, type DeployReport } from '../deploy/deployer.ts'
import { link } from '../deploy/linker.ts'
import { Loader } from '../deploy/loader.ts'
import { onDemand } from '../deploy/on-demand.ts'
import type { Resources } from '../deploy/resources.ts'
import { watchFolders } from '../deploy/watcher.ts'
import type { ExtensionFolders } from '../extensions/folder.ts'
import type { Clock } from '../kernel/clock.ts'
import { ConnectionFactories } from '../kernel/connection-factories.ts'
import type { Diagnostic, Log } from '../kernel/contracts.ts'
import type { DecodeEnv } from '../schema/element-site.ts'
import type { Services } from '../schema/services.ts'
import type { Settings } from '../settings/fields.ts'

export interface DeploymentParts {
  readonly settings: Settings
  readonly clock: Clock
  readonly log: Log
  readonly folders: readonly string[]
  readonly resources: Resources
  readonly extensions: ExtensionFolders
}

/** From the folders to what runs: looked at once at the start, and again whenever something there has changed. */
export class Deployment {
  readonly #parts: DeploymentParts
  #deployer: Deployer | undefined
  #loader: Loader | undefined
  #factories = ConnectionFactories.none
  #watch: Disposable | undefined
  #digest = ''
  /** Clock milliseconds at which unchanged files are deployed again, because something outside was not there. */
  #retryAt = Number.POSITIVE_INFINITY
  #report: DeployReport | undefined
  readonly #listeners = new Set<() => void>()

  constructor(parts: DeploymentParts) {
    this.#parts = parts
  }

  /** Absent before the first deployment has begun. */
  get deployer(): Deployer | undefined {
    return this.#deployer
  }

  get report(): DeployReport | undefined {
    return this.#report
  }

  /** Calls back after each deployment. */
  onDeploy(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Deploys what is there; nothing begins to work by itself before the deployer is opened. */
  async first(decoding: DecodeEnv, services: Services): Promise<void> {
    const log = this.#parts.log.child({ category: 'Deployer' })
    this.#factories = decoding.connectionFactories ?? ConnectionFactories.none
    this.#loader = new Loader(this.#parts.folders, decoding)
    this.#deployer = new Deployer({
      services,
      log,
      missing: onDemand(decoding, services, log),
      drainMs: this.#parts.settings.server.drain,
      closed: true,
    })
    await this.#look()
  }

  watch(): void {
    const { settings, clock, folders } = this.#parts
    if (!settings.server.hotDeployment) return
    this.#watch = watchFolders({
      folders,
      clock,
      intervalMs: settings.deploy.scanInterval,
      look: () => this.#look(),
    })
  }

  stopWatching(): void {
    this.#watch?.[Symbol.dispose]()
  }

  /** Looks at the folders and deploys what has changed. Never rejects: a look that fails is tried again. */
  async #look(): Promise<void> {
    const { settings, clock, resources, extensions } = this.#parts
    try {
      // What is said of an artifact depends on the extensions there are.
      if (await extensions.look()) this.#loader!.forget()
      await this.#loader!.prepare()
      resources.bring(this.#loader!.resources)
      const loaded = this.#loader!.load()
      resources.rootAt(loaded.registryRoot)
      const digest = `${loaded.digest} ${extensions.digest}`
      if (digest === this.#digest && clock.now() < this.#retryAt) return
      const linked = link(loaded.files, { deployed: this.#deployer!.origins, factories: this.#factories })
      const applied = await this.#deployer!.apply(linked)
      const report = { ...applied, diagnostics: [...extensions.diagnostics, ...applied.diagnostics] }
      this.#digest = digest
      const waiting = report.unprepared.length > 0
      this.#retryAt = waiting ? clock.now() + settings.deploy.retryInterval : Number.POSITIVE_INFINITY
      this.#sayDiagnostics(report.diagnostics)
      this.#report = report
      for (const listener of this.#listeners) listener()
    } catch (thrown) {
      this.#parts.log.error('the artifact folders could not be deployed', { error: thrown })
    }
  }

  /** Each problem once, when it first appears. */
  #sayDiagnostics(diagnostics: readonly Diagnostic[]): void {
    const said = new Set(this.#report?.diagnostics.map(diagnosticLine))
    const log = this.#parts.log.child({ category: 'Deployer' })
    for (const diagnostic of diagnostics) {
      const line = diagnosticLine(diagnostic)
      if (said.has(line)) continue
      if (diagnostic.severity === 'error') log.error(line)
      else if (diagnostic.severity === 'warning') log.warn(line)
      else log.info(line)
    }
  }
}

/** `file:line:col: what. What to do.` */
export function diagnosticLine({ at, message, hint }: Diagnostic): string {
  return `${at.file}:${at.line}:${at.column}: ${message}${hint === undefined ? '' : `. ${hint}`}`
}
