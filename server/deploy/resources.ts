import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, extname, join, resolve, sep } from 'node:path'
import { IntegrationError, textOf } from '../kernel/errors.ts'
import { ifThere } from './if-there.ts'
import { printProperties, readProperties } from './properties-text.ts'

export interface Resource {
  readonly contentType: string
  readonly bytes: Uint8Array
  /** Said of the resource by an archive. */
  readonly properties?: ReadonlyMap<string, string>
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

/**
 * Reads registry resources and files of the home. A key that leads out of the home finds nothing; a file that is there and
 * cannot be read is an error.
 */
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

  /** A property of a resource: of the file `NAME.properties` beside it, else of the archive that brought it. */
  property(key: string, name: string): string | undefined {
    const path = this.path(key)
    if (path === undefined) return undefined
    return this.#propertiesBeside(path).get(name) ?? this.#brought.get(path)?.properties?.get(name)
  }

  /**
   * Puts a text into the registry of the home, or a property of what is there; null takes it away, a resource with its
   * properties. Others see the old one or the new one. What an archive has brought cannot be taken away.
   */
  write(key: string, property: string | undefined, value: string | null): void {
    const path = this.path(key)
    const registry = join(this.#home, 'registry')
    if (path === undefined || !this.#inside(path, registry)) {
      throw new IntegrationError('MEDIATION_FAILED', `"${key}" is no place in the registry: write gov:/… or conf:/…`)
    }
    if (value === null && !existsSync(path) && !existsSync(besides(path))) return
    try {
      mkdirSync(dirname(path), { recursive: true })
      // A link inside the registry must not lead out of it.
      if (!this.#inside(join(realpathSync(dirname(path)), 'x'), realpathSync(registry))) {
        throw new Error('its folder leads out of the registry')
      }
      if (property !== undefined) this.#writeProperty(path, property, value)
      else if (value !== null) replace(path, value)
      else for (const file of [path, besides(path)]) rmSync(file, { force: true })
    } catch (thrown) {
      throw new IntegrationError(
        'MEDIATION_FAILED',
        `the registry resource ${key} cannot be ${value === null ? 'removed' : 'written'}: ${textOf(thrown)}`,
        {
          cause: thrown,
        },
      )
    }
  }

  #writeProperty(path: string, property: string, value: string | null): void {
    const properties = this.#propertiesBeside(path)
    if (value !== null) properties.set(property, value)
    else if (!properties.delete(property)) return
    replace(besides(path), printProperties(properties))
  }

  #propertiesBeside(path: string): Map<string, string> {
    const found = this.#ofHome(besides(path))
    return found ? readProperties(Buffer.from(found.bytes).toString('utf8')) : new Map()
  }

  #ofHome(path: string): Resource | undefined {
    return ifThere(path, () => {
      // A link inside the home must not lead out of it either.
      if (!this.#inside(realpathSync(path), realpathSync(this.#home))) return undefined
      return { contentType: contentTypeOf(path), bytes: readFileSync(path) }
    })
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

/** Where the properties of a resource are. */
function besides(path: string): string {
  return `${path}.properties`
}

function replace(path: string, text: string): void {
  const unfinished = `${path}.${randomUUID().slice(0, 8)}.part`
  writeFileSync(unfinished, text)
  renameSync(unfinished, path)
}
