/** One log line as text, in MI's layout, or as a JSON object. */
import type { LogFields } from '../kernel/contracts.ts'
import { IntegrationError, textOf } from '../kernel/errors.ts'
import { MASK, maskText, maskUrls, namesSecret } from '../kernel/secrets.ts'

export type Severity = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace'

export interface LineParts {
  readonly now: number
  readonly severity: Severity
  readonly category: string
  readonly text: string
  /** Of the child loggers: in JSON only. */
  readonly inherited: LogFields
  /** Of the call: shown in both layouts. */
  readonly fields: LogFields | undefined
}

export type Layout = (parts: LineParts) => string

/** Fields that steer the line and are not printed as fields. */
const STEERING = new Set(['category', 'severity', 'error'])

const PADDED: Readonly<Record<Severity, string>> = {
  fatal: 'FATAL',
  error: 'ERROR',
  warn: ' WARN',
  info: ' INFO',
  debug: 'DEBUG',
  trace: 'TRACE',
}

/** `[2025-01-31 10:00:00,123]  INFO {LogMediator} - {proxy:Orders} STEP = in`, the fields of the call behind it. */
export const textLayout: Layout = ({ now, severity, category, text, fields }) => {
  let line = `[${timestamp(now)}] ${PADDED[severity]} {${category}} - ${maskUrls(text)}`
  if (fields === undefined) return `${line}\n`
  const shown: string[] = []
  for (const name in fields) {
    if (!STEERING.has(name) && fields[name] !== undefined) shown.push(`${name}=${plain(name, fields[name])}`)
  }
  if (shown.length > 0) line += ` (${shown.join(', ')})`
  if (fields['error'] !== undefined) line += errorText(fields['error'])
  return `${line}\n`
}

export const jsonLayout: Layout = ({ now, severity, category, text, inherited, fields }) => {
  const line: Record<string, unknown> = {
    time: new Date(now).toISOString(),
    level: severity,
    logger: category,
    msg: maskUrls(text),
  }
  for (const from of [inherited, fields]) {
    for (const name in from) {
      if (!STEERING.has(name)) line[name in line ? `${name}_` : name] = from[name]
    }
  }
  const error = fields?.['error'] ?? inherited['error']
  if (error !== undefined) line['error'] = errorObject(error)
  return `${json(line)}\n`
}

const BARE = /^[\w.:/@+-]+$/

function plain(name: string, value: unknown): string {
  if (known(name)) return MASK
  if (typeof value === 'string') return BARE.test(value) ? maskText(value) : JSON.stringify(maskText(value))
  if (typeof value === 'object' && value !== null) return json(value)
  return String(value)
}

function json(value: object): string {
  try {
    return JSON.stringify(value, (name, part: unknown) => {
      if (known(name)) return MASK
      if (typeof part === 'string') return name === 'msg' ? part : maskText(part)
      if (typeof part === 'bigint') return String(part)
      if (part instanceof Uint8Array) return `(${part.length} bytes)`
      if (part instanceof Error) return errorObject(part)
      return part
    })
  } catch (thrown) {
    return JSON.stringify({ msg: `a log line could not be written as JSON: ${textOf(thrown)}` })
  }
}

/** Our own errors say what, where and what to do; anything else is a defect and brings its stack. */
function errorText(error: unknown): string {
  if (error instanceof IntegrationError) {
    const place = error.at ? ` at ${error.at.file}:${error.at.line}:${error.at.column}` : ''
    return `: ${maskText(error.message)} (${error.code})${place}`
  }
  if (error instanceof Error) return `: ${maskText(error.message)}\n${maskText(error.stack ?? '')}`
  return `: ${maskText(String(error))}`
}

function errorObject(error: unknown): object | string {
  if (!(error instanceof Error)) return maskText(String(error))
  const cause = error.cause === undefined ? {} : { cause: textOf(error.cause) }
  if (error instanceof IntegrationError) {
    return { message: error.message, code: error.code, ...(error.at && { at: error.at }), ...cause }
  }
  return { message: error.message, stack: error.stack, ...cause }
}

/** The same few field names come again and again; the bound is for names that came in with a message. */
const verdicts = new Map<string, boolean>()

function known(name: string): boolean {
  let verdict = verdicts.get(name)
  if (verdict === undefined) {
    if (verdicts.size >= 1000) verdicts.clear()
    verdict = namesSecret(name)
    verdicts.set(name, verdict)
  }
  return verdict
}

let lastSecond = -1
let lastPrefix = ''

/** Local time as log4j prints it. Only the milliseconds are new for most lines. */
function timestamp(now: number): string {
  const second = Math.floor(now / 1000)
  if (second !== lastSecond) {
    const date = new Date(second * 1000)
    const two = (value: number): string => String(value).padStart(2, '0')
    const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
    lastPrefix = `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
    lastSecond = second
  }
  return `${lastPrefix},${String(Math.floor(now) - second * 1000).padStart(3, '0')}`
}
