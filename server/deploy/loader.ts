import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync, type Dirent } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import type { Diagnostic } from '../kernel/contracts.ts'
import { systemCode, textOf } from '../kernel/errors.ts'
import { decodeFile, type DecodedFile } from '../schema/decode.ts'
import type { DecodeEnv } from '../schema/element-site.ts'
import { readCar, type CarContents } from './car.ts'
import type { Resource } from './resources.ts'

/** Everything found in the artifact folders at one moment. */
export interface Loaded {
  /** By path, in a fixed order. One that could not be read is among them: what came from it before stays deployed. */
  readonly files: readonly DecodedFile[]
  /** Changes whenever any artifact file does. */
  readonly digest: string
  /** Where a `<registry>` among them finds keys without prefix. */
  readonly registryRoot: string | undefined
}

interface Known {
  readonly stamp: string
  readonly digest: string
  /** One file, or those of an archive. */
  readonly decoded: readonly DecodedFile[]
}

interface KnownCar {
  readonly stamp: string
  readonly digest: string
  readonly contents: CarContents
}

interface Found {
  readonly path: string
  /** Set where a file or folder could not even be looked at. */
  readonly trouble?: unknown
  readonly isFolder?: boolean
}

/** Nobody writes such an artifact by hand; something else was put here by mistake. */
const LARGEST = 16 * 1024 * 1024

/**
 * Reads artifact folders in any of their forms: the Synapse layout, a folder of artifact files, whole configurations.
 * The root element of a file decides what it is, so all three are read alike. Carbon applications (`.car`) are unpacked. A single file may stand for a folder. A
 * file that has not changed since the last look is not decoded again.
 */
export class Loader {
  readonly #places: readonly string[]
  readonly #env: DecodeEnv
  readonly #base: string
  readonly #known = new Map<string, Known>()
  readonly #cars = new Map<string, KnownCar>()

  /** Diagnostics name files relative to `base`; without one, to the folder all places are in. */
  constructor(places: readonly string[], env: DecodeEnv, base?: string) {
    this.#places = places.map(place => resolve(place))
    this.#env = env
    this.#base = base === undefined ? commonFolder(this.#places) : resolve(base)
  }

  /** Unpacks archives that are new or have changed: to be awaited before {@link load}. */
  async prepare(): Promise<void> {
    const paths = this.#places.flatMap(place => artifactFiles(place)).map(({ path }) => path)
    const cars = new Set(paths.filter(isCar))
    for (const path of this.#cars.keys()) if (!cars.has(path)) this.#cars.delete(path)
    for (const path of cars) {
      try {
        const stamp = stampOf(path)
        if (this.#cars.get(path)?.stamp === stamp) continue
        const bytes = readFileSync(path)
        const digest = createHash('sha256').update(bytes).digest('hex')
        this.#cars.set(path, { stamp, digest, contents: await readCar(bytes, this.#shown(path)) })
      } catch {
        // load() says what is wrong with the file, or finds it gone.
        this.#cars.delete(path)
      }
    }
  }

  /** Reads every file anew at the next look: something that is not in them has changed what there is to say of them. */
  forget(): void {
    this.#known.clear()
  }

  /** Registry resources of all archives that are there. */
  get resources(): ReadonlyMap<string, Resource> {
    return new Map([...this.#cars.values()].flatMap(({ contents }) => [...contents.resources]))
  }

  load(): Loaded {
    const files: DecodedFile[] = []
    const seen = new Set<string>()
    const digest = createHash('sha256')
    for (const place of this.#places) {
      for (const found of artifactFiles(place)) {
        const { path } = found
        if (seen.has(path)) continue
        seen.add(path)
        const known = found.trouble === undefined ? this.#read(path) : this.#unreadable(found)
        if (!known) continue
        files.push(...known.decoded)
        digest.update(path).update(known.digest)
      }
    }
    for (const path of this.#known.keys()) if (!seen.has(path)) this.#known.delete(path)
    const registryRoot = files.findLast(file => file.registryRoot !== undefined)?.registryRoot
    return { files, digest: digest.digest('hex'), registryRoot }
  }

  #read(path: string): Known | undefined {
    try {
      const stamp = stampOf(path)
      const known = this.#known.get(path)
      if (known?.stamp === stamp) return known
      if (isCar(path)) return this.#readCar(path)
      const { size } = statSync(path)
      if (size > LARGEST) return this.#tooLarge(path, size)
      const bytes = readFileSync(path)
      const digest = createHash('sha256').update(bytes).digest('hex')
      const decoded = known?.digest === digest ? known.decoded : [decodeFile(bytes, this.#shown(path), this.#env)]
      const fresh = { stamp, digest, decoded }
      this.#known.set(path, fresh)
      return fresh
    } catch (thrown) {
      // Gone between listing and reading: the next look will not list it.
      if (systemCode(thrown) === 'ENOENT') return undefined
      return this.#unreadable({ path, trouble: thrown })
    }
  }

  /** All of an application or nothing: with one faulty artifact, what it had deployed before stays. */
  #readCar(path: string): Known {
    const car = this.#cars.get(path)
    if (!car) return this.#unreadable({ path, trouble: new Error('it could not be unpacked') })
    const shown = this.#shown(path)
    const { artifacts, diagnostics } = car.contents
    const decoded = artifacts.map(({ path, bytes }) => decodeFile(bytes, join(shown, path), this.#env))
    const all = [
      ...diagnostics,
      ...decoded.flatMap(file => [...file.diagnostics, ...file.artifacts.flatMap(one => one.diagnostics)]),
    ]
    const broken = all.some(({ severity }) => severity === 'error')
    const fresh = {
      stamp: car.stamp,
      digest: car.digest,
      decoded: broken
        ? [{ file: shown, artifacts: [], diagnostics: all, isFolder: true }]
        : [{ file: shown, artifacts: [], diagnostics }, ...decoded],
    }
    this.#known.set(path, fresh)
    return fresh
  }

  #unreadable({ path, trouble, isFolder = false }: Found): Known {
    this.#known.delete(path)
    const missing = isFolder && systemCode(trouble) === 'ENOENT'
    return this.#faulty(path, isFolder, {
      code: missing ? 'missing-folder' : 'unreadable-file',
      message: missing ? 'there is no such file or folder' : `cannot be read: ${textOf(trouble)}`,
      hint: missing ? 'Create it, or name another one.' : 'Check its permissions and owner.',
    })
  }

  #tooLarge(path: string, size: number): Known {
    return this.#faulty(path, false, {
      code: 'file-too-large',
      message: `${size} bytes are more than an artifact may have (${LARGEST})`,
      hint: 'Put large content into the registry and refer to it.',
    })
  }

  #faulty(path: string, isFolder: boolean, what: Pick<Diagnostic, 'code' | 'message' | 'hint'>): Known {
    const file = this.#shown(path)
    const diagnostic: Diagnostic = { ...what, severity: 'error', at: { file: file || path, line: 1, column: 1 } }
    const decoded = { file, artifacts: [], diagnostics: [diagnostic], ...(isFolder && { isFolder }) }
    return { stamp: '', digest: what.message, decoded: [decoded] }
  }

