import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync, type Dirent } from 'node:fs'
import { join, relative } from 'node:path'
import type { Diagnostic } from '../kernel/contracts.ts'
import { systemCode, textOf } from '../kernel/errors.ts'
import { decodeFile, type DecodedFile } from '../schema/decode.ts'
import type { DecodeEnv } from '../schema/element-site.ts'

/** Everything found in the artifact folders at one moment. */
export interface Loaded {
  /** By path, in a fixed order. */
  readonly files: readonly DecodedFile[]
  /** What could not be read at all. */
  readonly diagnostics: readonly Diagnostic[]
  /** Changes whenever any artifact file does. */
  readonly digest: string
}

interface Known {
  readonly stamp: string
  readonly digest: string
  readonly decoded: DecodedFile
}

/** Deeper folders are not looked into: a link that leads back up must not keep us busy. */
const DEEPEST = 12

/**
 * Reads artifact folders in any of their forms: the Synapse layout, a folder of artifact files, whole configurations.
 * The root element of a file decides what it is, so all three are read alike. A file that has not changed since the
 * last look is not decoded again.
 */
export class Loader {
  readonly #folders: readonly string[]
  readonly #env: DecodeEnv
  readonly #known = new Map<string, Known>()

  constructor(folders: readonly string[], env: DecodeEnv) {
    this.#folders = folders
    this.#env = env
  }

  load(): Loaded {
    const diagnostics: Diagnostic[] = []
    const files: DecodedFile[] = []
    const seen = new Set<string>()
    const digest = createHash('sha256')
    for (const folder of this.#folders) {
      for (const path of artifactFiles(folder, diagnostics)) {
        const shown = relative(folder, path)
        seen.add(path)
        const known = this.#read(path, shown, diagnostics)
        if (!known) continue
        files.push(known.decoded)
        digest.update(path).update(known.digest)
      }
    }
    for (const path of this.#known.keys()) if (!seen.has(path)) this.#known.delete(path)
    for (const { message } of diagnostics) digest.update(message)
    return { files, diagnostics, digest: digest.digest('hex') }
  }

  #read(path: string, shown: string, diagnostics: Diagnostic[]): Known | undefined {
    try {
      const { mtimeMs, size, ino } = statSync(path)
      const stamp = `${mtimeMs}:${size}:${ino}`
      const known = this.#known.get(path)
      if (known?.stamp === stamp) return known
      const bytes = readFileSync(path)
      const digest = createHash('sha256').update(bytes).digest('hex')
      const decoded = known?.digest === digest ? known.decoded : decodeFile(bytes, shown, this.#env)
      const fresh = { stamp, digest, decoded }
      this.#known.set(path, fresh)
      return fresh
    } catch (thrown) {
      // Gone between listing and reading: the next look will not list it.
      if (systemCode(thrown) === 'ENOENT') return undefined
      diagnostics.push(unreadable(shown, thrown))
      return undefined
    }
  }
}

function artifactFiles(folder: string, diagnostics: Diagnostic[]): string[] {
  const found: string[] = []
  const walk = (dir: string, depth: number): void => {
    let entries: Dirent[]
    try {
      entries = readdirSync(dir, { withFileTypes: true })
    } catch (thrown) {
      if (depth > 0 || systemCode(thrown) !== 'ENOENT') diagnostics.push(unreadable(relative(folder, dir) || dir, thrown))
      return
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue
      const path = join(dir, entry.name)
      if (isFolder(entry, path)) {
        if (depth < DEEPEST) walk(path, depth + 1)
      } else if (entry.name.toLowerCase().endsWith('.xml')) found.push(path)
    }
  }
  walk(folder, 0)
  return found
}

function isFolder(entry: Dirent, path: string): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory()
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function unreadable(file: string, thrown: unknown): Diagnostic {
  return {
    code: 'unreadable-file',
    severity: 'error',
    message: `the file cannot be read: ${textOf(thrown)}`,
    at: { file, line: 1, column: 1 },
    hint: 'Check its permissions and owner.',
  }
}
