/** What is in a file or the environment and is no setting: a slip of the pen, or something of WSO2's. */
import type { Diagnostic } from '../kernel/contracts.ts'
import { nearest } from '../kernel/nearest.ts'
import type { Document } from './document.ts'
import { declared } from './fields.ts'
import { foreignSections, isForeign, needsNoNotice } from './foreign.ts'
import { nowhere, problem } from './problem.ts'

/** Variables of ours that are not settings. */
const OTHER_VARIABLES = new Set(['HOLDFAST_CONFIG', 'HOLDFAST_BIN', 'HOLDFAST_DEBUG'])

/** Keys of the file that are nobody's, and one notice for all that are WSO2's alone. */
export function strangers(document: Document): Diagnostic[] {
  const ours = new Set(declared.flatMap(({ setting }) => [setting.key, ...setting.aliases.map(alias => alias.key)]))
  const tables = declared
    .filter(({ setting }) => setting.type.table ?? setting.type.tables)
    .flatMap(({ setting }) => [setting, ...setting.aliases].map(({ key }) => `${key}.`))
  const sections = new Set([...ours].map(key => key.split('.', 1)[0]!))
  const found: Diagnostic[] = []
  const without = new Map<string, number>()
  const told = new Set<string>()
  for (const entry of document.entries) {
    const { key, keyAt: at } = entry
    if (ours.has(key) || tables.some(prefix => key.startsWith(prefix)) || needsNoNotice(key)) continue
    const first = key.split('.', 1)[0]!
    if (isForeign(key)) {
      const name = entry.section === '[server]' ? key : entry.section
      if (!without.has(name)) without.set(name, at.line)
    } else if (sections.has(first)) {
      const meant = nearest(key, ours)
      found.push(
        problem(
          'setting-unknown',
          `there is no setting ${key}`,
          at,
          meant
            ? `Did you mean ${meant}?`
            : `The settings of this section: ${[...ours].filter(own => own.startsWith(`${first}.`)).join(', ')}.`,
        ),
      )
    } else if (!told.has(first)) {
      told.add(first)
      const meant = nearest(first, [...sections, ...foreignSections])
      const section = key.includes('.') ? `section [${first}]` : `setting ${key}`
      if (meant) found.push(problem('setting-unknown', `there is no ${section}`, at, `Did you mean [${meant}]?`))
      else
        found.push({
          ...problem(
            'setting-unknown',
            `the ${section} is not known here or to WSO2 MI and has no effect`,
            at,
            'Remove it, or correct its name.',
          ),
          severity: 'warning',
        })
    }
  }
  const [line] = without.values()
  if (line !== undefined) {
    const list = [...without].map(([name, line]) => `${name} (line ${line})`).join(', ')
    const file = document.entries[0]!.keyAt.file
    found.push({
      code: 'setting-without-effect',
      severity: 'hint',
      message: `parts of this WSO2 file have no effect here: ${list}`,
      at: { file, line, column: 1 },
    })
  }
  return found
}

/** A typing slip in the environment would be silent otherwise. */
export function strangeVariables(env: NodeJS.ProcessEnv): Diagnostic[] {
  const known = declared.map(({ setting }) => setting.env)
  const found: Diagnostic[] = []
  for (const name of Object.keys(env)) {
    if (!name.startsWith('HOLDFAST_') || known.includes(name) || OTHER_VARIABLES.has(name)) continue
    const strip = (name: string): string => name.slice('HOLDFAST_'.length)
    const meant = nearest(strip(name), known.map(strip))
    if (meant === undefined) continue
    found.push({
      ...problem(
        'setting-unknown',
        `the environment variable ${name} has no effect`,
        nowhere(name),
        `Did you mean HOLDFAST_${meant}?`,
      ),
      severity: 'warning',
    })
  }
  return found
}
