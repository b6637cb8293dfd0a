import type { ElementSite } from '../schema/element-site.ts'

/** Something to tell whoever wrote an address; the driver that reads it does not know the place. */
export interface Remark {
  readonly code: string
  readonly severity: 'error' | 'warning' | 'hint'
  readonly message: string
  readonly hint?: string
}

/** `gentle`: the artifact does something even so, and an error is a warning. */
export function reportRemarks(
  remarks: readonly Remark[],
  site: ElementSite,
  offset: number,
  { gentle = false } = {},
): void {
  for (const { severity, code, message, hint } of remarks) {
    if (severity === 'hint') site.hint(code, message, offset, hint)
    else if (severity === 'warning' || gentle) site.warn(code, message, offset, hint)
    else site.error(code, message, offset, hint)
  }
}
