import type { Registry } from '../../kernel/contracts.ts'
import { IntegrationError } from '../../kernel/errors.ts'
import { compileStylesheet } from './stylesheet.ts'
import type { Stylesheet } from './stylesheet.ts'
import type { Resolve } from './transformation.ts'

interface Kept {
  readonly text: string
  readonly stylesheet: Stylesheet
}

/** A computed key could name any number of stylesheets. */
const MOST_KEPT = 100

/**
 * The stylesheets one mediator uses, compiled again only when their text, or one that they include, has changed.
 * `locations`: what a URI in a stylesheet stands for, where it is not a key itself.
 */
export class StylesheetCache {
  readonly #locations: ReadonlyMap<string, string>
  readonly #kept = new Map<string, Kept>()

  constructor(locations: ReadonlyMap<string, string>) {
    this.#locations = locations
  }

  /** The stylesheet kept under a key of the snapshot. */
  find(key: string, registry: Registry): Stylesheet {
    const entry = registry.find('local-entry', key)
    if (!entry) {
      throw new IntegrationError(
        'ENTRY_UNKNOWN',
        `Couldn't find the local entry or registry resource with the key : ${key}`,
      )
    }
    const text = entry.text()
    const known = this.#kept.get(key)
    const resolve = this.resolver(registry)
    if (known?.text === text && isCurrent(known.stylesheet, resolve)) return known.stylesheet
    const stylesheet = compileStylesheet(text, key, resolve)
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear()
    this.#kept.set(key, { text, stylesheet })
    return stylesheet
  }

  /** Finds what xsl:import, xsl:include and document() name: a location, a key, or a name beside the asking one. */
  resolver(registry: Registry): Resolve {
    return (uri, base) => {
      for (const key of [this.#locations.get(uri), uri, besides(uri, base)]) {
        const entry = key === undefined ? undefined : registry.find('local-entry', key)
        if (entry) return { key: key!, text: entry.text() }
      }
      return undefined
    }
  }
}

function isCurrent({ dependencies }: Stylesheet, resolve: Resolve): boolean {
  return dependencies.every(({ uri, base, text }) => resolve(uri, base)?.text === text)
}

/** `b.xsl` beside `conf:/xslt/a.xsl` is `conf:/xslt/b.xsl`. */
function besides(uri: string, base: string): string | undefined {
  if (uri.includes(':') || uri.startsWith('/')) return undefined
  const [, root, folder] = /^([a-z]+:\/*)?(?:(.*)\/)?[^/]*$/i.exec(base) ?? []
  const path: string[] = folder === undefined || folder === '' ? [] : folder.split('/')
  for (const part of uri.split('/')) {
    if (part === '..') {
      if (path.pop() === undefined) return undefined
    } else if (part !== '.' && part !== '') path.push(part)
  }
  return `${root ?? ''}${path.join('/')}`
}
