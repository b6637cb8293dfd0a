/** A `deployment.toml` as a flat list of keys with their places, and the substitutions WSO2 allows in its values. */
import type { AST } from 'toml-eslint-parser'
import { getStaticTOMLValue, parseTOML } from 'toml-eslint-parser'
import type { Diagnostic, SourceRef } from '../kernel/contracts.ts'
import { textOf } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'
import type { Raw } from './types.ts'

export interface Entry {
  /** Section and key joined by dots; tables of an array have theirs in {@link Entry.table}. */
  readonly key: string
  /** The section heading as written, for messages: `[http]`, `[[datasource]]`. */
  readonly section: string
  readonly keyAt: SourceRef
  readonly valueAt: SourceRef
  readonly value: Raw
  /** In a table of an array, which one it is, from 0. */
  readonly table?: number
}

export interface Document {
  readonly entries: readonly Entry[]
  readonly diagnostics: readonly Diagnostic[]
}

export function readDocument(file: string, text: string): Document {
  let program: AST.TOMLProgram
  try {
    program = parseTOML(text.replace(/^\uFEFF/, ''), { filePath: file, tomlVersion: '1.0' })
  } catch (thrown) {
    const { lineNumber = 1, column = 0 } = thrown as { lineNumber?: number; column?: number }
    return {
      entries: [],
      diagnostics: [
        {
          code: 'settings-syntax',
          severity: 'error',
          message: `this is not TOML: ${textOf(thrown)}`,
          at: { file, line: lineNumber, column: column + 1 },
          hint: 'Texts need quotes, and every line of a section is NAME = VALUE.',
        },
      ],
    }
  }
  const entries: Entry[] = []
  const arrays = new Map<string, number>()
  for (const node of program.body[0].body) {
    if (node.type === 'TOMLKeyValue') collect(file, [], '', node, entries)
    else {
      const names = getStaticTOMLValue(node.key)
      const section = names.join('.')
      if (node.kind === 'array') arrays.set(section, (arrays.get(section) ?? -1) + 1)
      const heading = node.kind === 'array' ? `[[${section}]]` : `[${section}]`
      // `[a.b.c]` behind `[[a.b]]` belongs to the table before it.
      const array = [...arrays].find(([name]) => `${section}.`.startsWith(`${name}.`))
      for (const pair of node.body) collect(file, names, heading, pair, entries, array?.[1])
    }
  }
  return { entries, diagnostics: [] }
}

function collect(
  file: string,
  section: readonly string[],
  heading: string,
  node: AST.TOMLKeyValue,
  into: Entry[],
  table?: number,
): void {
  const names = [...section, ...getStaticTOMLValue(node.key)]
  const { value } = node
  if (value.type === 'TOMLInlineTable' && value.body.length > 0) {
    for (const pair of value.body) collect(file, names, heading, pair, into, table)
    return
  }
  if (value.type === 'TOMLArray' && value.elements.some(({ type }) => type === 'TOMLInlineTable')) {
    for (const [index, element] of value.elements.entries()) {
      if (element.type !== 'TOMLInlineTable') continue
      for (const pair of element.body) collect(file, names, heading, pair, into, index)
    }
    return
  }
  into.push({
    key: names.join('.'),
    section: heading || `[${names.slice(0, -1).join('.')}]`,
    keyAt: placeOf(file, node.key),
    valueAt: placeOf(file, value),
    value: getStaticTOMLValue(value) as Raw,
    ...(table !== undefined && { table }),
  })
}

const placeOf = (file: string, node: AST.TOMLNode): SourceRef => ({
  file,
  line: node.loc.start.line,
  column: node.loc.start.column + 1,
})

const PLACEHOLDER = /\$(env|sys|ref|secret)\{([^{}]*)\}/g

export interface Substitution {
  readonly value: Raw
  /** Names a secret: the value must not show up in a message. */
  readonly secret: boolean
}

/** Resolves `$env{}`, `$sys{}`, `$ref{}` and `$secret{}` in the values of one document. */
export class Substitutor {
  readonly #env: NodeJS.ProcessEnv
  readonly #byKey: ReadonlyMap<string, Entry>
  readonly #report: (diagnostic: Diagnostic) => void

  constructor(document: Document, env: NodeJS.ProcessEnv, report: (diagnostic: Diagnostic) => void) {
    this.#env = env
    this.#byKey = new Map(document.entries.map(entry => [entry.key, entry]))
    this.#report = report
  }

  /** Undefined if something it needs is missing; that has been reported then. */
  resolve(entry: Entry): Substitution | undefined {
    const state = { secret: false, missing: false }
    const value = this.#in(entry.value, entry, [entry.key], state)
    return state.missing ? undefined : { value, secret: state.secret }
  }

  #in(value: Raw, entry: Entry, chain: readonly string[], state: { secret: boolean; missing: boolean }): Raw {
    if (Array.isArray(value)) return (value as readonly Raw[]).map(part => this.#in(part, entry, chain, state))
    if (typeof value !== 'string' || !value.includes('$')) return value
    return value.replaceAll(PLACEHOLDER, (whole, kind: string, name: string) => {
      const found = this.#look(kind, name, entry, chain, state)
      if (found === undefined) state.missing = true
      return found ?? whole
    })
  }

  #look(
    kind: string,
    name: string,
    entry: Entry,
    chain: readonly string[],
    state: { secret: boolean; missing: boolean },
  ): string | undefined {
    if (kind === 'env') {
      const value = this.#env[name]
      if (value === undefined)
        this.#missing(
          entry,
          `the environment variable ${name} is not set`,
          `Set ${name} before the start, or write the value here.`,
        )
      return value
    }
    if (kind === 'secret') state.secret = true
    const key = kind === 'sys' ? `system.parameter.${name}` : kind === 'secret' ? `secrets.${name}` : name
    const other = this.#byKey.get(key)
    if (!other) {
      const meant = nearest(key, this.#byKey.keys())
      this.#missing(
        entry,
        `$${kind}{${name}} names nothing: there is no ${key} in this file`,
        meant ? `Did you mean ${meant}?` : `Add ${key}.`,
      )
      return undefined
    }
    if (chain.includes(key)) {
      this.#missing(
        entry,
        `$${kind}{${name}} leads back to itself: ${[...chain, key].join(' → ')}`,
        'Give one of them a value.',
      )
      return undefined
    }
    const value = this.#in(other.value, entry, [...chain, key], state)
    if (state.missing) return ''
    if (typeof value === 'object') {
      this.#missing(entry, `${key} is not a single value`, 'Name a key that holds a text, a number, true or false.')
      return undefined
    }
    // WSO2 keeps a secret that is not encrypted yet in square brackets.
    return kind === 'secret' ? String(value).replace(/^\[([\s\S]*)\]$/, '$1') : String(value)
  }

  #missing(entry: Entry, message: string, hint: string): void {
    this.#report({
      code: 'settings-substitution',
      severity: 'error',
      message: `${entry.key}: ${message}`,
      at: entry.valueAt,
      hint,
    })
  }
}
