import type { Diagnostic, Log, MessageProcessor, RoleName, Roles } from '../kernel/contracts.ts'
import { textOf } from '../kernel/errors.ts'
import { EMPTY_SNAPSHOT, Snapshot, type SnapshotEntry } from '../runtime/snapshot.ts'
import type { Services } from '../schema/services.ts'
import { buildArtifact } from './build.ts'
import { keyOf, type FaultyArtifact, type Linked, type LinkedArtifact } from './linker.ts'
import { plan } from './planner.ts'

export interface DeployReport {
  readonly revision: number
  /** `role:name` each. */
  readonly added: readonly string[]
  readonly replaced: readonly string[]
  readonly removed: readonly string[]
  readonly faulty: readonly FaultyArtifact[]
  readonly diagnostics: readonly Diagnostic[]
}

export interface DeployerOptions {
  readonly services: Services
  readonly log: Log
  /** Milliseconds flows on an old snapshot may take before what they use is closed under them. */
  readonly drainMs: number
}

/** How log lines call each kind of artifact; people search for them (store-and-forward §7, synapse-language B.5). */
const CALLED: Readonly<Record<RoleName, string>> = {
  sequence: 'Sequence',
  endpoint: 'Endpoint',
  'local-entry': 'LocalEntry',
  'message-store': 'Message Store',
  'message-processor': 'Message Processor',
  proxy: 'ProxyService',
}

/**
 * Turns linked artifacts into the next snapshot: make the new things, stop processors that go, swap, start processors
 * that come, and close what is left over once no flow uses it. One deployment at a time; a broken artifact keeps its
 * old version and the rest goes on (P9).
 */
export class Deployer implements AsyncDisposable {
  readonly #options: DeployerOptions
  #current: Snapshot = EMPTY_SNAPSHOT
  #entries: readonly SnapshotEntry[] = []
  #queue: Promise<unknown> = Promise.resolve()
  readonly #leaving = new Set<Promise<void>>()
  #closed = false

  constructor(options: DeployerOptions) {
    this.#options = options
  }

  get current(): Snapshot {
    return this.#current
  }

