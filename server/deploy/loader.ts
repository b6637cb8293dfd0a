import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync, type Dirent } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import type { Diagnostic } from '../kernel/contracts.ts'
import { systemCode, textOf } from '../kernel/errors.ts'
import { decodeFile, type DecodedFile } from '../schema/decode.ts'
import type { DecodeEnv } from '../schema/element-site.ts'

/** Everything found in the artifact folders at one moment. */
export interface Loaded {
  /** By path, in a fixed order. One that could not be read is among them: what came from it before stays deployed. */
  readonly files: readonly DecodedFile[]
  /** Changes whenever any artifact file does. */
  readonly digest: string
}

interface Known {
  readonly stamp: string
  readonly digest: string
  readonly decoded: DecodedFile
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
 * The root element of a file decides what it is, so all three are read alike. A single file may stand for a folder. A
 * file that has not changed since the last look is not decoded again.
 */
export class Loader {
  readonly #places: readonly string[]
  readonly #env: DecodeEnv
  readonly #base: string
  readonly #known = new Map<string, Known>()

  /** Diagnostics name files relative to `base`; without one, to the folder all places are in. */
  constructor(places: readonly string[], env: DecodeEnv, base?: string) {
    this.#places = places.map(place => resolve(place))
    this.#env = env
    this.#base = base === undefined ? commonFolder(this.#places) : resolve(base)
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
        files.push(known.decoded)
        digest.update(path).update(known.digest)
      }
    }
    for (const path of this.#known.keys()) if (!seen.has(path)) this.#known.delete(path)
    return { files, digest: digest.digest('hex') }
  }

  #read(path: string): Known | undefined {
    try {
      const found = statSync(path)
      // Reading a pipe would wait for somebody to write.
      if (!found.isFile()) throw new Error('it is not a file')
      const { mtimeMs, ctimeMs, size, ino } = found
      const stamp = `${mtimeMs}:${ctimeMs}:${size}:${ino}`
      const known = this.#known.get(path)
      if (known?.stamp === stamp) return known
      if (size > LARGEST) return this.#tooLarge(path, size)
      const bytes = readFileSync(path)
      const digest = createHash('sha256').update(bytes).digest('hex')
      const decoded = known?.digest === digest ? known.decoded : decodeFile(bytes, this.#shown(path), this.#env)
      const fresh = { stamp, digest, decoded }
      this.#known.set(path, fresh)
      return fresh
    } catch (thrown) {
      // Gone between listing and reading: the next look will not list it.
      if (systemCode(thrown) === 'ENOENT') return undefined
      return this.#unreadable({ path, trouble: thrown })
    }
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
    return { stamp: '', digest: what.message, decoded }
  }

  #shown(path: string): string {
    return relative(this.#base, path)
  }
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
      } else if (entry.name.toLowerCase().endsWith('.xml')) found.push({ path })
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
