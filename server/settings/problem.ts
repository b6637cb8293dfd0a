import type { Diagnostic, SourceRef } from '../kernel/contracts.ts'

/** The place of what stands in no file. */
export const nowhere = (name: string): SourceRef => ({ file: name, line: 1, column: 1 })

export function problem(code: string, message: string, at: SourceRef, hint: string): Diagnostic {
  return { code, severity: 'error', message, at, hint }
}
