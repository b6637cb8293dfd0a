/** Settings from their four sources: defaults < file < environment < command line. */
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Diagnostic, SourceRef } from '../kernel/contracts.ts'
import { systemCode, textOf } from '../kernel/errors.ts'
import { MASK } from '../kernel/secrets.ts'
import type { Document, Entry } from './document.ts'
import { readDocument, Substitutor } from './document.ts'
import type { Declared, Setting, Settings } from './fields.ts'
import { declarations, declared } from './fields.ts'
import { nowhere, problem } from './problem.ts'
import { strangers, strangeVariables } from './strangers.ts'
import type { Raw } from './types.ts'
import { Refusal } from './types.ts'

export interface Sources {
  /** Options of the command line by name without dashes; what is not a setting is ignored. */
  readonly flags: Readonly<Record<string, string | boolean | readonly string[] | undefined>>
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
}

export interface SettingsFile {
  readonly path: string
  readonly text: string
}

export type Origin = 'default' | 'file' | 'environment' | 'command line'

export interface LoadedSettings {
  readonly settings: Settings
  /** A server must not start with an error among them; the value in question is the default then. */
  readonly diagnostics: readonly Diagnostic[]
  /** By key, such as `http.ports`. */
  readonly origins: ReadonlyMap<string, Origin>
  /** The file that was read, if any. */
  readonly file?: string
}

/**
 * The file is the one of `--config` or `HOLDFAST_CONFIG`, else `HOME/conf/deployment.toml`, else
 * `config/deployment.toml` of the working directory; only a file that was named must exist.
 */
export async function loadSettings(sources: Sources): Promise<LoadedSettings> {
  const { flags, env, cwd } = sources
  const named = typeof flags['config'] === 'string' ? flags['config'] : env['HOLDFAST_CONFIG']
  if (named !== undefined && named !== '') {
    const path = resolve(cwd, named)
    try {
      return resolveSettings(sources, { path, text: await readFile(path, 'utf8') })
    } catch (thrown) {
      const missing = systemCode(thrown) === 'ENOENT'
      const message = missing
        ? 'the settings file does not exist'
        : `the settings file cannot be read: ${textOf(thrown)}`
      const loaded = resolveSettings(sources)
      const diagnostic = problem(
        'settings-file',
        message,
        { file: path, line: 1, column: 1 },
        'Correct --config or HOLDFAST_CONFIG.',
      )
      return { ...loaded, diagnostics: [diagnostic, ...loaded.diagnostics] }
    }
  }
  const home =
    typeof flags['home'] === 'string' ? flags['home'] : (env['HOLDFAST_HOME'] ?? declarations.server.home.fallback)
  for (const path of [join(resolve(cwd, home), 'conf', 'deployment.toml'), resolve(cwd, 'config', 'deployment.toml')]) {
    try {
      return resolveSettings(sources, { path, text: await readFile(path, 'utf8') })
    } catch (thrown) {
      if (systemCode(thrown) !== 'ENOENT' && systemCode(thrown) !== 'ENOTDIR') throw thrown
    }
  }
  return resolveSettings(sources)
}

/** The same without touching the disk. */
export function resolveSettings(sources: Sources, file?: SettingsFile): LoadedSettings {
  const diagnostics: Diagnostic[] = []
  const document: Document = file ? readDocument(file.path, file.text) : { entries: [], diagnostics: [] }
  diagnostics.push(...document.diagnostics, ...strangers(document), ...strangeVariables(sources.env))
  const reader = new Reader(sources, file, document, diagnostics)

  const offset = reader.value(declarations.server.offset)
  const given = typeof offset.value === 'number' ? offset.value : undefined
  const origins = new Map<string, Origin>()
  const groups: Record<string, Record<string, unknown>> = {}
  for (const { group, name, setting } of declared) {
    const found = setting.key === declarations.server.offset.key ? offset : reader.value(setting, given ?? THEIR_OFFSET)
    origins.set(setting.key, found.origin)
    ;(groups[group] ??= {})[name] = found
  }
  const settings = finish(groups as Record<string, Record<string, Found>>, given, sources.cwd)
  if ((settings.https.certFile === undefined) !== (settings.https.keyFile === undefined)) {
    const at = document.entries.find(entry => entry.key.startsWith('https.'))?.valueAt ?? nowhere('https')
    const message = 'https.cert_file and https.key_file belong together: one of them is missing'
    diagnostics.push(problem('setting-invalid', message, at, 'Name both, or neither for a self-signed certificate.'))
  }
  if ((settings.endpoint.certFile === undefined) !== (settings.endpoint.keyFile === undefined)) {
    const at = document.entries.find(entry => entry.key.startsWith('endpoint.'))?.valueAt ?? nowhere('endpoint')
    const message = 'endpoint.cert_file and endpoint.key_file belong together: one of them is missing'
    diagnostics.push(problem('setting-invalid', message, at, 'Name both, or neither to show back ends no certificate.'))
  }
  return { settings, diagnostics, origins, ...(file && { file: file.path }) }
}

