import type { Diagnostic } from '../kernel/contracts.ts'

/** Why a text is not well-formed XML, and where. */
export class XmlError extends Error {
  override readonly name = 'XmlError'
  /** What is wrong, without the position. */
  readonly reason: string
  /** What to do, if there is more to say than "correct it". */
  readonly hint: string | undefined
  /** In UTF-16 units of the decoded text. */
  readonly offset: number
  readonly line: number
  readonly column: number

  constructor(reason: string, at: { offset: number; line: number; column: number }, hint?: string) {
    super(`${at.line}:${at.column}: ${reason}`)
    this.reason = reason
    this.hint = hint
    this.offset = at.offset
    this.line = at.line
    this.column = at.column
  }

  diagnostic(file: string): Diagnostic {
    return {
      code: 'xml-malformed',
      severity: 'error',
      message: this.reason,
      at: { file, line: this.line, column: this.column },
      ...(this.hint !== undefined && { hint: this.hint }),
    }
  }
}
