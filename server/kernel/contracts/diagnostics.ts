/** Where in an artifact something is, what is wrong there, and the log. */

export interface SourceRef {
  readonly file: string
  /** 1-based. */
  readonly line: number
  /** 1-based, in UTF-16 units. */
  readonly column: number
}

export interface Diagnostic {
  /** Permanent name such as `unknown-attribute`; people filter on it. */
  readonly code: string
  readonly severity: 'error' | 'warning' | 'hint'
  readonly message: string
  readonly at: SourceRef
  /** What to do, as a sentence. */
  readonly hint?: string
}

export type LogFields = Readonly<Record<string, unknown>>

export interface Log {
  /** Test this before building an expensive debug line. */
  readonly debugOn: boolean
  error(text: string, fields?: LogFields): void
  warn(text: string, fields?: LogFields): void
  info(text: string, fields?: LogFields): void
  debug(text: string, fields?: LogFields): void
  /** Same log with these fields on every line. */
  child(fields: LogFields): Log
}
