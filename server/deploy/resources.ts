import { readFileSync, realpathSync } from 'node:fs'
import { extname, join, resolve, sep } from 'node:path'

export interface Resource {
  readonly contentType: string
  readonly bytes: Uint8Array
}

const TYPES: Readonly<Record<string, string>> = {
  '.xml': 'application/xml',
  '.wsdl': 'application/xml',
  '.xsd': 'application/xml',
  '.xslt': 'application/xml',
  '.xsl': 'application/xml',
  '.json': 'application/json',
}

/** By the ending of a file's name. */
export function contentTypeOf(name: string): string {
  return TYPES[extname(name).toLowerCase()] ?? 'text/plain'
}

/** Prefixes of registry keys and where below HOME they lead (design: registry). */
const ROOTS: readonly (readonly [prefix: string, folder: string])[] = [
  ['/_system/governance/', 'registry/governance/'],
  ['/_system/config/', 'registry/config/'],
  ['/_system/local/', 'registry/local/'],
  ['governance:', 'registry/governance/'],
  ['gov:', 'registry/governance/'],
  ['conf:', 'registry/config/'],
  ['local:', 'registry/local/'],
  ['file:', ''],
]

/** True for a key that names a registry resource or a file rather than a local entry. */
export function isResourceKey(key: string): boolean {
  return ROOTS.some(([prefix]) => key.startsWith(prefix))
}

/** Reads registry resources and files of the home. A key that leads out of the home finds nothing. */
export class Resources {
  readonly #home: string
  #brought: ReadonlyMap<string, Resource> = new Map()
  #root: string | undefined

  constructor(home: string) {
    this.#home = resolve(home)
  }

  /** Resources that archives bring along, by full key; they stand behind those of the home. */
  bring(resources: ReadonlyMap<string, Resource>): void {
    const byPath = new Map<string, Resource>()
    for (const [key, resource] of resources) {
      const path = this.path(
        key.startsWith('/_system/') ? key : `/_system/governance${key.startsWith('/') ? '' : '/'}${key}`,
      )
      if (path !== undefined) byPath.set(path, resource)
    }
    this.#brought = byPath
  }

  /** Keys without prefix are looked for below `root`, a `file:` key, before the registry of the home. */
  rootAt(root: string | undefined): void {
    this.#root = root === undefined || root.endsWith('/') ? root : `${root}/`
  }

  read(key: string): Resource | undefined {
    if (this.#root !== undefined && !isResourceKey(key)) {
      const path = this.path(this.#root + key)
      const found = path === undefined ? undefined : this.#ofHome(path)
      if (found) return found
    }
    const path = this.path(key)
    if (path === undefined) return undefined
    return this.#ofHome(path) ?? this.#brought.get(path)
  }

  #ofHome(path: string): Resource | undefined {
    try {
      // A link inside the home must not lead out of it either.
      if (!this.#inside(realpathSync(path), realpathSync(this.#home))) return undefined
      return { contentType: contentTypeOf(path), bytes: readFileSync(path) }
    } catch {
      return undefined
    }
  }

  /** Where the resource would be; undefined if the key names none, or leads out of the home. */
  path(key: string): string | undefined {
    const root = ROOTS.find(([prefix]) => key.startsWith(prefix))
    const [prefix, folder] = root ?? ['', 'registry/config/']
    const rest = key.slice(prefix.length).replace(/^\/+/, '')
    if (rest === '') return undefined
    const path = resolve(join(this.#home, folder), rest)
    return this.#inside(path, this.#home) ? path : undefined
  }

  #inside(path: string, folder: string): boolean {
    return path.startsWith(folder + sep)
  }
}