/** What every shipped MI has as its port offset. */
const THEIR_OFFSET = 10

interface Found {
  readonly value: unknown
  readonly origin: Origin
  /** Came from a key of WSO2's that counts ports without the offset: it is in the value already. */
  readonly offsetDone: boolean
}

class Reader {
  readonly #sources: Sources
  readonly #file: SettingsFile | undefined
  readonly #document: Document
  readonly #substitutor: Substitutor
  readonly #diagnostics: Diagnostic[]

  constructor(sources: Sources, file: SettingsFile | undefined, document: Document, diagnostics: Diagnostic[]) {
    this.#sources = sources
    this.#file = file
    this.#document = document
    this.#diagnostics = diagnostics
    this.#substitutor = new Substitutor(document, sources.env, diagnostic => diagnostics.push(diagnostic))
  }

  value(setting: Setting<unknown>, offset = 0): Found {
    const given = this.#given(setting, offset)
    if (given) {
      const value = setting.type.read(given.raw, { base: given.base })
      if (!(value instanceof Refusal)) return { value, origin: given.origin, offsetDone: given.offsetDone }
      const reason = setting.secret || given.secret ? value.reason.replace(/, not .*/s, '') : value.reason
      const at = (value.within && this.#placeOf(setting, value.within)) ?? given.at
      this.#diagnostics.push(problem('setting-invalid', `${given.name} ${reason}`, at, setting.doc))
    }
    return { value: setting.fallback, origin: 'default', offsetDone: false }
  }

  #given(setting: Setting<unknown>, offset: number): Given | undefined {
    const { flags, env, cwd } = this.#sources
    const flag = setting.flag === undefined ? undefined : flags[setting.flag]
    if (flag !== undefined && !(Array.isArray(flag) && flag.length === 0)) {
      const name = `--${setting.flag}`
      return { raw: flag, origin: 'command line', name, at: nowhere(name), base: cwd, secret: false, offsetDone: false }
    }
    const variable = env[setting.env]
    if (variable !== undefined && (variable !== '' || takesEmpty(setting))) {
      const { env: name } = setting
      return {
        raw: variable,
        origin: 'environment',
        name,
        at: nowhere(name),
        base: cwd,
        secret: false,
        offsetDone: false,
      }
    }
    return this.#inFile(setting, offset)
  }

  #inFile(setting: Setting<unknown>, offset: number): Given | undefined {
    if (setting.type.table) return this.#tableInFile(setting)
    if (setting.type.tables) return this.#tablesInFile(setting)
    for (const alias of [{ key: setting.key, from: undefined }, ...setting.aliases]) {
      const entry = this.#document.entries.findLast(entry => entry.key === alias.key)
      if (!entry) continue
      const found = this.#substitutor.resolve(entry)
      if (!found) return undefined
      const raw = alias.from ? alias.from(found.value, offset) : found.value
      return { ...this.#fromFile(entry), raw, secret: found.secret, offsetDone: alias.from !== undefined }
    }
    return undefined
  }

  #tableInFile(setting: Setting<unknown>): Given | undefined {
    const prefix = `${setting.key}.`
    const entries = this.#document.entries.filter(entry => entry.key.startsWith(prefix))
    const values: Record<string, Raw> = {}
    for (const entry of entries) {
      const found = this.#substitutor.resolve(entry)
      if (found) values[entry.key.slice(prefix.length)] = found.value
    }
    return (
      entries[0] && { ...this.#fromFile(entries[0]), name: setting.key, raw: values, secret: false, offsetDone: false }
    )
  }

