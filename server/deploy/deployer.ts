import type { Diagnostic, Log, MessageStore, RoleName, Roles } from '../kernel/contracts.ts'
import { textOf } from '../kernel/errors.ts'
import type { XmlElement } from '../xml/tree.ts'
import { EMPTY_SNAPSHOT, Snapshot } from '../runtime/snapshot.ts'
import type { Services } from '../schema/services.ts'
import { buildArtifact } from './build.ts'
import type { Missing } from './on-demand.ts'
import { byPlace, type FaultyArtifact, type Linked, type LinkedArtifact } from './linker.ts'
import { plan, type Deployed } from './planner.ts'

export interface DeployReport {
  readonly revision: number
  /** `role:name` each. */
  readonly added: readonly string[]
  readonly replaced: readonly string[]
  readonly removed: readonly string[]
  readonly faulty: readonly FaultyArtifact[]
  /** Of the faulty ones: those for which something outside was not there, so that the same file may do later. */
  readonly unprepared: readonly string[]
  readonly diagnostics: readonly Diagnostic[]
}

export interface DeployerOptions {
  readonly services: Services
  readonly log: Log
  /** Milliseconds flows on an old snapshot may take before what they use is closed under them. */
  readonly drainMs: number
  /** Tasks wait until {@link Deployer.open} is called. */
  readonly closed?: boolean
  /** Finds what is not deployed under a name, such as a registry resource. */
  readonly missing?: Missing
}

/** How log lines call each kind of artifact; people search for them (store-and-forward §7, synapse-language B.5). */
const CALLED: Readonly<Record<RoleName, string>> = {
  sequence: 'Sequence',
  template: 'Template',
  endpoint: 'Endpoint',
  'local-entry': 'LocalEntry',
  'message-store': 'Message Store',
  'message-processor': 'Message Processor',
  task: 'Task',
  'inbound-endpoint': 'Inbound Endpoint',
  proxy: 'ProxyService',
  api: 'API',
}

/** What works by itself is started when it is in service, and stopped before anything else goes. */
const WORKING: ReadonlySet<RoleName> = new Set<RoleName>(['message-processor', 'task', 'inbound-endpoint'])

/** What begins something new, where others carry on: only once the server can be called, for it may call itself. */
const BEGINNING: ReadonlySet<RoleName> = new Set<RoleName>(['task', 'inbound-endpoint'])

/**
 * Turns linked artifacts into the next snapshot: make the new things, stop processors that go, swap, start processors
 * that come, and close what is left over once no flow uses it. One deployment at a time; a broken artifact keeps its
 * old version and the rest goes on (P9).
 */
export class Deployer implements AsyncDisposable {
  readonly #options: DeployerOptions
  #current: Snapshot = EMPTY_SNAPSHOT
  #entries: readonly Deployed[] = []
  /** Snapshots of the past that flows are still in. */
  readonly #inhabited = new Set<Snapshot>()
  /** What has been said of faulty artifacts, so that a look that changes nothing about them repeats nothing. */
  #said: ReadonlySet<string> = new Set()
  #queue: Promise<unknown> = Promise.resolve()
  readonly #leaving = new Set<Promise<void>>()
  #closed = false
  #open: boolean

  constructor(options: DeployerOptions) {
    this.#options = options
    this.#open = options.closed !== true
  }

  get current(): Snapshot {
    return this.#current
  }