  /** Which file each artifact came from: it keeps its name against a newcomer of the same name. */
  get origins(): ReadonlyMap<string, string> {
    return new Map(this.#entries.map(({ artifact }) => [keyOf(artifact.role, artifact.name), artifact.at.file]))
  }

  apply(linked: Linked): Promise<DeployReport> {
    const turn = this.#queue.then(() => this.#apply(linked))
    this.#queue = turn.catch(() => undefined)
    return turn
  }

  async #apply(linked: Linked): Promise<DeployReport> {
    if (this.#closed) throw new Error('the server is stopping')
    const { log } = this.#options
    const steps = plan(this.#entries, linked)
    const faulty = [...linked.faulty]
    const kept = [...steps.kept]
    const leaving: SnapshotEntry[] = [...steps.removed]
    const fresh: SnapshotEntry[] = []
    const added: string[] = []
    const replaced: string[] = []
    for (const artifact of steps.added) {
      const made = this.#make(artifact, faulty)
      if (!made) continue
      fresh.push(made)
      added.push(artifact.key)
    }
    for (const { before, after } of steps.replaced) {
      const made = this.#make(after, faulty)
      if (!made) {
        kept.push(before)
        continue
      }
      fresh.push(made)
      leaving.push(before)
      replaced.push(after.key)
    }
    const before = this.#current
    await this.#closeAll(processorsOf(leaving))
    this.#entries = [...kept, ...fresh].sort((a, b) => (a.artifact.name < b.artifact.name ? -1 : 1))
    const revision = before.revision + 1
    this.#current = new Snapshot(revision, this.#entries)
    for (const entry of processorsOf(fresh)) await this.#start(entry)
    this.#leave(before, leaving.filter(({ artifact }) => artifact.role !== 'message-processor'))
    this.#say(steps.removed, added, replaced)
    for (const one of faulty) log.error(`${one.role ?? 'file'} ${one.name || one.file} is not deployed: ${one.diagnostics.length} problem(s)`)
    const known = new Set(linked.diagnostics)
    const late = faulty.flatMap(one => one.diagnostics.filter(diagnostic => !known.has(diagnostic)))
    const diagnostics = [...linked.diagnostics, ...late]
    return {
      revision,
      added,
      replaced,
      removed: steps.removed.map(({ artifact }) => keyOf(artifact.role, artifact.name)),
      faulty,
      diagnostics,
    }
  }

  #make(linked: LinkedArtifact, faulty: FaultyArtifact[]): SnapshotEntry | undefined {
    const { decoded, role, name, node } = linked
    try {
      const instance = buildArtifact(node, this.#options.services)
      return {
        artifact: { role, name, at: decoded.at, digest: decoded.digest, config: node.config, refs: decoded.refs },
        instance,
      }
    } catch (thrown) {
      const diagnostic: Diagnostic = {
        code: 'cannot-start',
        severity: 'error',
        message: `${role} "${name}" cannot be started: ${textOf(thrown)}`,
        at: decoded.at,
      }
      faulty.push({ key: linked.key, role, name, file: decoded.at.file, wholeFile: false, diagnostics: [diagnostic] })
      return undefined
    }
  }

  async #start(entry: SnapshotEntry): Promise<void> {
    try {
      await (entry.instance as MessageProcessor).start()
    } catch (thrown) {
      this.#options.log.error(`Message Processor '${entry.artifact.name}' did not start: ${textOf(thrown)}`)
    }
  }

  /** Closes what the next snapshot no longer has, once the flows on this one have ended. */
  #leave(snapshot: Snapshot, entries: readonly SnapshotEntry[]): void {
    if (!entries.some(({ instance }) => isDisposable(instance))) return
    const { clock } = this.#options.services
    const patience = new AbortController()
    const leaving = Promise.race([snapshot.drained(), clock.sleep(this.#options.drainMs, patience.signal)])
      .then(() => this.#closeAll(entries))
      .finally(() => {
        patience.abort()
        this.#leaving.delete(leaving)
      })
    this.#leaving.add(leaving)
  }

  async #closeAll(entries: readonly SnapshotEntry[]): Promise<void> {
    await Promise.all(
      entries.map(async ({ artifact, instance }) => {
        if (!isDisposable(instance)) return
        try {
          await instance[Symbol.asyncDispose]()
        } catch (thrown) {
          this.#options.log.error(`${CALLED[artifact.role]} '${artifact.name}' did not close cleanly: ${textOf(thrown)}`)
        }
      }),
    )
  }

  #say(removed: readonly SnapshotEntry[], added: readonly string[], replaced: readonly string[]): void {
    const { log } = this.#options
    for (const { artifact } of this.#entries) {
      const key = keyOf(artifact.role, artifact.name)
      if (added.includes(key)) log.info(`${CALLED[artifact.role]} named '${artifact.name}' has been deployed from file : ${artifact.at.file}`)
      if (replaced.includes(key)) log.info(`${CALLED[artifact.role]} named '${artifact.name}' has been updated from the file: ${artifact.at.file}`)
    }
    for (const { artifact } of removed) log.info(`${CALLED[artifact.role]} named '${artifact.name}' has been undeployed`)
  }

  /** Stops every processor; their loans go back to the stores. Stores stay open for flows that still run. */
  async stopProcessors(): Promise<void> {
    this.#closed = true
    await this.#queue
    await this.#closeAll(processorsOf(this.#entries))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopProcessors()
    await Promise.all(this.#leaving)
    await this.#closeAll(this.#entries.filter(({ artifact }) => artifact.role !== 'message-processor'))
    this.#entries = []
  }
}

function processorsOf(entries: readonly SnapshotEntry[]): SnapshotEntry[] {
  return entries.filter(({ artifact }) => artifact.role === 'message-processor')
}

function isDisposable(instance: Roles[RoleName]): instance is Roles[RoleName] & AsyncDisposable {
  return Symbol.asyncDispose in instance
}
