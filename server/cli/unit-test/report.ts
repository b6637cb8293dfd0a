import type { SourceRef } from '../../kernel/contracts.ts'
import { escapeText } from '../escape.ts'
import type { CaseResult, Failure } from './run-suite.ts'

export interface SuiteResult {
  readonly file: string
  readonly cases: readonly CaseResult[]
}

export interface Totals {
  readonly passed: number
  readonly failed: number
}

export function totalsOf(suites: readonly SuiteResult[]): Totals {
  const cases = suites.flatMap(suite => suite.cases)
  const failed = cases.filter(({ failures }) => failures.length > 0).length
  return { passed: cases.length - failed, failed }
}

export function suiteText({ file, cases }: SuiteResult, colour: boolean): string {
  const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)
  const lines = [paint(1, file)]
  for (const { name, ms, failures, log } of cases) {
    const good = failures.length === 0
    lines.push(`  ${good ? paint(32, '✔') : paint(31, '✖')} ${name} ${paint(2, `(${Math.round(ms)} ms)`)}`)
    for (const failure of failures) lines.push(...failureLines(failure).map(line => `      ${line}`))
    if (!good && log.length > 0) lines.push('      the server said:', ...log.map(line => `        ${line}`))
  }
  return `${lines.join('\n')}\n`
}

function failureLines({ message, at, expected, actual }: Failure): string[] {
  const lines = [...message.split('\n'), placeOf(at)]
  if (expected !== undefined) lines.push(`expected: ${oneLine(expected)}`, `actual:   ${oneLine(actual ?? '')}`)
  return lines
}

function oneLine(text: string): string {
  const shown = text.replace(/\s+/g, ' ').trim()
  return shown.length > 500 ? `${shown.slice(0, 500)}…` : shown
}

function placeOf({ file, line, column }: SourceRef): string {
  return `at ${file}:${line}:${column}`
}

/** As build servers read it. */
export function junit(suites: readonly SuiteResult[]): string {
  const body = suites.map(({ file, cases }) => {
    const count = (kind: Failure['kind']): number => cases.filter(({ failures }) => failures[0]?.kind === kind).length
    const time = cases.reduce((sum, { ms }) => sum + ms, 0)
    const head = `<testsuite name="${escapeText(file)}" tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}" skipped="0" time="${seconds(time)}">`
    return [`  ${head}`, ...cases.map(one => caseXml(one, file)), '  </testsuite>'].join('\n')
  })
  return ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>', ...body, '</testsuites>', ''].join('\n')
}

function caseXml({ name, ms, failures, log, at }: CaseResult, file: string): string {
  const head = `    <testcase name="${escapeText(name)}" classname="${escapeText(file)}" file="${escapeText(at.file)}" line="${at.line}" time="${seconds(ms)}"`
  if (failures.length === 0) return `${head}/>`
  const inside = failures.map(failure => {
    const text = escapeText(failureLines(failure).join('\n'))
    return `      <${failure.kind} message="${escapeText(failure.message)}">${text}</${failure.kind}>`
  })
  const out = log.length > 0 ? [`      <system-out>${escapeText(log.join('\n'))}</system-out>`] : []
  return [`${head}>`, ...inside, ...out, '    </testcase>'].join('\n')
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3)
}