  /** Which file each artifact came from: it keeps its name against a newcomer of the same name. */
  get origins(): ReadonlyMap<string, string> {
    return new Map(this.#entries.map(({ linked, artifact }) => [linked.key, artifact.at.file]))
  }

  /** The element a deployed artifact was read from. */
  source(role: RoleName, name: string): XmlElement | undefined {
    return this.#entries.find(({ artifact }) => artifact.role === role && artifact.name === name)?.linked.decoded
      .element
  }

  apply(linked: Linked): Promise<DeployReport> {
    const turn = this.#queue.then(() => this.#apply(linked))
    this.#queue = turn.catch(() => undefined)
    return turn
  }

  async #apply(linked: Linked): Promise<DeployReport> {
    if (this.#closed) throw new Error('the server is stopping')
    const steps = plan(this.#entries, linked)
    const faulty = [...linked.faulty]
    const kept = [...steps.kept]
    const leaving: Deployed[] = [...steps.removed]
    const fresh: Deployed[] = []
    const added: string[] = []
    const replaced: string[] = []
    const unprepared: string[] = []
    const making = new Map<LinkedArtifact, Promise<Deployed | undefined>>()
    for (const artifact of [...steps.added, ...steps.replaced.map(({ after }) => after)]) {
      making.set(artifact, this.#make(artifact, faulty, unprepared))
    }
    for (const artifact of steps.added) {
      const made = await making.get(artifact)
      if (!made) continue
      fresh.push(made)
      added.push(artifact.key)
    }
    for (const { before, after } of steps.replaced) {
      const made = await making.get(after)
      if (!made) {
        kept.push(before)
        continue
      }
      fresh.push(made)
      leaving.push(before)
      replaced.push(after.key)
    }
    const before = this.#current
    await this.#closeAll(workingOf(leaving))
    this.#entries = [...kept, ...fresh].sort((a, b) => (a.artifact.name < b.artifact.name ? -1 : 1))
    const revision = before.revision + 1
    this.#current = new Snapshot(revision, this.#entries, this.#options.missing)
    for (const entry of workingOf(fresh)) await this.#start(entry)
    this.#leave(
      before,
      leaving.filter(entry => !works(entry)),
    )
    this.#say(steps.removed, added, replaced)
    this.#sayFaulty(faulty)
    const known = new Set(linked.diagnostics)
    const late = faulty.flatMap(one => one.diagnostics.filter(diagnostic => !known.has(diagnostic)))
    return {
      revision,
      added,
      replaced,
      removed: steps.removed.map(entry => entry.linked.key),
      faulty,
      unprepared,
      diagnostics: [...linked.diagnostics, ...late].sort(byPlace),
    }
  }

  /** Everything is made at once, so that one WSDL that is slow to come holds up nothing but itself. */
  async #make(linked: LinkedArtifact, faulty: FaultyArtifact[], unprepared: string[]): Promise<Deployed | undefined> {
    const { decoded, role, name, node } = linked
    const preparations: (() => Promise<void>)[] = []
    try {
      const instance = buildArtifact(node, this.#options.services, work => preparations.push(work))
      if (preparations.length > 0 && !(await this.#prepared(linked, instance, preparations, faulty))) {
        unprepared.push(linked.key)
        return undefined
      }
      return {
        artifact: { role, name, at: decoded.at, digest: decoded.digest, config: node.config, refs: decoded.refs },
        instance,
        linked,
      }
    } catch (thrown) {
      faulty.push(cannotStart(linked, thrown))
      return undefined
    }
  }

  /** What was made for an artifact that cannot be prepared holds nothing any more. */
  async #prepared(
    linked: LinkedArtifact,
    instance: Roles[RoleName],
    preparations: readonly (() => Promise<void>)[],
    faulty: FaultyArtifact[],
  ): Promise<boolean> {
    try {
      await Promise.all(preparations.map(prepare => prepare()))
      return true
    } catch (thrown) {
      if (isDisposable(instance)) await Promise.resolve(instance[Symbol.asyncDispose]()).catch(() => undefined)
      faulty.push(cannotStart(linked, thrown))
      return false
    }
  }

  /** The server can be called now: tasks that were deployed before begin. */
  open(): Promise<void> {
    const turn = this.#queue.then(() => this.#begin())
    this.#queue = turn.catch(() => undefined)
    return turn
  }

  async #begin(): Promise<void> {
    if (this.#open) return
    this.#open = true
    for (const entry of this.#entries) if (begins(entry)) await this.#start(entry)
  }

  async #start(entry: Deployed): Promise<void> {
    if (!this.#open && begins(entry)) return
    const { artifact, instance } = entry
    try {
      await (instance as { start(): Promise<void> }).start()
    } catch (thrown) {
      this.#options.log.error(`${CALLED[artifact.role]} '${artifact.name}' did not start: ${textOf(thrown)}`)
    }
  }

  /** Closes what the next snapshot no longer has, once the flows on this one, and on any before it, have ended. */
  #leave(snapshot: Snapshot, entries: readonly Deployed[]): void {
    this.#inhabited.add(snapshot)
    void snapshot.drained().then(() => this.#inhabited.delete(snapshot))
    if (!entries.some(({ instance }) => isDisposable(instance))) return
    const { clock } = this.#options.services
    const patience = new AbortController()
    // An older flow may use what every snapshot since then has kept.
    const drained = Promise.all([...this.#inhabited].map(inhabited => inhabited.drained()))
    const leaving = Promise.race([drained, clock.sleep(this.#options.drainMs, patience.signal)])
      .then(() => this.#sayLost(entries))
      .then(() => this.#closeAll(entries))
      .finally(() => {
        patience.abort()
        this.#leaving.delete(leaving)
      })
    this.#leaving.add(leaving)
  }

  /** A store that keeps nothing over its end takes what it holds with it; somebody should know. */
  async #sayLost(entries: readonly Deployed[]): Promise<void> {
    for (const { artifact, instance } of entries) {
      if (artifact.role !== 'message-store') continue
      const store = instance as MessageStore
      if (store.traits.durable) continue
      const held = await store.depth().catch(() => 0)
      if (held > 0)
        this.#options.log.warn(
          `Message Store '${artifact.name}' held ${held} message(s) in memory; they are gone with it`,
        )
    }
  }

  /** Closes all at once; one that does not come to an end is left behind, so that it cannot hold up a deployment. */
  async #closeAll(entries: readonly Deployed[]): Promise<void> {
    const { services, log, drainMs } = this.#options
    await Promise.all(
      entries.map(async ({ artifact, instance }) => {
        if (!isDisposable(instance)) return
        const named = `${CALLED[artifact.role]} '${artifact.name}'`
        const patience = new AbortController()
        const closed = instance[Symbol.asyncDispose]().then(
          () => true,
          (thrown: unknown) => {
            log.error(`${named} did not close cleanly: ${textOf(thrown)}`)
            return true
          },
        )
        const inTime = await Promise.race([closed, services.clock.sleep(drainMs, patience.signal).then(() => false)])
        patience.abort()
        if (!inTime) log.error(`${named} is still closing after ${drainMs} ms; it is left behind`)
      }),
    )
  }

  #say(removed: readonly Deployed[], added: readonly string[], replaced: readonly string[]): void {
    const { log } = this.#options
    for (const { artifact, linked } of this.#entries) {
      const named = `${CALLED[artifact.role]} named '${artifact.name}'`
      const { file } = artifact.at
      if (added.includes(linked.key)) log.info(`${named} has been deployed from file : ${file}`)
      if (replaced.includes(linked.key)) log.info(`${named} has been updated from the file: ${file}`)
    }
    for (const { artifact } of removed)
      log.info(`${CALLED[artifact.role]} named '${artifact.name}' has been undeployed`)
  }

  #sayFaulty(faulty: readonly FaultyArtifact[]): void {
    const running = new Set(this.#entries.map(({ linked }) => linked.key))
    const said = new Set<string>()
    for (const { key, role, name, file, hides, diagnostics } of faulty) {
      const place = hides === 'folder' ? `folder ${file || diagnostics[0]!.at.file}` : `file ${file}`
      const what = role === undefined || name === '' ? place : `${CALLED[role]} named '${name}' of ${place}`
      const stays = hides === 'artifact' && key !== undefined && running.has(key)
      const line = `${what} is not deployed: ${problems(diagnostics)}${stays ? '; the version before it stays in service' : ''}`
      said.add(line)
      if (!this.#said.has(line)) this.#options.log.error(line)
    }
    this.#said = said
  }

  /** The opposite of {@link Deployer.open}, for the end of the server: nothing new begins, runs under way come to their end. */
  async shut(): Promise<void> {
    this.#closed = true
    await this.#queue
    await this.#closeAll(this.#entries.filter(begins))
  }

  /** Stops every processor; their loans go back to the stores. Stores stay open for flows that still run. */
  async stopProcessors(): Promise<void> {
    this.#closed = true
    await this.#queue
    await this.#closeAll(workingOf(this.#entries))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopProcessors()
    await Promise.all(this.#leaving)
    await this.#closeAll(this.#entries.filter(entry => !works(entry)))
    this.#entries = []
  }
}

function cannotStart({ key, role, name, decoded }: LinkedArtifact, thrown: unknown): FaultyArtifact {
  const diagnostic: Diagnostic = {
    code: 'cannot-start',
    severity: 'error',
    message: `${role} "${name}" cannot be started: ${textOf(thrown)}`,
    at: decoded.at,
  }
  return { key, role, name, file: decoded.at.file, hides: 'artifact', diagnostics: [diagnostic] }
}

function workingOf(entries: readonly Deployed[]): Deployed[] {
  return entries.filter(works)
}

/** A proxy works by itself if something besides HTTP brings it messages. */
function works({ artifact, instance }: Deployed): boolean {
  return WORKING.has(artifact.role) || 'start' in instance
}

function begins(entry: Deployed): boolean {
  return BEGINNING.has(entry.artifact.role) || (works(entry) && !WORKING.has(entry.artifact.role))
}

function isDisposable(instance: Roles[RoleName]): instance is Roles[RoleName] & AsyncDisposable {
  return Symbol.asyncDispose in instance
}

function problems(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length
  return errors === 1 ? 'one error' : `${errors} errors`
}
