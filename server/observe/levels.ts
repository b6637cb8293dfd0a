import type { Severity } from './layout.ts'

export type Level = 'off' | Severity

const RANK: Readonly<Record<Level, number>> = { off: -1, fatal: 0, error: 1, warn: 2, info: 3, debug: 4, trace: 5 }

/** What a logger name lets through. Shared by all logs of the name, so that a change reaches those already made. */
export class Category {
  readonly name: string
  /** A plain field, not a computed one: it is tested for every message. */
  debugOn = false
  #most = 0

  constructor(name: string, level: Level) {
    this.name = name
    this.set(level)
  }

  set(level: Level): void {
    this.#most = RANK[level]
    this.debugOn = this.#most >= RANK.debug
  }

  lets(severity: Severity): boolean {
    return RANK[severity] <= this.#most
  }
}

export const ROOT = 'root'
/** Names may come from artifacts: beyond this many, new ones share the root's level. */
const MOST_NAMES = 1000

/** The levels of all logger names; may be changed while the server runs. */
export class LogLevels {
  readonly #categories = new Map<string, Category>()
  readonly #own: Map<string, Level>
  #root: Level

  constructor(root: Level, own: Readonly<Record<string, Level>> = {}) {
    this.#root = root
    this.#own = new Map(Object.entries(own))
  }

  category(name: string): Category {
    let category = this.#categories.get(name)
    if (!category) {
      category = new Category(name, this.get(name))
      if (this.#categories.size < MOST_NAMES) this.#categories.set(name, category)
    }
    return category
  }

  get(name: string): Level {
    return name === ROOT ? this.#root : (this.#own.get(name) ?? this.#root)
  }

  /** False for a name nobody has used or set. */
  has(name: string): boolean {
    return name === ROOT || this.#own.has(name) || this.#categories.has(name)
  }

  set(name: string, level: Level): void {
    if (name === ROOT) this.#root = level
    else this.#own.set(name, level)
    for (const category of this.#categories.values()) category.set(this.get(category.name))
  }

  /** Every name in use, the root first. */
  list(): readonly { readonly name: string; readonly level: Level }[] {
    const names = [...new Set([...this.#categories.keys(), ...this.#own.keys()])].sort()
    return [ROOT, ...names].map(name => ({ name, level: this.get(name) }))
  }
}