  /** Those of an alias come behind ours. */
  #tablesInFile(setting: Setting<unknown>): Given | undefined {
    const tables = new Map<string, Record<string, Raw>>()
    let first: Entry | undefined
    for (const { key } of [setting, ...setting.aliases]) {
      for (const entry of this.#document.entries.filter(entry => entry.key.startsWith(`${key}.`))) {
        first ??= entry
        const found = this.#substitutor.resolve(entry)
        const place = `${key} ${entry.table}`
        const table = tables.get(place) ?? {}
        tables.set(place, table)
        if (found) table[entry.key.slice(key.length + 1)] = found.value
      }
    }
    return (
      first && {
        ...this.#fromFile(first),
        name: setting.key,
        raw: [...tables.values()],
        secret: false,
        offsetDone: false,
      }
    )
  }

  /** Where it stands in one of several tables, counted as {@link Refusal} does. */
  #placeOf(
    { key, aliases }: Setting<unknown>,
    { table, key: inner }: { table: number; key: string },
  ): SourceRef | undefined {
    const places = [key, ...aliases.map(alias => alias.key)].flatMap(name => {
      const entries = this.#document.entries.filter(entry => entry.key.startsWith(`${name}.`))
      const last = Math.max(-1, ...entries.map(entry => entry.table ?? 0))
      return Array.from({ length: last + 1 }, (_, index) =>
        entries.find(entry => (entry.table ?? 0) === index && entry.key === `${name}.${inner}`),
      )
    })
    return places[table]?.valueAt
  }

  #fromFile(entry: Entry): Pick<Given, 'origin' | 'name' | 'at' | 'base'> {
    return { origin: 'file', name: entry.key, at: entry.valueAt, base: dirname(this.#file!.path) }
  }
}

interface Given {
  readonly raw: Raw
  readonly origin: Origin
  readonly name: string
  readonly at: SourceRef
  readonly base: string
  readonly secret: boolean
  readonly offsetDone: boolean
}

/** An empty variable counts as not set, except where an empty text means something. */
function takesEmpty(setting: Setting<unknown>): boolean {
  return typeof setting.fallback === 'string' && (setting.type.name === 'text' || setting.type.name === 'path')
}

/** Resolves what depends on another setting (paths inside HOME, ports on the offset) and freezes everything. */
function finish(groups: Record<string, Record<string, Found>>, offset: number | undefined, cwd: string): Settings {
  const home = resolve(cwd, groups['server']!['home']!.value as string)
  const move = (found: Found, base: unknown): unknown => {
    if (offset === undefined || found.offsetDone) return found.value
    if (found.origin === 'default') return base
    const moved = (port: number): number => (port === 0 ? 0 : port + offset)
    return Array.isArray(found.value) ? (found.value as number[]).map(moved) : moved(found.value as number)
  }
  const settings: Record<string, Record<string, unknown>> = {}
  for (const { group, name, setting } of declared) {
    const found = groups[group]![name]!
    let { value } = found
    if (setting.key === 'server.home') value = home
    else if (setting.inHome && found.origin === 'default') value = join(home, value as string)
    else if (setting.key === 'http.ports') value = move(found, [8280 + (offset ?? 0)])
    else if (setting.key === 'https.ports') value = move(found, [8243 + (offset ?? 0)])
    else if (setting.key === 'management.port') value = move(found, 9154 + (offset ?? 0))
    ;(settings[group] ??= {})[name] = typeof value === 'object' ? Object.freeze(value) : value
  }
  for (const group of Object.values(settings)) Object.freeze(group)
  return Object.freeze(settings) as unknown as Settings
}

export interface PrintedSetting {
  readonly key: string
  readonly value: string
  readonly origin: Origin
}

/** Every setting as it is in force, with secrets masked: for the log and for `check`. */
export function printSettings(loaded: LoadedSettings): PrintedSetting[] {
  return declared.map(declaration => ({
    key: declaration.setting.key,
    value: printed(declaration, loaded.settings),
    origin: loaded.origins.get(declaration.setting.key) ?? 'default',
  }))
}

function printed({ group, name, setting }: Declared, settings: Settings): string {
  const value = (settings as unknown as Record<string, Record<string, unknown>>)[group]![name]
  if (value === undefined) return '(not set)'
  return setting.secret ? MASK : setting.type.write(value)
}
