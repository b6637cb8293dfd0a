/** How a setting's value is read from text or TOML, and written back. */
import { resolve } from 'node:path'

/** What stands in a TOML file, on the command line or in the environment, before a type has looked at it. */
export type Raw = string | number | boolean | Date | readonly Raw[] | { readonly [key: string]: Raw }

export interface ReadContext {
  /** The folder a relative path is relative to. */
  readonly base: string
}

/** Why a raw value cannot be taken; completes the sentence "NAME …". */
export class Refusal {
  readonly reason: string
  /** Which of several tables, and what in it. */
  readonly within: { readonly table: number; readonly key: string } | undefined

  constructor(reason: string, within?: { readonly table: number; readonly key: string }) {
    this.reason = reason
    this.within = within
  }
}

export interface SettingType<T> {
  /** For the documentation: `duration`, `list of ports`. */
  readonly name: string
  read(raw: Raw, context: ReadContext): T | Refusal
  /** As a TOML value that {@link read} understands. */
  write(value: T): string
  /** The value is a TOML table of its own rather than one value. */
  readonly table?: true
  /** The value is any number of TOML tables, `[[key]]` each; read as a list of flat tables. */
  readonly tables?: true
}

const quoted = (text: string): string => JSON.stringify(text)

export const text: SettingType<string> = {
  name: 'text',
  read: raw => (typeof raw === 'string' ? raw : new Refusal(`must be text in quotes, not ${show(raw)}`)),
  write: quoted,
}

export const flag: SettingType<boolean> = {
  name: 'true or false',
  read(raw) {
    if (typeof raw === 'boolean') return raw
    if (raw === 'true' || raw === '1' || raw === 'yes' || raw === 'on') return true
    if (raw === 'false' || raw === '0' || raw === 'no' || raw === 'off') return false
    return new Refusal(`must be true or false, not ${show(raw)}`)
  },
  write: String,
}

export function int(bounds: { min: number; max: number }): SettingType<number> {
  return {
    name: 'whole number',
    read(raw) {
      const value = typeof raw === 'string' && /^\s*-?\d[\d_]*\s*$/.test(raw) ? Number(raw.replaceAll('_', '')) : raw
      if (typeof value !== 'number' || !Number.isSafeInteger(value))
        return new Refusal(`must be a whole number, not ${show(raw)}`)
      if (value < bounds.min || value > bounds.max)
        return new Refusal(`must be from ${bounds.min} to ${bounds.max}, not ${value}`)
      return value
    },
    write: String,
  }
}

/** 0 lets the system choose. */
export const port: SettingType<number> = { ...int({ min: 0, max: 65_535 }), name: 'port' }

const DURATION = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)?\s*$/
const MILLISECONDS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Milliseconds; a bare number is milliseconds, too, as in a WSO2 file. */
export function duration(bounds: { min?: number } = {}): SettingType<number> {
  return {
    name: 'duration',
    read(raw) {
      const match =
        typeof raw === 'number' ? [raw, String(raw), 'ms'] : typeof raw === 'string' ? DURATION.exec(raw) : null
      const value = match ? Math.round(Number(match[1]) * MILLISECONDS[match[2] ?? 'ms']!) : Number.NaN
      if (!Number.isSafeInteger(value) || value < 0) {
        return new Refusal(`must be a duration such as "500 ms", "10 s" or "2 h", not ${show(raw)}`)
      }
      const least = bounds.min ?? 0
      return value < least ? new Refusal(`must be at least ${least} ms, not ${value} ms`) : value
    },
    write: value =>
      quoted(
        inUnits(
          value,
          [
            ['h', 3_600_000],
            ['min', 60_000],
            ['s', 1000],
          ],
          'ms',
        ),
      ),
  }
}

const SIZE = /^\s*(\d+(?:\.\d+)?)\s*(b|kb|kib|mb|mib|gb|gib)?\s*$/i
const BYTES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1000,
  kib: 1024,
  mb: 1000 ** 2,
  mib: 1024 ** 2,
  gb: 1000 ** 3,
  gib: 1024 ** 3,
}

