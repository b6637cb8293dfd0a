import type { Assessment, Remark, Use } from '../../deploy/import/assess.ts'
import { table } from '../command.ts'

const SORTS: Readonly<Record<Remark['sort'], string>> = {
  refused: 'refused',
  changed: 'changed',
  ignored: 'ignored',
  warning: 'warning',
}

export function asText(found: Assessment): string {
  const { artifacts, loose, kinds, mediators, endpoints, files } = found
  const lines: string[] = []
  for (const { kind, name, at, verdict, remarks } of artifacts) {
    if (remarks.length === 0) continue
    lines.push(`${at.file}:${at.line}:${at.column} ${kind} ${name}: ${verdict}`)
    for (const one of remarks) lines.push(...remarkLines(one))
    lines.push('')
  }
  if (loose.length > 0) lines.push('Files as a whole', ...loose.flatMap(one => remarkLines(one, one.at.file)), '')
  lines.push(`${artifacts.length} artifacts in ${files} files`, '')
  const rows = kinds.map(({ kind, total, supported, changed, refused }) => [
    kind,
    `${total}: ${supported} as they are, ${changed} with changes, ${refused} refused`,
  ])
  if (rows.length > 0) lines.push('By kind', ...table(rows), '')
  lines.push(...usesText('Mediators', mediators), ...usesText('Endpoints', endpoints))
  return `${lines.join('\n').trimEnd()}\n`
}

function remarkLines({ sort, message, at, hint, code }: Remark, file = ''): string[] {
  const head = `  ${file === '' ? '' : `${file}:`}${at.line}:${at.column} ${SORTS[sort]}: ${message} [${code}]`
  return hint === undefined ? [head] : [head, `      ${hint}`]
}

function usesText(title: string, uses: readonly Use[]): string[] {
  if (uses.length === 0) return []
  const missing = uses.filter(({ offered }) => !offered).map(({ name, count }) => `${name} (${count})`)
  const offered = uses.filter(use => use.offered).map(({ name, count }) => `${name} (${count})`)
  return [
    title,
    ...table([
      ...(offered.length > 0 ? [['offered', offered.join(', ')]] : []),
      ...(missing.length > 0 ? [['not offered', missing.join(', ')]] : []),
    ]),
    '',
  ]
}
