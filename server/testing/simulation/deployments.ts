import { artifactsOf, type ArtifactFile } from './artifacts.ts'
import type { Dice } from './dice.ts'
import type { Plan } from './plan.ts'

/** The deploy folder: what is in each file now, and what has to be in service because of it. */
export class Deployments {
  readonly files = new Map<string, string>()
  /** Anything was ever changed, broken or removed. */
  wereTouched = false
  readonly #artifacts: readonly ArtifactFile[]
  readonly #revisions = new Map<ArtifactFile, number>()
  readonly #broken = new Set<ArtifactFile>()
  readonly #removed = new Set<ArtifactFile>()
  /** Keys that have been in service since this server started: nothing but their removal may take them out. */
  readonly #inService = new Set<string>()

  constructor(plan: Plan) {
    this.#artifacts = artifactsOf(plan)
    for (const artifact of this.#artifacts) this.#write(artifact)
  }

  /** A server starts with these files: what is broken among them it has never seen whole. */
  started(files: ReadonlyMap<string, string>): void {
    this.#inService.clear()
    this.expected(files)
  }

  change(dice: Dice): string {
    this.wereTouched = true
    const artifact = dice.pick(this.#artifacts.filter(({ replaceable }) => replaceable))
    this.#revisions.set(artifact, 1 - (this.#revisions.get(artifact) ?? 0))
    this.#write(artifact)
    return artifact.path
  }

  break(dice: Dice): string {
    this.wereTouched = true
    const artifact = dice.pick(this.#artifacts)
    this.#removed.delete(artifact)
    this.#broken.add(artifact)
    const xml = artifact.xml(0)
    const broken = [xml.slice(0, -3), xml.replace(/ name="/, ' nam="'), '', xml.replace(/<(\w+)/, '<$1x')]
    this.files.set(artifact.path, dice.pick(broken))
    return artifact.path
  }

  remove(dice: Dice): string {
    this.wereTouched = true
    const artifact = dice.pick(this.#artifacts.filter(({ replaceable }) => replaceable))
    this.#broken.delete(artifact)
    this.#removed.add(artifact)
    this.files.delete(artifact.path)
    return artifact.path
  }

  /** Everything is as it should be again. */
  mend(): readonly string[] {
    const mended = [...this.#broken, ...this.#removed]
    for (const artifact of mended) this.#write(artifact)
    return mended.map(({ path }) => path)
  }

  get brokenFiles(): readonly string[] {
    return [...this.#broken].map(({ path }) => path)
  }

  get removedKeys(): readonly string[] {
    return [...this.#removed].map(({ key }) => key)
  }

  /** What has to be in service after these files were deployed (P9). */
  expected(files: ReadonlyMap<string, string>): ReadonlySet<string> {
    for (const { path, key, xml } of this.#artifacts) {
      if (!files.has(path)) this.#inService.delete(key)
      for (let revision = 0; revision <= 1; revision++) if (files.get(path) === xml(revision)) this.#inService.add(key)
    }
    return this.#inService
  }

  #write(artifact: ArtifactFile): void {
    this.#broken.delete(artifact)
    this.#removed.delete(artifact)
    this.files.set(artifact.path, artifact.xml(this.#revisions.get(artifact) ?? 0))
  }
}