  #shown(path: string): string {
    return relative(this.#base, path)
  }
}

function isCar(path: string): boolean {
  return path.toLowerCase().endsWith('.car')
}

/** Changes whenever the file does. Reading a pipe would wait for somebody to write, so only files have one. */
function stampOf(path: string): string {
  const found = statSync(path)
  if (!found.isFile()) throw new Error('it is not a file')
  const { mtimeMs, ctimeMs, size, ino } = found
  return `${mtimeMs}:${ctimeMs}:${size}:${ino}`
}

function artifactFiles(place: string): Found[] {
  const found: Found[] = []
  const visited = new Set<string>()
  const walk = (dir: string, depth: number): void => {
    let entries: Dirent[]
    try {
      // A link may lead back up, or to a folder that is here under its own name.
      const { dev, ino } = statSync(dir)
      if (visited.has(`${dev}:${ino}`)) return
      visited.add(`${dev}:${ino}`)
      entries = readdirSync(dir, { withFileTypes: true })
    } catch (trouble) {
      // Below the top: gone since its parent was listed.
      if (depth === 0 || systemCode(trouble) !== 'ENOENT') found.push({ path: dir, trouble, isFolder: true })
      return
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue
      const path = join(dir, entry.name)
      if (isFolder(entry, path)) {
        walk(path, depth + 1)
      } else if (/\.(?:xml|car)$/i.test(entry.name)) found.push({ path })
    }
  }
  if (kindOf(place) === 'file') return [{ path: place }]
  walk(place, 0)
  return found
}

function isFolder(entry: Dirent, path: string): boolean {
  return entry.isSymbolicLink() ? kindOf(path) === 'folder' : entry.isDirectory()
}

/** Undefined for what is not there, or cannot even be looked at: reading it will say why. */
function kindOf(path: string): 'file' | 'folder' | undefined {
  try {
    const found = statSync(path)
    return found.isFile() ? 'file' : found.isDirectory() ? 'folder' : undefined
  } catch {
    return undefined
  }
}

/** The folder itself for one place; for several the nearest one they are all in. */
function commonFolder(places: readonly string[]): string {
  const folders = places.map(place => (kindOf(place) === 'file' ? dirname(place) : place))
  let common = folders[0] ?? ''
  while (
    folders.some(folder => folder !== common && !folder.startsWith(common.endsWith(sep) ? common : common + sep))
  ) {
    common = dirname(common)
  }
  return common
}
