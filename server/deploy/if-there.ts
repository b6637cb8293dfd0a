import { IntegrationError, systemCode, textOf } from '../kernel/errors.ts'

/** No file of that name, or none that can be: names may come from messages. A folder holds no text either. */
const NOT_THERE = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE'])

const RIGHTS = new Set(['EACCES', 'EPERM'])

/** What `read` makes of the file, or undefined where there is none. Throws for one that is there and cannot be read. */
export function ifThere<T>(path: string, read: () => T): T | undefined {
  try {
    return read()
  } catch (thrown) {
    const code = systemCode(thrown) ?? ''
    if (NOT_THERE.has(code)) return undefined
    const remedy = RIGHTS.has(code)
      ? 'Let the user that runs the server read it'
      : 'See whether its disk, and the links that lead there, are in order'
    throw new IntegrationError(
      'MEDIATION_FAILED',
      `${path} is there and cannot be read: ${textOf(thrown)}. ${remedy}`,
      {
        cause: thrown,
        retryable: true,
      },
    )
  }
}