/** Bytes. */
export function size(bounds: { min: number }): SettingType<number> {
  return {
    name: 'size',
    read(raw) {
      const match = typeof raw === 'number' ? [raw, String(raw), 'b'] : typeof raw === 'string' ? SIZE.exec(raw) : null
      const value = match ? Math.round(Number(match[1]) * BYTES[String(match[2] ?? 'b').toLowerCase()]!) : Number.NaN
      if (!Number.isSafeInteger(value))
        return new Refusal(`must be a size such as "16 KiB" or "64 MiB", not ${show(raw)}`)
      return value < bounds.min ? new Refusal(`must be at least ${bounds.min} bytes, not ${value}`) : value
    },
    write: value =>
      quoted(
        inUnits(
          value,
          [
            ['GiB', 1024 ** 3],
            ['MiB', 1024 ** 2],
            ['KiB', 1024],
          ],
          'B',
        ),
      ),
  }
}

export function oneOf<const V extends readonly string[]>(...values: V): SettingType<V[number]> {
  return {
    name: `one of ${values.join(', ')}`,
    read(raw) {
      const value = typeof raw === 'string' ? values.find(value => value === raw.toLowerCase()) : undefined
      return value ?? new Refusal(`must be one of ${values.join(', ')}, not ${show(raw)}`)
    },
    write: quoted,
  }
}

/** Made absolute; an empty text stays empty and means none. */
export const path: SettingType<string> = {
  name: 'path',
  read: (raw, { base }) =>
    typeof raw !== 'string'
      ? new Refusal(`must be a path in quotes, not ${show(raw)}`)
      : raw === ''
        ? ''
        : resolve(base, raw),
  write: quoted,
}

/** A single value counts as a list of one; in the environment the values are separated by `separator`. */
export function list<T>(of: SettingType<T>, separator = ','): SettingType<readonly T[]> {
  return {
    name: `list of ${of.name}`,
    read(raw, context) {
      const parts = Array.isArray(raw)
        ? (raw as readonly Raw[])
        : typeof raw === 'string'
          ? raw.split(separator)
          : [raw]
      const values: T[] = []
      for (const part of parts) {
        const clean = typeof part === 'string' ? part.trim() : part
        if (clean === '') continue
        const value = of.read(clean, context)
        if (value instanceof Refusal) return value
        values.push(value)
      }
      return values
    },
    write: values => `[${values.map(value => of.write(value)).join(', ')}]`,
  }
}

/** A TOML table whose keys are the user's own. In the environment: `a=x,b=y`. */
export function tableOf<T>(of: SettingType<T>): SettingType<Readonly<Record<string, T>>> {
  return {
    name: `table of ${of.name}`,
    table: true,
    read(raw, context) {
      const pairs = typeof raw === 'string' ? pairsOf(raw) : raw
      if (typeof pairs !== 'object' || Array.isArray(pairs) || pairs instanceof Date) {
        return new Refusal(`must be a table of names and values, not ${show(raw)}`)
      }
      const values: Record<string, T> = {}
      for (const [name, part] of Object.entries(pairs as Record<string, Raw>)) {
        const value = of.read(part, context)
        if (value instanceof Refusal) return new Refusal(`has "${name}", which ${value.reason}`)
        values[name] = value
      }
      return values
    },
    write: values =>
      `{ ${Object.entries(values)
        .map(([name, value]) => `${quoted(name)} = ${of.write(value)}`)
        .join(', ')} }`,
  }
}

function pairsOf(text: string): Record<string, string> {
  const pairs = text.split(',').filter(part => part.trim() !== '')
  return Object.fromEntries(
    pairs.map(part => {
      const at = part.indexOf('=')
      return at < 0 ? [part.trim(), ''] : [part.slice(0, at).trim(), part.slice(at + 1).trim()]
    }),
  )
}

function inUnits(value: number, units: readonly (readonly [string, number])[], smallest: string): string {
  const unit = value === 0 ? undefined : units.find(([, worth]) => value % worth === 0)
  return unit ? `${value / unit[1]} ${unit[0]}` : `${value} ${smallest}`
}

/** The value in a complaint; the caller replaces it for a secret. */
function show(raw: Raw): string {
  return typeof raw === 'string'
    ? `"${raw}"`
    : Array.isArray(raw)
      ? 'a list'
      : typeof raw === 'object'
        ? 'a table'
        : String(raw)
}
