import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, realpathSync, statSync, type Dirent } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Diagnostic } from '../kernel/contracts.ts'
import { systemCode, textOf } from '../kernel/errors.ts'
import type { Extension, Extensions } from '../schema/services.ts'

const MODULE = /\.(?:mjs|cjs|js|mts|ts)$/
/** Neither are these modules of ours: types, and tests beside them. */
const NOT_A_MODULE = /\.d\.m?ts$|\.test\.[a-z]+$/

interface Known {
  readonly stamp: string
  readonly digest: string
  readonly module: Record<string, unknown> | undefined
  /** Why the file as it is now cannot be used; `module` is then what it was before. */
  readonly problem: string | undefined
}

/** Loads one file as a module. `digest` makes an edited file another module. */
export type ImportModule = (file: string, digest: string) => Promise<Record<string, unknown>>

/**
 * Modules that stand for Java classes, in folders named `extensions`. Looked through before each deployment; a file
 * that was edited is loaded again, one that cannot be loaded any more leaves what it was before in service (P9).
 */
export class ExtensionFolders implements Extensions {
  readonly folders: readonly string[]
  readonly timeout: number
  readonly #import: ImportModule
  #known = new Map<string, Known>()
  #byClass = new Map<string, Extension>()
  #diagnostics: readonly Diagnostic[] = []
  #digest = ''

  constructor(folders: readonly string[], timeout: number, load: ImportModule = importModule) {
    this.folders = folders
    this.timeout = timeout
    this.#import = load
  }

  /** Changes whenever a module comes, goes or changes. */
  get digest(): string {
    return this.#digest
  }

  get diagnostics(): readonly Diagnostic[] {
    return this.#diagnostics
  }

  find(className: string): Extension | undefined {
    return this.#byClass.get(className)
  }

  /** Reads the folders; resolves with true if anything is different from the last look. */
  async look(): Promise<boolean> {
    const seen = new Map<string, Known>()
    for (const folder of this.folders) {
      for (const file of modulesIn(folder)) if (!seen.has(file)) seen.set(file, await this.#read(file))
    }
    this.#known = seen
    const digest = createHash('sha256')
    for (const [file, known] of seen) digest.update(`${file}\n${known.digest}\n`)
    const made = digest.digest('hex')
    if (made === this.#digest) return false
    this.#digest = made
    this.#register()
    return true
  }

  async #read(file: string): Promise<Known> {
    const before = this.#known.get(file)
    let stamp = ''
    let digest = ''
    try {
      const { mtimeMs, size, ino } = statSync(file)
      stamp = `${mtimeMs}:${size}:${ino}`
      if (before?.stamp === stamp) return before
      digest = createHash('sha256').update(readFileSync(file)).digest('hex')
      if (before?.digest === digest) return { ...before, stamp }
      return { stamp, digest, module: await this.#import(file, digest), problem: undefined }
    } catch (thrown) {
      return { stamp, digest: `${digest}!`, module: before?.module, problem: problemOf(thrown) }
    }
  }

  #register(): void {
    const byClass = new Map<string, Extension>()
    const diagnostics: Diagnostic[] = []
    for (const [file, { module, problem }] of this.#known) {
      const folder = this.folders.find(one => file.startsWith(one)) ?? ''
      const shown = relative(join(folder, '..'), file)
      const say = (code: string, message: string, hint: string): void =>
        void diagnostics.push({ code, severity: 'error', message, at: { file: shown, line: 1, column: 1 }, hint })
      if (problem !== undefined) {
        const kept = module ? 'What it was before stays in service. ' : ''
        say('extension-unusable', `the extension cannot be loaded: ${problem}`, `${kept}Correct the file.`)
      }
      if (!module) continue
      for (const name of namesOf(file, folder, module)) {
        const other = byClass.get(name)
        if (other) say('extension-twice', `${name} is already registered by ${other.shown}`, 'Remove one of the two.')
        else byClass.set(name, { file, shown, exports: module })
      }
    }
    this.#byClass = byClass
    this.#diagnostics = diagnostics
  }
}

function problemOf(thrown: unknown): string {
  if (systemCode(thrown) === 'ERR_UNKNOWN_FILE_EXTENSION')
    return 'this Node cannot read TypeScript: use Node 22.18 or newer, run npm install esbuild where Holdfast is, or compile the file to JavaScript'
  const place =
    thrown instanceof SyntaxError ? /^(?:file:\/\/)?\S*?(?:\?\S*?)?:(\d+)\n/.exec(thrown.stack ?? '')?.[1] : undefined
  return place === undefined ? textOf(thrown) : `${textOf(thrown)} (line ${place})`
}

/** `classes` of the module, else its path: `com.acme.Price.mjs` and `com/acme/Price.mjs` both mean com.acme.Price. */
function namesOf(file: string, folder: string, module: Record<string, unknown>): readonly string[] {
  const { classes } = module
  if (Array.isArray(classes)) return classes.map(String)
  return [relative(folder, file).replace(MODULE, '').replaceAll(/[\\/]/g, '.')]
}

/** Hidden files, `node_modules` and what begins with an underscore are helpers of modules, not modules. */
function modulesIn(folder: string): string[] {
  const found: string[] = []
  const walk = (dir: string): void => {
    let entries: Dirent[]
    try {
      entries = readdirSync(dir, { withFileTypes: true })
    } catch (thrown) {
      const code = systemCode(thrown)
      // No folder, or a single artifact file where one could be.
      if (code === 'ENOENT' || code === 'ENOTDIR') return
      throw thrown
    }
    for (const { name } of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (/^[._]/.test(name) || name === 'node_modules') continue
      const path = join(dir, name)
      if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) walk(path)
      else if (MODULE.test(name) && !NOT_A_MODULE.test(name)) found.push(path)
    }
  }
  walk(folder)
  return found
}

const require = createRequire(import.meta.url)

async function importModule(file: string, digest: string): Promise<Record<string, unknown>> {
  const { href } = pathToFileURL(file)
  // CommonJS is known by its path alone: without this an edited file would stay what it was.
  delete require.cache[realpathSync(file)]
  const version = `?v=${digest.slice(0, 16)}`
  try {
    return functionsOf((await import(href + version)) as Record<string, unknown>)
  } catch (thrown) {
    if (systemCode(thrown) !== 'ERR_UNKNOWN_FILE_EXTENSION') throw thrown
    const text = await compiled(file)
    if (text === undefined) throw thrown
    return functionsOf((await import(dataUrl(text))) as Record<string, unknown>)
  }
}

/** Exports by name, or those of a default export: `export default { mediate }` and `module.exports = { mediate }`. */
function functionsOf(module: Record<string, unknown>): Record<string, unknown> {
  const own = module['default']
  if (typeof own === 'function') return { mediate: own, ...module }
  return typeof own === 'object' && own !== null ? { ...(own as Record<string, unknown>), ...module } : { ...module }
}

/** TypeScript for a Node that cannot read it, with what it imports; undefined if there is nothing to do it with. */
async function compiled(file: string): Promise<string | undefined> {
  const esbuild = await import('esbuild').catch((thrown: unknown) => {
    if (systemCode(thrown) === 'ERR_MODULE_NOT_FOUND') return undefined
    throw thrown
  })
  if (!esbuild) return undefined
  const { outputFiles } = await esbuild.build({
    entryPoints: [file],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    sourcemap: 'inline',
    logLevel: 'silent',
    banner: {
      js: `import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(${JSON.stringify(file)});`,
    },
  })
  return outputFiles[0]!.text
}

function dataUrl(text: string): string {
  return `data:text/javascript;base64,${Buffer.from(text).toString('base64')}`
}
